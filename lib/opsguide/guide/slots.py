"""Typed slots: what may stand where a template says {name}.

- A value never starts with a dash: it cannot be read as an option.
- A value holds no newline, no NUL, no other control or invisible character.
- A slot is a name in braces and nothing else: no format, no attribute, no empty braces.
- A type is a full match; nothing is trimmed, expanded or corrected.
- A path is absolute, without `..`, `.` or empty parts, and without glob characters.
- A log is a path below /var/log. A day is one of the calendar; an end is a day, or never.
- An account is never root, nor one whose name says that it is the platform's.
"""

from __future__ import annotations

import re
from datetime import date
from string import Formatter

from opsguide.guide.durations import duration

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
TYPES: dict[str, tuple[str, str]] = {
    "unit": (r"[A-Za-z0-9][A-Za-z0-9@._:\\-]{0,127}", "the name of a unit, like nginx or zabbix-agent"),
    "word": (r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,255}", "one word of letters, digits and . _ : @ + -"),
    "name": (r"[a-z0-9][a-z0-9-]{0,62}", "the name of an element"),
    "count": (r"[0-9]{1,6}", "a whole number"),
    "flag": (r"true|false", "true or false"),
    "path": (r"/[^\x00-\x1f\x7f*?\[\]{}]{1,1023}", "an absolute path"),
    "log": (r"/var/log/[A-Za-z0-9._/@+-]{1,255}", "a file below /var/log"),
    "text": (r"[^-\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,1023}", "one line of text that does not start with a dash"),
    "run": (r"[0-9]{8}T[0-9]{6}Z-[a-z0-9][a-z0-9-]*-[0-9a-f]{8}", "the id of a run, as `opsguide records` lists it"),
    "day": (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a day, like 2026-11-28"),
    "end": (r"never|[0-9]{4}-[0-9]{2}-[0-9]{2}", "a day, like 2026-11-28, or never"),
    "account": (
        r"(?!root$|jelastic)[a-z_][a-z0-9_-]{0,31}",
        "an account of your own: at most 32 small letters, digits, _ and -, and neither root nor one of the platform's",
    ),
    "duration": (r"[0-9]+(\.[0-9]+)? ?(s|min|h|d)", "a duration, like 60 s or 2 h"),
}


def check(kind: str, value: object) -> str:
    """The value as text if it fits the slot type; ValueError with what fits otherwise."""
    pattern, fits = TYPES[kind]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not re.fullmatch(pattern, text):
        raise ValueError(f"{text[:80]!r} is not {fits}")
    if not text.isprintable():
        raise ValueError(f"{text[:80]!r} holds a control or invisible character")
    if kind == "duration":
        duration(text)
    if kind in ("day", "end") and text != "never":
        _of_the_calendar(text)
    if kind in ("path", "log") and any(part in ("", ".", "..") for part in text.split("/")[1:]):
        raise ValueError(f"{text[:80]!r} has an empty, . or .. part")
    return text


def _of_the_calendar(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a day of the calendar: {error}") from None


def names(template: str) -> list[str]:
    """The slots of a template in order; ValueError where its braces do not pair or hold more than a name."""
    found = [part[1:] for part in Formatter().parse(template) if part[1] is not None]
    for field, form, conversion in found:
        if form or conversion or not NAME.fullmatch(field or ""):
            raise ValueError(f"{template[:80]!r}: braces hold the name of a slot only; literal ones are doubled")
    return [str(field) for field, _, _ in found]


def fill(token: str, values: dict[str, str]) -> str:
    """One token of a template with its slots filled in; doubled braces become single ones."""
    parts = Formatter().parse(token)
    return "".join(text + (values[field] if field else "") for text, field, _, _ in parts)
