"""What a run may follow, attacked: forks, two at once, another records root, masked parameters, widened rows."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from desk import Desk, Record, wait_for
from kernels import UNIT
from opsguide.launch import holding
from raw import STEPS, Raw

pytestmark = pytest.mark.lab
STATE = Path("/var/lib/opsguide-lab/state")
RESTART, ACTIVE = "systemctl restart {service}", "systemctl is-active {service}"
SAYS_ACTIVE = {"name": "says", "args": ["active"]}


def asked(run: Raw, mode: str = "apply", **parameters: Any) -> dict[str, Any]:
    """Begin once: unlike `Raw.begin` a refusal is an answer."""
    usual = {"element": "uh-01", "service": UNIT, "mode": mode, "reason": "test", "settle": "1 s"}
    request = {"do": "begin", "activity": "restarting-processes", "parameters": {**usual, **parameters}, "cells": []}
    return run.ask(request)


def left(run: Raw) -> None:
    run.close()
    wait_for(lambda: not list(run.records.glob("*/*/*-unfinished")), what="the record is sealed")
    wait_for(lambda: not holding.locks(STATE), what="the element is free")


def restarted(run: Raw) -> dict[str, Any]:
    run.reach("restart")
    return run.verb("change", "restart", RESTART)


def planned(raw) -> str:
    """A plan of one restart, without a pin."""
    run = raw()
    begun = asked(run, "plan")
    assert "done" in restarted(run)
    assert "done" in run.verb("prove", "restart", ACTIVE, expect=SAYS_ACTIVE)
    for slug in STEPS[STEPS.index("restart") + 1 :]:
        run.step(slug, applies=False)
    assert "done" in run.ask({"do": "finish"})
    run.close()
    return str(begun["done"]["run"])


def empty_handed(raw) -> str:
    """A run that was left before it sent a change."""
    run = raw()
    begun = asked(run)
    run.step("look")
    left(run)
    return str(begun["done"]["run"])


def test_of_two_that_go_on_from_one_run_the_refused_one_does_not_repeat_what_the_other_did(raw, counter, desk) -> None:
    first = empty_handed(raw)
    one, other = raw(), raw(another=True)
    went_on = asked(one, follows=first)["done"]["run"]
    assert "locked by another run" in asked(other, follows=first)["error"]["words"]
    (refused,) = {Record(path).intent["run"] for path in desk.folders()} - {first, went_on}
    assert "done" in restarted(one)
    left(one)
    for run in (refused, first):
        again = asked(raw(), follows=run)
        assert went_on in again["error"]["words"] + again["error"]["next"], again
        assert again["error"]["next"] == f"opsguide resume {went_on}"
    assert counter.starts == 1
    assert "done" in asked(raw(), follows=went_on)


def test_a_refused_follower_does_not_keep_others_from_the_run(raw, counter) -> None:
    first, one, other = empty_handed(raw), raw(), raw(another=True)
    asked(one)
    assert "locked" in asked(other, follows=first)["error"]["words"]
    left(one)
    assert "done" in asked(raw(), follows=first)


def test_a_run_that_began_before_the_plan_and_changed_after_it_has_moved_the_world(raw, counter) -> None:
    early = raw(another=True)
    asked(early)
    plan = planned(raw)
    assert "done" in restarted(early)
    left(early)
    late = raw()
    assert "the world has moved" in asked(late, follows=plan)["error"]["next"]
    assert counter.starts == 1


@pytest.mark.parametrize("followed", [planned, empty_handed])
def test_a_change_by_a_run_of_another_records_root_has_moved_the_world(raw, counter, followed, tmp_path) -> None:
    run, elsewhere = followed(raw), Raw(tmp_path / "elsewhere")
    asked(elsewhere)
    assert "done" in restarted(elsewhere)
    left(elsewhere)
    assert "the world has moved" in asked(raw(), follows=run)["error"]["next"]
    assert counter.starts == 1


def changed_and_gone(run: Raw) -> None:
    run.verb("change", "restart", RESTART)
    run.close()


def test_a_plan_is_followed_once_also_when_the_second_begins_as_the_first_ends(raw, counter) -> None:
    for pause in (0.0, 0.01, 0.02, 0.03, 0.04, 0.05):
        plan, before = planned(raw), counter.starts
        one, two = raw(), raw(another=True)
        asked(one, follows=plan)
        one.reach("restart")
        changer = threading.Timer(pause, changed_and_gone, [one])
        changer.start()
        began = asked(two, follows=plan)
        if "done" in began:
            restarted(two)
        changer.join()
        left(two)
        assert counter.starts == before + 1, pause


def test_parameters_that_the_record_hides_are_not_passed_on(desk: Desk, lab) -> None:
    path = Path(lab.host_root("uh-01")) / "etc/motd"
    before = path.read_text()
    words = (
        "editing-system-files",
        "--on",
        "uh-01",
        "-p",
        "path=/etc/motd",
        "-p",
        "settings=password = hunter2-hunter2",
    )
    assert desk("plan", *words).code == 0
    done = desk("run", "--plan", "last", "--reason", "x")
    assert done.code == 2, done
    assert "hides the parameter settings" in done.out + done.err
    assert path.read_text() == before
    run = Raw(desk.records)
    parameters = {"element": "uh-01", "path": "/etc/motd", "settings": ["password = hunter3-hunter3"], "mode": "apply"}
    parameters |= {"reason": "x", "follows": desk.record(0).intent["run"]}
    by_hand = run.ask({"do": "begin", "activity": "editing-system-files", "parameters": parameters, "cells": []})
    run.close()
    assert "hides the parameter settings" in by_hand["error"]["words"]
    assert len(desk.folders()) == 1


def test_what_no_longer_holds_is_proved_by_the_first_that_goes_on_and_sent_by_the_next(raw, counter, lab) -> None:
    run = raw()
    first = asked(run)["done"]["run"]
    assert "done" in restarted(run)
    left(run)
    lab.inside("uh-01", ["systemctl", "stop", UNIT])
    for expected in (1, 2):
        run = raw()
        first = asked(run, follows=first)["done"]["run"]
        assert "done" in restarted(run)
        proved = run.verb("prove", "restart", ACTIVE, expect=SAYS_ACTIVE)
        assert ("done" in proved) == (expected == 2)
        assert counter.starts == expected
        left(run)


def test_a_settling_is_no_run_to_go_on_from_and_names_the_one_that_is(desk: Desk, raw, counter) -> None:
    from opsguide.broker.state import Hold, State

    run = raw()
    first = asked(run)["done"]["run"]
    left(run)
    state = State(STATE)
    state.hold(Hold("uh-01", first, "/records/that/are/gone", 9, "systemctl restart x", "now", "x"))
    settled = raw().ask({"do": "resume", "run": first, "found": "not-done", "why": "looked"})
    assert "done" in settled, settled
    again = desk("resume", settled["done"]["run"])
    assert again.code == 2
    assert f"opsguide resume {first}" in again.out + again.err


def test_a_plan_of_another_platform_is_not_followed(raw, counter, desk) -> None:
    from opsguide.broker import following
    from opsguide.errors import InputError
    from opsguide.record.archive import Archive
    from opsguide.record.lineage import read_back

    past = read_back(Archive(desk.records), planned(raw))
    for change in ({"platform": {"name": "real", "practice": False}}, {"broker": {"version": "9.9"}}):
        facts = json.loads(json.dumps({**past.intent, **change}))
        with pytest.raises(InputError, match="this is not what"):
            following._refuse_other_inputs(past, facts)
