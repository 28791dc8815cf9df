"""docs/scopes.md has every key of a scope file, and a broken file is named by its place and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from opsguide.errors import InputError
from opsguide.guide import entries, scope_keys, scopes, slots
from opsguide.guide.parameters import TYPES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "scopes.md").read_text("utf-8")
TABLES = (scope_keys.FILE, scope_keys.PARAMETER, scope_keys.LOOK, scope_keys.CHANGE, scope_keys.EDITED)
LOOK, CHANGE = '[[look]]\ncommand = "x"\n', '[[change]]\ncommand = "x"\nstep = "look"\ndeadline = "9 s"\n'
NEEDS = '[parameters.a]\ntype = "str"\ndefault = ""\nhelp = "x"\nchoices = ["y"]\nrequired = %s\n'


def rows(section: str) -> dict[str, tuple[str, str]]:
    """The rows of a table: key, what it says, example."""
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): (row[1], row[2]) for row in cells}


SECTIONS = [found for found in map(rows, PAGE.split("\n## ")) if found]


@pytest.mark.parametrize("number", range(len(TABLES)))
def test_every_key_has_its_line_and_no_other_stands_there(number: int) -> None:
    assert list(SECTIONS[number]) == list(TABLES[number])


def test_every_line_has_words_and_an_example_of_its_key() -> None:
    assert len(SECTIONS) == len(TABLES)
    for section in SECTIONS:
        for key, (words, example) in section.items():
            assert words, key
            assert re.search(rf"\b{key}\b", example), key


@pytest.mark.parametrize(
    ("key", "known"),
    [("type", TYPES), ("slot", slots.TYPES), ("effect", entries.EFFECTS), ("related", scopes.RELATED[:3])],
)
def test_every_word_that_a_key_takes_stands_beside_it(key: str, known: object) -> None:
    words = next(section[key][0] for section in SECTIONS if key in section)
    told = [word for word in re.findall(r"`([^`]+)`", words) if "{" not in word]
    assert told == list(known)  # type: ignore[call-overload]


def test_every_key_of_a_shipped_scope_is_known_and_every_bound_argument_is_told() -> None:
    folder = Path(scopes.__file__).parent / "scopes"
    text = "\n".join(path.read_text("utf-8") for path in folder.glob("*.toml"))
    assert set(re.findall(r'"(@[a-z-]+)"', text)) <= set(re.findall(r"`(@[a-z-]+)`", PAGE))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", None),
        ("stps = []\n", "the file: unknown key stps; did you mean steps?"),
        ("[[look]]\n", "look 1: it is a command or an api"),
        ('[[look]]\ncommand = "x"\napi = "y"\n', "look 1 (x): it is a command or an api"),
        ('[look]\ncommand = "x"\n', "the file, key look: a list of tables belongs here"),
        (LOOK + 'kind = ["user-host"]\n', "look 1 (x): unknown key kind; did you mean kinds?"),
        (LOOK + LOOK + 'kinds = "user-host"\n', "look 2 (x), key kinds: a list of texts belongs here, not 'user-host'"),
        (LOOK + 'kinds = ["host"]\n', "x: kinds: 'host' is none of user-host"),
        (LOOK + 'on = ["uh-01"]\n', "x: on: 'uh-01' is none of element, peer"),
        (LOOK + "deadline = 9\n", "look 1 (x), key deadline: a text belongs here, not 9"),
        (LOOK + 'args = { a = "b" }\n', "look 1 (x), key args: arguments are of an api"),
        (LOOK + 'slots = { a = "unit" }\n', "x: slot a stands nowhere in it"),
        ('[[look]]\ncommand = "x {a}"\nslots = { a = "unt" }\n', "slot a has no type; 'unt' is none of unit, word"),
        ('[[look]]\ncommand = "x \'"\n', "x ': No closing quotation"),
        (CHANGE + "already = 32\n", "change 1 (x), key already: a list of whole numbers belongs here"),
        (CHANGE + 'record = { arg = "a" }\n', "change 1 (x), record: key read is missing"),
        (CHANGE.replace("9 s", "9 sec"), "x: deadline: '9 sec' is not a duration"),
        ("[parameters]\na = 1\n", "parameters.a: a table belongs here"),
        ('[parameters.a]\ntype = "str"\ndefault = ""\n', "parameters.a: key help is missing"),
        ('[parameters.a]\ntype = "text"\ndefault = ""\nhelp = "x"\n', "types: str, int, float, bool, list[str]"),
        (NEEDS % "1", "parameters.a, key required: true, false, or a table of a parameter and a list of its values"),
        (NEEDS % '{ b = "x" }', "parameters.a, key required: true, false, or a table"),
        (NEEDS % '{ b = ["x"] }', "parameters.a: required names a parameter with choices, and some of these"),
        (NEEDS % '{ a = ["x"] }', "parameters.a: required names a parameter with choices, and some of these"),
        ('[related]\nuser-host = "peer"\n', "related, key user-host: a list of texts belongs here"),
        ('[[file]]\npath = "/a"\ncreate = "666 root root"\n', "/a: create is mode, owner and group"),
        ('[[file]]\npath = "/a"\ncreate = "4755 root root"\n', "/a: create is mode, owner and group"),
        ('[[file]]\npth = "/etc/motd"\n', "file 1: unknown key pth; did you mean path?"),
    ],
)
def test_a_broken_scope_is_named_by_place_and_key(text: str, words: str | None) -> None:
    content = f'steps = ["look"]\n{text}'.encode() if words else b""
    with pytest.raises(InputError) as refused:
        scopes.parse("mine", content)
    assert (words or "the file: key steps is missing") in refused.value.words
    assert (refused.value.where, refused.value.exit_code) == ("scopes/mine.toml", 2)
    assert "docs/scopes.md" in refused.value.next
