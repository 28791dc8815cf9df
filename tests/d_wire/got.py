"""A sink that keeps what came, when, and in which thread."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass
class Got:
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    times: list[float] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def __call__(self, stream: str, chunk: bytes) -> None:
        {"out": self.out, "err": self.err}[stream].extend(chunk)
        self.times.append(time.monotonic())
        self.threads.add(threading.get_ident())
