"""What is sent and what came: values that are easily broken on their way, a sink that keeps bytes, times and threads."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

NASTY = [
    *["", " lead", "it's", '"', "$HOME `id` $(id)", "\\", "a\nb", "a\r\nb", "\r", "*", "~root", "!x", "\t", "é\u202e"],
    *["-n", "--root=/", "a\\\nb", "'\\''", "%s\\n", "#x", ";true", "{a,b}", "\x1b[31m", "\x7f\x01"],
]


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
