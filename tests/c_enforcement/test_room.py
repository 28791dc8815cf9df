"""No evacuation starts that the other hosts have no room for, whatever the notebook looked at."""

from __future__ import annotations

import pytest

from desk import Desk
from opsguide.guide import scopes

pytestmark = pytest.mark.lab
STEPS = scopes.load("user-host-decommission").steps
ARGS = {"sourceHnId": "@element", "possibleTargetNodeIds": "@related", "isOnline": "{online}"}
EVACUATE = {
    "do": "change",
    "step": "evacuate",
    "what": {"api": "administration.cluster.EvacuateContainers", "args": ARGS},
}


def evacuating(raw, mode: str):
    """A run that comes to its evacuation without having looked for room, and what it is answered."""
    run = raw()
    given = {"service": None, "settle": None, "confirm": "uh-01"}
    assert "done" in run.begin("uh-01", mode, activity="user-host-decommission", parameters=given)
    for slug in STEPS[: STEPS.index("evacuate")]:
        run.step(slug, applies=False)
    run.step("evacuate")
    return run.ask(EVACUATE)


def test_an_evacuation_without_room_elsewhere_is_refused_and_a_plan_says_so(desk: Desk, raw, lab) -> None:
    lab.fill_disk("uh-02")
    try:
        refused = evacuating(raw, "apply")["error"]
        assert refused["exit"] == 7
        assert refused["words"].startswith("uh-01 needs ")
        assert "MiB of disk elsewhere" in refused["words"]
        assert not desk.record().sent("change")
        assert "done" in evacuating(raw, "plan")
        said = [e["words"] for e in desk.record().events("note")]
        assert any(words.startswith("would be refused now: uh-01 needs ") for words in said)
    finally:
        lab.free_disk("uh-02")


def test_an_evacuation_with_room_elsewhere_is_not_refused(desk: Desk, raw) -> None:
    assert "done" in evacuating(raw, "plan")
    assert not [e for e in desk.record().events("note") if "refused" in e["words"]]
    looked = {(e["on"], e["template"]) for e in desk.record().sent("look")}
    assert {("uh-01", "vzlist -H -o physpages.l"), ("uh-02", "grep MemAvailable: /proc/meminfo")} <= looked
