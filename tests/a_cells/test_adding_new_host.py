"""01 on the practice platform: the blank host joins both ways; what came of it is read on the host and in the platform."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from desk import REPOSITORY, Desk, wait_for
from stepping import stepped

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_built")]
BOOK = "01-adding-new-host.ipynb"
SHIPPED = yaml.safe_load((REPOSITORY / "parameters/runs/01-new-01.yml").read_text())
APPLY = {**SHIPPED, "mode": "apply"}
STATE = Path("/var/lib/opsguide-lab/state")
HANDED, SECRET_WORDS = "getaddhostcmd", "[hidden: command handed out by the platform]"
CURL = '#!/bin/sh\necho "curl $*" | tee -a /root/curl.log >&2\nexec /usr/bin/curl "$@"\n'
USER = "{kind: user-host, joining: user-host,"
AS_BUILT = f"new-01: {USER}"


@pytest.fixture
def inventory(desk: Desk, tmp_path: Path) -> Callable[[str], None]:
    """Put the desk on the lab's inventory with other first words for new-01."""

    def write(words: str) -> None:
        text = (REPOSITORY / "parameters/platforms/lab.yml").read_text()
        assert AS_BUILT in text
        group = "group: infra" if "infrastructure-host" in words else "group: users"
        lines = [
            line.replace(USER, "{" + words).replace("group: users", group) if "new-01" in line else line
            for line in text.splitlines()
        ]
        path = tmp_path / "lab.yml"
        path.write_text("\n".join(lines) + "\n")
        desk.env["OPSGUIDE_PLATFORM"] = str(path)

    return write


@pytest.fixture
def calls(lab) -> Any:
    """The calls of a method that reached the platform since the test began."""
    begun = len(lab.api_requests())
    return lambda method: [r["args"] for r in lab.api_requests()[begun:] if r["method"].endswith("." + method)]


def platform_state() -> dict[str, Any]:
    return json.loads(Path("/var/lib/opsguide-lab/api/state.json").read_text())


def records() -> list[tuple[int, str, str]]:
    """What the platform has of hosts called new-01: id, group, status."""
    mine = [h for h in platform_state()["hosts"] if h["hostname"] == "new-01.lab.example"]
    return [(h["id"], h["hardwareNodeGroup"], h["status"]) for h in mine]


def role(lab) -> str:
    path = lab.host_root("new-01") / "etc/opsguide/role"
    return path.read_text().strip() if path.exists() else ""


def shipped(desk: Desk, *more: str) -> Any:
    file = str(REPOSITORY / "parameters/runs/01-new-01.yml")
    return desk("run", "01", "--on", "new-01", "-f", file, "--reason", "test", *more)


def proven(desk: Desk) -> dict[str, Any]:
    """The proof of kind that another activity's plan makes."""
    done = desk("plan", "06", "--on", "new-01", "-p", "service=zabbix-agent")
    assert done.code == 0, done
    return desk.record().events("proof")[0]


def test_the_blank_host_joins_as_a_user_host_by_our_launcher(desk: Desk, lab, calls, inventory) -> None:
    done = shipped(desk)
    assert done.code == 0, done
    assert desk.record().state == "succeeded"
    assert role(lab) == "user-host"
    assert records() == [(5, "users", "ACTIVE")]
    (sent,) = [json.loads(c["hdnode"]) for c in calls("edithdnode")]
    assert (sent["status"], sent["soapPort"], sent["tcpPort"]) == ("ACTIVE", 4646, 4545)
    assert len(calls(HANDED)) == 1
    assert "joined" in (lab.host_root("new-01") / "var/log/install.log").read_text()
    log = (lab.host_root("new-01") / "var/log/vzctl.log").read_text()
    assert "CT 990 : Container was successfully started" in log
    assert lab.inside("new-01", ["vzlist", "-a", "-H", "-o", "ctid"]).stdout == ""
    assert desk("verify", "--all").code == 0
    inventory("kind: user-host,")
    proof = proven(desk)
    assert (proof["verdict"], proof["api"]) == ("proven", "agrees")
    assert {"what": "role marker", "value": "user-host", "agrees": True} in proof["evidence"]


def test_it_joins_as_an_infrastructure_host_and_customers_never_land_there(desk: Desk, lab, calls, inventory) -> None:
    inventory("kind: infrastructure-host, joining: infrastructure-host,")
    assert stepped(desk, BOOK, **{**APPLY, "host_group": "infra"}) is None
    assert role(lab) == "infrastructure-host"
    assert records() == [(5, "infra", "INFRASTRUCTURE_NODE")]
    assert calls("edithdnode") == []
    assert [e["step"] for e in desk.record().events("step") if not e["applies"]] == [
        "join-as-user-host", "revive", "activate", "stop-placement", "withdraw",
    ]  # fmt: skip
    inventory("kind: infrastructure-host,")
    assert proven(desk)["verdict"] == "proven"


