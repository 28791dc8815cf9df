"""A notebook chooses among rows that a look returned; pure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opsguide.broker import rows
from opsguide.errors import InputError, RefusedError

LISTED = "CTID HOSTNAME\n101 shop.example\n102 blog.example\n"


def known(*texts: str) -> rows.Rows:
    found = rows.Rows()
    for text in texts:
        found.saw(text)
    return found


def test_a_row_stands_in_one_line_of_an_answer() -> None:
    assert known(LISTED).checked({"ctid": 101, "name": "shop.example"}) == {"ctid": "101", "name": "shop.example"}
    assert known(LISTED).checked({"line": "101 shop.example"}) == {"line": "101 shop.example"}
    for made_up in ({"ctid": "103"}, {"ctid": "101", "name": "blog.example"}, {"ctid": "10"}):
        with pytest.raises(RefusedError, match="no look of this run returned"):
            known(LISTED).checked(made_up)


def test_without_an_answer_there_is_no_row() -> None:
    with pytest.raises(RefusedError, match="no look"):
        known().checked({})
    with pytest.raises(RefusedError, match="no look"):
        known().checked({"ctid": ""})


@pytest.mark.parametrize("name", ["array", "objects", "object", "value"])
def test_a_row_stands_in_one_object_of_an_answer_of_the_platform(name: str) -> None:
    answer = json.dumps({"result": 0, name: [{"id": 4, "host": "uh-01"}, {"id": 5, "host": "uh-02"}, 7]})
    assert known(answer).checked({"id": "5", "host": "uh-02"})
    for made_up in ({"id": "4", "host": "uh-02"}, {"id": "0"}, {"id": "7"}):
        with pytest.raises(RefusedError, match="no look"):
            known(answer).checked(made_up)


@pytest.mark.parametrize("among", ["101", {"ctid": "101"}, ["101"], [["101"]], 1])
def test_what_is_no_list_of_rows_is_refused(among: Any) -> None:
    with pytest.raises(InputError, match="takes rows"):
        rows.firsts(among)


def test_a_row_outside_is_told() -> None:
    among = [{"ctid": "101"}, {"ctid": "102"}]
    assert rows.outside(["101 a\n102 b\n"], among) == ""
    assert rows.outside(["101 a\n", "103 c\n"], among) == "103 103 c c"
    assert rows.outside(["101 a\n"], []) != ""
