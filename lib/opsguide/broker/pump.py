"""Output as it comes: redacted, stored, shown. A full disk stops the command that writes it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from opsguide.errors import StoreError
from opsguide.record.journal import Journal
from opsguide.record.redaction import Lines, Redactor
from opsguide.record.visible import Stream

TEXT_LIMIT = 4 << 20
STREAMS = {"out": "  ", "err": "! "}


class Pump:
    """Both streams of one command. `text` is standard output, redacted; `raw` its bytes; both up to 4 MiB.

    `take` is the transport's sink and `stop` its cancel event: the caller's, or our own where the command must not
    be given up for any reason but that its output cannot be stored.
    """

    def __init__(
        self,
        journal: Journal,
        number: int,
        redactor: Redactor,
        say: Callable[[list[str]], None] | None,
        cancel: threading.Event | None,
    ) -> None:
        self._lines = {name: Lines(redactor) for name in STREAMS}
        self._spools = {name: journal.output(number, name) for name in STREAMS}
        self._shown = {name: Stream(mark) for name, mark in STREAMS.items()}
        self._say = say or (lambda lines: None)
        self._kept: list[str] = []
        self.raw = bytearray()
        self.stop = cancel if cancel is not None else threading.Event()
        self._broken: StoreError | None = None

    @property
    def text(self) -> str:
        """Standard output, redacted."""
        return "".join(self._kept)

    def take(self, stream: str, chunk: bytes, final: bool = False) -> None:
        """Take a chunk of `out` or `err`."""
        keep = stream == "out" and len(self.raw) < TEXT_LIMIT
        if keep:
            self.raw += chunk
        text = self._lines[stream].feed(chunk, final)
        if not text or self._broken:
            return
        try:
            self._spools[stream].write(text)
        except StoreError as error:
            self._broken = error
            self.stop.set()
            return
        if keep:
            self._kept.append(text)
        if lines := self._shown[stream].feed(text):
            self._say(lines)

    def end(self) -> dict[str, Any]:
        """Close both streams and give the fields of the answer; StoreError when something could not be stored."""
        for name in STREAMS:
            self.take(name, b"", final=True)
        if self._broken:
            for spool in self._spools.values():
                spool.discard()
            raise self._broken
        fields: dict[str, Any] = {}
        for name, spool in self._spools.items():
            kept = spool.close()
            self._say(self._shown[name].end(kept.get(f"{name}_file") or "events.jsonl"))
            fields |= kept
        return fields