def test_until_the_test_has_passed_the_host_takes_no_customers(desk: Desk, lab) -> None:
    lab.inside("new-01", ["mkdir", "-p", "/vz/private/990"])
    error = stepped(desk, BOOK, **APPLY)
    assert "Private area already exists" in str(error)
    assert records() == [(5, "users", "MAINTENANCE")]
    lab.inside("new-01", ["rmdir", "/vz/private/990"])
    assert desk("resume", desk.record().intent["run"]).code == 0
    assert records() == [(5, "users", "ACTIVE")]


def test_a_plan_asks_for_no_command_and_changes_nothing(desk: Desk, lab, calls) -> None:
    assert stepped(desk, BOOK, **SHIPPED) is None
    assert calls(HANDED) == []
    assert (role(lab), records()) == ("", [])
    plan = json.loads((desk.record().path / "plan.json").read_text())
    assert len(plan["changes"]) == 6
    assert stepped(desk, BOOK, **APPLY, follows=desk.record().intent["run"]) is None
    assert records() == [(5, "users", "ACTIVE")]


def test_the_secret_of_the_command_stands_nowhere_even_when_the_host_echoes_it(desk: Desk, lab) -> None:
    lab.inside("new-01", ["sh", "-c", "cat > /usr/local/bin/curl; chmod 755 /usr/local/bin/curl"], stdin=CURL)
    done = shipped(desk)
    told = (lab.host_root("new-01") / "root/curl.log").read_text()
    keys = {line.split("/join/")[1].split("/")[0].strip() for line in told.splitlines() if "/join/" in line}
    (key,) = keys
    assert hashlib.sha256(key.encode()).hexdigest() in platform_state()["offers"], "the test knows the real key"
    assert SECRET_WORDS in done.out, done
    assert key not in done.out + done.err
    kept = [p for root in (desk.records, STATE) for p in root.rglob("*") if p.is_file()]
    assert [str(p) for p in kept if key.encode() in p.read_bytes()] == []
    sent = next(e for e in desk.record().sent("change") if e["template"].startswith("{join_command}"))
    assert "[what administration.cluster.GetAddHostCmd hands out]" in sent["line"]
    assert key in told


def test_a_set_up_that_breaks_half_way_is_not_joined_again_and_goes_on_by_revive(desk: Desk, lab, calls) -> None:
    lab.api_fault("half")
    error = stepped(desk, BOOK, **APPLY)
    assert "half-way" in str(error) or "exit 5" in str(error), error
    assert desk.record().state == "failed"
    assert records() == [(5, "users", "BROKEN")]
    lab.api_fault("")
    again = stepped(desk, BOOK, **APPLY, follows=desk.record().intent["run"])
    assert "the platform has a record already: id 5" in str(again)
    assert "revive=true" in str(again)
    anew = stepped(desk, BOOK, **APPLY)
    assert "unless revive or withdraw is set" in str(anew)
    assert len(calls(HANDED)) == 1
    assert records() == [(5, "users", "BROKEN")]
    assert stepped(desk, BOOK, **APPLY, revive=True) is None
    assert records() == [(5, "users", "ACTIVE")]
    assert role(lab) == "user-host"


@pytest.mark.parametrize("fault", ["fail:GetAddHostCmd=8202", "fail:GetAddHostCmd=5"])
def test_when_the_platform_hands_out_no_command_nothing_is_sent_to_the_host(desk: Desk, lab, fault: str) -> None:
    lab.api_fault(fault)
    error = stepped(desk, BOOK, **APPLY)
    assert "failed as the lab was told to" in str(error)
    assert desk.record().state == "failed"
    assert desk.record().sent("change") == []
    assert (role(lab), records()) == ("", [])
    lab.api_fault("")
    assert desk("resume", desk.record().intent["run"]).code == 0
    assert records() == [(5, "users", "ACTIVE")]


def test_a_group_that_is_not_there_sends_nothing_to_the_host(desk: Desk, lab) -> None:
    error = stepped(desk, BOOK, **{**APPLY, "host_group": "nobody"})
    assert "host group 'nobody' is not found" in str(error)
    assert (role(lab), records()) == ("", [])


