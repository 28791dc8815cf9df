"""Suite A, activity 05: its three cells by three ways, effects seen from outside; and what goes wrong with them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from desk import BINARIES, REPOSITORY, Desk, wait_for
from kernels import Hand
from seen import boot_ids, moved, running, vzctl_log
from stepping import stepped

pytestmark = pytest.mark.lab
RUNBOOK = REPOSITORY / "runbooks" / "05-rebooting-host-container.ipynb"
MEMBERS = ("gate1", "jelcore1", "hcore1", "resolver1")
PEERS = ("gate2", "jelcore2", "hcore2", "resolver2", "jelastic-db2", "ih-02")


def arguments(element: str, **more: Any) -> list[str]:
    given = {"confirm": element, "boot_wait": "2 min", **more}
    pairs = [word for name, value in given.items() for word in ("-p", f"{name}={value}")]
    return ["rebooting-host-container", "--on", element, *pairs, "--reason", "test"]


def drained(lab: Any, name: str) -> bool:
    return lab.inside(name, ["test", "-e", "/var/lib/jelastic/drained"]).returncode == 0


@pytest.fixture
def mended(lab: Any) -> Iterator[Any]:
    """The lab; afterwards everything runs, nothing is drained, no fault is in force."""
    yield lab
    for host in ("uh-01", "uh-02", "ih-01"):
        lab.fault(host, "")
    lab.api_fault("")
    lab.up(lambda words: None)
    for host in ("uh-01", "uh-02"):
        for mark in lab.host_root(host).glob("vz/private/*/fail-start"):
            mark.unlink()
        lab.inside(host, ["systemctl", "reset-failed"])
    lab.restore()


def test_a_user_host_is_rebooted_by_our_launcher_and_every_container_that_ran_runs_again(
    desk: Desk, mended: Any
) -> None:
    """One is not set to start at boot, one was down before, one is a Galera member."""
    lab = mended
    lab.inside("uh-01", ["vzctl", "set", "101", "--onboot", "no", "--save"])
    lab.inside("uh-01", ["vzctl", "stop", "102"])
    lab.inside("uh-01", ["vzctl", "set", "102", "--onboot", "no", "--save"])
    before, ran = boot_ids(lab, "uh-01", "node101", "node103"), running(lab, "uh-01")
    log = vzctl_log(lab, "uh-01")
    try:
        done = desk("run", *arguments("uh-01", stop_batch=2))
        assert done.code == 0, done
        assert moved(before, boot_ids(lab, *before))
        assert running(lab, "uh-01") == ran == {"101", "103"}
        assert "CT 103 : Checkpointing completed" in log()
        assert "CT 103 : Container was stopped" not in log()
    finally:
        for ctid in ("101", "102"):
            lab.inside("uh-01", ["vzctl", "set", ctid, "--onboot", "yes", "--save"])
    record = desk.record()
    assert record.state == "succeeded"
    changes = [e["line"].rpartition("timeout -k 10 ")[2] for e in record.sent("change")]
    shown = [c.split(" ", 1)[-1].rstrip("'\"") for c in changes if "curl" not in c]
    assert [s for s in shown if s.startswith(("vzctl", "systemctl"))] == [
        "vzctl suspend 103", "vzctl stop 101", "systemctl reboot", "vzctl resume 103", "vzctl start 101",
    ]  # fmt: skip
    (settled,) = record.events("settled")
    assert (settled["element"], settled["found"], settled["how"]) == ("uh-01", "done", "seen: another boot id")
    sent = [json.loads(r["args"]["hdnode"]) for r in lab.api_requests() if "edithdnode" in json.dumps(r).lower()][-2:]
    assert [(r["status"], r["soapPort"], r["tcpPort"]) for r in sent] == [
        ("MAINTENANCE", 4646, 4545), ("ACTIVE", 4646, 4545),
    ]  # fmt: skip


def test_an_infrastructure_host_is_rebooted_by_stock_papermill_and_its_peers_are_not_touched(
    desk: Desk, mended: Any, tmp_path: Path
) -> None:
    lab = mended
    before, peers = boot_ids(lab, "ih-01", *MEMBERS, "zookeeper1"), boot_ids(lab, *PEERS)
    ran = running(lab, "ih-01")
    given = tmp_path / "given.yml"
    given.write_text(yaml.safe_dump({"element": "ih-01", "confirm": "ih-01", "boot_wait": "2 min", "mode": "apply",
                                     "reason": "test"}))  # fmt: skip
    done = desk.run(str(BINARIES / "papermill"), str(RUNBOOK), str(tmp_path / "out.ipynb"), "-f", str(given),
                    "-k", "python3", timeout=500)  # fmt: skip
    assert done.code == 0, done
    assert moved(before, boot_ids(lab, *before))
    assert boot_ids(lab, *PEERS) == peers
    assert running(lab, "ih-01") == ran
    assert not any(drained(lab, name) for name in (*MEMBERS, *PEERS[:4]))
    sent = [(e["on"], e["template"]) for e in desk.record().sent("change")]
    stops = [on for on, template in sent if template.startswith("vzctl stop")]
    starts = [on for on, template in sent if template.startswith("vzctl start")]
    assert (stops[-2:], starts[:2]) == (["jelastic-db1", "zookeeper1"], ["zookeeper1", "jelastic-db1"])
    assert starts == stops[::-1]
    out = [on for on, template in sent if "disable_me" in template]
    assert sorted(out) == sorted(MEMBERS) == sorted(on for on, template in sent if "enable_me" in template)
    assert sent.index((out[-1], "bash /root/scripts/disable_me.sh")) < sent.index((stops[0], "vzctl stop {ctid}"))


def test_a_member_of_a_pair_is_restarted_by_hand_and_its_peer_is_not_touched(desk: Desk, mended: Any) -> None:
    lab = mended
    before, others = boot_ids(lab, "hcore1"), boot_ids(lab, "hcore2", "ih-01", "jelcore1")
    given = {"element": "hcore1", "confirm": "hcore1", "boot_wait": "2 min", "mode": "apply", "reason": "test"}
    hand = Hand(desk, RUNBOOK.name, given)
    try:
        hand.up_to("drain")
        assert drained(lab, "hcore1")
        hand.after("drain")
    finally:
        hand.close()
    assert moved(before, boot_ids(lab, "hcore1"))
    assert boot_ids(lab, *others) == others
    assert not drained(lab, "hcore1")
    wait_for(lambda: desk.record().sealed)
    assert desk.record().state == "succeeded"


def test_a_host_is_rebooted_without_its_firmware_when_asked(desk: Desk, mended: Any) -> None:
    lab = mended
    before = boot_ids(lab, "uh-02", "node201")
    done = desk("run", *arguments("uh-02", method="fast", placement="leave"))
    assert done.code == 0, done
    assert moved(before, boot_ids(lab, *before))
    assert [e["template"] for e in desk.record().sent("change") if "reboot" in e["template"]] == ["vzreboot"]


def test_a_member_whose_peer_is_not_healthy_is_refused_before_anything_is_sent(desk: Desk, mended: Any) -> None:
    lab = mended
    before = boot_ids(lab, "hcore1")
    lab.inside("hcore2", ["systemctl", "stop", "nginx"])
    try:
        done = desk("run", *arguments("hcore1"))
    finally:
        lab.inside("hcore2", ["systemctl", "start", "nginx"])
    assert done.code == 1, done
    assert "not healthy: nginx on hcore2" in done.out + done.err
    assert not desk.record().sent("change")
    assert boot_ids(lab, "hcore1") == before
    assert not drained(lab, "hcore1")


def test_nothing_is_sent_without_the_name_of_the_element_repeated(desk: Desk, lab: Any) -> None:
    done = desk("run", *arguments("uh-02", confirm="uh-01"))
    assert done.code == 2, done
    assert not desk.folders()


@contextlib.contextmanager
def slow_to_answer(lab: Any, host: str) -> Iterator[None]:
    """From its next boot on nobody answers at the host's address as long as this lasts."""
    drop_in, go = "etc/systemd/system/sshd.service.d/slow.conf", "root/go"
    gate = "[Service]\nTimeoutStartSec=10min\nExecStartPre=/bin/sh -c 'until test -e /root/go; do sleep 0.05; done'\n"
    (lab.host_root(host) / drop_in).parent.mkdir(exist_ok=True)
    (lab.host_root(host) / go).unlink(missing_ok=True)
    (lab.host_root(host) / drop_in).write_text(gate)
    try:
        yield
    finally:
        (lab.host_root(host) / drop_in).unlink()
        (lab.host_root(host) / go).touch()


