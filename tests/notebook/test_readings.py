from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsguide.errors import InputError
from opsguide.guide import expectations
from opsguide.notebook import readings
from opsguide.notebook.expect import exits, lacks
from opsguide.notebook.readings import Later, Reading, only

EMPTY = Reading([])


def one(text: str) -> Reading:
    return Reading([{"on": "uh-01", "text": text, "exit": 0, "state": "ok"}])


def several(*texts: str) -> Reading:
    return Reading([{"on": f"uh-0{n}", "text": text} for n, text in enumerate(texts, 1)])


def test_text_is_all_that_was_said_without_the_last_line_end() -> None:
    assert one("a\nb\n").text == str(one("a\nb\n")) == "a\nb"
    assert several("a\n", "b\n").text == "a\nb"
    assert one("a\n\n b\n").lines == ["a", " b"]


def test_a_reading_of_a_step_that_does_not_apply_is_empty() -> None:
    assert (EMPTY.text, EMPTY.lines, EMPTY.numbers, EMPTY.number, EMPTY.json) == ("", [], [], 0.0, None)
    assert EMPTY.rows("a", "b") == []
    assert EMPTY.frame("a", "b").shape == (0, 2)


def test_numbers_drop_headers_percent_signs_and_units() -> None:
    assert one("Use%\n 42%\n").numbers == [42]
    assert one("1K-blocks Used\n 7G\n3.5 MiB\n").numbers == [7, 3.5]
    assert several("Avail\n 10\n", "Avail\n 20\n").numbers == [10, 20]


@given(
    st.lists(
        st.sampled_from(["1", "-", "+", ".", " ", "%", "K", "B", "a", ":", ",", "\n", "e", "٣", "/"]), max_size=14
    ).map("".join)
)
def test_notebook_and_broker_read_the_same_numbers(text: str) -> None:
    assert one(text).numbers == expectations.numbers(text)
    assert readings.NUMBER.pattern == expectations.NUMBER.pattern


def test_number_is_the_one_number() -> None:
    assert one("Used\n 12G\n").number == 12
    for text in ("1\n2\n", "none\n", ""):
        with pytest.raises(InputError, match="numbers in the answer where one is wanted"):
            one(text).number  # noqa: B018


def test_rows_split_each_line_at_white_space_and_the_last_column_takes_the_rest() -> None:
    rows = one("101 running  node101.shop\n\n 102\tstopped a b  \n103\n").rows("ctid", "status", "name")
    assert rows == [("101", "running", "node101.shop"), ("102", "stopped", "a b"), ("103", "", "")]
    assert rows[0].status == "running"
    assert one(" a b \n").rows("all") == [("a b",)]


@pytest.mark.parametrize("key", ["array", "objects", "object"])
def test_an_api_answer_gives_rows_by_field_name(key: str) -> None:
    answer = one(
        json.dumps(
            {"result": 0, key: [{"node": 1001, "env": "shop", "up": True, "x": None}, {"node": 1002}, "no", None]}
        )
    )
    assert answer.rows("node", "env", "up", "x") == [("1001", "shop", "true", ""), ("1002", "", "", "")]


def test_an_api_answer_with_one_object_is_one_row() -> None:
    assert one('{"result": 0, "value": "ACTIVE"}').rows("result", "value") == [("0", "ACTIVE")]
    assert one('{"result": 0, "object": {"id": 3, "value": 7}}').rows("id", "value") == [("3", "7")]
    assert one('[{"a": [1, 2]}]').rows("a") == [("[1, 2]",)]


@pytest.mark.parametrize("text", ["[ 0.000000] Linux version", "{broken", "[" * 100_000, "[1, 2"])
def test_what_only_resembles_json_is_read_as_lines(text: str) -> None:
    assert len(one(text).rows("a")) == 1


def test_an_answer_with_no_objects_in_it_has_no_rows() -> None:
    assert one("[]").rows("a") == []
    assert one('{"result": 0, "array": []}').rows("a") == []


@pytest.mark.parametrize("columns", [(), ("a", "a"), ("class",), ("1a",), ("_a",), ("a-b",), (5,), (["a"],)])
def test_what_are_no_names_of_columns_is_an_error_in_words(columns: Any) -> None:
    for deed in (one("x\n").rows, one("x\n").frame):
        with pytest.raises(InputError, match="names of columns"):
            deed(*columns)


