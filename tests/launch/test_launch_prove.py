"""`opsguide prove`: which of a run's proves are asked again, and how."""

from __future__ import annotations

from typing import Any

from opsguide.launch.prove import proofs

from .conftest import FarDesk

INTENT = {"activity": {"slug": "restarting-processes"}}
ACTIVE = {"name": "says", "args": ["active"], "exit": 0}
DOWN = {"name": "says", "args": ["inactive"], "exit": 3}


def sent(number: int, expect: dict[str, Any], state: str, verb: str = "prove", **fields: Any) -> list[dict[str, Any]]:
    send = {"type": "send", "command": number, "verb": verb, "on": "uh-01", "kind_of": "ssh", "expect": expect,
            "template": "systemctl is-active {service}", "slots": {"service": "nginx"}, **fields}  # fmt: skip
    return [send, {"type": "answer", "command": number, "state": state}]


def test_a_met_prove_is_asked_again_as_a_look_and_the_run_s_parameter_is_the_broker_s_to_fill() -> None:
    asked = {"what": {"command": "systemctl is-active {service}"}, "on": ["uh-01"], "expect": ACTIVE, "slots": {}}
    assert proofs(INTENT, sent(1, ACTIVE, "ok")) == [asked]


def test_a_prove_that_was_not_met_and_a_look_are_not_asked() -> None:
    assert proofs(INTENT, [*sent(1, ACTIVE, "failed"), *sent(2, ACTIVE, "ok", verb="look")]) == []


def test_what_was_proved_on_the_way_and_was_changed_after_that_is_not_asked() -> None:
    events = [*sent(1, DOWN, "ok"), *sent(2, ACTIVE, "failed"), *sent(3, ACTIVE, "ok")]
    assert [one["expect"] for one in proofs(INTENT, events)] == [ACTIVE]


def test_the_same_command_on_another_element_is_asked_as_well() -> None:
    events = [*sent(1, ACTIVE, "ok"), *sent(2, ACTIVE, "ok", on="uh-02")]
    assert [one["on"] for one in proofs(INTENT, events)] == [["uh-01"], ["uh-02"]]


def test_a_run_that_proved_nothing_has_nothing_to_prove_again(far: FarDesk) -> None:
    far("run", "02", "--on", "ih-01", "--reason", "x")
    done = far("prove", "last", "--json")
    assert (done.code, done.json["state"]) == (0, "not-run")
    assert "proved nothing that could be asked again" in done.json["words"]
    assert len(far.folders()) == 1
    assert far("prove", "none").code == 2


def test_what_came_from_a_row_is_asked_again_as_that_row() -> None:
    template = "find {store} -maxdepth 2 -path '*/digests/{backup}' -size +0"
    slots = {"store": "/vz/vmprivate/backups", "backup": "c67e88c8"}
    intent = {"activity": {"slug": "backup-and-restore"}}
    (asked,) = proofs(intent, sent(1, ACTIVE, "ok", template=template, slots=slots))
    assert (asked["slots"], asked["each"]) == ({}, [{"backup": "c67e88c8"}])
