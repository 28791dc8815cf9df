"""02 on the practice platform: effects seen on the hosts and in the platform's own state, by other means than the runbook."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from desk import REPOSITORY, Desk
from kernels import Hand
from stepping import stepped

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_built")]
BOOK = "02-user-host-decommission.ipynb"
APPLY = {"element": "uh-02", "confirm": "uh-02", "mode": "apply", "reason": "the machine goes back"}
RUN = ("run", "02", "--on", "uh-02", "-p", "confirm=uh-02", "--reason", "the machine goes back")
NODES = ("node201", "node202", "node203")
CHANGES = ("edithdnode", "evacuatecontainers", "migratenode", "deletehdnode")


@pytest.fixture
def calls(lab) -> Any:
    """The calls of a method that reached the platform since the test began."""
    begun = len(lab.api_requests())
    return lambda method: [r["args"] for r in lab.api_requests()[begun:] if r["method"].endswith("." + method)]


def listed(lab, host: str) -> list[str]:
    return lab.inside(host, ["vzlist", "-a", "-H", "-o", "ctid"]).stdout.split()


def platform_state() -> dict[str, Any]:
    return json.loads(Path("/var/lib/opsguide-lab/api/state.json").read_text())


def assert_gone(lab) -> None:
    """uh-02 is empty, forgotten and off; its containers run on uh-01."""
    assert listed(lab, "uh-02") == []
    assert listed(lab, "uh-01") == ["101", "102", "103", "201", "202", "203"]
    for name in NODES:
        assert lab.inside(name, ["hostname"]).stdout.strip() == f"node200{name[-1]}-blog.lab.example"
    assert [h["id"] for h in platform_state()["hosts"]] == [1, 2, 3]
    assert lab.inside("uh-02", ["systemctl", "is-active", "vz"]).stdout.strip() == "inactive"
    assert lab.inside("uh-02", ["systemctl", "is-enabled", "vz"]).stdout.strip() == "disabled"


def test_a_host_is_emptied_removed_and_switched_off_by_our_launcher(desk: Desk, lab, calls) -> None:
    done = desk(*RUN)
    assert done.code == 0, done
    assert_gone(lab)
    assert [len(calls(m)) for m in CHANGES] == [1, 1, 0, 1]
    sent = json.loads(calls("edithdnode")[0]["hdnode"])
    assert (sent["status"], sent["soapPort"], sent["tcpPort"]) == ("MAINTENANCE", 4646, 4545)
    assert calls("evacuatecontainers")[0]["possibleTargetNodeIds"] == "3"
    assert desk.record().state == "succeeded"
    assert desk("verify", "--all").code == 0


def test_the_same_by_stock_papermill(desk: Desk, lab, tmp_path: Path) -> None:
    file = tmp_path / "p.yml"
    file.write_text(yaml.safe_dump(APPLY))
    done = desk.run("papermill", str(REPOSITORY / "runbooks" / BOOK), str(tmp_path / "out.ipynb"), "-f", str(file))
    assert done.code == 0, done
    assert_gone(lab)
    assert (desk.record().state, desk.record().intent["frontend"]) == ("succeeded", "papermill")


def test_the_same_by_hand(desk: Desk, lab) -> None:
    hand = Hand(desk, BOOK, APPLY)
    try:
        hand.up_to("finish")
    finally:
        hand.close()
    assert_gone(lab)
    assert desk.record().state == "succeeded"


def test_containers_that_an_evacuation_left_are_moved_one_by_one(desk: Desk, lab, calls) -> None:
    lab.api_fault("half")
    assert stepped(desk, BOOK, **APPLY) is None
    assert_gone(lab)
    assert sorted(c["nodeid"] for c in calls("migratenode")) == ["2002", "2003"]
    rows = [e["slots"]["nodeid"] for e in desk.record().sent("change") if e["template"].endswith("MigrateNode")]
    assert rows == ["2002", "2003"]


def test_an_evacuation_that_never_ends_fails_and_the_host_can_be_taken_back(desk: Desk, lab, calls) -> None:
    lab.api_fault("stall")
    error = stepped(desk, BOOK, **APPLY, max_wait="1 s")
    assert "EVACUATED" in str(error)
    assert desk.record().state == "failed"
    assert [e["undo"] for e in desk.record().events("open")]
    assert stepped(desk, BOOK, **APPLY, abort=True) is None
    assert len(calls("stopevacuation")) == 1
    assert next(h["status"] for h in platform_state()["hosts"] if h["id"] == 4) == "ACTIVE"
    assert listed(lab, "uh-02") == ["201", "202", "203"]
    assert calls("deletehdnode") == []


def test_without_its_name_again_nothing_is_changed(desk: Desk, lab, calls) -> None:
    done = desk("run", "02", "--on", "uh-02", "--reason", "x")
    assert done.code == 2, done
    assert "confirm must repeat element" in done.err
    assert desk("run", "02", "--on", "uh-02", "-p", "confirm=uh-01", "--reason", "x").code == 2
    assert [calls(m) for m in CHANGES] == [[], [], [], []]
    assert not desk.folders()


def test_a_container_that_the_platform_does_not_know_stops_it_before_anything(desk: Desk, lab, calls) -> None:
    stray = Path(lab.host_root("uh-02")) / "etc/vz/conf/999.conf"
    stray.write_text('NAME="stray"\nHOSTNAME="stray"\n')
    try:
        error = stepped(desk, BOOK, **APPLY)
    finally:
        stray.unlink()
    assert "platform and host list the same containers" in str(error)
    assert [calls(m) for m in CHANGES] == [[], [], [], []]


def test_a_lock_file_stops_it_before_anything(desk: Desk, lab, calls) -> None:
    lock = Path(lab.host_root("uh-02")) / "vz/lock/201.lck"
    lock.write_text("")
    try:
        assert "201.lck" in str(stepped(desk, BOOK, **APPLY))
    finally:
        lock.unlink()
    assert [calls(m) for m in CHANGES] == [[], [], [], []]


def test_a_container_that_stopped_since_the_plan_refuses_the_plan(desk: Desk, lab, calls) -> None:
    assert stepped(desk, BOOK, **{**APPLY, "mode": "plan"}) is None
    plan = desk.record()
    rule = [c for c in json.loads((plan.path / "plan.json").read_text())["changes"] if c.get("later")]
    assert [c["later"] for c in rule] == ["administration.cluster.MigrateNode"]
    lab.inside("uh-02", ["vzctl", "stop", "202"])
    error = stepped(desk, BOOK, **APPLY, follows=plan.intent["run"])
    lab.inside("uh-02", ["vzctl", "start", "202"])
    assert "the starting state has moved" in str(error)
    assert [calls(m) for m in CHANGES] == [[], [], [], []]


def test_a_removal_that_was_cut_short_is_gone_on_from_without_asking_for_what_is_gone(desk: Desk, lab, calls) -> None:
    assert stepped(desk, BOOK, "remove", **APPLY) is None
    assert desk.record().state == "interrupted"
    assert stepped(desk, BOOK, **APPLY, follows=desk.record().intent["run"]) is None
    assert_gone(lab)
    assert [len(calls(m)) for m in CHANGES] == [1, 1, 0, 1]
    notes = [e["words"] for e in desk.record().events("note")]
    assert any(n.startswith("not asked, ") for n in notes)


def test_an_evacuation_whose_answer_was_lost_is_unknown_held_and_not_asked_for_again(desk: Desk, lab, calls) -> None:
    before = len(lab.api_requests())
    assert stepped(desk, BOOK, "stop-placement", **APPLY) is None
    count = len(lab.api_requests()) - before - 2  # EditHdNode and the reading of its record are not repeated
    again = {**APPLY, "follows": desk.record().intent["run"]}
    lab.api_fault(f"lose-at={count + 1}")
    assert "nobody knows whether it took effect" in str(stepped(desk, BOOK, **again))
    lab.api_fault("")
    assert desk.record().state == "unknown"
    assert len(calls("evacuatecontainers")) == 1
    run = desk.record().intent["run"]
    refused = desk(*RUN)
    assert refused.code == 5, refused
    assert desk("resume", run, "--found", "done", "--why", "GetHosts said EVACUATED").code == 0
    done = desk("resume", run)
    assert done.code == 0, done
    assert_gone(lab)
    assert [len(calls(m)) for m in CHANGES] == [1, 1, 0, 1]


def test_with_the_platform_api_failing_at_each_call_in_turn_the_record_is_true_and_it_is_completed(
    desk: Desk, lab
) -> None:
    ended = []
    for number in range(1, 60):
        lab.restore()
        begun = len(lab.api_requests())
        lab.api_fault(f"fail-at={number}")
        error = stepped(desk, BOOK, **APPLY)
        asked = lab.api_requests()[begun:]
        if len(asked) < number:
            break
        lab.api_fault("")
        record = desk.record()
        made = [e["template"].rpartition(".")[2].lower() for e in record.sent("change")
                if record.answer(e["command"])["state"] == "ok"]  # fmt: skip
        reached = [m for r in asked if r["result"] == 0 and (m := r["method"].rpartition(".")[2]) in CHANGES]
        assert [m for m in made if m in CHANGES] == reached, (number, made, reached)
        ended.append((number, asked[number - 1]["method"].rpartition(".")[2], record.state))
        if error is not None:
            assert record.state == "failed", ended[-1]
            assert stepped(desk, BOOK, **APPLY, follows=record.intent["run"]) is None, ended[-1]
        assert_gone(lab)
        done = [
            m
            for r in lab.api_requests()[begun:]
            if r["result"] == 0 and (m := r["method"].rpartition(".")[2]) in CHANGES
        ]
        assert sorted(set(done)) == sorted(done), (number, done)
    print(f"the platform API failed at each of {len(ended)} calls in turn: {ended}")
    assert len(ended) >= 14
    assert {state for _, _, state in ended} >= {"failed", "succeeded"}
