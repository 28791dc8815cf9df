from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsguide.errors import InputError
from opsguide.guide import parameters, scopes
from opsguide.guide.parameters import COMMON, Parameter, Parameters

SAMPLES: dict[str, Any] = {"str": "x", "int": 3, "float": 1.5, "bool": True, "list[str]": ["a"]}
RESTART = scopes.load("restarting-processes")
assert RESTART is not None
GIVEN = {"element": "uh-01", "service": "nginx"}


def one(type: str = "str", **fields: Any) -> Parameter:
    return Parameter("p", type, fields.pop("default", {"str": "", "list[str]": []}.get(type, 0)), "help", **fields)


@pytest.mark.parametrize("type", parameters.TYPES)
@pytest.mark.parametrize("other", SAMPLES)
def test_a_value_has_exactly_the_declared_type(type: str, other: str) -> None:
    value = SAMPLES[other]
    if type == other or (type, other) == ("float", "int"):
        assert one(type).check(value) == value
    else:
        with pytest.raises(InputError, match=r"must be"):
            one(type).check(value)


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("int", True),
        ("float", False),
        ("str", None),
        ("int", 1.0),
        ("bool", 1),
        ("bool", "true"),
        ("int", "3"),
        ("list[str]", "a"),
        ("list[str]", ["a", 1]),
        ("list[str]", [["a"]]),
        ("list[str]", {"a": 1}),
        ("str", b"a"),
    ],
)
def test_nothing_is_converted_in_silence(type: str, value: Any) -> None:
    with pytest.raises(InputError, match="parameter p must be"):
        one(type).check(value)


def test_a_tuple_stands_for_a_list() -> None:
    assert one("list[str]").check(("a", "b")) == ["a", "b"]


CONTROL = [
    "\x00",
    "\x07",
    "\x0b",
    "\x0c",
    "\r",
    "\x1b",
    "\x7f",
    "\x85",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\ud800",
]


@pytest.mark.parametrize("sign", CONTROL, ids=ascii)
@pytest.mark.parametrize("lines", [False, True])
def test_text_holds_no_control_character_also_where_it_may_have_several_lines(sign: str, lines: bool) -> None:
    with pytest.raises(InputError, match="control character"):
        one(lines=lines).check(f"a{sign}b")
    with pytest.raises(InputError, match="control character"):
        one("list[str]", lines=lines).check(["a", f"{sign}"])


def test_text_is_one_line_unless_the_parameter_says_otherwise() -> None:
    assert one(lines=True).check("a\nb\tc\n") == "a\nb\tc\n"
    with pytest.raises(InputError, match="line break"):
        one().check("a\n")


@pytest.mark.parametrize(("lines", "most"), [(False, 4096), (True, 1 << 18)])
def test_very_long_text_is_refused(lines: bool, most: int) -> None:
    one(lines=lines).check("x" * most)
    with pytest.raises(InputError, match="too long") as refused:
        one(lines=lines).check("x" * (most + 1))
    assert len(str(refused.value)) < 300


def test_a_very_long_list_is_refused() -> None:
    one("list[str]").check(["a"] * 1000)
    with pytest.raises(InputError, match="1001 entries"):
        one("list[str]").check(["a"] * 1001)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_a_float_is_a_finite_number(value: float) -> None:
    with pytest.raises(InputError, match="outside"):
        one("float").check(value)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**5000], ids=["63", "-63", "5000"])
def test_a_whole_number_fits_64_bits(value: int) -> None:
    with pytest.raises(InputError, match="outside what 64 bits hold"):
        one("int").check(value)
    with pytest.raises(InputError, match="must be str"):
        one("str").check(value)


