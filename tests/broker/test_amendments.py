from __future__ import annotations

import difflib
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsguide.broker.amendments import amended, difference, patched, set_lines
from opsguide.errors import InputError

# key = value


@pytest.mark.parametrize(
    ("text", "setting", "after"),
    [
        ("a = 1\nb = 2\n", "a = 9", "a = 9\nb = 2\n"),
        ("a=1\n", "a = 9", "a=9\n"),
        ("\ta   =   1\n", "a = 9", "\ta   =   9\n"),
        ("a =\n", "a = 9", "a =9\n"),
        ("a = 1\n", "b = 2", "a = 1\nb = 2\n"),
        ("#a = 1\n", "a = 9", "#a = 1\na = 9\n"),
        ("ab = 1\n", "a = 9", "ab = 1\na = 9\n"),
        ("a.b = 1\naxb = 2\n", "a.b = 9", "a.b = 9\naxb = 2\n"),
        ("", "a = 9", "a = 9\n"),
        ("a = 1", "b = 2", "a = 1\nb = 2\n"),
        ("\n", "a = 9", "\na = 9\n"),
        ("a = 1\n", "a =", "a = \n"),
        ("a = 1\n", "a = b = c", "a = b = c\n"),
        ("a = 1\n", r"a = \1 \g<0>", "a = \\1 \\g<0>\n"),
    ],
)
def test_a_setting_replaces_the_one_line_of_its_key_in_that_lines_style_or_is_added(
    text: str, setting: str, after: str
) -> None:
    assert set_lines(text, [setting]) == after


def test_a_key_that_stands_on_several_lines_is_refused() -> None:
    with pytest.raises(InputError, match="stands on 2 lines"):
        set_lines("a = 1\na = 2\n", ["a = 3"])


def test_a_key_that_is_set_twice_is_refused() -> None:
    with pytest.raises(InputError, match="set twice"):
        set_lines("a = 1\n", ["a = 2", "a=3"])


@pytest.mark.parametrize("setting", ["", "a", "= 1", " = ", "a b = 1", "a = 1\nroot = x", "a = 1\u2028b = 2", "a\n= 1"])
def test_what_is_not_one_line_key_equals_value_is_refused(setting: str) -> None:
    with pytest.raises(InputError, match="not of the form"):
        set_lines("a = 1\n", [setting])


WORDS = st.text("abc.=# ", max_size=6)


@given(st.lists(WORDS, max_size=6), st.text("abc.", min_size=1, max_size=3), st.text("xyz =#", max_size=6))
def test_setting_twice_is_setting_once_and_touches_one_line_at_most(lines: list[str], key: str, value: str) -> None:
    text = "".join(line + "\n" for line in lines)
    try:
        once = set_lines(text, [f"{key} = {value}"])
    except InputError:
        return
    assert set_lines(once, [f"{key} = {value}"]) == once
    kept = [line for line in difflib.ndiff(text.splitlines(), once.splitlines()) if line.startswith("  ")]
    assert len(kept) >= len(lines) - 1


# Patches

OLD = "one\ntwo\nthree\nfour\n"
GOOD = "--- f\n+++ f\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n"


def test_a_patch_that_fits_is_applied() -> None:
    assert patched(OLD, GOOD) == "one\nTWO\nthree\nfour\n"


@pytest.mark.parametrize(
    "text",
    [
        "one\ntwo\nthre\nfour\n",
        "ONE\ntwo\nthree\n",
        "one\ntoo\nthree\n",
        "zero\none\ntwo\nthree\n",
        "one\n",
        "",
        "two\n",
    ],
)
def test_a_patch_whose_context_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="does not fit|must be"):
        patched(text, GOOD)


@pytest.mark.parametrize(
    "patch",
    [
        "",
        "hello",
        GOOD + GOOD.replace(" f", " g"),
        "--- f\n+++ f\n",
        "@@ -1 +1 @@\n",
        GOOD.replace("-1,3", "-9,3"),
        "diff --git a/f b/f\nrename from f\nrename to g\n",
    ],
)
def test_what_is_not_the_diff_of_one_file_is_refused(patch: str) -> None:
    with pytest.raises(InputError):
        patched(OLD, patch)


