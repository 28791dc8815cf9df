"""Runs read back: a sealed one, those that it goes on from, and those that came after it on its element.

- What is read back is verified first; what was tampered with is never followed.
- A run names what it follows in its intent (`follows.run`); its lineage is that run, the one before, and so on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsguide.errors import InputError, TamperedError
from opsguide.record import answers, chain
from opsguide.record.archive import Archive, RunRef
from opsguide.record.chain import Event
from opsguide.record.journal import INTENT, read
from opsguide.record.verify import verify

LONGEST = 100
CAME_TO_SOMETHING = ("ok", "failed", "timeout", "lost", "unknown")


@dataclass(frozen=True)
class Past:
    """A sealed run as it was: `events` in order, `path` its folder."""

    run: str
    path: Path
    intent: Event
    events: list[Event]

    @property
    def state(self) -> str:
        """How it ended."""
        return str(self.events[-1].get("state")) if self.events else "running"

    @property
    def follows(self) -> str:
        """The run that it follows, or empty."""
        return str((self.intent.get("follows") or {}).get("run", ""))

    def sends(self, *verbs: str) -> list[Event]:
        """What it sent with these verbs."""
        return [e for e in self.events if e.get("type") == "send" and e.get("verb") in verbs]

    def answer(self, command: Any) -> Event:
        """The answer to a command, empty where there is none."""
        return next((e for e in self.events if e.get("type") == "answer" and e.get("command") == command), {})

    def text(self, command: Any) -> str:
        """The whole standard output of a command, as it was stored."""
        found = self.answer(command)
        if file := found.get("out_file"):
            return (self.path / str(file)).read_bytes().decode("utf-8", "backslashreplace")
        return str(found.get("out", ""))

    @property
    def changed_something(self) -> bool:
        """Whether a change of it may have reached an element."""
        states = [self.answer(e.get("command")).get("state", "unknown") for e in self.sends(*answers.CHANGING)]
        return any(state in CAME_TO_SOMETHING for state in states)


def read_back(archive: Archive, text: str) -> Past:
    """A sealed run by its id, a unique part of it, or `last`. InputError while it goes on, TamperedError."""
    ref = archive.find(text)
    if not ref.sealed:
        words = f"the run {ref.run} is not sealed: it goes on, or its broker has just ended"
        raise InputError(words, where=str(ref.path), next=f"opsguide verify {ref.run} closes what a crash left")
    bad = next((f for f in verify(archive.root, ref.run) if f.bad), None)
    if bad:
        raise TamperedError(f"{bad.run} is not what was written: {bad.words}", where=bad.first_bad, next=SEE)
    return _past(ref)


SEE = "opsguide verify --all; nothing follows a record that was changed"


def lineage(archive: Archive, last: Past) -> list[Past]:
    """The run and all that it goes on from, oldest first."""
    found = [last]
    while found[0].follows and len(found) < LONGEST:
        found.insert(0, read_back(archive, found[0].follows))
    return found


def followers(archive: Archive, past: Past) -> list[Past]:
    """The sealed runs that follow this one."""
    return [one for one in _later(archive, past) if one.follows == past.run]


def changed_since(archive: Archive, past: Past, own: set[str]) -> Past | None:
    """The first later run on its element, none of `own`, that changed something."""
    return next((one for one in _later(archive, past) if one.run not in own and one.changed_something), None)


def _later(archive: Archive, past: Past) -> list[Past]:
    name = re.escape(str((past.intent.get("element") or {}).get("name")))
    fits = re.compile(rf".*-{name}-[0-9a-f]{{8}}")
    return [_past(ref) for ref in archive.runs() if ref.sealed and ref.run > past.run and fits.fullmatch(ref.run)]


def _past(ref: RunRef) -> Past:
    intent = chain.parse((ref.path / INTENT).read_bytes()) or {}
    return Past(ref.run, ref.path, intent, read(ref.path))
