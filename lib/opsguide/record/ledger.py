"""The ledger: one chained line when a run's intent is written, one when it is sealed.

- A line is {seq, at, prev, type: intent|seal, run, digest}; digest is the sha256 of intent.json or seal.json.
- It is appended under a file lock and synced; several writers of one records folder take turns.
- A torn last line (a crash while appending) is completed when it is a whole line that lacks its newline, else cut
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


class Ledger:
    """The ledger of one records folder."""

    def __init__(self, root: Path) -> None:
        self.path = root / NAME

    def read(self) -> chain.Chain:
        """The whole ledger, checked; an absent one is an empty chain."""
        try:
            return chain.check(self.path.read_bytes(), chain.ZEROS)
        except FileNotFoundError:
            return chain.Chain()

    @contextlib.contextmanager
    def turn(self) -> Iterator[Turn]:
        """Holds the ledger's lock; StoreError when it cannot be opened."""
        with durable.storing(self.path):
            fresh = not self.path.exists()
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if fresh:
                durable.sync_folder(self.path.parent)
            yield Turn(self, handle)
        finally:
            os.close(handle)

    def append(self, kind: str, run: str, digest: str, *, once: bool = False) -> Event:
        """Adds the line of `run`; see Turn.append."""
        with self.turn() as turn:
            return turn.append(kind, run, digest, once=once)


class Turn:
    """The right to append, while the ledger's lock is held."""

    def __init__(self, ledger: Ledger, handle: int) -> None:
        self._ledger, self._handle = ledger, handle

    def append(self, kind: str, run: str, digest: str, *, once: bool = False) -> Event:
        """Adds a line of `kind` ('intent' or 'seal') for `run`, chained and synced.

        With `once` an equal line that is already there is returned instead, and one with another digest raises
        TamperedError.
        """
        path = self._ledger.path
        if once and (there := self._find(kind, run, digest)):
            return there
        last, size, repaired = self._end()
        entry: dict[str, Any] = {
            "seq": chain_seq(last, path) + 1, "at": durable.now(), "type": kind, "run": run, "digest": digest,
            **({"repaired": repaired} if repaired else {}),
            "prev": durable.digest(last) if last else chain.ZEROS,
        }  # fmt: skip
        durable.append_line(self._handle, size, durable.json_line(entry), path)
        return entry

    def _find(self, kind: str, run: str, digest: str) -> Event | None:
        for entry in self._ledger.read().entries:
            if entry.get("type") == kind and entry.get("run") == run:
                if entry.get("digest") != digest:
                    raise TamperedError(f"the ledger names another {kind} for this run", where=run)
                return entry
        return None

    def _end(self) -> tuple[bytes, int, dict[str, Any]]:
        """The last whole line, the file's size, and what had to be mended to get there."""
        size = os.fstat(self._handle).st_size
        tail = os.pread(self._handle, 65536, max(0, size - 65536))
        whole, _, torn = tail.rpartition(b"\n")
        repaired: dict[str, Any] = {}
        with durable.storing(self._ledger.path):
            if torn and chain.parse(torn) is not None:
                durable.append_line(self._handle, size, b"", self._ledger.path)
                whole, size, repaired = whole + b"\n" + torn, size + 1, {"newline": True}
            elif torn:
                size -= len(torn)
                os.ftruncate(self._handle, size)
                repaired = {"cut": len(torn), "sha256": durable.digest(torn)}
        return whole.rpartition(b"\n")[2], size, repaired


def chain_seq(last: bytes, path: Path) -> int:
    """The number of the ledger's last line, -1 for none; TamperedError when that line cannot be read."""
    entry = chain.parse(last) if last else {"seq": -1}
    if entry is None or not isinstance(entry.get("seq"), int):
        raise TamperedError(
            "the ledger's last line cannot be read",
            where=str(path),
            next="see what `opsguide verify --all` says",
        )
    return int(entry["seq"])