def test_json_is_the_answer_itself() -> None:
    assert one('{"a": [1, 2.5, null]}').json == {"a": [1, 2.5, None]}
    assert several("1", "2").json == [1, 2]
    for text in ("", "text", "[" * 100_000):
        with pytest.raises(InputError, match="not JSON"):
            one(text).json  # noqa: B018


def test_a_frame_has_the_rows_and_with_several_elements_tells_which() -> None:
    frame = one("a 1\nb 2\n").frame("name", "count")
    assert list(frame.columns) == ["name", "count"]
    assert frame.to_numpy().tolist() == [["a", "1"], ["b", "2"]]
    both = several("a 1\n", "b 2\n").frame("name", "count")
    assert both.to_numpy().tolist() == [["uh-01", "a", "1"], ["uh-02", "b", "2"]]
    assert list(both.columns) == ["on", "name", "count"]


def test_a_reading_shows_short_that_it_is_one() -> None:
    assert repr(one("a\nb")) == "<reading of uh-01: 2 lines>"
    assert repr(EMPTY) == "<reading of nothing: 0 lines>"


@given(st.text(max_size=60))
def test_no_answer_breaks_a_reading(text: str) -> None:
    reading = one(text)
    assert all(len(row) == 2 for row in reading.rows("a", "b"))
    assert len(reading.frame("a")) == len(reading.rows("a"))
    assert isinstance(reading.numbers, list)


# Later readings


def test_a_later_reading_may_be_shaped_and_sliced_and_stays_the_same() -> None:
    later = Later(3)
    assert later.rows("a", "b") is later
    assert later[:2] is later
    assert later.rows("a")[1:].later == 3
    assert repr(later) == "<a later reading: known only in apply>"


USES = {
    "text": lambda v: v.text,
    "lines": lambda v: v.lines,
    "number": lambda v: v.number,
    "numbers": lambda v: v.numbers,
    "json": lambda v: v.json,
    "frame": lambda v: v.frame("a"),
    "iteration": list,
    "length": len,
    "truth": bool,
    "str": str,
    "format": lambda v: f"{v}",
    "==": lambda v: v == 1,
    "!=": lambda v: v != 1,
    "<": lambda v: v < 1,
    "<=": lambda v: v <= 1,
    ">": lambda v: v > 1,
    ">=": lambda v: v >= 1,
    "in": lambda v: 1 in v,
    "item": lambda v: v[0],
    "reversed ==": lambda v: v == 1,
    "unpacking": lambda v: [*v],
}


@pytest.mark.parametrize("use", USES)
def test_anything_else_with_a_later_reading_raises(use: str) -> None:
    with pytest.raises(InputError, match="known only in apply") as refused:
        USES[use](Later(1))
    assert "each=" in refused.value.next


def test_a_later_reading_is_no_key() -> None:
    with pytest.raises(TypeError):
        {Later(1): 1}


def test_only_keeps_rows_by_their_first_column_in_their_order() -> None:
    rows = Reading([{"on": "uh-01", "text": "101 running a\n102 running b\n103 running c\n"}]).rows("ctid", "s", "n")
    assert [r.ctid for r in only(rows, ["103", "101"])] == ["101", "103"]
    assert [r.ctid for r in only(rows, rows[1:])] == ["102", "103"]
    assert [r.ctid for r in only(rows, without=rows[1:])] == ["101"]
    assert [r.ctid for r in only(rows, rows, without=["101"])] == ["102", "103"]
    assert only(rows, []) == []
    assert only(rows) == rows


def test_only_passes_a_later_reading_through() -> None:
    later = Later(3)
    assert only(later.rows("ctid"), ["101"]) is later
    assert only([], later) is later
    assert only([], without=later) is later


def test_lacks_takes_rows_for_their_first_columns_and_no_rows_for_any_answer() -> None:
    rows = Reading([{"on": "uh-01", "text": "101 running\n102 running\n"}]).rows("ctid", "status")
    assert lacks(rows) == lacks("101", "102")
    assert lacks([]) == exits(0)
