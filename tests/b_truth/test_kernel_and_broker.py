"""Suite B on one element: what is killed when, and what the record then says. The host's own marks are the judge."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest

from desk import Desk, Record, wait_for
from kernels import Counter

pytestmark = pytest.mark.lab


def sealed(desk: Desk, which: int = -1) -> Record:
    wait_for(lambda: desk.folders() and desk.record(which).sealed, what="the record is sealed")
    return desk.record(which)


def in_change(desk: Desk) -> None:
    wait_for(lambda: desk.folders() and desk.record().sent("change"), what="the change is sent")


def kill_broker(desk: Desk) -> None:
    os.kill(desk.record().intent["broker"]["pid"], signal.SIGKILL)


def test_a_run_by_hand_counts_one_start_and_is_succeeded(desk: Desk, hand, counter: Counter) -> None:
    run = hand()
    run.up_to("finish")
    assert counter.starts == 1
    assert sealed(desk).state == "succeeded"
    assert desk("verify", "last").code == 0


def test_a_kernel_killed_before_the_change_leaves_an_interrupted_run(desk: Desk, hand, counter: Counter) -> None:
    run = hand()
    run.up_to("drain")
    run.kill()
    record = sealed(desk)
    assert (record.state, counter.starts) == ("interrupted", 0)
    assert not record.sent("change")


def test_a_kernel_killed_in_the_change_leaves_the_change_known(desk: Desk, hand, counter: Counter) -> None:
    counter.slow()
    run = hand()
    run.up_to("drain")
    run.send("restart")
    in_change(desk)
    run.kill()
    counter.go()
    record = sealed(desk)
    assert (record.state, counter.starts) == ("interrupted", 1)
    number = record.sent("change")[0]["command"]
    assert [a["state"] for a in record.events("answer") if a["command"] == number] == ["ok"]
    assert desk("verify", "last").code == 0


def test_a_kernel_killed_after_the_change_leaves_an_interrupted_run(desk: Desk, hand, counter: Counter) -> None:
    run = hand()
    run.up_to("restart")
    run.kill()
    assert (sealed(desk).state, counter.starts) == ("interrupted", 1)


def test_a_broker_killed_before_the_change_closes_as_interrupted_and_sends_nothing(desk: Desk, hand, counter) -> None:
    run = hand()
    run.up_to("drain")
    kill_broker(desk)
    assert "UnknownError" in run.cell("restart")
    assert desk("verify", "last").code in (0, 5)
    hand().up_to("finish")
    first = sealed(desk, 0)
    assert (first.state, counter.starts) == ("interrupted", 1)


def test_a_broker_killed_in_the_change_leaves_it_unknown_and_held_for_everybody(desk: Desk, hand, counter) -> None:
    counter.slow()
    run = hand()
    run.up_to("drain")
    run.send("restart")
    in_change(desk)
    wait_for(lambda: counter.starts == 1, what="the change reached the host")
    kill_broker(desk)
    counter.go()
    again = hand()
    again.up_to("filled")
    error = again.cell("begin")
    assert "HeldError" in error, error
    old = sealed(desk, 0)
    assert old.state == "unknown"
    assert old.intent["run"] in error
    other = Desk(desk.records.parent / "elsewhere")
    by_cron = other("run", "restarting-processes", "--on", "uh-01", "-p", "service=zabbix-agent", "--reason", "cron")
    assert by_cron.code == 5, by_cron
    assert counter.starts == 1
    settled = desk("resume", old.intent["run"], "--found", "done", "--why", "the journal shows the start")
    assert settled.code == 0, settled
    hand(settle="1 s").up_to("finish")
    assert counter.starts == 2


def test_a_broker_killed_after_the_change_closes_as_interrupted_without_a_hold(desk: Desk, hand, counter) -> None:
    run = hand()
    run.up_to("restart")
    kill_broker(desk)
    assert "UnknownError" in run.cell("reload")
    hand().up_to("finish")
    assert (sealed(desk, 0).state, counter.starts) == ("interrupted", 2)


def test_a_cell_run_twice_sends_its_change_once(desk: Desk, hand, counter: Counter) -> None:
    run = hand()
    run.up_to("restart")
    assert not run.cell("restart")
    run.after("restart")
    assert (sealed(desk).state, counter.starts) == ("succeeded", 1)
    assert "not sent again" in run.text


def test_a_cell_out_of_order_is_refused_and_sends_nothing(desk: Desk, hand, counter: Counter) -> None:
    run = hand()
    run.up_to("begin")
    error = run.cell("restart")
    assert "RefusedError" in error
    assert "step look first" in error
    assert re.search(r"sent:    \d looks\n", error), "what proved the host, and no change"
    assert counter.starts == 0
    for name in ("look", "drain", "restart"):
        assert not run.cell(name)
    assert counter.starts == 1


def test_a_restarted_kernel_needs_a_new_begin_and_the_old_run_is_interrupted(desk: Desk, hand, counter) -> None:
    run = hand()
    run.up_to("drain")
    run.restart()
    assert "NameError" in run.cell("restart")
    assert sealed(desk, 0).state == "interrupted"
    assert counter.starts == 0
    run.up_to("finish")
    assert (sealed(desk, 1).state, counter.starts) == ("succeeded", 1)


def test_a_second_begin_in_a_kernel_seals_the_first_run(desk: Desk, hand, counter: Counter) -> None:
    run = hand()
    run.up_to("look")
    assert not run.cell("begin")
    assert sealed(desk, 0).state == "interrupted"
    run.after("begin")
    assert [Record(p).state for p in desk.folders()] == ["interrupted", "succeeded"]
    assert counter.starts == 1


def test_the_stop_button_ends_a_look_at_once_and_lets_a_change_come_to_its_end(desk: Desk, hand, counter) -> None:
    counter.slow()
    run = hand()
    run.up_to("drain")
    message = run.send("restart")
    in_change(desk)
    run.manager.interrupt_kernel()
    counter.go()
    assert "KeyboardInterrupt" in run.wait(message)
    record = desk.record()
    number = record.sent("change")[0]["command"]
    assert [a["state"] for a in record.events("answer") if a["command"] == number] == ["ok"]
    assert not run.cell("restart")
    run.after("restart")
    assert (sealed(desk).state, counter.starts) == ("succeeded", 1)


def test_a_cell_of_ones_own_is_in_the_record_and_marked(desk: Desk, hand, counter: Counter) -> None:
    run = hand()
    run.up_to("look")
    assert not run.cell("print('see', 1 + 1); run.element")
    run.after("look")
    record = sealed(desk)
    own = [e for e in record.events("cell") if "see" in e["source"]]
    assert [e["known"] for e in own] == [False]
    outputs = [e for e in record.events("output") if e["cell"] == own[0]["cell"]]
    assert "see 2" in outputs[0]["text"]
    assert all(e["known"] is not False for e in record.events("cell") if e is not own[0] and "see" not in e["source"])


def test_an_edited_change_is_refused_and_the_record_says_so(desk: Desk, hand, counter: Counter) -> None:
    run = hand()
    run.up_to("drain")
    source = run.sources["restart"].replace("restart {service}", "stop {service}")
    assert "RefusedError" in run.cell(source)
    assert run.desk.record().events("refused")
    assert counter.lab.inside("uh-01", ["systemctl", "is-active", "zabbix-agent"]).stdout.strip() == "active"


def test_a_system_exit_in_a_cell_is_no_success(desk: Desk, hand, counter: Counter) -> None:
    run = hand()
    run.up_to("look")
    run.cell("import sys; sys.exit(0)")
    run.kill()
    assert sealed(desk).state == "interrupted"


def test_a_tab_saved_after_the_end_changes_nothing_of_the_record(desk: Desk, hand, tmp_path: Path) -> None:
    run = hand(mode="plan")
    run.up_to("finish")
    (tmp_path / "06-restarting-processes.ipynb").write_text(json.dumps({"cells": [], "nbformat": 4}))
    assert not run.cell("print('after the end')")
    record = sealed(desk)
    assert desk("verify", record.path.name).code == 0
    assert "after the end" not in (record.path / "events.jsonl").read_text()


def test_a_step_that_fails_may_be_run_again_and_only_a_failed_proof_repeats_the_change(
    desk: Desk, hand, counter
) -> None:
    run = hand()
    run.up_to("drain")
    broken = run.sources["restart"].replace('says("active")', 'says("sleeping")').replace("60 s", "1 s")
    assert "FailedError" in run.cell(broken)
    assert counter.starts == 1
    assert not run.cell("restart")
    assert counter.starts == 2
    run.after("restart")
    assert sealed(desk).state == "succeeded"


def test_an_error_in_a_cell_after_its_change_does_not_repeat_the_change(desk: Desk, hand, counter: Counter) -> None:
    run = hand()
    run.up_to("drain")
    to_change = run.sources["restart"].partition("step.prove")[0]
    assert "ZeroDivisionError" in run.cell(f"{to_change}1 / 0")
    assert re.search(r"RefusedError.*sent:    \d+ looks, 1 change\n", run.cell("reload"), re.S)
    assert not run.cell("restart")
    run.after("restart")
    assert (sealed(desk).state, counter.starts) == ("succeeded", 1)
