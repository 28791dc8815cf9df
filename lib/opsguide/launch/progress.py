"""How far a batch is: on a terminal some lines that are written over, elsewhere one line for each event.

- On a terminal an event stays above the lines that are redrawn; nothing that runs is silent for longer than a second.
- No line is wider than the terminal, and there are never more of them than it is high.
- What a host or a kernel wrote is made harmless before it is shown.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from opsguide.launch.rows import Job
from opsguide.record.visible import one_line

WIDTH = 20
EVERY = 0.2


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
        print(words, file=sys.stderr, flush=True)

    def show(self, first: str, running: Sequence[Job]) -> None:
        """Nothing: the events say it."""

    def close(self) -> None:
        """Nothing is left to be wiped."""


class Screen(Lines):
    """Progress on a terminal."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out, self._drawn, self._at = out or sys.stderr, 0, 0.0

    def event(self, words: str) -> None:
        """A line that stays."""
        self._write([words], stays=True)

    def show(self, first: str, running: Sequence[Job]) -> None:
        """The lines that are written over, at most every fifth of a second."""
        now = time.monotonic()
        if now - self._at >= EVERY:
            self._at = now
            room = max(1, shutil.get_terminal_size().lines - 3)
            shown = [line(job, now) for job in running[:room]]
            more = [f"  … and {len(running) - room} more"] if len(running) > room else []
            self._write([first, *shown, *more])

    def close(self) -> None:
        """Wipe what would be written over."""
        self._write([])

    def _write(self, lines: list[str], stays: bool = False) -> None:
        wide = max(20, shutil.get_terminal_size().columns - 1)
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._out.write(f"\r{up}\x1b[J" + "".join(f"{text[:wide]}\n" for text in lines))
        self._out.flush()
        self._drawn, self._at = 0 if stays else len(lines), 0.0 if stays else self._at
