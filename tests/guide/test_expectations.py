from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsguide.errors import InputError
from opsguide.guide import expectations, patterns, services


def met(name: str, *args: Any, text: str, status: int | None = 0, exit: int = 0) -> bool:
    return expectations.judge(expectations.checked({"name": name, "args": list(args), "exit": exit}), status, text).met


def test_an_answer_must_exit_0_unless_the_expectation_names_another_status() -> None:
    assert met("says", "a", text="a")
    assert not met("says", "a", text="a", status=1)
    assert met("says", "inactive", text="inactive", status=3, exit=3)
    assert not met("says", "inactive", text="inactive", status=0, exit=3)
    assert not met("lacks", "a", text="", status=1)
    assert not met("exits", 0, text="", status=None)


def test_no_expectation_means_exit_0() -> None:
    expect = expectations.checked(None)
    assert [expectations.judge(expect, status, "").met for status in (0, 1, None)] == [True, False, False]


def test_exits_holds_for_the_named_status_whatever_is_said() -> None:
    assert met("exits", 3, text="anything", status=3)
    assert not met("exits", 3, text="anything", status=0)


@pytest.mark.parametrize(
    ("wanted", "text", "said"),
    [
        ("active", "active\n", True),
        ("active", "inactive", False),
        ("active", "reactive", False),
        ("active", "active-ish", False),
        ("active", "is-active", False),
        ("active", "activeness", False),
        ("active", "x\nstate: active.\n", True),
        ("active", "(active)", True),
        ("ACTIVE", "active", False),
        ("MAINTENANCE", "IN_MAINTENANCE", False),
        (":10050", "LISTEN 0.0.0.0:10050 users", True),
        (":10050", "0.0.0.0:100501", False),
        ("0", "10", False),
        ("0", "0.5", False),
        ("5", "0.5", False),
        ("0", "0\n", True),
        ("10.0.0.1", "10.0.0.1.5", False),
        ("10.0.0.1", "10.0.0.1/24", True),
        ("a.c", "abc", False),
        ("(a", "x (a) y", True),
        ('"result": 0', '{"result": 0}', True),
        ('"result": 0', '{"result": 05}', False),
    ],
)
def test_says_is_met_by_whole_words_and_lacks_by_none(wanted: str, text: str, said: bool) -> None:
    assert met("says", wanted, text=text) is said
    assert met("lacks", wanted, text=text) is not said


def test_says_takes_alternatives_and_lacks_refuses_all_of_them() -> None:
    assert met("says", "EVACUATED", "EVACUATION_FAILED", text="EVACUATION_FAILED")
    assert met("lacks", "uh-01", "uh-02", text="uh-03")
    assert not met("lacks", "uh-01", "uh-02", text="uh-02")


@pytest.mark.parametrize("wanted", ['"result": 0', '"result":0'])
@pytest.mark.parametrize("text", ['{"result":0}', '{"result": 0}', '{\n "result" :\t0,\n "a": [1]\n}'])
def test_json_is_read_without_regard_to_its_white_space(wanted: str, text: str) -> None:
    assert met("says", wanted, text=text)
    assert not met("lacks", wanted, text=text)


@pytest.mark.parametrize(
    "text", ['{"result": 01}', '{"result": 4182}', '{"note": "\\"result\\": 0"}', "[" * 100_000, "1" * 9999, "{"]
)
def test_what_only_resembles_json_meets_nothing_and_breaks_nothing(text: str) -> None:
    assert not met("says", '"result": 0', text=text)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^a.c$", "x\nabc\ny", True),
        ("^a.c$", "xabc", False),
        (r"^ID\s+\S+\s+running$", "ID  7  running", True),
        (r"\.d$", "a.d", True),
        (r"\.d$", "aXd", False),
        ("(?i)ok", "OK", True),
    ],
)
def test_matches_is_found_in_some_line(pattern: str, text: str, found: bool) -> None:
    assert met("matches", pattern, text=text) is found


def test_a_pattern_that_would_search_for_years_is_stopped_and_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "PROCESSOR", 1)
    assert not met("matches", "(a+)+$", text="a" * 60 + "!")


def test_a_pattern_is_found_on_a_machine_that_is_busy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = tmp_path / "python"
    slow.write_text(f'#!/bin/sh\nsleep 2.5\nexec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setattr(patterns.sys, "executable", str(slow))
    assert met("matches", r"running\s*$", text="ID 7 running")


@pytest.mark.parametrize(
    "pattern", ["(", "a{2,1}", "[", "\\", "a" * 501, "(?P<a>", "a{99999999999}", "(" * 400 + ")" * 400], ids=range(8)
)
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(InputError, match="matches"):
        expectations.checked({"name": "matches", "args": [pattern], "exit": 0})


def test_nothing_is_an_empty_answer() -> None:
    assert met("nothing", text=" \n\t")
    assert not met("nothing", text="0")


def test_equals_and_differs_from_compare_the_whole_answer_without_outer_white_space() -> None:
    assert met("equals", "/etc/hosts", text="/etc/hosts\n")
    assert not met("equals", "/etc/hosts", text="/etc/hosts2\n")
    assert met("differs_from", "417", text="418\n")
    assert not met("differs_from", "417\n", text=" 417\n")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Use%\n 42%\n", [42]),
        ("42", [42]),
        ("95 %", [95]),
        ("3.5G", [3.5]),
        ("12K used", [12]),
        ("10GiB", [10]),
        ("-3", [-3]),
        ("+3", [3]),
        ("Filesystem 1K-blocks Used\n/dev/sda 100 5", [100]),
        ("1G-blocks\n 7", [7]),
        ("uh-01", []),
        ("node101", []),
        ("2026-11-23", []),
        ("12:30:59", []),
        ("10.0.0.1", []),
        ("1e-07", []),
        ("v1.2.3", []),
        ("a5", []),
        ("", []),
        ("٣", []),
        ("x 5\ny\nz 7 8", [5, 7]),
        ("7, 8", [7]),
        ("count: 5;", [5]),
    ],
)
def test_headers_percent_signs_and_units_are_not_part_of_a_number(text: str, found: list[float]) -> None:
    assert expectations.numbers(text) == found


