"""A kernel that speaks the wire: a reboot is known when it was seen, rows are a look's, each API call may fail."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import Desk, Record, wait_for
from opsguide import wire
from opsguide.guide import scopes
from opsguide.places import platform_file

pytestmark = pytest.mark.lab
SLUG = "rebooting-host-container"
STEPS = scopes.load(SLUG).steps
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
HOLD = Path("/var/lib/opsguide-lab/state/holds/uh-02.json")
EDIT, STATUS = "administration.cluster.EditHdNode", "administration.cluster.GetHosts"


class Reboot:
    """A run of 05 on uh-02, step by step."""

    def __init__(self, raw: Any, element: str = "uh-02") -> None:
        self.run = raw()
        given = {"confirm": element, "service": None, "settle": None, "reason": "test"}
        self.begun = self.run.begin(element, activity=SLUG, parameters=given)
        assert "done" in self.begun, self.begun
        self.at = 0

    def reach(self, slug: str) -> Any:
        for one in STEPS[self.at : STEPS.index(slug)]:
            self.run.step(one, applies=False)
        self.at = STEPS.index(slug) + 1
        return self.run.step(slug)

    def verb(self, verb: str, slug: str, command: str, **more: Any) -> Any:
        return self.run.verb(verb, slug, command, **more)

    def edit(self, slug: str, status: str) -> Any:
        """The change of the host's status, and its prove when it was made."""
        self.run.step(slug)
        what = {"api": EDIT, "args": {"hdnode": "@element", "status": status}}
        done = self.run.ask({"do": "change", "step": slug, "what": what})
        if "error" in done:
            return done
        asked = {"api": STATUS, "args": {"ids": "@element"}}
        expect = {"name": "says", "args": [status]}
        return self.run.ask({"do": "prove", "step": slug, "what": asked, "expect": expect, "within": "2 min"})


@pytest.fixture
def reboot(raw: Any, lab: Any) -> Iterator[Any]:
    yield lambda element="uh-02": Reboot(raw, element)
    lab.api_fault("")
    lab.restore()


def sealed(desk: Desk, which: int = -1) -> Record:
    wait_for(lambda: desk.folders() and desk.record(which).sealed, what="the record is sealed")
    return desk.record(which)


def deaf() -> bool:
    """Whether nothing listens at the broker's socket; a killed one does for a moment more."""
    found = wire._try(wire.socket_path(platform_file("lab")))
    if found:
        found.close()
    return found is None


def test_a_broker_that_is_killed_while_a_host_reboots_leaves_it_unknown_and_held(
    desk: Desk, raw: Any, reboot: Any, lab: Any
) -> None:
    run = reboot()
    run.reach("reboot")
    assert "done" in run.verb("change", "reboot", "systemctl reboot")
    assert HOLD.exists()
    broker = desk.record().intent["broker"]["pid"]
    os.kill(broker, signal.SIGKILL)
    with contextlib.suppress(ConnectionError):
        run.run.answer()
    wait_for(deaf)
    raw()
    record = sealed(desk)
    assert record.state == "unknown"
    assert [e["element"] for e in record.events("hold")] == ["uh-02"]
    assert HOLD.exists()


def test_a_reboot_that_nobody_asked_about_is_no_success(desk: Desk, reboot: Any) -> None:
    run = reboot()
    run.reach("reboot")
    assert "done" in run.verb("change", "reboot", "systemctl reboot")
    assert "did not prove it" in run.run.step("reboot-fast", applies=False)["error"]["words"]
    run.run.close()
    assert sealed(desk).state == "unknown"
    assert HOLD.exists()


def test_the_boot_id_from_before_does_not_pass_whatever_the_kernel_expects(desk: Desk, reboot: Any, lab: Any) -> None:
    """The host never went down: systemctl answers well, and does nothing."""
    lab.inside("uh-02", ["ln", "-s", "/bin/true", "/usr/local/sbin/systemctl"])
    try:
        run = reboot()
        run.reach("reboot")
        assert "done" in run.verb("change", "reboot", "systemctl reboot")
        answer = run.verb("prove", "reboot", BOOT_ID, expect={"name": "matches", "args": ["-"]}, within="2 s")
    finally:
        lab.inside("uh-02", ["rm", "/usr/local/sbin/systemctl"])
    assert answer["error"]["error"] == "UnknownError"
    assert "no other boot id was seen" in answer["error"]["words"]
    assert HOLD.exists()


