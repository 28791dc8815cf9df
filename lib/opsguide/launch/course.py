"""The course of a batch: waves, the error budget, pauses, gates, stops. Each is written down before it has an effect.

- Rows start in the sheet's order. A row waits while as many run as may, or while a running one may touch its element;
  the rows after it wait with it.
- A wave starts when every row of the wave before has ended and, where asked for, the pause is over, the gate is passed
  and the operator has said yes.
- A row that ended with another exit code than 0 or 3 is an error: failed, refused, locked, unknown, interrupted, bad
  input. A row that was not run is none.
- As soon as there are more errors than the budget bears, no further row starts. Rows that run then come to their end,
  and may be errors too: only with one row at a time are there never more than one error over the budget.
- The gate proves again what every run of the wave proved that applied a change and ended well. Where one no longer
  holds, no further wave starts. It stands after each wave, the last as well.
- The first Ctrl-C starts nothing more and interrupts what runs: a look ends at once, a change is followed to its end.
  A second one, SIGTERM and SIGHUP end the kernels; the broker follows a change to its end all the same.
- When the record cannot be written no further row starts.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from opsguide.errors import StoreError, UnknownError
from opsguide.launch import outcome
from opsguide.launch.outcome import Outcome
from opsguide.launch.progress import Lines, head
from opsguide.launch.rows import Gate, Job, Line
from opsguide.record import batches
from opsguide.record.batches import BatchFolder, tag
from opsguide.record.visible import one_line

PAUSE = 0.05
SIGNAL, BUDGET, GATE, NO, STORE = "signal", "budget", "gate", "no", "store"
WHY = {
    SIGNAL: "stopped from outside",
    BUDGET: "stopped: more errors than the budget bears",
    GATE: "stopped: a gate was not passed",
    NO: "stopped: not continued",
    STORE: "stopped: the record could not be written",
}


@dataclass(frozen=True)
class Limits:
    """Rows at a time, errors that are borne, seconds of pause after a wave, whether there are gates; `ask` asks a
    question on the terminal, and is told whether to give up."""

    at_a_time: int = 1
    max_errors: int = 0
    pause: float = 0.0
    gate: bool = False
    ask: Callable[[str, Callable[[], bool]], bool] | None = None


class Course:
    """A batch on its way; `stopped` says why no further row starts, empty while they do."""

    def __init__(self, lines: list[Line], limits: Limits, folder: BatchFolder, environment: dict[str, str],
                 progress: Lines) -> None:  # fmt: skip
        self.lines, self.limits, self._folder, self._progress = lines, limits, folder, progress
        self._environment = environment
        self.stopped = ""
        self.trouble: StoreError | None = None
        self._jobs: list[Job] = []
        self._wave = 0

    def run(self) -> None:
        """Run until every row has ended or none may start."""
        numbers = sorted({line.row.wave for line in self.lines})
        with self._listening():
            for number in numbers:
                self._wave = number
                self._one_wave([line for line in self.lines if line.row.wave == number], number == numbers[-1])
                if self.stopped:
                    break
        self._progress.close()

    @property
    def errors(self) -> int:
        """How many rows are errors by now."""
        return sum(line.failed for line in self.lines)

    def exit(self) -> int:
        """The exit code of the batch."""
        if self.stopped in (SIGNAL, NO) and any(line.code in (None, 5) for line in self.lines):
            return 5
        failed = [line for line in self.lines if line.failed]
        if failed:
            return min(failed, key=lambda line: line.ended).code or 1
        if self.stopped == GATE:
            return 1
        return 3 if any(line.code == 3 for line in self.lines) else 0

    def state(self) -> str:
        """The state of the batch: succeeded, requested, failed or interrupted."""
        if self.stopped in (SIGNAL, NO) and self.exit() == 5:
            return "interrupted"
        return {0: "succeeded", 3: "requested"}.get(self.exit(), "failed")

    def words(self) -> str:
        """How it ended, in one line."""
        counts: dict[str, int] = {}
        for line in self.lines:
            counts[line.outcome.state] = counts.get(line.outcome.state, 0) + 1
        said = ", ".join(f"{number} {state}" for state, number in counts.items())
        return f"{said} of {len(self.lines)} rows" + (f"; {WHY[self.stopped]}" if self.stopped else "")

    def _one_wave(self, lines: list[Line], last: bool) -> None:
        self._note("wave", f"wave {self._wave}: {_rows(lines)}", wave=self._wave, rows=[x.row.number for x in lines])
        self._through(lines, self.limits.at_a_time)
        changed = [x for x in lines if x.code == 0 and x.row.asked.decision.mode == "apply" and x.outcome.run]
        if self.limits.pause and not self.stopped and (not last or (self.limits.gate and changed)):
            self._wait()
        if self.limits.gate and not self.stopped:
            self._through([Gate(x.row, of=str(x.outcome.run)) for x in changed], self.limits.at_a_time)
        if self.limits.ask and not self.stopped and not last:
            self._asked(self.limits.ask)

    def _through(self, jobs: Sequence[Line | Gate], at_a_time: int) -> None:
        """Start the jobs and see them to their end."""
        self._jobs = list(jobs)
        while True:
            for job in (job for job in jobs if job.running and job.poll()):
                self._ended(job)
            running: list[Job] = [job for job in jobs if job.running]
            for job in (job for job in jobs if job.waiting):
                full = len(running) >= at_a_time or any(job.touches(other) for other in running)
                if self.stopped or full:
                    break
                if self._start(job):
                    running.append(job)
            if not running:
                return
            self._progress.show(self._head(), running)
            time.sleep(PAUSE)

    def _start(self, job: Line | Gate) -> bool:
        kind, words = ("gate-start", "gate of ") if isinstance(job, Gate) else ("row-start", "")
        self._note(kind, f"{words}row {job.row.number} starts: {job.name}", row=job.row.number)
        if not self.stopped:
            job.start(self._folder.batch, self._environment, self._folder.journal.fileno())
        if self.stopped:  # a signal that came in this moment
            job.signal(signal.SIGINT)
        return job.running

    def _ended(self, job: Line | Gate) -> None:
        if job.outcome.run is None and job.code:
            job.outcome = self._found(job)
        is_gate, told = isinstance(job, Gate), job.outcome
        words = f"row {job.row.number} {told.state}, exit {job.code}: {one_line(told.words)}"
        if isinstance(job, Gate):
            words = f"gate of row {job.row.number} {'NOT passed' if job.code else 'passed'}: {one_line(told.words)}"
        self._note("gate-end" if is_gate else "row-end", words, row=job.row.number, **job.fields())
        if is_gate and job.code:
            self._stop(GATE)
        elif self.errors > self.limits.max_errors:
            self._stop(BUDGET)

    def _found(self, job: Job) -> Outcome:
        """The truth about a job that told of no run: what the run says that names it, if one had begun."""
        own = tag(self._folder.batch, job.row.number, isinstance(job, Gate))
        ref = batches.runs(self._folder.root, self._folder.batch).get(own)
        if ref is None:
            return replace(job.outcome, state="not-run")
        try:
            return outcome.of(outcome.sealed(ref.path))
        except UnknownError as error:
            return replace(job.outcome, run=ref.run, state="unknown", words=error.words, record=str(ref.path))

    def _wait(self) -> None:
        seconds = self.limits.pause
        self._note("pause", f"pause of {seconds:.0f} s after wave {self._wave}", wave=self._wave, seconds=seconds)
        end = time.monotonic() + seconds
        while not self.stopped and (left := end - time.monotonic()) > 0:
            self._progress.show(f"{self._head()}, pause: {left:.0f} s left", [])
            time.sleep(min(left, PAUSE))

    def _asked(self, ask: Callable[[str, Callable[[], bool]], bool]) -> None:
        self._progress.close()
        yes = ask(f"wave {self._wave} is over, {self.errors} errors. The next wave? [y/N] ", lambda: bool(self.stopped))
        if not self.stopped:
            self._note("asked", f"answered: {'yes' if yes else 'no'}", wave=self._wave, yes=yes)
            if not yes:
                self._stop(NO)

    def _head(self) -> str:
        done = sum(line.code is not None for line in self.lines)
        waves = max((line.row.wave for line in self.lines), default=1)
        errors = f"{self.errors} of {self.limits.max_errors} errors borne" if self.errors else "no error"
        stop = f", {WHY[self.stopped]}" if self.stopped else ""
        return head(done, len(self.lines), f"wave {self._wave} of {waves}, {errors}{stop}")

    def _note(self, kind: str, said: str, /, **fields: Any) -> None:
        """Write an event down, then say it."""
        try:
            if not self.trouble:
                self._folder.write(kind, **fields)
        except StoreError as error:
            self.trouble = error
            self._stop(STORE)
        self._progress.event(said)

    def _stop(self, why: str) -> None:
        if not self.stopped:
            self.stopped = why
            if why != STORE and not self.trouble:
                self._note("stop", WHY[why], why=why)

    def _signalled(self, number: int, frame: Any) -> None:
        first, self.stopped = self.stopped != SIGNAL, SIGNAL
        for job in self._jobs:
            job.signal(signal.SIGINT if first and number == signal.SIGINT else signal.SIGTERM)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in numbers}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:  # nohup stays nohup
                signal.signal(number, self._signalled)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _rows(lines: list[Line]) -> str:
    numbers = [line.row.number for line in lines]
    return f"row {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} rows, {numbers[0]} to {numbers[-1]}"
