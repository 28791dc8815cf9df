"""What stands between the command line and its two outputs, whoever prints.

- Nothing acts on a terminal but what progress.py draws itself.
- A reader that has gone (`| head`) changes nothing: what runs comes to its end, and the exit code is the same.
- An output that cannot be written (a full disk) is told; what would have been 0 is then 2.
- An encoding that cannot say a character escapes it; one that has hardly any is UTF-8.
- An output that was closed before we began is nowhere: no file that is opened later takes its place.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any

from opsguide.errors import StoreError
from opsguide.harmless import Shown


class Lasting:
    """A text stream that goes on as nothing once it cannot be written; `trouble` says why, empty for a gone reader.
    `used` says whether anything was written.
    """

    def __init__(self, real: Any) -> None:
        self.real, self.trouble, self.used = real, "", False

    def write(self, text: str) -> int:
        """Write it, or nothing."""
        self.used = True
        with self._going_on():
            self.real.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush it, or nothing."""
        with self._going_on():
            self.real.flush()

    @contextlib.contextmanager
    def _going_on(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                self.trouble = error.strerror or str(error)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.real.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def opened() -> list[Lasting]:
    """Put ourselves between: `sys.stdout` and `sys.stderr` from now on, and what is behind them."""
    for number in range(3):
        with contextlib.suppress(OSError):
            os.fstat(number)
            continue
        os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
    found = []
    for name, number in (("stdout", 1), ("stderr", 2)):
        real: Any = getattr(sys, name) or os.fdopen(number, "w", encoding="utf-8", closefd=False)
        poor = codecs.lookup(real.encoding).name == "ascii"
        real.reconfigure(errors="backslashreplace", **({"encoding": "utf-8"} if poor else {}))
        found.append(Lasting(real))
        setattr(sys, name, Shown(found[-1]))
    return found


def ended(outs: list[Lasting], code: int) -> int:
    """The exit code, once all is written: another one where an output that was wanted whole is not there."""
    for out in outs:
        out.flush()
    trouble = next((out.trouble for out in outs if out.trouble), "")
    if not trouble:
        return code
    error = StoreError(
        f"the output cannot be written: {trouble}", next="what was done is done: opsguide records has it"
    )
    print(error, file=sys.stderr, flush=True)
    return code or error.exit_code


def drawn_on() -> Any:
    """Where progress draws: the standard error with nothing that shows what acts."""
    return getattr(sys.stderr, "real", sys.stderr)