def test_a_host_that_does_not_return_is_unknown_and_held_until_somebody_has_looked(desk: Desk, mended: Any) -> None:
    lab = mended
    before = boot_ids(lab, "uh-02")
    with slow_to_answer(lab, "uh-02"):
        done = desk("run", *arguments("uh-02", boot_wait="4 s", placement="leave"))
    assert done.code == 5, done
    assert "no other boot id was seen on uh-02" in done.out + done.err
    record = desk.record()
    assert (record.state, record.seal["exit"]) == ("unknown", 5)
    (hold,) = record.events("hold")
    assert (hold["element"], hold["settle"]) == ("uh-02", "cat /proc/sys/kernel/random/boot_id")
    assert len([e for e in record.sent("change") if "reboot" in e["line"]]) == 1
    wait_for(lambda: lab.inside("uh-02", ["systemctl", "is-active", "sshd"]).stdout == "active\n", what="it answers")
    assert moved(before, boot_ids(lab, "uh-02"))
    again = desk("run", *arguments("uh-02", placement="leave"))
    assert again.code == 5, again
    assert not desk.record().sent("change")
    run = record.intent["run"]
    assert desk("resume", run, "--found", "done", "--why", "its boot id is another one").code == 0
    gone_on = desk("resume", run)
    assert gone_on.code == 0, gone_on
    assert not [e for e in desk.record().sent("change") if "reboot" in e["line"] or "vzctl stop" in e["line"]]
    assert running(lab, "uh-02") == {"201", "202", "203"}


