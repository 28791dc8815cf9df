"""Filled copies: the values and nothing else, whatever the values are."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from opsguide import places
from opsguide.errors import InputError
from opsguide.launch.copies import filled, literal, relinked, with_values

from .conftest import FarDesk

CELL = 'word: str = ""  # a = b, "quoted"\nmany: list[str] = []  # é\non: bool = True\nn: int = 3  # how many\n'
VALUES = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.booleans(), st.integers(),
                   st.floats(allow_nan=False, allow_infinity=False),
                   st.lists(st.text(st.characters(exclude_categories=["Cs"]))))  # fmt: skip


@any_of(VALUES)
def test_a_literal_reads_back_as_the_value(value: Any) -> None:
    assert ast.literal_eval(literal(value)) == value
    assert "\n" not in literal(value)


@any_of(st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_filled_cell_sets_the_value_and_runs_nothing_else(word: str, many: list[str]) -> None:
    names: dict[str, Any] = {}
    source = with_values(CELL, {"word": word, "many": many})
    assert len(ast.parse(source).body) == 4
    exec(source, names)
    assert (names["word"], names["many"], names["on"], names["n"]) == (word, many, True, 3)
    assert source.splitlines()[0].endswith('# a = b, "quoted"') or "\n" in source


def test_a_name_that_the_cell_does_not_declare_is_refused() -> None:
    with pytest.raises(InputError, match="declares no other"):
        with_values(CELL, {"other": 1})


def test_a_copy_keeps_tags_and_comments_and_never_overwrites(tmp_path: Path) -> None:
    source = places.runbooks() / "06-restarting-processes.ipynb"
    before = source.read_bytes()
    one = filled(source, {"element": "uh-01"}, tmp_path / "x.ipynb")
    two = filled(source, {}, tmp_path / "x.ipynb")
    assert (one.name, two.name) == ("x.ipynb", "x-2.ipynb")
    cell = next(c for c in json.loads(one.read_text())["cells"] if c["id"] == "parameters")
    assert cell["metadata"]["tags"] == ["parameters"]
    assert 'element: str = "uh-01"  # host' in "".join(cell["source"])
    assert source.read_bytes() == before


def test_links_between_runbooks_work_from_the_copy() -> None:
    text = "see [x](07-editing-system-files.ipynb#edit), [y](https://x.example/a.ipynb)"
    moved = relinked(text, Path("/r/runbooks"), Path("/r/work"))
    assert moved == "see [x](../runbooks/07-editing-system-files.ipynb#edit), [y](https://x.example/a.ipynb)"


def test_open_makes_a_checked_copy_and_prints_its_path(far: FarDesk) -> None:
    work = ("--work", str(far.folder), "--only-copy")
    done = far("open", "06", "--on", "uh-01", "-p", "service=nginx", "--reason", 'say "why"', *work)
    assert done.code == 0, done
    copy = Path(done.out.strip())
    assert copy == far.folder / "06-restarting-processes-uh-01.ipynb"
    assert r'reason: str = "say \"why\""' in "".join(json.loads(copy.read_text())["cells"][3]["source"])
    assert far("open", "06", "-p", "nope=1", *work).code == 2
    assert far("open", "06", "--on", "none", *work).code == 2
    assert Path(far("open", *work).out.strip()).name == "start-here.ipynb"
