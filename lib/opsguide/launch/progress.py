"""How far a batch is: on a terminal some lines that are written over, elsewhere one line for each event.

- On a terminal an event stays above the lines that are redrawn; nothing that runs is silent for longer than a second.
- No line is wider than the terminal, and there are never more of them than it is high.
- What a host or a kernel wrote is made harmless before it is shown.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from opsguide.launch import terminal
from opsguide.launch.rows import Job
from opsguide.record.visible import one_line

WIDTH = 20
EVERY = 0.2
UNWRAPPED, WRAPPED = "\x1b[?7l", "\x1b[?7h"
"""A line of wide characters must not become two: what is drawn is counted."""


def head(done: int, rows: int, words: str) -> str:
    """The first line: `[##########----------] 5 of 10 rows  wave 2 of 4, 1 error`."""
    full = WIDTH * done // rows if rows else WIDTH
    return f"[{'#' * full}{'-' * (WIDTH - full)}] {done} of {rows} rows  {words}"


def line(job: Job, now: float) -> str:
    """One running row: its number, what, since when, and the last line that it said."""
    since = f"{now - job.child.since:.0f} s" if job.child else ""
    return f"  {job.row.number:>3}  {job.name}  {since:>5}  {one_line(job.child.last() if job.child else '')}"


class Lines:
    """Progress elsewhere than on a terminal."""

    def event(self, words: str) -> None:
        """A line whenever something happens."""
        print(one_line(words), file=sys.stderr, flush=True)

    def show(self, first: str, running: Sequence[Job]) -> None:
        """Nothing: the events say it."""

    def close(self) -> None:
        """Nothing is left to be wiped."""


class Screen(Lines):
    """Progress on a terminal."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out, self._drawn, self._at = out or terminal.drawn_on(), 0, 0.0

    def event(self, words: str) -> None:
        """A line that stays, whole."""
        self._out.write(f"{self._wiped()}{one_line(words)}\n")
        self._out.flush()
        self._at = 0.0

    def show(self, first: str, running: Sequence[Job]) -> None:
        """The lines that are written over, at most every fifth of a second."""
        now = time.monotonic()
        if now - self._at >= EVERY:
            wide, high = self._size()
            room = max(1, high - 3)
            more = [f"  … and {len(running) - room} more"] if len(running) > room else []
            shown = [first, *(line(job, now) for job in running[:room]), *more]
            self._out.write(self._wiped() + UNWRAPPED + "".join(f"{text[:wide]}\n" for text in shown) + WRAPPED)
            self._out.flush()
            self._drawn, self._at = len(shown), now

    def close(self) -> None:
        """Wipe what would be written over."""
        self._out.write(self._wiped())
        self._out.flush()

    def _wiped(self) -> str:
        """What takes the lines away that were drawn last."""
        drawn, self._drawn = self._drawn, 0
        return f"\r\x1b[{drawn}A\x1b[J" if drawn else ""

    def _size(self) -> tuple[int, int]:
        try:
            wide, high = os.get_terminal_size(self._out.fileno())
        except (OSError, ValueError):
            wide, high = 80, 24
        return max(20, wide or 80), max(4, high or 24)
