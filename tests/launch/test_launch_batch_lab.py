"""Batches against real hosts: waves and gates, a planted failure and its retry, Ctrl-C, a killed launcher, the screen."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import BINARIES, REPOSITORY, Desk, lines, wait_for
from kernels import UNIT, Counter, counted
from launchers import children_of

HEAD = "activity,element,service,settle,reason\n"


def sheet(folder: Path, *elements: str) -> Path:
    path = folder / "agents.csv"
    path.write_text(HEAD + "".join(f"restarting-processes,{name},{UNIT},1 s,practice\n" for name in elements))
    return path


def told(desk: Desk, batch: str = "last") -> dict[str, Any]:
    return json.loads(desk("batches", batch, "--json").out)


def events(desk: Desk, *types: str) -> list[dict[str, Any]]:
    return lines(Path(told(desk)["record"]) / "events.jsonl", *types)


@pytest.fixture
def counter(lab: Any) -> Iterator[Counter]:
    yield from counted(lab)


@pytest.fixture
def broken(lab: Any) -> Iterator[Path]:
    """The agent of uh-02 does not start, until the file is taken away."""
    dropin = Path(lab.host_root("uh-02")) / f"etc/systemd/system/{UNIT}.service.d/broken.conf"
    dropin.parent.mkdir(parents=True, exist_ok=True)
    dropin.write_text("[Service]\nExecStartPre=/bin/false\n")
    lab.inside("uh-02", ["systemctl", "daemon-reload"])
    yield dropin
    mended(lab, dropin)


def mended(lab: Any, dropin: Path) -> None:
    dropin.unlink(missing_ok=True)
    lab.inside("uh-02", ["systemctl", "daemon-reload"])
    lab.inside("uh-02", ["systemctl", "reset-failed", UNIT])
    lab.inside("uh-02", ["systemctl", "restart", UNIT])


def test_each_wave_is_proved_again_before_the_next_and_the_record_names_every_run(desk: Desk, tmp_path: Path) -> None:
    path = sheet(tmp_path, "uh-01", "uh-02", "ih-01")
    done = desk("batch", str(path), "--waves", "1,2", "--at-a-time", "2", "--gate", "--json")
    assert done.code == 0, done
    answer = json.loads(done.out)
    assert [(row["wave"], row["state"]) for row in answer["rows"]] == [
        (1, "succeeded"),
        (2, "succeeded"),
        (2, "succeeded"),
    ]
    kinds = [e["type"] for e in events(desk, "wave", "row-start", "row-end", "gate-end", "end")]
    assert kinds[:4] == ["wave", "row-start", "row-end", "gate-end"]
    assert kinds.count("gate-end") == 3
    batch, records = answer["batch"], [desk.record(n) for n in range(6)]
    assert sorted(r.intent["batch"] for r in records) == sorted(
        f"{batch}/{row}{gate}" for row in (1, 2, 3) for gate in ("", "/gate")
    )
    gate = next(r for r in records if r.intent["batch"].endswith("1/gate"))
    assert (gate.intent["mode"], gate.sent("change")) == ("plan", [])
    applied = next(r for r in records if r.intent["batch"] == f"{batch}/1")
    asked = {e["template"] for e in gate.sent("look")}
    assert asked == {e["template"] for e in applied.sent("prove")}
    assert desk("verify", "--all").code == 0


def test_a_gate_that_is_not_passed_keeps_the_next_wave_from_starting(desk: Desk, tmp_path: Path, lab: Any) -> None:
    path = sheet(tmp_path, "uh-01", "uh-02")
    words = [str(BINARIES / "opsguide"), "batch", str(path), "--waves", "1", "--pause", "3 s", "--gate"]
    process = desk.start(*words)
    assert process.stderr
    while "pause" not in (said := process.stderr.readline()):
        assert said, "no pause"
    process.send_signal(signal.SIGSTOP)
    lab.inside("uh-01", ["systemctl", "stop", UNIT])
    process.send_signal(signal.SIGCONT)
    try:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 1, (out, err)
        assert "gate of row 1 NOT passed" in err
        assert [row["state"] for row in told(desk)["rows"]] == ["succeeded", "not-run"]
        assert len(desk.folders()) == 2, "one run and its gate; nothing on uh-02"
    finally:
        lab.inside("uh-01", ["systemctl", "start", UNIT])


def test_a_planted_failure_stops_the_batch_and_retry_runs_what_did_not_end_well(
    desk: Desk, tmp_path: Path, lab: Any, broken: Path
) -> None:
    path = sheet(tmp_path, "uh-01", "uh-02", "ih-01")
    done = desk("batch", str(path), "--waves", "2", "--json")
    assert done.code == 1, done
    first = json.loads(done.out)
    assert [row["state"] for row in first["rows"]] == ["succeeded", "failed", "not-run"]
    mended(lab, broken)
    path.write_text(path.read_text().replace("ih-01", "ih-02"))
    again = desk("batch", "--retry", first["batch"], "--json")
    assert again.code == 0, again
    assert "row 3: element 'ih-01' is run, not 'ih-02'" in again.err
    rows = json.loads(again.out)["rows"]
    assert [(row["row"], row["wave"], row["element"], row["state"]) for row in rows] == [
        (2, 1, "uh-02", "succeeded"), (3, 2, "ih-01", "succeeded"),
    ]  # fmt: skip
    assert told(desk)["retry_of"] == first["batch"]
    once_more = desk("batch", "--retry", "last")
    assert (once_more.code, once_more.out) == (0, "")
    assert "nothing is run again" in once_more.err


def test_ctrl_c_lets_the_change_come_to_its_end_and_starts_nothing_more(
    desk: Desk, tmp_path: Path, counter: Counter
) -> None:
    counter.slow()
    process = desk.start(str(BINARIES / "opsguide"), "batch", str(sheet(tmp_path, "uh-01", "uh-02")), "--json")
    wait_for(lambda: counter.starts == 1)
    (row,) = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    wait_for(lambda: "interrupt: " in Path(f"/proc/{row}/fd/2").read_text(), what="the row has heard of it")
    counter.go()
    out, err = process.communicate(timeout=300)
    assert process.returncode == 5, (out, err)
    answer = json.loads(out)
    assert (answer["state"], answer["exit"]) == ("interrupted", 5)
    assert [row["state"] for row in answer["rows"]] == ["interrupted", "not-run"]
    [change] = desk.record().sent("change")
    ends = {e["command"]: e["state"] for e in desk.record().events("answer")}
    assert ends[change["command"]] == "ok", "the change was followed to its end"
    assert counter.starts == 1
    assert desk("verify", "--all").code == 0


def test_the_record_of_a_killed_batch_is_closed_with_the_truth_when_its_rows_have_ended(
    desk: Desk, tmp_path: Path, counter: Counter
) -> None:
    counter.slow()
    process = desk.start(str(BINARIES / "opsguide"), "batch", str(sheet(tmp_path, "uh-01", "uh-02")))
    wait_for(lambda: counter.starts == 1)
    process.kill()
    process.communicate()
    early = desk("batches", "--json")
    assert json.loads(early.out)[0]["state"] == "running", "its row still goes on"
    assert "still goes on" in early.err
    assert desk("verify", "--all").code == 0
    counter.go()
    wait_for(lambda: told(desk)["state"] != "running")
    found = told(desk)
    assert (found["state"], found["exit"]) == ("interrupted", 5)
    assert [(row["state"], row["exit"]) for row in found["rows"]] == [("succeeded", 0), ("not-run", None)]
    assert found["rows"][0]["run"] == desk.record().path.name
    assert counter.starts == 1
    done = desk("verify", "--all")
    assert (done.code, done.out.strip()) == (0, "2 OK")


def on_a_terminal(desk: Desk, words: list[str], answers: str = "", columns: int = 90) -> tuple[int, str]:
    """Run on a real pseudo-terminal; the exit code and everything that was written to it."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, columns))
    process = subprocess.Popen(words, env=desk.environment(), stdin=slave, stdout=slave, stderr=slave, cwd=REPOSITORY)
    os.close(slave)
    said = b""
    while True:
        if select.select([master], [], [], 0.1)[0]:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            said += piece
            if answers and b"[y/N]" in said:
                os.write(master, answers.encode())
                answers = ""
    os.close(master)
    return process.wait(timeout=120), said.decode("utf-8", "replace")


