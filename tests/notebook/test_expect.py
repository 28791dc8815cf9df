from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest

import opsguide
from opsguide.errors import InputError
from opsguide.guide import expectations
from opsguide.notebook import expect
from opsguide.notebook.readings import Later, Reading
from opsguide.notebook.run import Element

ELEMENT = Element("uh-01", "user-host", "uh-01")
READING = Reading([{"on": "uh-01", "text": "417\n"}])


@pytest.mark.parametrize(
    ("made", "data"),
    [
        (expect.exits(3), {"name": "exits", "args": [3], "exit": 3}),
        (expect.says("a", "b", exit=3), {"name": "says", "args": ["a", "b"], "exit": 3}),
        (expect.says(ELEMENT), {"name": "says", "args": ["uh-01"], "exit": 0}),
        (expect.lacks(ELEMENT, "x"), {"name": "lacks", "args": ["uh-01", "x"], "exit": 0}),
        (expect.matches("^a"), {"name": "matches", "args": ["^a"], "exit": 0}),
        (expect.equals("a"), {"name": "equals", "args": ["a"], "exit": 0}),
        (expect.differs_from(READING), {"name": "differs_from", "args": ["417"], "exit": 0}),
        (expect.at_least(2.5), {"name": "at_least", "args": [2.5], "exit": 0}),
        (expect.at_most("95"), {"name": "at_most", "args": ["95"], "exit": 0}),
        (expect.nothing, {"name": "nothing", "args": [], "exit": 0}),
    ],
)
def test_each_word_makes_data_that_the_broker_takes(made: dict[str, Any], data: dict[str, Any]) -> None:
    assert made == data
    assert expectations.checked(made) == data


def test_the_words_are_the_brokers_closed_set() -> None:
    assert {name for name in expectations.NAMES if not hasattr(expect, name)} == set()
    assert set(expectations.NAMES) <= set(opsguide.__all__)


@pytest.mark.parametrize("value", [None, ["a"], {"a": 1}, object(), b"a"])
def test_what_has_no_text_is_an_error_in_words(value: Any) -> None:
    with pytest.raises(InputError, match=f"not {type(value).__name__}"):
        expect.says(value)


def test_a_later_reading_is_no_expectation() -> None:
    with pytest.raises(InputError, match="known only in apply"):
        expect.differs_from(Later(1))


def test_a_row_with_a_name_stands_for_its_name() -> None:
    row = namedtuple("Row", ["ctid", "name"])("101", "node101")
    assert expect.says(row)["args"] == ["node101"]


def test_an_api_call_is_data() -> None:
    assert expect.api("a.b.C", x="@element", method=1) == {"api": "a.b.C", "args": {"x": "@element", "method": 1}}


def test_an_amendment_is_data_and_never_the_old_text() -> None:
    assert expect.amend(settings=["a = 1"]) == {"settings": ["a = 1"], "patch": "", "content": None}
    assert expect.amend(content="") == {"settings": [], "patch": "", "content": ""}
