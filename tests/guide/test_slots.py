from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsguide.guide import slots

HOSTILE = [
    "-rf",
    "--root=/mnt",
    "a\nb",
    "nginx\n",
    "\nnginx",
    "a\x00b",
    "a\rb",
    "a\tb",
    "a\x1b[31m",
    "a\x85b",
    "a\u2028b",
    "a\u202eb",
    "a\u200bb",
    "\ufeffa",
    "\ud800",
    "\u00ad",
    "",
]


@pytest.mark.parametrize("kind", slots.TYPES)
@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
def test_no_type_takes_an_option_a_line_end_or_an_invisible_character(kind: str, value: str) -> None:
    with pytest.raises(ValueError, match="is not|holds"):
        slots.check(kind, value)


@pytest.mark.parametrize("kind", [k for k in slots.TYPES if k not in ("text", "path")])
@pytest.mark.parametrize(
    "value",
    [
        "$(id)",
        "`id`",
        "a;b",
        "a b c",
        "a|b",
        "a&b",
        "*",
        "a*",
        "[a]",
        "~",
        "a'b",
        'a"b',
        "ａｂｃ",
        "é",
        "nginx ",
        " nginx",
    ],
)
def test_narrow_types_take_no_shell_signs_no_blanks_and_no_look_alikes(kind: str, value: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        slots.check(kind, value)


@pytest.mark.parametrize(
    "path",
    [
        "etc/hosts",
        "/etc/../shadow",
        "/etc/./hosts",
        "/etc//hosts",
        "/etc/",
        "/",
        "/..",
        "/etc/*",
        "/etc/ho?ts",
        "/etc/[a]",
        "/etc/{a,b}",
        "/etc/hosts\n",
        "/etc/a\u00a0b",
        "/" + "a" * 2000,
        "~/x",
    ],
    ids=ascii,
)
def test_a_path_is_absolute_and_plain(path: str) -> None:
    with pytest.raises(ValueError, match="is not|has an empty|holds"):
        slots.check("path", path)


@pytest.mark.parametrize("path", ["/etc/hosts", "/etc/cron.d/a b", "/etc/..a", "/etc/$(id)", "/etc/a'b", "/etc/é"])
def test_a_path_may_hold_what_is_quoted_anyway(path: str) -> None:
    assert slots.check("path", path) == path


@pytest.mark.parametrize(
    "log",
    [
        "/var/log",
        "/var/log/",
        "/var/log/../x",
        "/var/logs/a",
        "/etc/passwd",
        "/var/log/a b",
        "/var/log//a",
        "/var/log/./a",
        "var/log/a",
    ],
)
def test_a_log_is_a_path_below_var_log(log: str) -> None:
    with pytest.raises(ValueError, match="is not|has an empty"):
        slots.check("log", log)


def test_a_log_in_a_folder_of_var_log_fits() -> None:
    assert slots.check("log", "/var/log/nginx/error.log") == "/var/log/nginx/error.log"


@pytest.mark.parametrize("value", ["0 s", "31 d", "99999999999 d", "5", "1e3 s", "-1 s", "1  s", "1 hour", "٥ s"])
def test_a_duration_is_one_that_can_be_waited(value: str) -> None:
    with pytest.raises(ValueError, match="is not|between"):
        slots.check("duration", value)


@pytest.mark.parametrize(
    "value", ["2026-02-30", "2025-02-29", "2026-13-01", "0000-01-01", "2026-1-1", "20260101", "٢٠٢٦-01-01"]
)
def test_a_day_is_one_of_the_calendar(value: str) -> None:
    assert slots.check("day", "2024-02-29") == "2024-02-29"
    with pytest.raises(ValueError, match="is not"):
        slots.check("day", value)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("unit", "zabbix-agent", "zabbix-agent"),
        ("unit", "vz-motd.timer", "vz-motd.timer"),
        ("unit", "a@b.service", "a@b.service"),
        ("count", 20, "20"),
        ("count", "010", "010"),
        ("flag", True, "true"),
        ("flag", "false", "false"),
        ("name", "uh-01", "uh-01"),
        ("duration", "60 s", "60 s"),
        ("word", "a.b_c:d@e+f-g", "a.b_c:d@e+f-g"),
        ("text", "a $(b) 'c'", "a $(b) 'c'"),
    ],
)
def test_a_value_that_fits_is_given_back_as_text(kind: str, value: object, text: str) -> None:
    assert slots.check(kind, value) == text


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("count", 1.0),
        ("count", True),
        ("count", -1),
        ("flag", 1),
        ("name", None),
        ("name", "Uh-01"),
        ("count", 1000000),
        ("unit", "a" * 200),
    ],
)
def test_nothing_is_corrected(kind: str, value: object) -> None:
    with pytest.raises(ValueError, match="is not"):
        slots.check(kind, value)


@given(st.sampled_from(sorted(slots.TYPES)), st.text(max_size=30))
def test_what_passes_is_the_value_itself_and_harmless(kind: str, value: str) -> None:
    try:
        text = slots.check(kind, value)
    except ValueError:
        return
    assert text == value
    assert not text.startswith("-")
    assert text.isprintable()


@given(
    st.from_regex(re.compile(slots.TYPES["unit"][0], re.ASCII), fullmatch=True), st.sampled_from("\n\r\x00\x0b\u2028")
)
def test_a_trailing_line_end_never_slips_past_the_end_of_the_pattern(value: str, end: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        slots.check("unit", value + end)


def test_the_slots_of_a_template_are_named_in_order() -> None:
    assert slots.names("journalctl -u {unit} -n {lines} {{}} {unit}") == ["unit", "lines", "unit"]


@pytest.mark.parametrize(
    "template", ["{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{a", "a}", "{A}", "{ a}", "{a b}", "{__class__}"]
)
def test_braces_that_hold_more_than_a_name_are_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"braces|[Ss]ingle|expected"):
        slots.names(template)


@given(st.text(max_size=20))
def test_a_value_is_put_in_as_it_is_braces_and_all(value: str) -> None:
    assert slots.fill("a={x}{{y}}", {"x": value}) == f"a={value}{{y}}"
