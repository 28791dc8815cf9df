"""What binds a run to its plan: nothing beyond it, no other row, and no starting state that has moved; pure."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from broker.fakes import grounds, platform, send
from opsguide.broker import pins, plans
from opsguide.broker.plans import Plan
from opsguide.broker.targets import Target
from opsguide.errors import InputError, RefusedError
from opsguide.record.lineage import Past

RESTART, RUN = "systemctl restart {service}", "20261123T100000Z-restarting-processes-uh-01-0123abcd"


def target(folder: Path, element: str = "uh-01", service: str = "nginx") -> Target:
    return send(grounds(platform(folder), element, service=service), "change", RESTART)[0]


def plan(*changes: dict[str, Any], pinned: list[dict[str, Any]] | None = None) -> Plan:
    return Plan(RUN, "d" * 64, list(changes), pinned or [])


def planned(of: Target, step: str = "restart", **more: Any) -> dict[str, Any]:
    return {"step": step, "key": of.key, "on": of.element.name, "line": of.shown, "words": "", **more}


def test_a_change_that_the_plan_has_is_sent_in_its_step_alone(tmp_path: Path) -> None:
    one = target(tmp_path)
    plan(planned(one)).refuse_beyond("restart", one)
    with pytest.raises(RefusedError, match="does not have this change"):
        plan(planned(one)).refuse_beyond("reload", one)


def test_a_change_of_another_value_or_element_is_not_in_the_plan(tmp_path: Path) -> None:
    one = target(tmp_path)
    for other in (target(tmp_path, service="rsyslog"), target(tmp_path, "uh-02")):
        with pytest.raises(RefusedError, match="does not have this change"):
            plan(planned(one)).refuse_beyond("restart", other)


def test_a_rule_for_rows_is_for_its_step_template_and_element(tmp_path: Path) -> None:
    one, rule = target(tmp_path), {"step": "restart", "key": "", "on": "uh-01", "later": RESTART}
    plan(rule).refuse_beyond("restart", one)
    for other in ({"step": "reload"}, {"on": "uh-02"}, {"later": "systemctl stop {service}"}):
        with pytest.raises(RefusedError, match="does not have this change"):
            plan({**rule, **other}).refuse_beyond("restart", one)


@pytest.mark.parametrize(("among", "rows", "fits"), [
    (["101", "102"], [{"ctid": "101"}, {"ctid": "102", "host": "uh-01"}], True),
    (["101", "102"], [{"ctid": "101"}, {"ctid": "103"}], False),
    ([], [{"ctid": "101"}], False),
    (None, [{"ctid": "103"}], True),
])  # fmt: skip
def test_a_row_is_among_those_that_the_plan_saw(among: Any, rows: Any, fits: bool) -> None:
    rule = {"step": "move", "key": "", "on": "uh-01", "later": "vzctl stop {ctid}", "among": among}
    if fits:
        return plan(rule).refuse_rows("move", "vzctl stop {ctid}", rows)
    with pytest.raises(RefusedError, match="did not see the row"):
        plan(rule).refuse_rows("move", "vzctl stop {ctid}", rows)
    return None


def test_what_was_planned_and_not_made_is_told(tmp_path: Path) -> None:
    one, two = target(tmp_path), target(tmp_path, service="rsyslog")
    found = plan(planned(one), planned(two)).compared([("restart", one.key)], [])
    assert (found["made"], [left["line"] for left in found["not_made"]]) == (1, [two.shown])
    assert plan(planned(one), planned(two)).compared([("restart", one.key)], [("restart", two.key)])["not_made"] == []


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b'{"changes": []}'])
def test_a_record_without_a_plan_is_not_carried_out(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(InputError, match="holds no plan"):
        plans.read(Past(RUN, tmp_path, {}, []))


def test_the_plan_is_told_by_the_digest_of_its_file(tmp_path: Path) -> None:
    content = json.dumps({"changes": [], "pins": []}).encode()
    (tmp_path / "plan.json").write_bytes(content)
    assert plans.read(Past(RUN, tmp_path, {}, [])).digest == hashlib.sha256(content).hexdigest()


def test_a_starting_state_that_moved_is_refused_and_white_space_around_it_is_not(tmp_path: Path) -> None:
    one = target(tmp_path)
    pin = pins.of("look", one, "812\n", {})
    pins.refuse_moved(pin, one, " 812", RUN)
    pins.refuse_moved(None, one, "813", RUN)
    with pytest.raises(RefusedError, match="has moved since the plan") as refused:
        pins.refuse_moved(pin, one, "813", RUN)
    assert refused.value.answer == "was 812; is 813"


def test_a_record_that_changed_beside_what_is_planned_is_not_stored(tmp_path: Path) -> None:
    one = target(tmp_path)
    pins.refuse_other_record({"pin": one.pin}, one, RUN)
    for was in ({"pin": "0" * 64}, {}):
        with pytest.raises(RefusedError, match="record of uh-01 has changed"):
            pins.refuse_other_record(was, one, RUN)


def test_a_file_is_edited_from_and_to_what_the_plan_says() -> None:
    event = {"path": "/etc/hosts", "on": "uh-01", "old": "a", "new": "b"}
    pins.refuse_other_edit({"old": "a", "new": "b"}, event, RUN)
    for was in (None, {"old": "a", "new": "c"}, {"old": "c", "new": "b"}):
        with pytest.raises(RefusedError, match="/etc/hosts has changed"):
            pins.refuse_other_edit(was, event, RUN)


@pytest.mark.parametrize(("old", "summed", "fits"), [
    ("a", "a  /etc/hosts", True), ("a", "b  /etc/hosts", False), ("a", "", False), ("", "", True), ("", "a  /etc/x", False),
])  # fmt: skip
def test_a_file_is_looked_at_again_before_the_plan_is_carried_out(old: str, summed: str, fits: bool) -> None:
    was = {"path": "/etc/hosts", "on": "uh-01", "old": old}
    if fits:
        return pins.refuse_other_file(was, summed, RUN)
    with pytest.raises(RefusedError, match="/etc/hosts has changed"):
        pins.refuse_other_file(was, summed, RUN)
    return None
