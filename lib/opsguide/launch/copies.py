"""A filled copy of a runbook: the values of its parameters cell replaced, everything else as it is.

- The source is never written to; a copy never overwrites another.
- Only declared parameters are filled in, each as a literal of its type.
- Links between runbooks lead to the sources from wherever the copy lies.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opsguide import places
from opsguide.errors import InputError, StoreError

ANEW = "git checkout runbooks/ brings it back"
LINK = re.compile(r"\]\(([a-z0-9-]+\.ipynb)(#[^)]*)?\)")


def filled(source: Path, values: Mapping[str, Any], target: Path) -> Path:
    """Write the copy, at `target` or beside it under the next free name; its path."""
    notebook = read(source)
    for cell in notebook["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            cell["source"] = with_values("".join(cell["source"]), values).splitlines(keepends=True)
        elif cell["cell_type"] == "markdown":
            cell["source"] = relinked("".join(cell["source"]), source.parent, target.parent).splitlines(keepends=True)
    return _written(target, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def read(source: Path) -> dict[str, Any]:
    """The notebook; InputError that names file and line for what is none."""
    try:
        notebook = json.loads(source.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"the runbook cannot be read: {error.strerror}", where=str(source), next=ANEW) from None
    except (ValueError, RecursionError) as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"the runbook is no JSON: {error}", where=f"{source}{line}", next=ANEW) from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    bad = next((n for n, cell in enumerate(cells, 1) if not _is_cell(cell)), 0) if isinstance(cells, list) else None
    if bad is None or bad or not isinstance(notebook.get("metadata"), dict):
        words = f"cell {bad} of the runbook is no cell" if bad else "the runbook is JSON, and no notebook"
        raise InputError(words, where=str(source), next=ANEW)
    kernel = notebook["metadata"].get("kernelspec")
    if not isinstance(kernel, dict) or not {"name", "language"} <= set(kernel):
        raise InputError("the runbook names no kernel: key metadata.kernelspec", where=str(source), next=ANEW)
    return dict(notebook)


def _is_cell(cell: Any) -> bool:
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        return False
    source = cell.get("source")
    whole = isinstance(source, str) or (isinstance(source, list) and all(isinstance(line, str) for line in source))
    return whole and isinstance(cell.get("metadata"), dict)


def with_values(source: str, values: Mapping[str, Any]) -> str:
    """A parameters cell with these values; InputError for a name that it does not declare."""
    lines, left = source.splitlines(keepends=True), dict(values)
    for node in ast.parse(source).body:
        name = node.target.id if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else ""
        if name not in left:
            continue
        assert isinstance(node, ast.AnnAssign)
        old = node.value
        if old is None or old.end_lineno != old.lineno or old.end_col_offset is None:
            raise InputError(f"parameter {name} is not a plain value on one line")
        line = lines[old.lineno - 1].encode()
        new = line[: old.col_offset] + literal(left.pop(name)).encode() + line[old.end_col_offset :]
        lines[old.lineno - 1] = new.decode()
    if left:
        raise InputError(f"the parameters cell declares no {', '.join(left)}")
    return "".join(lines)


def literal(value: Any) -> str:
    """A value as Python source, text in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{', '.join(literal(one) for one in value)}]"
    return repr(value)


def relinked(text: str, there: Path, here: Path) -> str:
    """Markdown whose links to runbooks in `there` work from `here`."""
    way = os.path.relpath(there, here)
    return LINK.sub(lambda found: f"]({way}/{found[1]}{found[2] or ''})", text)


def work_folder() -> Path:
    """Where copies are made: `work/` in the repository, kept out of git by its own .gitignore."""
    folder = places.home() / "work"
    try:
        folder.mkdir(exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", "utf-8")
    except OSError as error:
        words = f"{folder} cannot be written: {error.strerror}"
        raise StoreError(words, next="name another folder: --work FOLDER") from None
    return folder


def _written(target: Path, text: str) -> Path:
    for number in range(1, 1000):
        place = target if number == 1 else target.with_stem(f"{target.stem}-{number}")
        try:
            with place.open("x", encoding="utf-8") as out:
                out.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            words = f"{place} cannot be written: {error.strerror}"
            raise StoreError(words, next="name another folder: --work FOLDER") from None
        return place
    raise InputError(f"too many copies: {target}", next="remove old ones")