def test_at_least_and_at_most_hold_for_every_number_in_the_answer() -> None:
    assert met("at_most", 95, text="Use%\n 95%\n 3%")
    assert not met("at_most", 95, text=" 3%\n 96%")
    assert met("at_least", "2", text="2\n3")
    assert not met("at_least", 2, text="1\n3")


def test_an_answer_without_a_number_fails() -> None:
    assert not met("at_most", 95, text="")
    assert not met("at_least", 0, text="no number")


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(-(10**6), 10**6))
def test_a_limit_is_the_number_that_was_given(limit: float, seen: int) -> None:
    assert met("at_most", limit, text=str(seen)) is (seen <= limit)
    assert met("at_least", limit, text=str(seen)) is (seen >= limit)


NO_EXPECTATION: list[Any] = [
    "says",
    5,
    [],
    {},
    {"name": "says"},
    {"name": "says", "args": "a"},
    {"name": "eval", "args": ["1"]},
    {"name": ["says"], "args": []},
    {"name": "says", "args": []},
    {"name": "nothing", "args": ["a"]},
    {"name": "says", "args": [["a"]]},
    {"name": "says", "args": [None]},
    {"name": "says", "args": [""]},
    {"name": "lacks", "args": ["a", " "]},
    {"name": "matches", "args": [""]},
    {"name": "says", "args": [True]},
    {"name": "at_most", "args": ["x"]},
    {"name": "at_most", "args": [1, 2]},
    {"name": "at_most", "args": [float("nan")]},
    {"name": "at_least", "args": [float("inf")]},
    {"name": "exits", "args": ["abc"]},
    {"name": "exits", "args": [256]},
    {"name": "exits", "args": [-1]},
    {"name": "exits", "args": [1.5]},
    {"name": "matches", "args": ["a", "("]},
    {"name": "says", "args": ["a"], "exit": "0"},
    {"name": "says", "args": ["a"], "exit": True},
    {"name": "says", "args": ["a"], "exit": 256},
    {"name": "says", "args": ["a"], "exit": None},
]


@pytest.mark.parametrize("expect", NO_EXPECTATION, ids=range(len(NO_EXPECTATION)))
def test_what_is_not_of_the_closed_set_is_refused(expect: Any) -> None:
    with pytest.raises(InputError):
        expectations.checked(expect)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    JSON
    | st.fixed_dictionaries(
        {"name": st.sampled_from(expectations.NAMES), "args": st.lists(JSON, max_size=3), "exit": JSON}
    )
)
def test_no_data_makes_anything_but_an_expectation_or_an_input_error(data: Any) -> None:
    try:
        expect = expectations.checked(data)
    except InputError:
        return
    if expect["name"] != "matches":
        assert expectations.judge(expect, expect["exit"], json.dumps(data)).words


@given(st.sampled_from(["says", "lacks"]), st.text(min_size=1, max_size=9).filter(str.strip), st.text(max_size=60))
@settings(max_examples=200)
def test_says_and_lacks_are_each_others_opposite(name: str, wanted: str, text: str) -> None:
    assert met("says", wanted, text=text) is not met("lacks", wanted, text=text)


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ({"name": "says", "args": ["a", 'b"']}, 'says "a" or "b\\""'),
        ({"name": "at_most", "args": [1234567]}, "at most 1234567"),
        ({"name": "exits", "args": [3]}, "exit 3"),
        ({"name": "nothing", "args": []}, "nothing"),
        ({"name": "says", "args": ["inactive"], "exit": 3}, 'says "inactive", exit 3'),
        ({"name": "differs_from", "args": ["7"]}, 'differs from "7"'),
        ({"name": "differs_from", "args": ["7", ""]}, 'differs from "7"'),
        ({"name": "differs_from", "args": [""]}, 'differs from ""'),
    ],
)
def test_an_expectation_reads_as_words(expect: dict[str, Any], words: str) -> None:
    assert expectations.words(expectations.checked(expect)) == words


def test_an_unmet_expectation_says_what_was_expected_and_the_first_line_that_came() -> None:
    expect = expectations.checked({"name": "says", "args": ["active"], "exit": 0})
    assert (
        expectations.judge(expect, 0, "failed\nmore\n").words == 'expected says "active", got failed (and 1 more lines)'
    )
    assert expectations.judge(expect, 3, "").words == 'expected says "active", got exit 3'
    assert expectations.judge(expect, 3, "inactive\n").words == 'expected says "active", got exit 3 and inactive'
    assert expectations.judge(expect, None, "").words == 'expected says "active", got no exit status'
    whole = expectations.checked({"name": "equals", "args": ["x" * 400]})
    assert expectations.judge(whole, 0, "x" * 400).words == 'equals "' + "x" * 152 + " …"
    assert "x" * 400 in expectations.judge(whole, 0, "y").words
    assert expectations.judge(expectations.checked(None), 5, "", "result").words == "expected result 0, got result 5"


def test_every_healthy_answer_of_the_service_map_is_an_expectation() -> None:
    healthy = [s.healthy for rows in services.load().values() for s in rows.values() if s.healthy]
    assert healthy
    for expect in healthy:
        expectations.checked(expect)