@pytest.mark.parametrize(
    ("fields", "value", "words"),
    [
        ({"minimum": 1}, 0, "0 is outside 1 or more"),
        ({"maximum": 9}, 10, "10 is outside 9 or less"),
        ({"minimum": 1, "maximum": 9}, 10, "10 is outside 1 to 9"),
    ],
)
def test_a_number_outside_its_range_is_refused_in_words(fields: Any, value: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        one("int", **fields).check(value)
    one("int", **fields).check(5)


def test_a_value_with_choices_is_one_of_them_and_a_near_one_is_named() -> None:
    with pytest.raises(InputError) as refused:
        one(default="restart", choices=("restart", "reload")).check("relod")
    assert refused.value.next == "did you mean reload?"


def test_an_empty_text_is_no_choice_where_the_default_is_another() -> None:
    with pytest.raises(InputError, match="none of"):
        one(default="restart", choices=("restart", "reload")).check("")
    assert one(choices=("cron", "ntpd")).check("") == ""


def test_an_empty_mode_is_no_mode() -> None:
    with pytest.raises(InputError, match="parameter mode"):
        COMMON[1].check("")


def test_a_value_with_a_slot_fits_that_slot_type() -> None:
    with pytest.raises(InputError, match="absolute path"):
        one(slot="path").check("etc/hosts")
    with pytest.raises(InputError, match="absolute path"):
        one("list[str]", slot="path").check(["/etc/hosts", "x"])
    with pytest.raises(InputError, match="not between"):
        one(slot="duration").check("0 s")


def test_a_required_parameter_is_not_empty() -> None:
    for type, value in (("str", ""), ("list[str]", [])):
        with pytest.raises(InputError, match="must not be empty"):
            one(type, required=True).check(value)


def test_what_is_required_for_one_choice_of_another_may_be_empty_for_the_others() -> None:
    choice = Parameter("action", "str", "look", "what to do", choices=("look", "change"))
    path = Parameter("path", "str", "", "the file", required={"action": ["change"]})
    both = Parameters({"action": choice, "path": path})
    assert both.check({}) == {"action": "look", "path": ""}
    assert both.check({"action": "change", "path": "/x"}) == {"action": "change", "path": "/x"}
    for empty in ("", " "):
        with pytest.raises(InputError, match="action change needs path") as refused:
            both.check({"action": "change", "path": empty})
        assert (refused.value.next, refused.value.key) == ("the file", "path")


def test_an_unknown_name_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(InputError) as refused:
        RESTART.parameters.check({**GIVEN, "servce": "nginx"})
    assert (refused.value.words, refused.value.next) == ("unknown parameter 'servce'", "did you mean service?")


def test_a_name_that_resembles_none_is_refused_with_all_of_them() -> None:
    with pytest.raises(InputError) as refused:
        RESTART.parameters.check({**GIVEN, "zzzzzzz": 1})
    assert "element, mode, follows, reason, service" in refused.value.next


def test_a_missing_required_parameter_is_named() -> None:
    with pytest.raises(InputError, match="parameter service must not be empty"):
        RESTART.parameters.check({"element": "uh-01"})


def test_defaults_are_filled_in() -> None:
    assert RESTART.parameters.check(GIVEN) == {
        **GIVEN,
        "mode": "plan",
        "follows": "",
        "reason": "",
        "action": "restart",
        "through": "platform",
        "settle": "60 s",
        "disk_most": 95,
    }


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_apply_without_a_reason_is_bad_input(reason: str) -> None:
    with pytest.raises(InputError, match="empty reason"):
        RESTART.parameters.check({**GIVEN, "mode": "apply", "reason": reason})
    RESTART.parameters.check({**GIVEN, "mode": "plan", "reason": reason})


@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        ("str", "010", "010"),
        ("str", "true", "true"),
        ("str", "", ""),
        ("int", "10", 10),
        ("int", "-3", -3),
        ("int", "0", 0),
        ("float", "1.50", 1.5),
        ("float", "2", 2.0),
        ("bool", "Yes", True),
        ("bool", "false", False),
        ("list[str]", "a, b", ["a", "b"]),
        ("list[str]", "", []),
    ],
)
def test_text_from_a_command_line_is_read_by_the_declared_type(type: str, text: str, value: Any) -> None:
    found = one(type).read(text)
    assert found == value
    assert builtin_name(found) == type.removesuffix("[str]")


def builtin_name(value: Any) -> str:
    return type(value).__name__


@pytest.mark.parametrize(
    ("type", "text"),
    [
        ("int", "010"),
        ("int", "1.0"),
        ("int", "1e3"),
        ("int", ""),
        ("int", " 1"),
        ("int", "1\n"),
        ("int", "1_000"),
        ("int", "+1"),
        ("int", "1٢"),
        ("int", "٣"),
        ("int", "9" * 19),
        ("float", "010"),
        ("float", "nan"),
        ("float", "inf"),
        ("float", "1e3"),
        ("float", "1."),
        ("float", "٣.٥"),
        ("bool", "1"),
        ("bool", ""),
        ("bool", "on"),
    ],
)
def test_text_that_is_not_of_the_type_is_refused(type: str, text: str) -> None:
    with pytest.raises(InputError, match="parameter p"):
        one(type).read(text)


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_every_whole_number_is_read_back_from_its_text(number: int) -> None:
    assert one("int").read(str(number)) == number


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@given(st.sampled_from(sorted(parameters.TYPES)), VALUES, st.booleans(), st.sampled_from(["", "path", "unit"]))
def test_no_value_makes_anything_but_itself_or_an_input_error(type: str, value: Any, lines: bool, slot: str) -> None:
    try:
        found = one(type, lines=lines, slot=slot).check(value)
    except InputError as refused:
        assert refused.words.startswith("parameter p ")
    else:
        assert found == value


@given(st.dictionaries(st.text(max_size=12), VALUES, max_size=4))
def test_no_names_make_anything_but_values_or_an_input_error(values: dict[str, Any]) -> None:
    try:
        Parameters({p.name: p for p in COMMON}).check(values)
    except InputError:
        return
    assert set(values) <= {"element", "mode", "reason"}


CONFIRMED = {**GIVEN, "mode": "apply", "reason": "why"}


@pytest.mark.parametrize(("given", "well"), [("uh-01", True), ("", False), ("uh-02", False), ("uh-01 ", False)])
def test_what_confirms_the_element_repeats_its_name_or_nothing_is_applied(given: str, well: bool) -> None:
    confirm = Parameter("confirm", "str", "", "the name again", confirms="element")
    known = Parameters({**RESTART.parameters.known, "confirm": confirm})
    values = {**CONFIRMED, "element": "uh-01", "confirm": given}
    assert known.check({**values, "mode": "plan"})
    if well:
        assert known.check(values)["confirm"] == "uh-01"
    else:
        with pytest.raises(InputError, match="confirm must repeat element"):
            known.check(values)
