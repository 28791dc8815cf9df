"""Who has which element: the holds and locks in a platform's state folder, read without taking part.

- A hold is a JSON file in `holds/`; it stays until somebody settles it.
- A lock is a file lock on `locks/ELEMENT.lock`; the kernel's list of locks tells whether anybody has it. Trying the
  lock would tell as well, and could make a run that begins at that moment believe that the element is taken.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    @property
    def words(self) -> str:
        """In one phrase."""
        return f"{self.how} since {self.since} by {self.person}, run {self.run}"


def holds(state: Path) -> dict[str, Held]:
    """The holds by element; empty where there is no state folder yet."""
    found = {}
    for path in sorted((state / "holds").glob("*.json")):
        fields = _fields(path)
        texts = {name: str(fields.get(name, "")) for name in ("line", "settle", "records")}
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
