"""Asking again until it is met: the pause between two tries grows, and now and then something is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from opsguide.broker.transit import Seen

FIRST_PAUSE, LONGEST_PAUSE, SAY_EVERY = 0.2, 5.0, 5.0


class Waiting:
    """One wait, from now on; `cancel` cuts its pauses short. `passed` in seconds, as of the last look at the time."""

    def __init__(self, cancel: threading.Event, pause: float = FIRST_PAUSE) -> None:
        self._cancel, self._pause = cancel, pause
        self._start, self._said = time.monotonic(), 0.0
        self.passed = 0.0

    def is_over(self, limit: float) -> bool:
        """Whether another try would come too late."""
        self.passed = time.monotonic() - self._start
        return self.passed + self._pause > limit

    def may_say(self) -> bool:
        """Whether it is time to say something; then not again for a while."""
        due = self.passed - self._said >= SAY_EVERY
        self._said = self.passed if due else self._said
        return due

    def rest(self) -> None:
        """The pause before the next try."""
        self._cancel.wait(self._pause)
        self._pause = min(self._pause * 1.6, LONGEST_PAUSE)


def until(
    cancel: threading.Event,
    ask: Callable[[int], Seen],
    within: float,
    hold: float,
    tell: Callable[[float, Seen], None],
) -> tuple[Seen, bool]:
    """Ask until it is met, or all through `hold`; the last answer, and whether the time was over."""
    waiting, tries = Waiting(cancel), 0
    while True:
        tries += 1
        seen = ask(tries)
        over = waiting.is_over(hold if hold else within)
        if cancel.is_set() or (over if (seen.state == "ok") == bool(hold) else True):
            return seen, over
        if waiting.may_say():
            tell(waiting.passed, seen)
        waiting.rest()
