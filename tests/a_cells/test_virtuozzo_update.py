"""Suite A, activity 03 where the edition gives it to the provider: both kinds of host, effects seen from outside; the way
back; what goes wrong; and what a repository's file tells nobody."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from desk import REPOSITORY, Desk, wait_for
from opsguide_lab.standin import packages
from seen import boot_ids, moved, running, vzctl_log
from stepping import stepped

pytestmark = pytest.mark.lab
BOOK = "03-virtuozzo-software-and-kernel-update.ipynb"
MEMBERS = ("gate1", "jelcore1", "hcore1", "resolver1")
PEERS = ("gate2", "jelcore2", "hcore2", "resolver2", "jelastic-db2", "ih-02")
OLD, NEW = packages.OLD, packages.NEW
REPO = (REPOSITORY / "lib/opsguide_lab/seed/host/etc/yum.repos.d/virtuozzo.repo").read_text()
MEND = f"""
rm -rf {packages.STATE} {packages.FAIL_AFTER} /boot/broken-* /vz/private/*/hang-stop /etc/vz/licence /vz/lock/*.lck
echo UPDATEDEFAULT=yes > {packages.KERNEL_SETTINGS}
cat > {packages.REPOSITORY}
grubby --lab-boot
"""


def given(element: str, **more: Any) -> dict[str, Any]:
    return {**yaml.safe_load((REPOSITORY / f"parameters/runs/03-{element}.yml").read_text()), **more}


def said(lab: Any, element: str, *words: str) -> str:
    return str(lab.inside(element, list(words)).stdout.strip())


def installed(lab: Any, host: str) -> dict[str, list[str]]:
    """From the stand-in's own file, not by the runbook's looks."""
    return dict(json.loads((lab.host_root(host) / packages.STATE.strip("/")).read_text())["installed"])


def kernel(lab: Any, host: str) -> str:
    return said(lab, host, "cat", packages.BOOTED)


def drained(lab: Any, name: str) -> bool:
    return bool(lab.inside(name, ["test", "-e", "/var/lib/jelastic/drained"]).returncode == 0)


def sent(desk: Desk, which: int = -1) -> list[str]:
    return [e["template"] for e in desk.record(which).sent("change")]


def run(desk: Desk, element: str, *more: str) -> Any:
    return desk("run", "03", "-f", str(REPOSITORY / f"parameters/runs/03-{element}.yml"), *more)


@pytest.fixture
def ours(desk: Desk, lab: Any) -> Iterator[Any]:
    """The lab, under the edition that gives row 03 to the provider; afterwards as new."""
    desk.env["OPSGUIDE_PLATFORM"] = "lab-provider-updates"
    yield lab
    lab.api_fault("")
    for host in ("uh-01", "uh-02", "ih-01", "ih-02"):
        lab.inside(host, ["bash", "-c", MEND], stdin=REPO)
    lab.restore()
    for member in (*MEMBERS, *PEERS[:4]):
        lab.inside(member, ["rm", "-f", "/var/lib/jelastic/drained"])


def test_a_user_host_is_updated_boots_the_new_kernel_and_all_that_ran_runs_again(desk: Desk, ours: Any) -> None:
    lab = ours
    before, calls = boot_ids(lab, "uh-01", "node101", "node103"), len(lab.api_requests())
    log = vzctl_log(lab, "uh-01")
    done = run(desk, "uh-01")
    assert done.code == 0, done
    assert desk.record().state == "succeeded"
    assert kernel(lab, "uh-01") == NEW
    assert installed(lab, "uh-01")["vzkernel"] == [OLD, NEW]
    assert installed(lab, "uh-01")["vzctl"] == [packages.OFFERED["vzctl"]]
    assert moved(before, boot_ids(lab, *before))
    assert running(lab, "uh-01") == {"101", "102", "103"}
    assert "CT 103 : Checkpointing completed" in log()
    records = [json.loads(r["args"]["hdnode"]) for r in lab.api_requests()[calls:] if "hdnode" in r["args"]]
    assert [(r["status"], r["soapPort"], r["tcpPort"]) for r in records] == [
        ("MAINTENANCE", 4646, 4545), ("ACTIVE", 4646, 4545),
    ]  # fmt: skip
    changes = [c for c in sent(desk) if not c.startswith(("administration", "vzctl start"))]
    assert changes == ["yum -y update", "vzctl suspend {ctid}", "vzctl stop {ctid}", "vzctl stop {ctid}",
                       "systemctl reboot", "vzctl resume {ctid}"]  # fmt: skip


def test_an_infrastructure_host_is_updated_behind_its_peers_which_nobody_touches(desk: Desk, ours: Any) -> None:
    lab = ours
    before, peers = boot_ids(lab, "ih-01", *MEMBERS, "zookeeper1"), boot_ids(lab, *PEERS)
    done = run(desk, "ih-01")
    assert done.code == 0, done
    assert moved(before, boot_ids(lab, *before))
    assert boot_ids(lab, *PEERS) == peers
    assert (kernel(lab, "ih-01"), kernel(lab, "ih-02")) == (NEW, OLD)
    assert running(lab, "ih-01") == {"301", "302", "303", "304", "305", "306", "307"}
    assert not any(drained(lab, name) for name in (*MEMBERS, *PEERS[:4]))
    order = sent(desk)
    first, last = "bash /root/scripts/disable_me.sh", "bash /root/scripts/enable_me.sh"
    assert order[:5] == [first] * 4 + ["yum -y update"]
    assert order[-4:] == [last] * 4


def test_a_user_host_is_emptied_first_where_hosts_are_named_that_take_its_containers(desk: Desk, ours: Any) -> None:
    lab = ours
    done = run(desk, "uh-01", "--on", "uh-02", "-p", "confirm=uh-02", "-p", "evacuate_to=uh-01")
    assert done.code == 0, done
    assert running(lab, "uh-02") == set()
    assert running(lab, "uh-01") == {"101", "102", "103", "201", "202", "203"}
    assert kernel(lab, "uh-02") == NEW
    assert not [c for c in sent(desk) if c.startswith("vzctl")]


def test_without_the_kernel_nothing_is_stopped(desk: Desk, ours: Any) -> None:
    lab = ours
    before = boot_ids(lab, "uh-01", "node101")
    assert stepped(desk, BOOK, **given("uh-01", parts="userspace")) is None
    assert boot_ids(lab, *before) == before
    assert installed(lab, "uh-01")["vzctl"] == [packages.OFFERED["vzctl"]]
    assert installed(lab, "uh-01")["vzkernel"] == [OLD]


def test_a_kernel_alone_can_be_installed_and_left_for_the_next_reboot(desk: Desk, ours: Any) -> None:
    lab = ours
    before = boot_ids(lab, "uh-01")
    assert stepped(desk, BOOK, **given("uh-01", parts="kernel", reboot=False)) is None
    assert boot_ids(lab, *before) == before
    assert installed(lab, "uh-01")["vzkernel"] == [OLD, NEW]
    assert installed(lab, "uh-01")["vzctl"] == [packages.INSTALLED["vzctl"]]


def test_an_update_is_taken_back_with_the_kernel_that_ran_before(desk: Desk, ours: Any) -> None:
    lab = ours
    assert stepped(desk, BOOK, **given("uh-01")) is None
    assert kernel(lab, "uh-01") == NEW
    error = stepped(desk, BOOK, **given("uh-01", undo_id=2, kernel=OLD))
    assert error is None, error
    assert kernel(lab, "uh-01") == OLD
    assert installed(lab, "uh-01") == {name: [version] for name, version in packages.INSTALLED.items()}
    assert running(lab, "uh-01") == {"101", "102", "103"}


def test_an_update_is_carried_out_as_planned_and_the_plan_changes_nothing(desk: Desk, ours: Any) -> None:
    lab = ours
    before = boot_ids(lab, "uh-01", "node101")
    assert stepped(desk, BOOK, **given("uh-01", mode="plan")) is None
    assert boot_ids(lab, *before) == before
    assert not sent(desk)
    assert "100" in said(lab, "uh-01", "bash", "-c", "yum -q check-update; echo $?").splitlines()
    error = stepped(desk, BOOK, **given("uh-01"), follows=desk.record().intent["run"])
    assert error is None, error
    assert kernel(lab, "uh-01") == NEW
    assert desk.record().events("compared")[0]["not_made"] == []


# What goes wrong


def refused(desk: Desk, error: Exception | None, words: str) -> None:
    """The run ended for that reason, and no change was sent."""
    assert words in str(error), error
    assert desk.record().state == "failed"
    assert not sent(desk)


def test_repositories_that_do_not_answer_stop_the_run_before_any_change(desk: Desk, ours: Any) -> None:
    ours.inside("uh-01", ["sed", "-i", "s/lab.example/lab.invalid/", packages.REPOSITORY])
    refused(desk, stepped(desk, BOOK, **given("uh-01")), "expected exit 100, got exit 1")


def test_a_host_without_room_without_a_licence_or_with_a_lock_is_not_touched(desk: Desk, ours: Any) -> None:
    refused(desk, stepped(desk, BOOK, **given("uh-01", free_vz=100000)), "100000")
    ours.inside("uh-01", ["bash", "-c", "echo EXPIRED > /etc/vz/licence"])
    refused(desk, stepped(desk, BOOK, **given("uh-01")), "EXPIRED")
    ours.inside("uh-01", ["bash", "-c", "rm /etc/vz/licence; touch /vz/lock/101.lck"])
    refused(desk, stepped(desk, BOOK, **given("uh-01")), "101.lck")


def test_a_peer_that_is_down_or_ill_stops_the_run_before_any_change(desk: Desk, ours: Any) -> None:
    lab = ours
    lab.inside("hcore2", ["systemctl", "stop", "nginx"])
    refused(desk, stepped(desk, BOOK, **given("ih-01")), "not healthy")
    lab.inside("hcore2", ["systemctl", "start", "nginx"])
    lab.inside("ih-02", ["vzctl", "stop", "305"])
    done = run(desk, "ih-01")
    assert done.code == 7, done
    assert "hcore2" in done.out + done.err
    assert not sent(desk)
    assert not any(drained(lab, name) for name in MEMBERS)


def test_the_second_infrastructure_host_waits_until_the_first_is_back(desk: Desk, ours: Any) -> None:
    lab = ours
    assert stepped(desk, BOOK, last="drain", **given("ih-01")) is None
    assert drained(lab, "hcore1")
    before = boot_ids(lab, "ih-02")
    done = run(desk, "ih-01", "--on", "ih-02", "-p", "confirm=ih-02")
    assert done.code == 7, done
    assert "is out since" in done.out + done.err
    assert not sent(desk)
    assert boot_ids(lab, "ih-02") == before
    gone_on = desk("resume", desk.record(0).intent["run"])
    assert gone_on.code == 0, gone_on
    assert not any(drained(lab, name) for name in MEMBERS)


def test_an_update_that_fails_half_way_stops_nothing_and_goes_on_with_the_rest(desk: Desk, ours: Any) -> None:
    lab = ours
    before = boot_ids(lab, "uh-01", "node101")
    lab.inside("uh-01", ["bash", "-c", f"mkdir -p /var/lib/rpm; echo 2 > {packages.FAIL_AFTER}"])
    done = run(desk, "uh-01")
    assert done.code == 1, done
    assert "can't create transaction lock" in done.out + done.err
    assert boot_ids(lab, *before) == before
    assert installed(lab, "uh-01")["vzkernel"] == [OLD]
    assert "2 **" in said(lab, "uh-01", "yum", "history", "list")
    lab.inside("uh-01", ["rm", packages.FAIL_AFTER])
    gone_on = desk("resume", "last")
    assert gone_on.code == 0, gone_on
    assert kernel(lab, "uh-01") == NEW
    assert sent(desk).count("yum -y update") == 1


def test_a_new_kernel_that_would_not_boot_next_is_seen_before_anything_stops(desk: Desk, ours: Any) -> None:
    lab = ours
    before = boot_ids(lab, "uh-01", "node101")
    lab.inside("uh-01", ["sed", "-i", "s/UPDATEDEFAULT=yes/UPDATEDEFAULT=no/", packages.KERNEL_SETTINGS])
    done = run(desk, "uh-01")
    assert done.code == 1, done
    assert f"/boot/vmlinuz-{OLD}" in done.out + done.err
    assert boot_ids(lab, *before) == before
    assert not [c for c in sent(desk) if c.startswith(("vzctl", "systemctl"))]
    lab.inside("uh-01", ["grubby", "--set-default", f"/boot/vmlinuz-{NEW}"])
    assert desk("resume", "last").code == 0
    assert kernel(lab, "uh-01") == NEW


def test_a_host_that_falls_back_to_its_old_kernel_is_told_and_is_not_active_again(desk: Desk, ours: Any) -> None:
    lab = ours
    lab.inside("uh-01", ["touch", f"/boot/broken-{NEW}"])
    done = run(desk, "uh-01")
    assert done.code == 1, done
    assert "step kernel failed" in done.out + done.err
    calls = [json.loads(r["args"]["hdnode"])["status"] for r in lab.api_requests() if "hdnode" in r["args"]]
    assert calls[-1] == "MAINTENANCE"
    error = stepped(desk, BOOK, **given("uh-01", undo_id=2, kernel=OLD))
    assert error is None, error
    assert installed(lab, "uh-01")["vzkernel"] == [OLD]
    assert running(lab, "uh-01") == {"101", "102", "103"}
    calls = [json.loads(r["args"]["hdnode"])["status"] for r in lab.api_requests() if "hdnode" in r["args"]]
    assert calls[-1] == "ACTIVE"


def test_a_container_that_hangs_is_named_the_others_stop_and_the_host_is_not_rebooted(desk: Desk, ours: Any) -> None:
    lab = ours
    before = boot_ids(lab, "uh-01")
    (lab.host_root("uh-01") / "vz/private/101/hang-stop").write_text("0.2")
    done = run(desk, "uh-01", "-p", "stop_batch=1")
    assert done.code == 1, done
    assert "exit 33" in done.out + done.err
    assert running(lab, "uh-01") == {"101"}
    assert boot_ids(lab, *before) == before
    lab.inside("uh-01", ["vzctl", "stop", "101", "--fast"])
    (lab.host_root("uh-01") / "vz/private/101/hang-stop").unlink()
    gone_on = desk("resume", "last")
    assert gone_on.code == 0, gone_on
    assert running(lab, "uh-01") == {"101", "102", "103"}
    assert kernel(lab, "uh-01") == NEW


def test_after_a_kill_in_the_middle_the_update_is_not_sent_again(desk: Desk, ours: Any) -> None:
    lab = ours
    process = desk.start("opsguide", "run", "03", "-f", str(REPOSITORY / "parameters/runs/03-uh-01.yml"))
    wait_for(lambda: desk.folders() and "vzctl suspend {ctid}" in sent(desk), what="the first container is suspended")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    wait_for(lambda: desk.record().sealed, what="the killed run is sealed")
    gone_on = desk("resume", desk.record().intent["run"])
    assert gone_on.code == 0, gone_on
    assert "yum -y update" not in sent(desk)
    assert [row["command"] for row in history(lab, "uh-01")] == ["install", "update"]
    assert kernel(lab, "uh-01") == NEW
    assert running(lab, "uh-01") == {"101", "102", "103"}


def history(lab: Any, host: str) -> list[dict[str, Any]]:
    return list(json.loads((lab.host_root(host) / packages.STATE.strip("/")).read_text())["history"])


# Inputs and secrets


def test_what_is_no_value_is_refused_and_nothing_is_run(desk: Desk, ours: Any) -> None:
    for name, value in (("kernel", "--default"), ("kernel", "a b"), ("undo_id", "-1"), ("stop_batch", "0"),
                        ("stop_timeout", "soon"), ("parts", "most"), ("storage", "all"), ("confirm", "uh-02"),
                        ("change_id", "")):  # fmt: skip
        done = run(desk, "uh-01", "-p", f"{name}={value}")
        assert done.code == 2, (name, value, str(done))
    assert not desk.folders()


def test_a_password_in_the_address_of_a_repository_stands_nowhere(desk: Desk, ours: Any) -> None:
    canary = "Zq7-canary-9317"
    text = REPO.replace("https://", f"https://ops:{canary}@") + f"password={canary}\n"
    ours.inside("uh-01", ["bash", "-c", f"cat > {packages.REPOSITORY}"], stdin=text)
    odd = 'of "today"; $(reboot) `x` \\ ünïcode'
    done = desk("plan", "03", "-f", str(REPOSITORY / "parameters/runs/03-uh-01.yml"), "-p", f"backup={odd}")
    assert done.code == 0, done
    assert canary not in done.out + done.err
    assert "//(hidden)@repo.lab.example" in done.out
    record = desk.record()
    assert record.intent["parameters"]["backup"] == odd
    assert not [p for p in record.path.rglob("*") if p.is_file() and canary.encode() in p.read_bytes()]