@pytest.mark.parametrize("sign", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r"])
def test_a_file_with_other_line_separators_is_not_patched(sign: str) -> None:
    with pytest.raises(InputError, match="line separators"):
        patched(f"one{sign}\ntwo\nthree\n", GOOD)


LINES = st.lists(st.text("ab+-@ ", max_size=4), max_size=8).map(lambda lines: "".join(line + "\n" for line in lines))


@given(LINES, LINES, st.sampled_from([0, 1, 3]))
def test_every_unified_diff_makes_the_new_text_of_the_old(old: str, new: str, context: int) -> None:
    patch = "".join(
        difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), "f", "f", n=context)
    )
    if patch:
        assert patched(old, patch) == new


@given(LINES, LINES, st.data())
def test_no_mangled_patch_makes_anything_but_a_text_or_an_input_error(old: str, new: str, data: st.DataObject) -> None:
    patch = "".join(difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), "f", "f"))
    for _ in range(3):
        at = data.draw(st.integers(0, len(patch)))
        patch = patch[:at] + data.draw(st.sampled_from(["", "+", "-", "@", "9", "\n", " "])) + patch[at + 1 :]
    try:
        patched(old, patch)
    except InputError as refused:
        assert refused.exit_code == 2


# The new text


def test_an_edit_takes_exactly_one_of_content_settings_and_patch() -> None:
    assert amended(b"a = 1\n", {"content": ""}, "/f") == b""
    assert amended(b"a = 1\n", {"settings": ["a = 2"], "patch": "", "content": None}, "/f") == b"a = 2\n"
    for amend in (
        {},
        {"settings": [], "patch": ""},
        {"settings": ["a = 1"], "patch": GOOD},
        {"content": "x", "patch": GOOD},
    ):
        with pytest.raises(InputError, match="exactly one"):
            amended(b"", amend, "/f")


def test_a_file_that_is_not_utf_8_or_has_cr_line_ends_takes_whole_content_only() -> None:
    for old, words in ((b"caf\xe9 = 1\n", "not UTF-8"), (b"a = 1\r\n", "CR line ends")):
        with pytest.raises(InputError, match=words) as refused:
            amended(old, {"settings": ["a = 2"]}, "/etc/f")
        assert "/etc/f" in refused.value.words
        assert amended(old, {"content": "new\n"}, "/etc/f") == b"new\n"


# The difference


def test_files_that_are_the_same_have_no_difference() -> None:
    assert difference(b"a\n", b"a\n", "/f") == ""


def test_a_line_end_that_is_missing_is_shown() -> None:
    assert difference(b"a", b"a\n", "/f").splitlines()[3:] == ["-a", "\\ No newline at end of file", "+a"]
    assert difference(b"a\n", b"a", "/f").splitlines()[3:] == ["-a", "+a", "\\ No newline at end of file"]


def test_bytes_that_are_no_text_are_shown_as_signs() -> None:
    assert "-caf\\xe9" in difference(b"caf\xe9\n", b"x\n", "/f")


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_there_is_a_difference_exactly_where_the_files_differ_and_each_line_of_it_ends(old: bytes, new: bytes) -> None:
    shown = difference(old, new, "/f")
    texts = [b.decode("utf-8", "backslashreplace") for b in (old, new)]
    assert bool(shown) is (texts[0] != texts[1])
    assert not shown or shown.endswith("\n")


@given(LINES, LINES, st.booleans(), st.booleans())
def test_the_difference_that_is_shown_can_be_applied_by_patch(
    tmp_path_factory: pytest.TempPathFactory, old: str, new: str, end: bool, other: bool
) -> None:
    old, new = old if end else old[:-1], new if other else new[:-1]
    shown = difference(old.encode(), new.encode(), "/f")
    path = tmp_path_factory.getbasetemp() / "patched"
    path.write_text(old)
    if shown and PATCH:
        subprocess.run(["patch", "-s", str(path)], input=shown.encode(), check=True, capture_output=True)
        assert path.read_text() == new


PATCH = subprocess.run(["which", "patch"], capture_output=True, check=False).returncode == 0
