"""One line of the doctor's: what was looked at, how it is, and what would mend it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from opsguide.errors import OpsguideError

OK, WRONG, NOTE = "ok", "wrong", "note"
FULL, SCARCE = 1 << 20, 100 << 20


@dataclass(frozen=True)
class Check:
    """One line of the doctor's."""

    name: str
    state: str
    words: str
    next: str = ""


def said(name: str, how: Callable[[], str]) -> Check:
    """What `how` says, or the error that it raises, as a check."""
    try:
        return Check(name, OK, how())
    except OpsguideError as error:
        return Check(name, WRONG, error.words, error.next)


def writable(name: str, folder: Path, remedy: str, what: str = "") -> Iterator[Check]:
    """Whether a folder, or the one in which it is to be made, takes files, and has room for them."""
    there = next(p for p in (folder, *folder.parents) if _is_there(p))
    fits = os.access(there, os.W_OK | os.X_OK) and there.is_dir()
    words = f"{what}{folder}{'' if there == folder else ', not made yet'}"
    yield Check(name, OK if fits else WRONG, words if fits else f"{there} cannot be written", "" if fits else remedy)
    free = os.statvfs(there)
    room = free.f_bavail * free.f_frsize
    if fits and room < SCARCE:
        words = f"{room >> 20} MiB are free for {folder}: without room no record, and without a record no command"
        yield Check(name, WRONG if room < FULL else NOTE, words, "make room there")


def _is_there(path: Path) -> bool:
    """Whether it is there for us: not where we may not even look."""
    try:
        return path.exists()
    except OSError:
        return False