def test_a_container_that_does_not_come_back_is_named_and_keeps_no_other_waiting(desk: Desk, mended: Any) -> None:
    lab = mended
    (lab.host_root("uh-02") / "vz/private/201/fail-start").touch()
    lab.inside("uh-02", ["vzctl", "set", "202", "--onboot", "no", "--save"])
    given = {"element": "uh-02", "confirm": "uh-02", "boot_wait": "2 min", "mode": "apply", "reason": "test",
             "placement": "leave", "stop_batch": 1}  # fmt: skip
    hand = Hand(desk, RUNBOOK.name, given)
    try:
        hand.up_to("come-back")
        assert "vzctl start 201" in hand.cell("start-containers")
        assert running(lab, "uh-02") == {"202", "203"}
        (lab.host_root("uh-02") / "vz/private/201/fail-start").unlink()
        assert not hand.cell("start-containers")
        assert running(lab, "uh-02") == {"201", "202", "203"}
        hand.after("start-containers")
    finally:
        hand.close()
        lab.inside("uh-02", ["vzctl", "set", "202", "--onboot", "yes", "--save"])
    wait_for(lambda: desk.record().sealed)
    assert desk.record().state == "succeeded"
    starts = [e["slots"]["ctid"] for e in desk.record().sent("change") if e["template"] == "vzctl start {ctid}"]
    assert starts == ["201", "202", "201"]


GIVEN = {"element": "uh-01", "confirm": "uh-01", "boot_wait": "2 min", "mode": "apply", "reason": "test"}


@pytest.mark.parametrize("way", ["papermill", "by hand"])
def test_a_user_host_is_rebooted_in_the_other_ways_too(desk: Desk, mended: Any, tmp_path: Path, way: str) -> None:
    lab = mended
    before, ran = boot_ids(lab, "uh-01", "node101", "node103"), running(lab, "uh-01")
    if way == "papermill":
        given = tmp_path / "given.yml"
        given.write_text(yaml.safe_dump(GIVEN))
        done = desk.run("papermill", str(RUNBOOK), str(tmp_path / "out.ipynb"), "-f", str(given), timeout=500)
        assert done.code == 0, done
    else:
        hand = Hand(desk, RUNBOOK.name, GIVEN)
        try:
            hand.up_to("finish")
        finally:
            hand.close()
    assert moved(before, boot_ids(lab, *before))
    assert running(lab, "uh-01") == ran
    assert desk.record().state == "succeeded"


def test_a_reboot_is_carried_out_as_planned(desk: Desk, mended: Any) -> None:
    lab = mended
    assert stepped(desk, RUNBOOK.name, **{**GIVEN, "mode": "plan"}) is None
    before = boot_ids(lab, "uh-01")
    assert stepped(desk, RUNBOOK.name, **GIVEN, follows=desk.record().intent["run"]) is None
    assert moved(before, boot_ids(lab, "uh-01"))
    assert desk.record().events("compared")[0]["not_made"] == []


def test_with_the_platform_api_failing_at_each_call_in_turn_the_host_is_rebooted_once_and_the_record_is_true(
    desk: Desk, mended: Any
) -> None:
    lab, ended = mended, []
    for number in range(1, 30):
        lab.restore()
        before, begun = boot_ids(lab, "uh-01"), len(lab.api_requests())
        lab.api_fault(f"fail-at={number}")
        error = stepped(desk, RUNBOOK.name, **GIVEN)
        if len(lab.api_requests()) - begun < number:
            break
        lab.api_fault("")
        runs = [desk.record()]
        ended.append((lab.api_requests()[begun + number - 1]["method"].rpartition(".")[2], runs[0].state))
        if error is not None:
            assert runs[0].state == "failed", ended
            assert stepped(desk, RUNBOOK.name, **GIVEN, follows=runs[0].intent["run"]) is None, ended
            runs.append(desk.record())
        reboots = [e for run in runs for e in run.sent("change") if e["template"] == "systemctl reboot"]
        assert len(reboots) == 1, ended
        assert moved(before, boot_ids(lab, "uh-01"))
        assert running(lab, "uh-01") == {"101", "102", "103"}
        hosts = json.loads(Path("/var/lib/opsguide-lab/api/state.json").read_text())["hosts"]
        assert [h["status"] for h in hosts if h["hostname"].startswith("uh-01")] == ["ACTIVE"], ended
    print(f"the platform API failed at each of {len(ended)} calls in turn: {ended}")
    assert len(ended) >= 7
    assert {state for _, state in ended} == {"failed", "succeeded"}
