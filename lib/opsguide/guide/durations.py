"""Durations in words: "20 s", "2 min", "1.5 h", "1 d".

- A duration is a number and a unit; one space between them may be left out.
- The units are s, min, h and d. A number without a unit is refused: nobody should guess what 5 means.
- A duration is longer than nothing and not longer than 30 days.
"""

from __future__ import annotations

import re

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST = 30 * SECONDS["d"]
_FORM = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?(s|min|h|d)", re.ASCII)


def duration(text: str) -> float:
    """Seconds meant by the words; ValueError says what was expected."""
    found = _FORM.fullmatch(text)
    if not found:
        raise ValueError(f"{text[:40]!r} is not a duration; write a number and a unit, like 20 s or 2 min")
    seconds = float(found[1]) * SECONDS[found[2]]
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"{text[:40]!r} is not between 1 ms and 30 d")
    return seconds
