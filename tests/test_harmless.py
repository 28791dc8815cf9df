"""No character of a text from elsewhere acts on a screen; what prints stays, and JSON keeps its values."""

from __future__ import annotations

import io
import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsguide import harmless
from opsguide.errors import FailedError, OpsguideError
from opsguide.launch.columns import aligned
from opsguide.notebook.cells import Tee

EVERY = [chr(code) for code in range(sys.maxunicode + 1)]
ACTING = [c for c in EVERY if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\t\n"]
CONTROLS = [*map(chr, [*range(0x20), *range(0x7F, 0xA0)]), *"\u200e\u200f\u2028\u2029\u202e\u2066\ufeff"]
ANY = st.text(st.one_of(st.characters(), st.sampled_from(CONTROLS)))


def acts(text: str) -> set[str]:
    return {c for c in text if not c.isprintable() and c not in "\t\n"}


def test_every_character_that_could_act_is_shown_by_another_and_every_one_that_prints_stays() -> None:
    assert set(map(ord, CONTROLS)) - set(map(ord, ACTING)) == {0x09, 0x0A}
    shown = [harmless.lines(c) for c in ACTING]
    assert not acts("".join(shown))
    assert all(shown)
    assert len(set(shown)) == len(shown), "each is told from the others"
    prints = "".join(c for c in EVERY if c.isprintable()) + "\t\n"
    assert harmless.lines(prints) == prints
    assert (harmless.one_line("\x1b[2J\r\t\n"), harmless.line("\t\n")) == ("␛[2J␍␉\\n", "\t\\n")


@given(ANY)
def test_what_passes_through_a_stream_acts_nowhere_and_keeps_its_lines(text: str) -> None:
    out = io.StringIO()
    tee = Tee(out)
    print(text, file=tee)
    tee.writelines([text, "\n"])
    assert not acts(out.getvalue())
    assert out.getvalue().count("\n") == 2 * (text.count("\n") + 1)
    assert tee.text == f"{text}\n{text}\n", "what is kept for the record is what was written"


@given(st.dictionaries(ANY, st.lists(ANY)))
def test_json_that_is_printed_keeps_its_values_and_acts_nowhere(value: dict[str, list[str]]) -> None:
    for indent in (None, 2):
        said = harmless.in_json(json.dumps(value, ensure_ascii=False, indent=indent))
        assert not acts(said)
        assert json.loads(said) == value


@pytest.mark.parametrize("char", ["\ud800", "\U000e0001", "\x7f", "\x9b", "\u202e"])
def test_json_escapes_what_it_would_not_by_itself(char: str) -> None:
    said = harmless.in_json(json.dumps(char, ensure_ascii=False))
    assert said.isascii()
    assert json.loads(said) == char


@given(ANY, ANY, ANY)
def test_an_error_has_its_own_lines_and_no_other(words: str, answer: str, then: str) -> None:
    error = FailedError(words, where="uh-01", command="true", answer=answer, next=then)
    lines = str(error).split("\n")
    assert len(lines) == 3 + bool(answer) + bool(then)
    assert not acts("".join(lines))
    again = OpsguideError.from_dict(error.as_dict())
    assert (again.words, again.answer, again.next) == (words, answer, then), "on the wire it is as it was"


@given(st.lists(st.lists(ANY, min_size=2, max_size=2), min_size=1))
def test_a_row_of_a_listing_is_one_line(rows: list[list[str]]) -> None:
    assert len(aligned(rows)) == len(rows)
    assert not acts("".join(aligned(rows)))
    assert "\n" not in "".join(aligned(rows))
