"""What the platform API lists is read as a table: one test for each sentence of tables.py."""

import json

import pytest

from opsguide.record import answers, tables


def told(body):
    return tables.laid_out(json.dumps(body)).splitlines()


def test_a_list_becomes_a_table_and_what_stands_beside_it_comes_first():
    pool = {
        "result": 0,
        "object": {"free": 4},
        "array": [{"ip": "10.0.0.1", "owner": "a"}, {"ip": "10.0.0.12", "to": 1}],
    }
    assert told(pool) == [
        '"result": 0, "object": {"free": 4}, "array": 2 in all',
        "ip         owner  to",
        "10.0.0.1   a",
        "10.0.0.12         1",
    ]


def test_what_would_be_too_wide_stands_one_a_line():
    things = [{"name": "x" * 80, "more": "y" * 80}, {"name": "b", "more": "c"}]
    assert told({"result": 0, "array": things})[1:] == [json.dumps(thing) for thing in things]


@pytest.mark.parametrize(
    "text",
    ["", "active\n", '{"result": 0}', '{"result": 0, "array": []}', '{"result": 0, "array": ["a"]}', "[1, 2]",
     '{"result": 0, "array": [{"id": 1}', '{"a": [{"b": 1}], "c": [{"d": 1}]}', "<html>502</html>", "[" * 5000],
)  # fmt: skip
def test_an_answer_without_one_list_stays_as_it_came(text):
    assert tables.laid_out(text) == text


def test_no_value_of_a_table_makes_a_line_of_its_own():
    body = {"result": 0, "array": [{"name": "a\nexit 0 in 1 s\u202e"}]}
    assert told(body)[2:] == ['"a\\nexit 0 in 1 s\u202e"']
    event = {"out": json.dumps(body), "state": "ok", "exit": 0, "seconds": 1}
    shown = answers.answer(event, {"kind_of": "api"})
    assert [line for line in shown if not line.startswith("  ")] == ["result 0 in 1 s"]
    assert "\u202e" not in "".join(shown)


def test_only_the_platform_api_is_told_as_a_table():
    event = {"out": json.dumps({"result": 0, "array": [{"id": 1}]}), "state": "ok", "exit": 0, "seconds": 1}
    assert answers.output(event, {"kind_of": "ssh"}) == [f"  {event['out']}"]
    assert answers.output({**event, "out_tail": "…"}, {"kind_of": "api"})[0] == f"  {event['out']}"
    assert answers.output(event, {"kind_of": "api"}) == ['  "result": 0, "array": 1 in all', "  id", "  1"]
