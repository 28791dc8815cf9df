"""Suite A: the cells of 06 and 07 through the launcher, effects checked by other means than the runbook's own proves."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path

import pytest

from desk import Desk
from opsguide import places
from opsguide.guide import decision, editions
from opsguide.guide.kinds import KINDS
from opsguide.reach import inventory

pytestmark = pytest.mark.lab
SEED = editions.load("seed")
ONE_OF_EACH = {
    "user-host": "uh-01",
    "infrastructure-host": "ih-01",
    "infrastructure-container": "hcore1",
    "end-user-container": "node101",
}


def main_pid(lab, element: str, unit: str) -> str:
    return lab.inside(element, ["systemctl", "show", "-p", "MainPID", "--value", unit]).stdout.strip()


def nginx_master(lab, element: str) -> str:
    return lab.inside(element, ["pgrep", "-o", "-x", "nginx"]).stdout.strip()


def sessions(lab) -> int:
    return sum(lab.sshd_sessions(host) for host in ("ih-01", "ih-02", "uh-01", "uh-02"))


@pytest.mark.parametrize("element", ["uh-01", "ih-01"])
def test_a_service_of_a_host_gets_a_new_process_and_is_up(desk: Desk, lab, element: str) -> None:
    before = main_pid(lab, element, "zabbix-agent")
    done = desk("run", "restarting-processes", "--on", element, "-p", "service=zabbix-agent", "-p", "settle=1 s",
                "--reason", "test")  # fmt: skip
    assert done.code == 0, done
    after = main_pid(lab, element, "zabbix-agent")
    assert after not in ("0", before)
    record = desk.record()
    assert record.state == "succeeded"
    assert [e["template"] for e in record.sent("change")] == ["systemctl restart {service}"]


def test_a_member_of_a_pair_is_drained_restarted_and_enabled(desk: Desk, lab) -> None:
    before = main_pid(lab, "hcore1", "nginx"), main_pid(lab, "hcore2", "nginx")
    done = desk(
        "run", "restarting-processes", "--on", "hcore1", "-p", "service=nginx", "-p", "settle=1 s", "--reason", "t"
    )
    assert done.code == 0, done
    after = main_pid(lab, "hcore1", "nginx"), main_pid(lab, "hcore2", "nginx")
    assert after[0] != before[0]
    assert after[1] == before[1], "the peer was touched"
    changes = [e["template"] for e in desk.record().sent("change")]
    assert changes == [
        "bash /root/scripts/disable_me.sh",
        "systemctl restart {service}",
        "bash /root/scripts/enable_me.sh",
    ]
    probe = lab.inside(
        "hcore1", ["curl", "-s", "http://127.0.0.1:8080/users/system/service/rest/getversion?appid=cluster"]
    )
    assert '"result"' in probe.stdout, "the member stayed drained"
    assert not [e for e in desk.record().events("open") if e["undo"]] or desk.record().events("closed")


def test_an_end_user_container_is_restarted_by_the_platform(desk: Desk, lab) -> None:
    before, asked = nginx_master(lab, "node101"), len(lab.api_requests())
    done = desk("run", "restarting-processes", "--on", "node101", "-p", "service=nginx", "--reason", "test")
    assert done.code == 0, done
    assert nginx_master(lab, "node101") not in ("", before)
    calls = [r for r in lab.api_requests()[asked:] if "restartservices" in json.dumps(r).lower()]
    assert len(calls) == 1


def test_a_reload_keeps_the_process(desk: Desk, lab) -> None:
    before = main_pid(lab, "hcore2", "nginx")
    done = desk("run", "restarting-processes", "--on", "hcore2", "-p", "service=nginx", "-p", "action=reload",
                "-p", "settle=1 s", "--reason", "test")  # fmt: skip
    assert done.code == 0, done
    assert main_pid(lab, "hcore2", "nginx") == before


@pytest.mark.parametrize("element", ["uh-01", "ih-01"])
def test_a_file_of_a_host_is_changed_and_the_old_one_kept(desk: Desk, lab, element: str) -> None:
    path = Path(lab.host_root(element)) / "etc/motd"
    old, mode = path.read_text(), path.stat().st_mode
    mark = f"owner = {uuid.uuid4().hex}"
    done = desk("run", "editing-system-files", "--on", element, "-p", "path=/etc/motd", "-p", f"settings={mark}",
                "--reason", "test")  # fmt: skip
    assert done.code == 0, done
    assert mark in path.read_text()
    assert path.stat().st_mode == mode
    run = desk.record().intent["run"]
    assert (Path(lab.host_root(element)) / f"root/ops-backup/{run}/etc/motd").read_text() == old
    assert not list(path.parent.glob("*.opsguide-new"))


@pytest.mark.parametrize("element", ["hcore1", "node101"])
def test_a_file_in_a_container_becomes_a_request_and_nothing_changes(desk: Desk, lab, element: str) -> None:
    path = Path(lab.container_root(element)) / "etc/motd"
    before = path.read_bytes() if path.exists() else b""
    done = desk("run", "editing-system-files", "--on", element, "-p", "path=/etc/motd", "-p", "settings=owner = you",
                "--reason", "the customer asks")  # fmt: skip
    assert done.code == 3, done
    assert (path.read_bytes() if path.exists() else b"") == before
    record = desk.record()
    assert record.state == "requested"
    assert not record.sent("change")
    assert not record.sent("edit")
    request = json.loads((record.path / "request.json").read_text())
    assert request["evidence"]
    assert "+owner = you" in request["wanted"][0]["diff"]
    (test,) = request["acceptance"]
    wanted = hashlib.sha256(before + b"owner = you\n").hexdigest()
    assert ("sha256sum /etc/motd" in test["check"], test["expect"]) == (True, f'says "{wanted}"')
    assert "Jelastic" in (record.path / "request.md").read_text()


def test_a_plan_changes_nothing_and_lists_every_change(desk: Desk, lab) -> None:
    before = main_pid(lab, "hcore1", "nginx")
    done = desk("plan", "restarting-processes", "--on", "hcore1", "-p", "service=nginx")
    assert done.code == 0, done
    assert main_pid(lab, "hcore1", "nginx") == before
    record = desk.record()
    assert not record.sent("change")
    planned = [e for e in record.events("planned") if e["verb"] == "change"]
    assert len(planned) == 3
    assert all(e["line"].startswith("ssh -F ") and "vzctl exec2 305 " in e["line"] for e in planned)


def test_all_37_cells_without_a_party_are_refused_with_a_record_and_without_a_session(desk: Desk, lab) -> None:
    cells = [(a.slug, k) for a in SEED.activities for k in KINDS if SEED.party(a.slug, k) == "N/A"]
    before = sessions(lab)
    for slug, kind in cells:
        done = desk("run", slug, "--on", ONE_OF_EACH[kind], "--reason", "test")
        assert done.code == 4, (slug, kind, str(done))
        record = desk.record()
        assert (record.state, record.seal["exit"]) == ("refused", 4)
        assert not record.sent()
    assert len(cells) == 37
    assert len(desk.folders()) == 37
    assert sessions(lab) == before


def test_may_gives_the_verdict_of_all_96_cells(desk: Desk) -> None:
    expected = {"Hosting Provider": 0, "Jelastic Operations": 3, "N/A": 4}
    platform = inventory.load(places.platform_file("lab"))
    counted = {0: 0, 3: 0, 4: 0}
    for activity in SEED.activities:
        for kind, element in ONE_OF_EACH.items():
            verdict = decision.decide(SEED, activity.slug, platform.element(element).kind)
            assert verdict.exit == expected[SEED.party(activity.slug, kind)]
            counted[verdict.exit] += 1
    assert counted == {0: 31, 3: 28, 4: 37}
    for slug, element, code in (("restarting-processes", "uh-01", 0), ("uploader-configuration", "hcore1", 3),
                                ("uploader-configuration", "uh-01", 4), ("nonsense", "uh-01", 2)):  # fmt: skip
        assert desk("may", slug, element).code == code
