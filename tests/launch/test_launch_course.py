"""The course of a batch, sentence by sentence, with rows that are played: a row is a script of polls and an exit code."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from desk import lines
from opsguide.errors import StoreError
from opsguide.launch import course as courses
from opsguide.launch.asked import asked
from opsguide.launch.course import Course, Limits
from opsguide.launch.given import text
from opsguide.launch.progress import Lines
from opsguide.launch.rows import Gate, Line, Row
from opsguide.launch.setting import Setting
from opsguide.record import batches
from opsguide.record.redaction import Redactor

from .conftest import FarDesk

STATES = {0: "succeeded", 1: "failed", 3: "requested", 4: "refused", 5: "unknown", 7: "refused"}


@dataclass
class Played(Line):
    """A row without a process: it ends with `ends` after `polls` looks at it."""

    ends: int = 0
    polls: int = 1
    log: list[str] = field(default_factory=list)
    got: list[int] = field(default_factory=list)

    def start(self, batch: str, environment: dict[str, str], journal: int) -> None:
        self.log.append(f"+{self.row.number}")
        self.child = object()  # type: ignore[assignment]

    def poll(self) -> bool:
        self.polls -= 1
        if self.polls > 0:
            return False
        self.code, self.ended = self.ends, float(len(self.log))
        self.log.append(f"-{self.row.number}")
        self.outcome = replace(self.outcome, run="r", state=STATES[self.ends], exit=self.ends)
        return True

    def signal(self, number: int) -> None:
        self.got.append(number)


class Quiet(Lines):
    def event(self, words: str) -> None:
        """Nothing."""


@dataclass
class Stage:
    """Makes courses of played rows."""

    far: FarDesk
    log: list[str] = field(default_factory=list)

    def course(self, ends: list[int], waves: list[int] | None = None, polls: list[int] | None = None,
               locked: list[set[str]] | None = None, **limits: Any) -> Course:  # fmt: skip
        given = {"element": "uh-01", "mode": "apply", "reason": "x", "service": "zabbix-agent"}
        one = asked(Setting(), "06", {name: text(name, value) for name, value in given.items()})
        rows = [
            Played(
                Row(n, waves[n - 1] if waves else 1, "", one), ends=end, log=self.log,
                polls=polls[n - 1] if polls else 1, locked=locked[n - 1] if locked else {str(n)},
            )
            for n, end in enumerate(ends, 1)
        ]  # fmt: skip
        self.folder = batches.start(self.far.records, "played", {"rows": []}, Redactor({}))
        return Course(list(rows), Limits(**limits), self.folder, {}, Quiet())

    def events(self, *types: str) -> list[dict[str, Any]]:
        return lines(self.folder.path / "events.jsonl", *types)


@pytest.fixture
def stage(far: FarDesk, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("OPSGUIDE_PLATFORM", str(far.platform))
    return Stage(far)


def started(course: Course) -> list[int]:
    return [line.row.number for line in course.lines if line.code is not None]


def test_rows_start_in_the_order_of_the_sheet_one_at_a_time(stage: Stage) -> None:
    course = stage.course([0, 0, 0])
    course.run()
    assert stage.log == ["+1", "-1", "+2", "-2", "+3", "-3"]
    assert (course.exit(), course.state(), course.stopped) == (0, "succeeded", "")


def test_at_a_time_is_never_more_than_that(stage: Stage) -> None:
    stage.course([0] * 6, polls=[3, 1, 2, 1, 1, 1], at_a_time=2).run()
    running = 0
    for step in stage.log:
        running += 1 if step.startswith("+") else -1
        assert running <= 2
    assert stage.log[:2] == ["+1", "+2"]


def test_a_row_that_may_touch_what_runs_waits_and_so_do_the_rows_after_it(stage: Stage) -> None:
    stage.course([0] * 3, polls=[3, 1, 1], locked=[{"a"}, {"a", "b"}, {"c"}], at_a_time=3).run()
    assert stage.log == ["+1", "-1", "+2", "+3", "-2", "-3"]


@pytest.mark.parametrize("code", [1, 4, 5, 7])
def test_with_no_budget_the_first_error_stops_the_batch(stage: Stage, code: int) -> None:
    course = stage.course([0, code, 0])
    course.run()
    assert started(course) == [1, 2]
    assert (course.exit(), course.stopped) == (code, "budget")
    assert stage.events("stop")[0]["why"] == "budget"
    assert [e["row"] for e in stage.events("row-start")] == [1, 2]


def test_a_written_request_is_no_error(stage: Stage) -> None:
    course = stage.course([3, 0, 3])
    course.run()
    assert started(course) == [1, 2, 3]
    assert (course.exit(), course.state()) == (3, "requested")


def test_as_many_errors_as_the_budget_are_borne_and_one_more_is_not(stage: Stage) -> None:
    course = stage.course([1, 4, 0, 1, 0], max_errors=2)
    course.run()
    assert started(course) == [1, 2, 3, 4]
    assert course.errors == 3


def test_the_exit_code_is_that_of_the_first_error_also_when_it_was_borne(stage: Stage) -> None:
    course = stage.course([0, 7, 1, 0], max_errors=4)
    course.run()
    assert started(course) == [1, 2, 3, 4]
    assert (course.exit(), course.state()) == (7, "failed")


def test_rows_that_run_when_the_budget_is_spent_come_to_their_end_and_may_be_errors_too(stage: Stage) -> None:
    course = stage.course([1, 1, 1, 0], polls=[1, 3, 3, 1], at_a_time=3)
    course.run()
    assert started(course) == [1, 2, 3]
    assert course.errors == 3, "two more than the budget of 0 and one: a guarantee only one at a time"


def test_one_at_a_time_there_is_never_more_than_one_error_over_the_budget(stage: Stage) -> None:
    course = stage.course([1] * 6, max_errors=2)
    course.run()
    assert course.errors == 3


def test_errors_count_over_all_waves(stage: Stage) -> None:
    course = stage.course([1, 0, 1, 0, 0], waves=[1, 1, 2, 2, 3], max_errors=1)
    course.run()
    assert started(course) == [1, 2, 3]


def test_a_wave_starts_when_every_row_of_the_one_before_has_ended(stage: Stage) -> None:
    stage.course([0] * 4, waves=[1, 1, 2, 2], polls=[1, 4, 1, 1], at_a_time=4).run()
    assert stage.log.index("-2") < stage.log.index("+3")
    assert [e["rows"] for e in stage.events("wave")] == [[1, 2], [3, 4]]


def test_after_the_pause_each_gate_is_asked_and_one_that_is_not_passed_stops_the_batch(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(gate: Gate, batch: str, environment: dict[str, str], journal: int) -> None:
        stage.log.append(f"gate {gate.row.number}")
        gate.child = object()  # type: ignore[assignment]

    def poll(gate: Gate) -> bool:
        gate.code = int(gate.row.number == 3)
        gate.outcome = replace(gate.outcome, run="g", state="failed" if gate.code else "succeeded")
        return True

    monkeypatch.setattr(Gate, "start", start)
    monkeypatch.setattr(Gate, "poll", poll)
    course = stage.course([0, 3, 0, 0], waves=[1, 1, 2, 3], gate=True, pause=0.06)
    course.run()
    assert stage.log == ["+1", "-1", "+2", "-2", "gate 1", "+3", "-3", "gate 3"], "a request changed nothing"
    assert (course.exit(), course.state(), course.stopped) == (1, "failed", "gate")
    assert len(stage.events("pause")) == 2
    assert [e["state"] for e in stage.events("gate-end")] == ["succeeded", "failed"]


def test_an_operator_who_does_not_say_yes_ends_the_batch(stage: Stage) -> None:
    answers = iter([True, False])
    course = stage.course([0] * 4, waves=[1, 2, 3, 4], ask=lambda words, given_up: next(answers))
    course.run()
    assert started(course) == [1, 2]
    assert (course.exit(), course.state()) == (5, "interrupted")


def test_after_the_last_wave_nobody_is_asked(stage: Stage) -> None:
    course = stage.course([0], ask=lambda words, given_up: pytest.fail("asked"))
    course.run()
    assert course.exit() == 0


@dataclass
class Interrupting(Played):
    """A row in which the operator presses Ctrl-C, once or twice."""

    times: int = 1

    def poll(self) -> bool:
        if self.times:
            self.times -= 1
            os.kill(os.getpid(), signal.SIGINT)
            return False
        self.ends = 5
        return super().poll()


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_is_passed_on_once_as_an_interrupt_and_then_as_an_end(stage: Stage, times: int) -> None:
    course = stage.course([0, 0, 0])
    row = course.lines[0].row
    first = Interrupting(row, log=stage.log, times=times)
    course.lines[0] = first
    course.run()
    assert first.got == [signal.SIGINT, signal.SIGTERM][:times]
    assert (course.exit(), course.state(), course.stopped) == (5, "interrupted", "signal")
    assert [line.code for line in course.lines] == [5, None, None]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_batch_whose_rows_had_all_ended_well_when_it_was_stopped_has_succeeded(stage: Stage) -> None:
    course = stage.course([0])
    course.stopped = courses.SIGNAL
    course.lines[0].code = 0
    assert course.exit() == 0


def test_without_a_record_no_further_row_starts(stage: Stage) -> None:
    course = stage.course([0, 0, 0])
    (stage.folder.path / "events.jsonl").write_text("somebody else's line\n")
    course.run()
    assert stage.log == []
    assert isinstance(course.trouble, StoreError)


def test_a_row_is_written_down_before_it_starts_and_after_it_has_ended(stage: Stage) -> None:
    course = stage.course([0, 1])
    course.run()
    kinds = [(e["type"], e.get("row")) for e in stage.events("row-start", "row-end")]
    assert kinds == [("row-start", 1), ("row-end", 1), ("row-start", 2), ("row-end", 2)]
    assert Path(stage.folder.path / "batch.json").is_file()