def test_a_container_that_no_look_returned_is_not_stopped(desk: Desk, reboot: Any, lab: Any) -> None:
    run = reboot()
    run.reach("stop-containers")
    for more in ({"slots": {"ctid": "201"}}, {"each": [{"ctid": "201"}]}, {"slots": {"ctid": "201"}, "row": True}):
        assert "error" in run.verb("change", "stop-containers", "vzctl stop {ctid}", **more), more
        run.run.step("stop-containers")
    assert not desk.record().sent("change")
    assert "201" in lab.inside("uh-02", ["vzlist", "-H", "-1"]).stdout.split()


def test_several_at_a_time_overlap_and_the_element_is_held_until_the_last_has_ended(
    desk: Desk, reboot: Any, lab: Any
) -> None:
    run = reboot()
    run.reach("look-at-host")
    rows = run.verb("look", "look-at-host", "vzlist -H -o ctid,status,hostname")["done"]["answers"][0]["text"]
    numbers = [{"ctid": line.split()[0]} for line in rows.splitlines()]
    run.reach("stop-containers")
    told = run.verb("change", "stop-containers", "vzctl stop {ctid}", each=numbers, at_a_time=len(numbers))
    assert "done" in told, told
    events = desk.record().events("send", "answer")
    stops = {e["command"] for e in events if e["type"] == "send" and e["verb"] == "change"}
    order = [e["type"] for e in events if e["command"] in stops]
    assert order[:2] == ["send", "send"], "they went one after another"
    assert len(stops) == len(numbers) > 1
    assert not HOLD.exists()
    assert not lab.inside("uh-02", ["vzlist", "-H", "-1"]).stdout.split()


def status_of(number: int) -> str:
    """The host's status as the platform stored it."""
    state = json.loads(Path("/var/lib/opsguide-lab/api/state.json").read_text())
    return next(h for h in state["hosts"] if h["id"] == number)["status"]


AFTER = {1: ("ACTIVE", "ACTIVE"), 2: ("ACTIVE", "ACTIVE"), 3: ("MAINTENANCE", "ACTIVE"),
         4: ("MAINTENANCE", "MAINTENANCE"), 5: ("MAINTENANCE", "MAINTENANCE"), 6: ("MAINTENANCE", "ACTIVE")}  # fmt: skip


@pytest.mark.parametrize("number", range(1, 7))
def test_the_platform_api_may_fail_at_each_call_and_the_record_is_true(
    desk: Desk, reboot: Any, lab: Any, number: int
) -> None:
    """Read, edit, ask; and again on the way back. What failed is made good by running its step again."""
    run = reboot()
    run.reach("stop-placement")
    lab.api_fault(f"fail-at={number}")
    first = run.edit("stop-placement", "MAINTENANCE")
    assert ("error" in first) == (number in (1, 2)), first
    assert status_of(4) == AFTER[number][0]
    if "error" in first:
        assert "done" in run.edit("stop-placement", "MAINTENANCE")
    run.reach("start-placement")
    second = run.edit("start-placement", "ACTIVE")
    assert ("error" in second) == (number in (4, 5)), second
    assert status_of(4) == AFTER[number][1]
    record = desk.record()
    sent = {e["command"]: e for e in record.sent("change")}
    states = [e["state"] for e in record.events("answer") if e["command"] in sent]
    assert states == {1: ["ok", "ok"], 2: ["failed", "ok", "ok"], 4: ["ok"], 5: ["ok", "failed"]}.get(
        number, ["ok", "ok"]
    )
    assert not HOLD.exists()
    if "error" in second:
        assert "done" in run.edit("start-placement", "ACTIVE")
    assert status_of(4) == "ACTIVE"
