"""Runs read back: a sealed one, those that it goes on from, and those that came after it on its element.

- What is read back is verified first; what was tampered with is never followed.
- A run names what it follows in its intent (`follows.run`); its lineage is that run, the one before, and so on.
- What came after a run is told by when it sent its changes, not by when it began: a run that began earlier may have
  changed the element later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsguide.errors import InputError, TamperedError
from opsguide.record import answers, chain
from opsguide.record.archive import Archive, RunRef
from opsguide.record.chain import Event
from opsguide.record.journal import INTENT, SEAL, read
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
        return self.changed_after("")

    def changed_after(self, at: str) -> bool:
        """The same for the changes that it sent after a time."""
        sent = (e for e in self.sends(*answers.CHANGING) if str(e.get("at")) > at)
        return any(self.answer(e.get("command")).get("state", "unknown") in CAME_TO_SOMETHING for e in sent)


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
    """The sealed runs that follow this one and may have changed something, oldest first."""
    return [one for one in _beside(archive, past) if one.follows == past.run and one.changed_something]


def changed_nothing(archive: Archive, run: str) -> bool:
    """Whether that run is here, is sealed, and nothing of it reached an element."""
    found = next((ref for ref in archive.runs() if ref.run == run and ref.sealed), None)
    return found is not None and not _past(found).changed_something


def changed_since(archive: Archive, past: Past, own: set[str]) -> Past | None:
    """The first run on its element, none of `own`, that changed something after it began."""
    at = str(past.intent.get("at"))
    return next((one for one in _beside(archive, past) if one.run not in own and one.changed_after(at)), None)


def _beside(archive: Archive, past: Past) -> Iterator[Past]:
    """The other sealed runs on its element that ended after it began."""
    name, at = str((past.intent.get("element") or {}).get("name")), str(past.intent.get("at"))
    fits = re.compile(rf".*-{re.escape(name)}-[0-9a-f]{{8}}")
    for ref in archive.runs():
        if ref.sealed and ref.run != past.run and fits.fullmatch(ref.run) and _ended(ref) > at:
            one = _past(ref)
            if (one.intent.get("element") or {}).get("name") == name:
                yield one


def _ended(ref: RunRef) -> str:
    """When a run was sealed; `~`, after all times, where that cannot be read."""
    try:
        return str((chain.parse((ref.path / SEAL).read_bytes()) or {}).get("at", "~"))
    except OSError:
        return "~"


def _past(ref: RunRef) -> Past:
    intent = chain.parse((ref.path / INTENT).read_bytes()) or {}
    return Past(ref.run, ref.path, intent, read(ref.path))
