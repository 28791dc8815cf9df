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
    """Takes redacted output as it comes; past 64 KiB all of it goes to the file `name` in the run's folder.

    `close` syncs and gives the fields of the `answer` event: `out`, `out_file` ("" without a file),
    `out_bytes`. Of a stream in a file `out` is the beginning (whole lines within 16 KiB), `out_tail` the
    end, `out_lines` counts its newlines and `out_sha256` digests it. Not thread safe.
    """

    def __init__(self, folder: Path, name: str, stream: str) -> None:
        self._path, self._folder, self._name, self._stream = folder / name, folder, name, stream
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
        with durable.storing(self._path):
            if self._handle < 0:
                self._open(raw)
            durable.write_all(self._handle, raw)
        self._tail = (self._tail + raw[-TAIL:])[-TAIL:]

    def close(self) -> dict[str, Any]:
        """Ends the stream and gives the fields for the `answer` event."""
        if self._handle < 0:
            return self._fields(bytes(self._head), "")
        with durable.storing(self._path):
            os.fsync(self._handle)
            durable.sync_folder(self._path.parent)
        self.discard()
        head, tail = bytes(self._head[:HEAD]), bytes(self._tail)
        head = head[: head.rfind(b"\n") + 1] or head
        tail = tail[tail.find(b"\n") + 1 :] or tail
        more = {"tail": text(tail), "lines": self.lines, "sha256": self._sum.hexdigest()}
        return self._fields(head, self._name) | {f"{self._stream}_{key}": value for key, value in more.items()}

    def discard(self) -> None:
        """Closes the file without a word, for a command whose answer is not written."""
        if self._handle >= 0:
            with contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = -1

    def _fields(self, raw: bytes, file: str) -> dict[str, Any]:
        name = self._stream
        return {name: text(raw), f"{name}_file": file, f"{name}_bytes": self.bytes}

    def _open(self, raw: bytes) -> None:
        if not self._path.parent.is_dir():
            self._path.parent.mkdir(exist_ok=True)
            durable.sync_folder(self._folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._handle = os.open(self._path, flags, 0o640)
        durable.write_all(self._handle, bytes(self._head))
        self._tail += self._head[-TAIL:]
        self._head += raw[:HEAD]


def text(raw: bytes) -> str:
    """Bytes as text: UTF-8, and what is not becomes `\\xff`."""
    return raw.decode("utf-8", "backslashreplace")