def test_an_unknown_host_key_is_refused_before_anything(desk: Desk, lab, calls) -> None:
    lab.change_host_key("new-01")
    lab.fault("new-01", "cut")
    before = lab.sshd_sessions("new-01")
    assert stepped(desk, BOOK, **APPLY) is not None
    assert desk.record().state in ("failed", "refused")
    assert lab.sshd_sessions("new-01") == before
    assert (role(lab), records(), calls(HANDED)) == ("", [], [])


def test_an_address_that_another_host_has_is_refused(desk: Desk, lab, calls) -> None:
    error = stepped(desk, BOOK, **{**APPLY, "private_ip": "10.64.0.3"})
    assert "the platform has no record of it" in str(error)
    assert (role(lab), records(), calls(HANDED)) == ("", [], [])


def test_a_leftover_container_and_a_leftover_role_are_refused(desk: Desk, lab, calls) -> None:
    lab.inside("new-01", ["vzctl", "create", "301", "--ostemplate", "debian-12"])
    assert "vzlist" in str(stepped(desk, BOOK, **APPLY))
    lab.inside("new-01", ["vzctl", "destroy", "301"])
    lab.inside("new-01", ["sh", "-c", "mkdir /etc/opsguide; echo user-host > /etc/opsguide/role"])
    assert "the host has no role" in str(stepped(desk, BOOK, **APPLY))
    assert (records(), calls(HANDED)) == ([], [])


def test_too_little_room_is_refused(desk: Desk, lab, calls) -> None:
    assert "have at least" in str(stepped(desk, BOOK, **{**APPLY, "min_gb": 100}))
    assert calls(HANDED) == []


def test_a_host_without_containers_is_taken_out_again(desk: Desk, lab, calls) -> None:
    assert stepped(desk, BOOK, **APPLY) is None
    assert stepped(desk, BOOK, **APPLY, withdraw=True) is None
    assert records() == []
    assert len(calls("deletehdnode")) == 1
    assert len(calls(HANDED)) == 1


def test_when_the_link_is_cut_while_it_joins_nobody_claims_to_know_and_nothing_is_sent_again(
    desk: Desk, lab, calls
) -> None:
    slow = CURL.replace("exec", 'case "$*" in */half*) while [ ! -e /root/go ]; do sleep 0.1; done;; esac\nexec')
    lab.inside("new-01", ["sh", "-c", "cat > /usr/local/bin/curl; chmod 755 /usr/local/bin/curl"], stdin=slow)
    lab.inside("new-01", ["rm", "-f", "/root/go", "/root/curl.log"])
    log = lab.host_root("new-01") / "root/curl.log"
    cutter = threading.Thread(
        target=lambda: (wait_for(lambda: log.exists() and "/half" in log.read_text(), 300), lab.fault("new-01", "cut"))
    )
    cutter.start()
    error = stepped(desk, BOOK, **APPLY)
    cutter.join()
    assert "nobody knows whether it took effect" in str(error)
    assert desk.record().state == "unknown"
    run = desk.record().intent["run"]
    assert shipped(desk).code == 5
    assert len(calls(HANDED)) == 1
    (lab.host_root("new-01") / "root/go").touch()
    wait_for(lambda: records() == [(5, "users", "MAINTENANCE")])
    assert desk("resume", run, "--found", "done", "--why", "GetHosts lists it").code == 0
    assert desk("resume", run).code == 0
    assert records() == [(5, "users", "ACTIVE")]
    assert len(calls(HANDED)) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("private_ip", "10.64.0.5; reboot"), ("external_ip", "--status"), ("host_group", "$(id)"), ("domain", "a b"),
     ("test_template", "../x"), ("platform_url", "-o/etc/passwd"), ("vz_filesystem", "btrfs")],
)  # fmt: skip
def test_odd_values_are_bad_input_and_leave_no_record(desk: Desk, lab, calls, name: str, value: str) -> None:
    done = shipped(desk, "-p", f"{name}={value}")
    assert done.code == 2, done
    assert not desk.folders()
    assert calls(HANDED) == []


def test_a_host_on_which_one_of_its_three_services_is_down_is_not_joined(desk: Desk, lab) -> None:
    lab.inside("new-01", ["systemctl", "stop", "vzevent"])
    try:
        error = stepped(desk, BOOK, last="host-ready", **APPLY)
    finally:
        lab.inside("new-01", ["systemctl", "start", "vzevent"])
    assert "systemctl is-active vz prl-disp vzevent" in str(error), "systemctl exits 0 when one of several is active"
    assert not desk.record().sent("change")
