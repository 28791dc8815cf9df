"""Whether an executed cell is the repository's own: its source is compared with the runbook's cells, one by one.

- A cell is known when its source is that of a code cell of the runbook, apart from outer white space.
- A cell that only sets names to literals is a parameters cell: neither known nor foreign.
- Everything else is foreign, also what no Python can read; of a runbook that is none, every cell is.
"""

from __future__ import annotations

import ast
import itertools
import json

from opsguide import places


class Sources:
    """The code cells of one runbook, by source."""

    def __init__(self, runbook: str) -> None:
        try:
            cells = json.loads((places.runbooks() / runbook).read_text("utf-8"))["cells"]
            code = [c for c in cells if c["cell_type"] == "code"]
            self._names = {"".join(c["source"]).strip(): str(c.get("id", "")) for c in code}
            prose = {str(c.get("id", "")): "".join(c["source"]).strip() for c in cells if c["cell_type"] == "markdown"}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._names, prose = {}, {}
        before = itertools.pairwise(cells) if prose else ()
        self._about = {str(c.get("id")): prose.get(str(b.get("id")), "") for b, c in before if c["cell_type"] == "code"}

    def known(self, source: str) -> bool | None:
        """True for the repository's own cell, None for one that only sets parameters, False for any other."""
        if source.strip() in self._names:
            return True
        return None if _only_sets(source) else False

    def name(self, source: str) -> str:
        """The cell's id in the repository's runbook, `parameters` for one that only sets them, or empty."""
        return self._names.get(source.strip()) or ("parameters" if _only_sets(source) else "")

    def about(self, source: str) -> str:
        """The runbook's words before that cell, where it is the repository's and no parameters; empty otherwise."""
        name = self._names.get(source.strip(), "")
        return self._about.get(name, "") if name != "parameters" else ""


def _only_sets(source: str) -> bool:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return bool(body) and all(map(_sets, body))


def _sets(node: ast.stmt) -> bool:
    """Whether a statement sets names to a literal and runs nothing: no call, no attribute, no item."""
    if isinstance(node, ast.AnnAssign):
        plain = (ast.Name, ast.Subscript, ast.Load, ast.Store)
        quiet = all(isinstance(part, plain) for part in ast.walk(node.annotation))
        targets: list[ast.expr] = [node.target] if quiet else []
    else:
        targets = node.targets if isinstance(node, ast.Assign) else []
    value = getattr(node, "value", None)
    try:
        literal = value is not None and ast.literal_eval(value) is not ...
    except (ValueError, TypeError, RecursionError, MemoryError):
        return False
    return literal and bool(targets) and all(isinstance(target, ast.Name) for target in targets)
