"""Who has which element, and what is open: what a platform's state folder holds, read without taking part.

- It is the same for all users and records roots of the machine.
- A note in `open/` tells of a change that is in force until it is taken back; one that cannot be read is shown as that.
- A hold is a JSON file in `holds/`; it stays until somebody settles it.
- A lock is a file lock on `locks/ELEMENT.lock`; the kernel's list of locks tells whether anybody has it. Trying the
  lock would tell as well, and could make a run that begins at that moment believe that the element is taken.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsguide.launch.columns import aligned

LOCKS = Path("/proc/locks")


@dataclass(frozen=True)
class Held:
    """What keeps others from an element: `how` is 'held' or 'locked'; `line` and `settle` belong to a hold."""

    element: str
    how: str
    run: str
    person: str
    since: str
    line: str = ""
    settle: str = ""
    records: str = ""
    look: str = ""

    @property
    def words(self) -> str:
        """In one phrase."""
        return f"{self.how} since {self.since} by {self.person}, run {self.run}"

    @property
    def next(self) -> str:
        """What ends it."""
        return f'opsguide resume {self.run} --found done|not-done --why "…"' if self.how == "held" else ""

    def lines(self) -> list[str]:
        """What it is, what to look at, what to do."""
        if self.how == "locked":
            return [f"{self.element} is {self.words}, which goes on"]
        look = self.look or self.settle or "for what that line changes"
        pairs = [("sent:", self.line), ("look:", look), ("then:", self.next)]
        return [f"{self.element} is {self.words}: nobody knows whether its change took effect", *aligned(pairs, "  ")]


@dataclass(frozen=True)
class Open:
    """A change in force: `undo` takes it back; with the effect takes-out its element is out."""

    element: str
    run: str
    person: str
    since: str
    words: str = "the note cannot be read"
    undo: str = "?"
    effect: str = "takes-out"
    activity: str = ""
    line: str = ""

    @property
    def phrase(self) -> str:
        """In one phrase."""
        what = "out" if self.effect == "takes-out" else "open"
        return f"{what} since {self.since} by {self.person}, run {self.run}"

    @property
    def next(self) -> str:
        """Going on from its run, from the records root that has it."""
        return f"opsguide resume {self.run}" if self.activity else ""

    @property
    def anew(self) -> str:
        """The run that closes it from any records root."""
        return f'opsguide run {self.activity} --on {self.element} … --reason "…"' if self.activity else ""

    def lines(self) -> list[str]:
        """What it is, what takes it back, which run does."""
        pairs = [("sent:", self.line), ("undo:", self.undo), ("then:", self.next), ("or:", self.anew)]
        first = f"{self.element} is {self.phrase}: {self.words}"
        return [first, *aligned([pair for pair in pairs if pair[1]], "  ")]


def holds(state: Path) -> dict[str, Held]:
    """The holds by element; empty where there is no state folder yet."""
    found = {}
    for path in sorted((state / "holds").glob("*.json")):
        fields = _fields(path)
        texts = {name: str(fields.get(name, "")) for name in ("line", "settle", "records", "look")}
        found[path.stem] = Held(path.stem, "held", *_who(fields), **texts)
    return found


def locks(state: Path) -> dict[str, Held]:
    """The locks that a process has now, by element."""
    taken = _locked_files()
    found = {}
    for path in sorted((state / "locks").glob("*.lock")):
        try:
            inode = path.stat().st_ino
        except OSError:
            continue
        if inode in taken:
            found[path.stem] = Held(path.stem, "locked", *_who(_fields(path)))
    return found


def opened(state: Path) -> dict[str, list[Open]]:
    """What is in force until it is taken back, by element."""
    found: dict[str, list[Open]] = {}
    for path in sorted((state / "open").glob("*.json")):
        element, fields = path.name.split(".")[0], _fields(path)
        texts = {n: str(fields[n]) for n in ("words", "undo", "effect", "activity", "line") if n in fields}
        found.setdefault(element, []).append(Open(element, *_who(fields), **texts))
    return found


def _who(fields: dict[str, Any]) -> tuple[str, str, str]:
    return str(fields.get("run", "?")), str(fields.get("person", "?")), str(fields.get("since", "?"))


def _fields(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _locked_files() -> set[int]:
    """The inodes of all file locks that are held, from lines like `1: FLOCK  ADVISORY  WRITE 708 00:2f:1433 0 EOF`."""
    try:
        lines = LOCKS.read_text("ascii", "replace").splitlines()
    except OSError:
        return set()
    fields = [line.split() for line in lines]
    return {int(f[5].rsplit(":", 1)[1]) for f in fields if len(f) > 5 and f[1] == "FLOCK" and f[3] == "WRITE"}
