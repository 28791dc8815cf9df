"""Which activity mends what a failed command has found: a way on for the operator, never a step taken by itself."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from opsguide.guide import maps
from opsguide.guide.kinds import KINDS
from opsguide.guide.scope_keys import TEXT, TEXTS, hold_table

KEYS = {"what": TEXT, "command": TEXT, "activity": TEXT, "answer": TEXT, "kinds": TEXTS}


@dataclass(frozen=True)
class Mend:
    """One row: what was found, by which command and answer, on which kinds, and the activity's slug."""

    what: str
    command: str
    activity: str
    answer: str = ""
    kinds: tuple[str, ...] = KINDS

    def fits(self, kind: str, command: str, answer: str) -> bool:
        """Whether the row is about this failure."""
        return kind in self.kinds and fnmatchcase(command, self.command) and bool(re.search(self.answer, answer))


@cache
def load() -> tuple[Mend, ...]:
    """The shipped rows, in order."""
    return maps.read("mends.toml", parse)


def parse(text: str) -> tuple[Mend, ...]:
    """The rows from the text of their file; ValueError, with the place, for a row that is none."""
    return tuple(_mend(f"mend {number}", row) for number, row in enumerate(tomllib.loads(text)["mend"], 1))


def _mend(place: str, row: dict[str, Any]) -> Mend:
    hold_table(place, row, KEYS, ("what", "command", "activity"))
    try:
        re.compile(row.get("answer", ""))
    except re.error as error:
        raise ValueError(f"{place}, key answer: {error}") from None
    return Mend(**{**row, "kinds": tuple(row.get("kinds", KINDS))})


def mend(kind: str, command: str, answer: str, but: str = "") -> Mend | None:
    """The row for a failed command on an element of that kind; none when only activity `but` would be named."""
    found = next((row for row in load() if row.fits(kind, command, answer)), None)
    return None if found is None or found.activity == but else found
