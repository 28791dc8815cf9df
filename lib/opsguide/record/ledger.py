"""The ledger: one chained line when a run's intent is written, one when it is sealed; two for a batch as well.

- A line is {seq, at, type: intent|seal, run, digest, prev}; digest is the sha256 of intent.json or seal.json.
- Of a batch: {…, type: batch|batch-end, run: the batch's id, digest}, of batch.json and of the journal's `end` line.
- It is appended under a file lock and synced; several writers of one records folder take turns.
- A torn last line (a crash while appending) is completed when it is whole but for its newline, else cut
  off; the next line says so in its field `repaired`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opsguide.errors import TamperedError
from opsguide.record import chain, durable
from opsguide.record.chain import Event

NAME = "ledger.jsonl"
BATCH, BATCH_END = "batch", "batch-end"
HANDOFF, HANDOFF_EVENT = "handoff", "handoff-event"
SETTING, SETTING_EVENT = "setting", "setting-event"
WINDOW = 65536


class Ledger:
    """The ledger of one records folder."""

    def __init__(self, root: Path) -> None:
        self.path = root / NAME

    def read(self) -> chain.Chain:
        """The whole ledger, checked; an absent one is an empty chain."""
        with self.still():
            return self._read()

    @contextlib.contextmanager
    def still(self) -> Iterator[None]:
        """No run begins or is sealed inside the block. Needs no right to write."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            yield
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def turn(self) -> Iterator[Turn]:
        """The right to append; waits for others. StoreError when the ledger cannot be opened."""
        with durable.storing(self.path):
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Turn(self, handle)
        finally:
            os.close(handle)

    def append(self, kind: str, run: str, digest: str, *, once: bool = False) -> Event:
        """Adds the line of `run`; see Turn.append."""
        with self.turn() as turn:
            return turn.append(kind, run, digest, once=once)

    def _read(self) -> chain.Chain:
        try:
            return chain.check(self.path.read_bytes(), chain.ZEROS)
        except FileNotFoundError:
            return chain.Chain()


class Turn:
    """The right to append, while the ledger's lock is held."""

    def __init__(self, ledger: Ledger, handle: int) -> None:
        self._ledger, self._handle = ledger, handle

    def entries(self) -> list[Event]:
        """All lines of the ledger that can be read."""
        return self._ledger._read().entries

    def append(self, kind: str, run: str, digest: str, *, once: bool = False) -> Event:
        """Adds a line of `kind` (intent, seal, batch, batch-end) for `run`, chained and synced, and returns it.

        With `once` a line that is already there is returned instead; TamperedError when it has another
        digest. StoreError when the disk refuses; the ledger is then as before.
        """
        if once and (there := self._find(kind, run, digest)):
            return there
        size, last, repaired = self._mend()
        seq = _seq(last, self._ledger.path) + 1
        entry = {"seq": seq, "at": durable.now(), "type": kind, "run": run, "digest": digest}
        entry |= {"repaired": repaired} if repaired else {}
        entry["prev"] = durable.digest(last) if last else chain.ZEROS
        durable.append_line(self._handle, size, durable.json_line(entry), self._ledger.path)
        if not seq:
            durable.sync_folder(self._ledger.path.parent)
        return entry

    def _find(self, kind: str, run: str, digest: str) -> Event | None:
        for entry in self.entries():
            if entry.get("type") == kind and entry.get("run") == run:
                if entry.get("digest") != digest:
                    raise TamperedError(f"the ledger names another {kind} of this run", where=run)
                return entry
        return None

    def _mend(self) -> tuple[int, bytes, dict[str, Any]]:
        """The ledger's size, its last whole line, and what had to be done to a torn one."""
        size = os.fstat(self._handle).st_size
        tail = os.pread(self._handle, WINDOW, max(0, size - WINDOW))
        whole, torn = _torn(tail)
        if not torn:
            return size, whole, {}
        path = self._ledger.path
        if chain.parse(torn) is not None:
            return durable.append_line(self._handle, size, b"", path), torn, {"newline": True}
        with durable.storing(path):
            os.ftruncate(self._handle, size - len(torn))
        return size - len(torn), whole, {"cut": len(torn), "sha256": durable.digest(torn)}


def _torn(tail: bytes) -> tuple[bytes, bytes]:
    """The last whole line of the ledger's end, and the torn bytes after it (as chain.check sees them)."""
    lines = tail.split(b"\n")
    torn = lines.pop()
    if not torn and lines and chain.parse(lines[-1]) is None:
        torn = lines.pop() + b"\n"
    return (lines[-1] if lines else b""), torn


def _seq(last: bytes, path: Path) -> int:
    """The number of the ledger's last line, -1 for none; TamperedError when that line cannot be read."""
    entry = chain.parse(last) if last else {"seq": -1}
    if entry is None or not isinstance(entry.get("seq"), int):
        words = "the ledger's last line cannot be read"
        raise TamperedError(words, where=str(path), next="see what `opsguide verify --all` says")
    return int(entry["seq"])
