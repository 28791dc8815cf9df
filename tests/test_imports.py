"""Imports run one way (design: rooms), read from the sources, also where an import stands inside a function."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

LIB = Path(__file__).resolve().parents[1] / "lib"
ROOMS = ("guide", "reach", "record", "broker", "notebook", "launch")
FILES = sorted(p for p in (LIB / "opsguide").rglob("*.py"))

# What each room may import of the others; the modules beside the rooms (errors, places, wire) are for whoever is listed.
MAY: dict[str, set[str]] = {
    "guide": {"errors"},
    "reach": {"errors", "guide"},
    "record": {"errors", "harmless"},
    "broker": {"errors", "places", "wire", "guide", "reach", "record"},
    "notebook": {"errors", "harmless", "places", "wire"},
    "launch": {"errors", "harmless", "places", "wire", "guide", "reach", "record"},
}
OUTSIDE = {
    "paramiko": lambda path: path.parent.name == "reach" and path.name.startswith("ssh"),
    "IPython": lambda path: path.parent.name == "notebook",
    "ipywidgets": lambda path: path.parent.name == "notebook",
    "papermill": lambda path: path.parent.name == "launch",
}


def room(path: Path) -> str:
    parts = path.relative_to(LIB / "opsguide").parts
    return parts[0] if len(parts) > 1 else ""


@cache
def imported(path: Path) -> set[str]:
    """The modules that a file imports, by their full names; the names taken from a package count as modules too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own(path: Path) -> set[str]:
    """The parts of opsguide that a file imports: the rooms and the modules beside them."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("opsguide.")} - {"__version__"}


def named(path: Path) -> str:
    return str(path.relative_to(LIB))


@pytest.mark.parametrize("path", [p for p in FILES if room(p) in MAY], ids=named)
def test_a_room_imports_only_what_lies_beneath_it(path: Path) -> None:
    assert own(path) - {room(path)} <= MAY[room(path)]


def test_every_folder_of_the_library_is_one_of_the_rooms() -> None:
    assert {room(p) for p in FILES} - {""} == set(ROOMS)


@pytest.mark.parametrize("library", OUTSIDE)
def test_a_heavy_library_is_imported_in_its_own_room_only(library: str) -> None:
    users = [path for path in FILES if any(name.split(".")[0] == library for name in imported(path))]
    assert [named(path) for path in users if not OUTSIDE[library](path)] == []
    assert users or library == "IPython", f"nothing imports {library}"


def test_the_modules_beside_the_rooms_import_no_room() -> None:
    for path in FILES:
        if not room(path) and path.name != "__init__.py":
            assert own(path) <= {"errors", "harmless", "places", "wire"}, path.name


def test_the_door_of_the_package_opens_to_the_notebook_room_alone() -> None:
    assert own(LIB / "opsguide" / "__init__.py") == {"notebook"}


def test_the_library_knows_nothing_of_the_lab_but_where_the_command_line_starts_it() -> None:
    for path in FILES:
        if any(name.split(".")[0] == "opsguide_lab" for name in imported(path)):
            assert room(path) == "launch", named(path)


def test_the_lab_imports_nothing_of_the_rooms() -> None:
    for path in sorted((LIB / "opsguide_lab").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        rooms = {name.split(".")[1] for name in names if name.startswith("opsguide.")} & set(ROOMS)
        assert not rooms, f"{path.name}: {rooms}"


def test_a_check_that_sees_an_import_within_a_function_and_by_from(tmp_path: Path) -> None:
    source = tmp_path / "x.py"
    source.write_text("def f():\n    from opsguide.broker import run\n    import paramiko.client\n")
    assert imported(source) == {"opsguide.broker.run", "paramiko.client"}


HEAVY = ("paramiko", "IPython", "ipywidgets", "papermill", "pandas", "httpx", "nbformat", "jupyter_client", "nbclient")


@pytest.mark.parametrize(
    "module", ["opsguide", "opsguide.guide.decision", "opsguide.guide.scopes", "opsguide.reach.inventory"]
)
def test_what_a_notebook_and_may_import_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
