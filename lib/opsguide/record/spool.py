"""One stream of one command: kept as text while it is short, in a file of its own when it is long."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Any

from opsguide.record import durable

LIMIT = 64 * 1024
HEAD, TAIL = 16 * 1024, 16 * 1024


class Spool:
    """Takes redacted output as it comes. Past 64 KiB all of it goes to `name` in the run's folder.

    `close` syncs and gives the fields of the `answer` event: `out`, `out_file`, `out_bytes`, `out_sha256`; for
    a stream in a file `out` is its first 16 KiB, `out_tail` its last, and `out_lines` counts all lines.
    """

    def __init__(self, folder: Path, name: str, stream: str) -> None:
        self._folder, self._name, self._stream = folder, name, stream
        self._head, self._tail = bytearray(), bytearray()
        self._handle, self._sum = -1, hashlib.sha256()
        self.bytes, self.lines = 0, 0

    def write(self, chunk: bytes | str) -> None:
        """Adds `chunk`; StoreError when the disk refuses."""
        raw = chunk.encode("utf-8", "backslashreplace") if isinstance(chunk, str) else bytes(chunk)
        self._sum.update(raw)
        self.bytes, self.lines = self.bytes + len(raw), self.lines + raw.count(b"\n")
        if self._handle < 0 and len(self._head) + len(raw) <= LIMIT:
            self._head += raw
            return
        with durable.storing(self._folder / self._name):
            if self._handle < 0:
                self._open()
            durable.write_all(self._handle, raw)
        self._tail = (self._tail + raw)[-TAIL:]

    def close(self) -> dict[str, Any]:
        """Ends the stream and gives the fields for the `answer` event."""
        name, long = self._stream, self._handle >= 0
        if long:
            with durable.storing(self._folder / self._name):
                os.fsync(self._handle)
                durable.sync_folder((self._folder / self._name).parent)
            self.discard()
        fields = {
            name: text(bytes(self._head[:HEAD] if long else self._head)),
            f"{name}_file": self._name if long else "",
            f"{name}_bytes": self.bytes,
        }
        if long:
            fields |= {f"{name}_tail": text(bytes(self._tail)), f"{name}_lines": self.lines,
                       f"{name}_sha256": self._sum.hexdigest()}  # fmt: skip
        return fields

    def discard(self) -> None:
        """Closes the file without a word, for a command whose answer is not written."""
        if self._handle >= 0:
            with contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = -1

    def _open(self) -> None:
        path = self._folder / self._name
        if not path.parent.is_dir():
            path.parent.mkdir()
            durable.sync_folder(self._folder)
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        durable.write_all(self._handle, bytes(self._head))
        self._tail += self._head


def text(raw: bytes) -> str:
    """Bytes as text: UTF-8, and what is not becomes `\\xff`."""
    return raw.decode("utf-8", "backslashreplace")
