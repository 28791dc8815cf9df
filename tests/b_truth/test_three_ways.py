"""Suite B: each fault through stock papermill and through our launcher; by hand it stands in test_kernel_and_broker.

The unit's own count of its starts is the judge: one change cell is one change.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from desk import Desk, Record, wait_for
from kernels import UNIT, Counter
from launchers import OURS, RUN, USUAL, altered, begin_change, gone, kernels_of, launcher, papermill, sealed

pytestmark = pytest.mark.lab
WAYS = ("papermill", "opsguide run")
Cells = list[dict[str, Any]]


def answers_of_change(record: Record) -> list[str]:
    numbers = [sent["command"] for sent in record.sent("change")]
    return [e["state"] for e in record.events("answer") if e["command"] in numbers]


@pytest.mark.parametrize("way", WAYS)
def test_a_launcher_whose_kernel_is_killed_in_the_change_leaves_one_known_change(
    desk: Desk, counter: Counter, tmp_path: Path, way: str
) -> None:
    process = begin_change(desk, counter, *launcher(way, tmp_path))
    for pid in kernels_of(process.pid):
        os.kill(pid, signal.SIGKILL)
    counter.go()
    out, err = process.communicate(timeout=120)
    assert process.returncode == (138 if way == "papermill" else 5), out + err  # papermill's code for a dead kernel
    record = sealed(desk)
    assert (record.state, counter.starts, answers_of_change(record)) == ("interrupted", 1, ["ok"])


@pytest.mark.parametrize(("way", "option"), [("papermill", "--execution-timeout"), ("opsguide run", "--cell-timeout")])
def test_a_change_cell_over_its_time_is_stopped_and_its_change_is_known(
    desk: Desk, counter: Counter, tmp_path: Path, way: str, option: str
) -> None:
    process = begin_change(desk, counter, *launcher(way, tmp_path), option, "15")
    kernels = kernels_of(process.pid)
    assert kernels
    wait_for(lambda: all(gone(pid) for pid in kernels), what="the kernels are gone")
    counter.go()
    out, err = process.communicate(timeout=120)
    assert process.returncode not in (0, None), out + err
    record = sealed(desk)
    assert record.state == "interrupted"
    assert (counter.starts, answers_of_change(record)) == (1, ["ok"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_stock_papermill_ended_in_the_change_leaves_one_known_change_and_no_kernel(
    desk: Desk, counter: Counter, tmp_path: Path, number: signal.Signals
) -> None:
    process = begin_change(desk, counter, *launcher("papermill", tmp_path))
    kernels = kernels_of(process.pid)
    assert kernels
    process.send_signal(number)
    wait_for(lambda: all(gone(pid) for pid in kernels), what="the kernels are gone")
    counter.go()
    process.communicate(timeout=120)
    record = sealed(desk)
    assert (record.state, record.seal["exit"], counter.starts) == ("interrupted", 5, 1)
    assert answers_of_change(record) == ["ok"]


MOMENTS: dict[str, tuple[Callable[[Desk, Counter], Any], str, int]] = {
    "before": (lambda desk, counter: desk.folders(), "interrupted", 0),
    "during": (lambda desk, counter: counter.starts, "unknown", 1),
    "after": (lambda desk, counter: desk.folders() and answers_of_change(desk.record()), "interrupted", 1),
}


@contextmanager
def deaf(lab: Any) -> Iterator[None]:
    """Nothing new reaches uh-01: its sshd is stopped, and the kernel still accepts for it."""
    lab.inside("uh-01", ["systemctl", "kill", "--signal=STOP", "sshd"])
    try:
        yield
    finally:
        lab.inside("uh-01", ["systemctl", "kill", "--signal=CONT", "sshd"])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_broker_killed_under_a_launcher_leaves_the_truth(
    desk: Desk, counter: Counter, tmp_path: Path, way: str, moment: str
) -> None:
    come, state, starts = MOMENTS[moment]
    counter.slow(0 if moment == "after" else 80)
    with deaf(counter.lab) if moment == "before" else nullcontext():
        process = desk.start(*launcher(way, tmp_path, settle="60 s"))
        wait_for(lambda: come(desk, counter), what=f"the moment {moment} the change")
        os.kill(desk.record().intent["broker"]["pid"], signal.SIGKILL)
        counter.go()
    out, err = process.communicate(timeout=120)
    assert process.returncode == (1 if way == "papermill" else 5), out + err
    assert "the broker ended in mid-run" in out + err
    assert desk("verify", "last").code in (0, 5)
    again = desk(*RUN)
    first = desk.record(0)
    assert (first.sealed, first.state) == (True, state)
    assert again.code == (5 if state == "unknown" else 0), again
    assert counter.starts == starts + (state != "unknown")
    if state == "unknown":
        settle(desk, first)


def settle(desk: Desk, record: Record) -> None:
    assert desk("resume", record.intent["run"], "--found", "done", "--why", "counted").code == 0


@pytest.fixture
def unknown(desk: Desk, counter: Counter) -> Record:
    """A run whose change nobody knows."""
    process = begin_change(desk, counter, *OURS)
    os.kill(desk.record().intent["broker"]["pid"], signal.SIGKILL)
    counter.go()
    process.communicate(timeout=120)
    desk("verify", "last")
    return sealed(desk, 0)


def test_after_an_unknown_change_no_new_run_no_papermill_and_no_batch_sends_a_second(
    desk: Desk, counter: Counter, unknown: Record, tmp_path: Path
) -> None:
    assert unknown.state == "unknown"
    sheet = tmp_path / "rows.csv"
    row = f"restarting-processes,uh-01,{UNIT},apply,1 s"
    sheet.write_text(f"activity,element,service,mode,settle\n{row}\n{row}\n")
    for command in (OURS, launcher("papermill", tmp_path), (OURS[0], "batch", str(sheet), "--reason", "again")):
        done = desk.run(*command)
        assert done.code == (1 if "papermill" in command[0] else 5), done
        assert "batch" in command or unknown.intent["run"] in done.out + done.err, "the way out is named"
    assert counter.starts == 1
    assert [Record(path).sent("change") for path in desk.folders()[1:]] == [[]] * (len(desk.folders()) - 1)
    settle(desk, unknown)
    assert desk(*RUN).code == 0
    assert counter.starts == 2


def test_after_an_unknown_change_cron_with_nothing_of_our_environment_sends_no_second(
    desk: Desk, counter: Counter, unknown: Record, tmp_path: Path
) -> None:
    other = tmp_path / "cron"
    line = [OURS[0], "--records", str(other), *RUN]
    bare = ["env", "-i", "PATH=/usr/bin:/bin", "HOME=/", "SHELL=/bin/sh", "/bin/sh", "-c", 'exec "$@"', "cron", *line]
    place = "d=/tmp/opsguide-0; mkdir -p -m 700 $d; mount -t tmpfs -o mode=700 none $d"  # no other lab's broker there
    alone = ["unshare", "--mount", "sh", "-ec", f'{place}; exec "$@"', "alone", *bare]
    done = subprocess.run(alone, cwd="/", capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 5, done
    assert unknown.intent["run"] in done.stdout + done.stderr
    refused = Desk(other).record()
    assert (refused.state, refused.sent("change"), counter.starts) == ("refused", [], 1)
    assert refused.intent["broker"]["pid"] != unknown.intent["broker"]["pid"]
    os.kill(refused.intent["broker"]["pid"], signal.SIGTERM)
    settle(desk, unknown)


def test_a_second_run_by_stock_papermill_or_by_hand_is_refused_while_the_first_goes_on(
    desk: Desk, counter: Counter, hand: Callable[..., Any], tmp_path: Path
) -> None:
    by_hand = hand()
    by_hand.up_to("filled")
    first = begin_change(desk, counter, *OURS)
    second = desk.run(*launcher("papermill", tmp_path))
    assert second.code == 1, second
    assert "locked by another run" in second.err
    assert "LockedError" in by_hand.cell("begin")
    counter.go()
    first.communicate(timeout=120)
    assert (first.returncode, counter.starts) == (0, 1)
    told = sorted((Record(p).state, len(Record(p).sent())) for p in desk.folders())
    assert told[:2] == [("refused", 0), ("refused", 0)]
    assert told[2][0] == "succeeded"


def exits(cells: Cells) -> None:
    cells.insert(
        place(cells, "restart"), {**cells[place(cells, "begin")], "id": "x", "source": "import sys; sys.exit(0)"}
    )


def skipped(cells: Cells) -> None:
    del cells[place(cells, "look")]


def edited(cells: Cells) -> None:
    cell = cells[place(cells, "restart")]
    cell["source"] = "".join(cell["source"]).replace("restart {service}", "restart  {service}")


def twice(cells: Cells) -> None:
    cells.insert(place(cells, "reload"), {**cells[place(cells, "restart")], "id": "again"})


def swapped(cells: Cells) -> None:
    cells.insert(place(cells, "look"), cells.pop(place(cells, "restart")))


def place(cells: Cells, name: str) -> int:
    return next(i for i, cell in enumerate(cells) if cell["id"] == name)


@pytest.mark.parametrize("engine", [(), ("--engine", "opsguide")], ids=WAYS)
@pytest.mark.parametrize(
    ("change", "state", "starts"),
    [
        (exits, "interrupted", 0),
        (skipped, "refused", 0),
        (edited, "refused", 0),
        (swapped, "refused", 0),
        (twice, "succeeded", 1),
    ],
)
def test_cells_that_somebody_changed_never_change_the_element_twice_or_unseen(
    desk: Desk, counter: Counter, tmp_path: Path, engine: tuple[str, ...], change: Any, state: str, starts: int
) -> None:
    copy = altered(tmp_path, change)
    done = desk.run(*papermill(tmp_path, *engine, notebook=copy, **USUAL))
    ended_well = state == "succeeded" or (change is exits and not engine)  # papermill reads SystemExit(0) as a good end
    assert (done.code == 0) == ended_well, done
    record = sealed(desk)
    assert (record.state, counter.starts) == (state, starts), (record.seal, done)
    assert len(record.sent("change")) == starts
