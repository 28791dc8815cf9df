"""Which activity mends what a failed command has found: a way on for the operator, never a step taken by itself."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

from opsguide.guide.kinds import KINDS


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
    table = tomllib.loads((files("opsguide.guide") / "mends.toml").read_text("utf-8"))
    return tuple(Mend(**{**row, "kinds": tuple(row.get("kinds", KINDS))}) for row in table["mend"])


def mend(kind: str, command: str, answer: str, but: str = "") -> Mend | None:
    """The row for a failed command on an element of that kind; none when only activity `but` would be named."""
    found = next((row for row in load() if row.fits(kind, command, answer)), None)
    return None if found is None or found.activity == but else found
