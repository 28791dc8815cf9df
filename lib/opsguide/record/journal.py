"""The journal of a run: events.jsonl, one chained and synced line for each event.

- An event is on the disk before `append` returns; when it cannot be, StoreError, and the file is as before.
- One writer at a time: the file is locked while a Journal is open, and a crash frees it.
- Nothing follows `end`.
- A torn last line is tolerated only in a run that is not sealed. Opening such a run for writing moves the
  torn bytes to `torn-line-1.txt` (2, 3 …), cuts the journal back to whole lines, and says so in a `note`.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from opsguide.errors import LockedError, StoreError, TamperedError
from opsguide.record import chain, durable
from opsguide.record.chain import Event
from opsguide.record.spool import Spool

EVENTS = "events.jsonl"
INTENT = "intent.json"
SEAL = "seal.json"
OUTPUT = "output"
TORN = "torn-line-{}.txt"
RESERVED = frozenset({"seq", "at", "type", "prev"})


class Events(list[Event]):
    """The events of a run in order; `torn` holds the bytes of a torn last line, empty when there is none."""

    torn: bytes = b""


def read(folder: Path, first: str = INTENT) -> Events:
    """The events of the run in `folder`, sealed or not; TamperedError when the chain is broken."""
    found = scan(folder, first)
    if found.fault or (found.torn and (folder / SEAL).exists()):
        words = found.fault or "the sealed journal ends in a torn line"
        raise TamperedError(words, where=str(folder / EVENTS), next=f"opsguide verify {folder.name}")
    events = Events(found.entries)
    events.torn = found.torn
    return events


def scan(folder: Path, first: str = INTENT) -> chain.Chain:
    """The journal of `folder`, which begins at the file `first`, as a checked chain; what is in it never raises."""
    start = durable.digest((folder / first).read_bytes())
    try:
        return chain.check((folder / EVENTS).read_bytes(), start)
    except FileNotFoundError:
        return chain.Chain(last=start)


class Journal:
    """The writer of the events of one unsealed run, or of another record that begins at the file `first`. Thread safe.

    `count` is the number of events, `last` the digest of the last line, `ended` whether `end` is there.
    LockedError when another writer has it for longer than `wait` seconds, TamperedError when what is there is no chain.
    """

    def __init__(self, folder: Path, first: str = INTENT, wait: float = 0.0) -> None:
        self.folder, self.path, self._first = folder, folder / EVENTS, first
        self.count, self.last, self.ended, self._size = 0, "", False, 0
        self._lock = threading.RLock()
        with durable.storing(self.path):
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            self._handle = os.open(self.path, flags, 0o640)
        try:
            self._claim(wait)
            self._resume()
        except BaseException:
            self.close()
            raise

    def append(self, type: str, /, **fields: Any) -> Event:
        """Writes the event and returns it as it stands in the file; StoreError when the disk refuses.

        `seq` (from 0), `at` (UTC), `type` and `prev` are the journal's own and may not be among `fields`.
        """
        if wrong := RESERVED & fields.keys():
            raise ValueError(f"{sorted(wrong)} belong to the journal")
        with self._lock:
            if self._handle < 0 or self.ended:
                words = "the run has ended, nothing can be added to its journal"
                raise StoreError(words, where=str(self.path), next="begin a new run")
            event = {"seq": self.count, "at": durable.now(), "type": type, **fields, "prev": self.last}
            line = durable.json_line(event)
            self._size = durable.append_line(self._handle, self._size, line, self.path)
            self.count, self.last, self.ended = self.count + 1, durable.digest(line), type == "end"
            return event

    def output(self, command: int, stream: str) -> Spool:
        """Takes the output of command number `command`, `stream` 'out' or 'err'; a file only past 64 KiB."""
        return Spool(self.folder, f"{OUTPUT}/c{command:04}.{stream}", stream)

    def fileno(self) -> int:
        """The open file: a process that inherits it shares the lock, until it ends."""
        return self._handle

    def close(self) -> None:
        """Frees the journal's lock; closing twice is harmless."""
        with self._lock:
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

    def _claim(self, wait: float) -> None:
        if not durable.claimed(self._handle, wait):
            words = "this run is still being written"
            raise LockedError(words, where=self.folder.name, next="wait until it has ended")

    def _resume(self) -> None:
        found = scan(self.folder, self._first)
        if found.fault:
            raise TamperedError(found.fault, where=str(self.path), next="opsguide verify --all")
        self._size, self.count, self.last = found.size, len(found.entries), found.last
        self.ended = bool(found.entries) and found.entries[-1].get("type") == "end"
        with durable.storing(self.path):
            durable.sync_folder(self.folder)
        if found.torn:
            self._set_aside(found.torn)
        if not self.ended:
            self._tell_torn({entry.get("torn_file") for entry in found.entries})

    def _set_aside(self, torn: bytes) -> None:
        kept = list(self.folder.glob(TORN.format("*")))
        if torn not in (path.read_bytes() for path in kept):
            durable.write_file(self.folder / TORN.format(len(kept) + 1), torn)
        with durable.storing(self.path):
            os.ftruncate(self._handle, self._size)
            os.fdatasync(self._handle)

    def _tell_torn(self, told: set[Any]) -> None:
        for kept in sorted(self.folder.glob(TORN.format("*"))):
            if kept.name not in told:
                content = kept.read_bytes()
                words = f"a crash tore the journal's last line; its {len(content)} bytes are in {kept.name}"
                self.append("note", words=words, torn_file=kept.name, torn_sha256=durable.digest(content))
