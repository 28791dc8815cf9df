"""Whether an executed cell is the repository's own: its source is compared with the runbook's cells, one by one."""

from __future__ import annotations

import ast
import json

from opsguide import places


class Sources:
    """The code cells of one runbook, by source."""

    def __init__(self, runbook: str) -> None:
        path = places.runbooks() / runbook
        cells = json.loads(path.read_text("utf-8"))["cells"] if path.is_file() else []
        code = [c for c in cells if c["cell_type"] == "code"]
        self._names = {"".join(c["source"]).strip(): str(c.get("id", "")) for c in code}

    def known(self, source: str) -> bool | None:
        """True for the repository's own cell, None for one that only sets parameters, False for any other."""
        if source.strip() in self._names:
            return True
        return None if _only_sets(source) else False

    def name(self, source: str) -> str:
        """The cell's id in the repository's runbook, `parameters` for one that only sets them, or empty."""
        return self._names.get(source.strip()) or ("parameters" if _only_sets(source) else "")


def _only_sets(source: str) -> bool:
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    constant = (ast.Constant, ast.List, ast.Tuple, ast.UnaryOp)
    return bool(body) and all(
        isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, constant) for node in body
    )