def test_on_a_terminal_the_lines_are_redrawn_and_tell_wave_row_and_seconds(desk: Desk, tmp_path: Path) -> None:
    path = sheet(tmp_path, "uh-01", "uh-02")
    words = [str(BINARIES / "opsguide"), "batch", str(path), "--at-a-time", "2"]
    code, said = on_a_terminal(desk, words)
    assert code == 0, said
    assert re.search(r"\[#*-*\] 0 of 2 rows  wave 1 of 1, no error", said)
    seconds = set(re.findall(r"  1  restarting-processes on uh-01 +(\d+) s  \S", said))
    assert len(seconds) > 2, "it is not silent while a row runs"
    assert re.search(r"  2  restarting-processes on uh-02 +\d+ s  \S", said)
    assert "\x1b[3A" in said, "three lines are written over"
    drawn = [line for line in said.replace("\r", "").split("\n") if re.search(r"^ +\d  restarting", line)]
    assert max(map(len, drawn)) <= 90
    assert "row 1 succeeded, exit 0" in said
    final = said.replace("\r", "").rpartition("\x1b[J")[2]
    assert "row  wave  activity" in final
    assert " rows  wave 1 of 1" not in final, "what was redrawn is wiped before the summary"


def test_asked_between_waves_an_operator_who_says_no_ends_the_batch(desk: Desk, tmp_path: Path) -> None:
    path = sheet(tmp_path, "uh-01", "uh-02")
    words = [str(BINARIES / "opsguide"), "batch", str(path), "--plan", "--waves", "1", "--ask"]
    code, said = on_a_terminal(desk, words, "n\n")
    assert code == 5, said
    assert "wave 1 is over, 0 errors. The next wave? [y/N]" in said
    assert [row["state"] for row in told(desk)["rows"]] == ["succeeded", "not-run"]
    code, said = on_a_terminal(desk, [*words[:2], "--retry", "last"])
    assert code == 0, said
