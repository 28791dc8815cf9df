from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsguide import places
from opsguide.broker.sources import Sources

NAME = "06-restarting-processes.ipynb"
CELLS = json.loads((places.runbooks() / NAME).read_text("utf-8"))["cells"]
CODE = {c["id"]: "".join(c["source"]) for c in CELLS if c["cell_type"] == "code"}
KNOWN = Sources(NAME)


@pytest.mark.parametrize("name", CODE)
def test_each_code_cell_of_the_repository_is_known_by_its_name(name: str) -> None:
    assert KNOWN.known(CODE[name]) is True
    assert KNOWN.known(f"\n{CODE[name]}\n  ") is True
    assert KNOWN.name(CODE[name]) == name


@pytest.mark.parametrize("name", [n for n in CODE if n != "parameters"])
def test_a_cell_that_differs_by_one_character_is_foreign(name: str) -> None:
    text = CODE[name]
    for at in range(0, len(text), 7):
        assert KNOWN.known(text[:at] + "#" + text[at + 1 :]) is not True
    assert KNOWN.known(text + "\n1") is False
    assert KNOWN.name(text + "\n1") == ""


@pytest.mark.parametrize(
    "source",
    [
        '# Parameters\nelement = "uh-01"\nmode = "apply"',
        'element: str = ""',
        "n: int = -3",
        'x: list[str] = ["a", "b"]',
        "a = b = 1",
        "x = None",
        "x = {'a': [1, (2, 3)]}",
    ],
)
def test_a_cell_that_only_sets_names_to_literals_is_a_parameters_cell(source: str) -> None:
    assert KNOWN.known(source) is None
    assert KNOWN.name(source) == "parameters"


@pytest.mark.parametrize(
    "source",
    [
        "x = [__import__('os').system('id')]",
        "x = -f()",
        "x = (open('/etc/shadow'),)",
        "x: print('a') = 1",
        "x: a[f()] = 1",
        "run.mode = 'apply'",
        "globals()['x'] = 1",
        "x[0] = 1",
        "a, b = 1, 2",
        "x = y",
        "x = f'{y}'",
        "x = [y]",
        "x = {**y}",
        "x = 1; f()",
        "x: int",
        "x += 1",
        "import os",
        "print(1)",
        "",
        "# only words",
        "!ls",
        "%run x.py",
        "x = (",
        "\x00",
        "x = [" * 300 + "]" * 300,
        "x = " + "-" * 5000 + "1",
        "'text'",
        "x = lambda: 1",
        "x = 1 if y else 2",
        "x = [i for i in y]",
    ],
    ids=range(30),
)
def test_everything_else_is_foreign(source: str) -> None:
    assert KNOWN.known(source) is False
    assert KNOWN.name(source) == ""


@given(st.text(max_size=60))
def test_no_source_breaks_the_comparison(source: str) -> None:
    assert KNOWN.known(source) in (True, None, False)


def test_a_runbook_that_is_still_to_come_knows_no_cell() -> None:
    assert Sources("24-backup-and-restore.ipynb").known(CODE["restart"]) is False


def test_a_cell_without_an_id_is_known_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.ipynb").write_text(
        json.dumps({"cells": [{"cell_type": "code", "source": "f()"}, {"cell_type": "markdown", "source": "g()"}]})
    )
    monkeypatch.setattr(places, "runbooks", lambda: tmp_path)
    found = Sources("x.ipynb")
    assert (found.known("f()"), found.name("f()"), found.known("g()")) == (True, "", False)


def test_the_words_before_a_cell_are_those_of_the_repository_and_of_no_other_cell() -> None:
    assert KNOWN.about(CODE["restart"]).startswith("## 3 Restart\n\nReplace the process")
    assert [KNOWN.about(source) for source in (CODE["parameters"], "f()", "service = 'x'")] == ["", "", ""]
    assert KNOWN.about(CODE["probe"]).startswith("## Verify")
    assert KNOWN.about(CODE["settle"]) == "", "the second cell of Verify has no words of its own"
