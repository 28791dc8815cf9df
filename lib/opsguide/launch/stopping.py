"""How a headless run is stopped from outside.

- The first Ctrl-C interrupts the kernel: a look ends at once, a change is followed to its end.
- A second Ctrl-C, SIGTERM and SIGHUP end the kernel at once; the broker follows a change to its end all the same.
- Before the kernel starts and after it is gone, each ends the launcher with the same error; a second one at once.
- Signals reach a run only in the main thread; elsewhere it is its owner's to stop.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opsguide.errors import InterruptedRunError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Whether somebody wants the run to end, `how` they said so, and what is done about it."""

    def __init__(self, interrupt: Callable[[], None], end: Callable[[], None]) -> None:
        self.how = ""
        self._interrupt, self._end = interrupt, end

    def asked(self, number: signal.Signals) -> None:
        """A signal has come."""
        first, self.how = not self.how, self.how or ("Ctrl-C" if number == signal.SIGINT else number.name)
        if first and number == signal.SIGINT:
            print("\ninterrupt: a look ends at once, a change is followed to its end; again: the kernel ends",
                  file=sys.stderr, flush=True)  # fmt: skip
            self._interrupt()
        else:
            self._end()


@contextmanager
def raising() -> Iterator[None]:
    """While this lasts a signal raises InterruptedRunError here, unless a run listens itself."""

    def stopped(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second one does not wait for what the first one ends
        raise InterruptedRunError(
            f"stopped by {signal.Signals(number).name}", next="opsguide records tells whether a run had begun"
        )

    before = {number: signal.getsignal(number) for number in SIGNALS if _is_main()}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stopped)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def listening(stop: Stop) -> Iterator[None]:
    """While this lasts the signals go to `stop`."""
    import asyncio  # slow to import, and most commands never come here

    loop, before = asyncio.get_running_loop(), {}
    if _is_main():
        for number in SIGNALS:
            before[number] = signal.getsignal(number)
            if before[number] is not signal.SIG_IGN:  # nohup stays nohup
                loop.add_signal_handler(number, stop.asked, number)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
