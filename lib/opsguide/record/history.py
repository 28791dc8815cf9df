"""A history: a folder with a first file that never changes and a chained journal, each line named by the ledger.

- Every event is chained, and the ledger names its line after it: an edited, cut or added tail shows.
- Who writes waits a little for another who does.
- A crash between the two leaves one line that the ledger does not name, or the first file alone: the history is then
  UNFINISHED, and the next event names it late. More than one is no crash.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsguide.errors import TamperedError
from opsguide.record import durable
from opsguide.record.archive import VERSION
from opsguide.record.checks import OK, TAMPERED, UNFINISHED, Finding
from opsguide.record.journal import EVENTS, Journal, scan
from opsguide.record.ledger import Ledger

WAIT = 10.0


@dataclass(frozen=True)
class Sort:
    """One sort of history: its folder below the records, what one is called there and in words, its first file."""

    place: str
    name: re.Pattern[str]
    first: str
    noun: str
    begun: str
    event: str
    """The types of its lines in the ledger: of the first file, and of an event."""

    def folders(self, root: Path) -> list[Path]:
        """The folders of all histories of this sort."""
        place = root / self.place
        return (
            sorted(p for p in place.iterdir() if self.name.fullmatch(p.name) and p.is_dir()) if place.is_dir() else []
        )

    def begin(self, root: Path, name: str, fields: Mapping[str, Any]) -> Path:
        """A new history; its folder, its first file and the ledger's line are on the disk when this returns."""
        path, part = root / self.place / name, root / self.place / f".{name}{durable.PART}"
        content = durable.json_file({"version": VERSION, self.noun: name, "at": durable.now(), **fields})
        with durable.storing(path):
            durable.make_folders(part, root)
            durable.write_file(part / self.first, content)
            part.rename(path)
            durable.sync_folder(path.parent)
        Ledger(root).append(self.begun, name, durable.digest(content))
        return path

    def append(self, path: Path, kind: str, **fields: Any) -> None:
        """An event, on the disk and in the ledger when this returns. LockedError while another writes for long."""
        with self.turn(path) as add:
            add(kind, **fields)

    @contextlib.contextmanager
    def turn(self, path: Path) -> Iterator[Any]:
        """The right to add events; TamperedError where the history was changed."""
        journal, ledger = Journal(path, self.first, WAIT), Ledger(path.parents[1])

        def add(kind: str, **fields: Any) -> None:
            journal.append(kind, **fields)
            ledger.append(self.event, path.name, journal.last)

        try:
            entries = self.entries(path)
            found = self.check(path, entries)
            if found.bad:
                raise TamperedError(f"{found.first_bad}: {found.words}", where=path.name, next="opsguide verify --all")
            if not entries:
                ledger.append(self.begun, path.name, durable.file_digest(path / self.first))
            elif found.verdict == UNFINISHED:
                ledger.append(self.event, path.name, journal.last)
            yield add
        finally:
            journal.close()

    def entries(self, path: Path) -> list[dict[str, Any]]:
        """The ledger's lines that name the history in `path`."""
        of_it = (self.begun, self.event)
        read = Ledger(path.parents[1]).read().entries
        return [e for e in read if e.get("run") == path.name and e.get("type") in of_it]

    def check(self, path: Path, entries: list[dict[str, Any]]) -> Finding:
        """The verdict on the history in `path`; `entries` its lines in the ledger."""
        if not entries and not _lines(path):
            return Finding(path.name, UNFINISHED, self.first, "it has not begun: nothing is in it")
        first_bad, words = self._misfit(path, entries)
        if first_bad:
            return Finding(path.name, TAMPERED, first_bad, words)
        unnamed = len(_lines(path)) - len(entries[1:])
        if unnamed > 1:
            line = f"{EVENTS} line {len(entries)}"
            return Finding(path.name, TAMPERED, line, f"the ledger does not name the last {unnamed} events")
        return Finding(path.name, UNFINISHED if unnamed else OK, words="the last event is not in the ledger" * unnamed)

    def _misfit(self, path: Path, entries: list[dict[str, Any]]) -> tuple[str, str]:
        if not (path / self.first).is_file():
            return path.name, "the ledger names it and its folder is gone"
        content = (path / self.first).read_bytes()
        if not entries or entries[0].get("type") != self.begun or entries[0].get("digest") != durable.digest(content):
            return self.first, f"{self.first} is not the one that the ledger names"
        found, lines = scan(path, self.first), _lines(path)
        if found.fault:
            return f"{EVENTS} line {found.line}", found.fault
        named = [entry.get("digest") for entry in entries[1:]]
        for number, (line, said) in enumerate(zip(lines, named, strict=False), 1):
            if line != said:
                return f"{EVENTS} line {number}", f"line {number} is not the one that the ledger names"
        if len(lines) < len(named):
            return f"{EVENTS} line {len(lines) + 1}", "the ledger names an event that is gone"
        return "", ""


def _lines(path: Path) -> list[str]:
    """The digests of the whole lines of a history's journal."""
    events = (path / EVENTS).read_bytes() if (path / EVENTS).is_file() else b""
    return [durable.digest(line) for line in events.split(b"\n")[:-1]]
