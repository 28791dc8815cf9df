"""Parameters from the command line and from files: exact types, or an error that names file, line and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opsguide.errors import InputError
from opsguide.guide.parameters import COMMON, Parameter, Parameters
from opsguide.launch import given
from opsguide.launch.asked import merged

KNOWN = Parameters({p.name: p for p in (
    *COMMON, Parameter("count", "int", 1, "how many", minimum=1, maximum=9), Parameter("ratio", "float", 0.5, "share"),
    Parameter("online", "bool", True, "or not"), Parameter("names", "list[str]", [], "some"),
    Parameter("note", "str", "", "words"),
)})  # fmt: skip


def from_yaml(tmp_path: Path, text: str) -> dict[str, Any]:
    path = tmp_path / "x.yml"
    path.write_text(text)
    return {name: one.checked(KNOWN) for name, one in given.from_file(path).items()}


def words(name: str, value: str) -> Any:
    return given.pairs([f"{name}={value}"])[name].checked(KNOWN)


def test_text_is_read_by_the_declared_type() -> None:
    assert words("note", "010") == "010"
    assert words("note", "12:30") == "12:30"
    assert words("note", "") == ""
    assert words("note", "a=b") == "a=b"
    assert words("count", "3") == 3
    assert words("ratio", "0.25") == 0.25
    assert words("online", "false") is False
    assert words("names", "a,b") == ["a", "b"]
    assert words("names", '["a, b", "c"]') == ["a, b", "c"]


@pytest.mark.parametrize(("name", "value"), [
    ("count", "010"), ("count", "three"), ("count", "12"), ("online", "1"), ("names", "[a"), ("names", "[" * 100_000), ("note", "a\nb"),
])  # fmt: skip
def test_text_that_does_not_fit_is_refused_with_the_parameter_s_name(name: str, value: str) -> None:
    with pytest.raises(InputError, match=name):
        words(name, value)


@pytest.mark.parametrize("word", ["count", "=3", "x=1;import os;y".replace("=1", ";") + "=1", "a b=1", "é=1"])
def test_what_is_not_a_name_and_a_value_is_refused(word: str) -> None:
    with pytest.raises(InputError, match="name=value"):
        given.pairs([word])


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="twice"):
        given.pairs(["count=1", "count=2"])
    with pytest.raises(InputError, match=r"x.yml:2: count stands twice; first on line 1"):
        from_yaml(tmp_path, "count: 1\ncount: 2\n")


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError) as error:
        given.pairs(["cuont=1"])["cuont"].checked(KNOWN)
    assert error.value.next == "did you mean count?"


def test_a_file_gives_exactly_what_yaml_reads(tmp_path: Path) -> None:
    text = 'note: "010"\ncount: 3\nratio: 2\nonline: true\nnames: ["a, b", c]\n'
    assert from_yaml(tmp_path, text) == {
        "note": "010",
        "count": 3,
        "ratio": 2.0,
        "online": True,
        "names": ["a, b", "c"],
    }
    assert from_yaml(tmp_path, "# nothing\n") == {}


@pytest.mark.parametrize(("text", "said"), [
    ("note: 12:30\n", "x.yml:1: note: expected text, found a whole number"),
    ("count: 1\nnote: 010\n", "x.yml:2: note: expected text"),
    ("count: yes\n", "x.yml:1: count: expected a whole number, found true or false"),
    ("online: yes\n", "x.yml:1: online: expected true or false, spelt so"),
    ("names: a\n", "x.yml:1: names: expected a list of text, found text"),
    ("names: [1]\n", "x.yml:1: names: expected text, found a whole number"),
    ("count: 99\n", "x.yml:1: parameter count 99 is outside"),
    ("\ncuont: 1\n", "x.yml:2: unknown parameter 'cuont'"),
    ("- a\n", "x.yml:1: expected `name: value` lines, found a list"),
    ("note: [\n", "x.yml:2: not YAML"),
    ("note: a\ncount: 1\0\n", "x.yml:2: not YAML: unacceptable character"),
    ("note:\n  " + "[" * 100_000, "x.yml:2: not YAML: nested deeper than 20"),
    ("a: &a [x, x]\nb: &b [*a, *a]\nnote: [*b, *b]\n", "x.yml:1: unknown parameter 'a'"),
    ("\tnote: a\n", "x.yml:1: not YAML: found character"),
    ("note: a\r\ncount: 99\r\n", "x.yml:2: parameter count 99 is outside"),
    ("note: !!python/object/apply:os.system [id]\n", "x.yml:1: note: expected text, found a list"),
    ("'x=1; import os': 1\n", "x.yml:1: 'x=1; import os' is not the name of a parameter"),
    ("note: \xff\n", "x.yml:1: note: expected"),
])  # fmt: skip
def test_an_error_in_a_file_names_file_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    if "\xff" in text:
        (tmp_path / "x.yml").write_bytes(b"note: \xff\n")
        with pytest.raises(InputError, match=r"x.yml:1: not UTF-8"):
            given.from_file(tmp_path / "x.yml")
        return
    with pytest.raises(InputError) as error:
        from_yaml(tmp_path, text)
    assert f"{tmp_path}/{said}" in error.value.words


def test_the_command_line_counts_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_text("element: uh-01\ncount: 1\nmode: apply\nreason: file\n")
    file, command = given.from_file(path), given.pairs(["count=2"])
    whole = {k: v.checked(KNOWN) for k, v in merged("plan", command, file, "uh-02", None).items()}
    assert whole == {"element": "uh-02", "count": 2, "mode": "plan", "reason": "file"}


def test_two_answers_on_the_command_line_are_refused() -> None:
    with pytest.raises(InputError, match="--on says element"):
        merged("plan", given.pairs(["element=uh-01"]), {}, "uh-01", None)
    with pytest.raises(InputError, match="says mode"):
        merged("apply", given.pairs(["mode=plan"]), {}, None, None)


def test_a_file_that_says_plan_is_not_applied(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_text("mode: plan\n")
    with pytest.raises(InputError, match=r"x.yml:1: the file says mode: plan"):
        merged("apply", {}, given.from_file(path))
