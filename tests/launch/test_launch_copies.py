"""Filled copies: the values and nothing else, whatever the values are."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from opsguide import places
from opsguide.errors import InputError
from opsguide.launch.copies import filled, literal, read, relinked, with_values

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


BROKEN = {
    "cut": (b'{\n "cells": [\n  {"cell', "no JSON: .*line 3", ":3"),
    "not text": (b"\xff\xfe\x00", "no JSON", ""),
    "deep": (b"[" * 100_000, "no JSON", ""),
    "a list": (b"[]", "no notebook", ""),
    "without cells": (b'{"metadata": {}}', "no notebook", ""),
    "a number for a cell": (b'{"metadata": {}, "cells": [5]}', "cell 1", ""),
    "a number for a source": (b'{"metadata": {}, "cells": [{"cell_type": "raw", "metadata": {}, "source": 5}]}', "cell 1", ""),
    "without a kernel": (b'{"metadata": {}, "cells": []}', "metadata.kernelspec", ""),
}  # fmt: skip


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_no_runbook_is_refused_with_file_and_line(tmp_path: Path, how: str) -> None:
    content, words, line = BROKEN[how]
    path = tmp_path / "06.ipynb"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as found:
        read(path)
    assert found.value.where == f"{path}{line}"


@pytest.mark.parametrize("how", ["run", "open"])
def test_a_broken_runbook_is_exit_2_and_leaves_no_record(
    far: FarDesk, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    for name in ("runbooks", "parameters"):
        shutil.copytree(places.home() / name, far.folder / name)
    (far.folder / "runbooks/06-restarting-processes.ipynb").write_text('{\n"cells": [')
    monkeypatch.setenv("OPSGUIDE_HOME", str(far.folder))
    more = {"run": ["--reason", "t"], "open": ["--only-copy"]}[how]
    said = far(how, "06", "--on", "uh-01", "-p", "service=zabbix-agent", *more)
    assert said.code == 2, said.err
    assert "06-restarting-processes.ipynb:2" in said.err
    assert not far.folders()
