"""Failures that an operator meets: from what is on the screen alone the next step is right and safe.

All ten of suite J.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import REPOSITORY, Desk, Outcome
from launch.test_named_commands import SAID, wrong

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_built")]
AGENT = ("run", "06", "--on", "uh-01", "-p", "service=zabbix-agent", "-p", "settle=1 s", "--reason", "x")
NGINX = ("run", "06", "--on", "hcore1", "-p", "service=nginx", "-p", "settle=1 s", "--reason", "x")
NODE = ("run", "06", "--on", "node101", "-p", "service=nginx", "-p", "settle=1 s", "--reason", "x")
MOTD = ("run", "07", "--on", "uh-01", "-p", "path=/etc/motd", "-p", "settings=owner = me", "--reason", "x")
SAVE = ("run", "24", "--on", "uh-01", "-p", "action=backup", "-p", "label=j", "--reason", "x")
TLS = ("run", "20", "-f", str(REPOSITORY / "parameters/runs/20-resolver1.yml"))
RELOAD = ("run", "06", "--on", "resolver1", "-p", "service=nginx", "-p", "action=reload", "--reason", "x")
LEAVE = ("run", "02", "--on", "uh-02", "-p", "confirm=uh-02", "--reason", "x")


def field(done: Outcome, name: str) -> str:
    """A field of the error on the screen, or of the verdict below it."""
    return "\n".join(re.findall(rf"^ *{name}: +(.*)$", done.out, re.MULTILINE))


def shown(done: Outcome) -> None:
    """A few lines say what failed, where, and what next; each command that they name is there."""
    found = re.search(r"^\w+Error: .+\n((?:  (?:where|command|answer|sent|next): .*\n)*)", done.out, re.MULTILINE)
    assert found, done
    names = re.findall(r"^  (\w+):", found[1], re.MULTILINE)
    assert names == sorted(names, key=["where", "command", "answer", "sent", "next"].index), done
    assert {"where", "next"} <= set(names), done
    assert not [what for said in SAID.findall(field(done, "next")) for what in wrong(said)]


def may_go_on(desk: Desk, done: Outcome) -> None:
    """It has failed, nothing is in doubt, and the way on is said."""
    shown(done)
    assert done.code == 1, done
    assert f"once the cause is mended: opsguide resume {desk.record().intent['run']}" in field(done, "next")
    assert "Traceback" not in done.out + done.err


@contextlib.contextmanager
def dropin(lab: Any, unit: str, text: str) -> Iterator[None]:
    path = Path(lab.host_root("uh-01")) / f"etc/systemd/system/{unit}.service.d/broken.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    lab.inside("uh-01", ["systemctl", "daemon-reload"])
    try:
        yield
    finally:
        path.unlink()
        for words in (["daemon-reload"], ["reset-failed", unit], ["restart", unit]):
            lab.inside("uh-01", ["systemctl", *words])


def test_a_service_that_does_not_start_shows_where_to_read_why(desk: Desk, lab) -> None:
    with dropin(lab, "zabbix-agent", "[Service]\nExecStartPre=/bin/false\n"):
        done = desk(*AGENT)
    may_go_on(desk, done)
    assert "journalctl -xeu zabbix-agent.service" in field(done, "answer")
    assert "If it goes wrong" in field(done, "next")
    assert desk("resume", "last").code == 0, "what failed is sent again once it is mended"


def test_an_invalid_configuration_is_named_before_anything_is_changed(desk: Desk, lab) -> None:
    file = Path(lab.container_root("hcore1")) / "etc/nginx/nginx.conf"
    old = file.read_text()
    file.write_text(old + "\nnonsense;\n")
    try:
        done = desk(*NGINX)
    finally:
        file.write_text(old)
    may_go_on(desk, done)
    assert 'unknown directive "nonsense" in /etc/nginx/nginx.conf' in done.out
    assert "nginx.conf test failed" in field(done, "answer")
    assert "opsguide may editing-system-files hcore1" in field(done, "next"), "the runbook that mends it is named"
    assert not desk.record().sent("change")
    assert desk("resume", "last").code == 0


def test_a_full_disk_leaves_the_old_file_and_says_what_the_host_answered(desk: Desk, lab) -> None:
    file = Path(lab.host_root("uh-01")) / "etc/motd"
    old = file.read_text()
    lab.fill_disk("uh-01")
    try:
        done = desk(*MOTD)
    finally:
        lab.free_disk("uh-01")
    may_go_on(desk, done)
    assert "No space left on device" in field(done, "answer")
    assert "the file is as it was" in field(done, "next")
    assert "cp -a -- /etc/motd" in field(done, "command")
    assert file.read_text() == old


def test_a_host_that_cannot_be_reached_sends_nothing_and_says_what_to_check(desk: Desk, lab) -> None:
    lab.fault("uh-01", "cut")
    lab.fault("uh-01", "refuse")
    try:
        done = desk(*AGENT)
    finally:
        lab.fault("uh-01", "")
    may_go_on(desk, done)
    assert "could not be asked what it is" in done.out
    assert "opsguide doctor" in field(done, "next")
    assert not desk.record().sent("change")


def test_a_changed_host_key_is_not_believed_and_says_how_to_tell(desk: Desk, lab) -> None:
    lab.fault("uh-01", "cut")
    lab.fault("uh-01", "")
    lab.change_host_key("uh-01")
    try:
        done = desk(*AGENT)
    finally:
        lab.restore_host_key("uh-01")
    may_go_on(desk, done)
    assert "uh-01 shows another host key than the one on file" in done.out
    assert "find out why (reinstalled, or someone between?) before anything else" in field(done, "next")
    assert re.search(r"only then replace line \d+ of \S*known_hosts", field(done, "next"))
    assert not desk.record().sent("change", "look")


def test_a_locked_container_stops_a_decommission_before_it_begins(desk: Desk, lab) -> None:
    lock = Path(lab.host_root("uh-02")) / "vz/lock/201.lck"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text("1 migrating")
    try:
        done = desk(*LEAVE)
    finally:
        lock.unlink()
    may_go_on(desk, done)
    assert field(done, "answer") == "/vz/lock/201.lck"
    assert '"If it goes wrong"' in field(done, "next")
    assert not desk.record().sent("change")


@pytest.mark.parametrize(("fault", "said"), [
    ("fail:RestartServices=99", '"result": 99'), ("down", "nothing was sent: the platform API"),
])  # fmt: skip
def test_a_platform_api_that_refuses_or_is_down_says_which_and_repeats_nothing(desk, lab, fault, said) -> None:
    lab.api_fault(fault)
    done = desk(*NODE)
    may_go_on(desk, done)
    assert said in done.out
    assert "nothing was repeated" in field(done, "next")
    lab.api_fault("")
    assert desk("resume", "last").code == 0


def test_an_evacuation_that_does_not_start_says_that_the_host_is_out_and_how_to_take_it_back(desk: Desk, lab) -> None:
    lab.api_fault("fail:EvacuateContainers=99")
    done = desk(*LEAVE)
    may_go_on(desk, done)
    assert "this runbook with abort=true makes the host ACTIVE again" in done.out
    assert "still open" in done.out
    shown = desk("elements").out
    assert "uh-02 is out since" in shown
    assert f"opsguide resume {desk.record().intent['run']}" in shown
    lab.api_fault("")
    assert desk("resume", "last", "-p", "confirm=uh-02").code == 0


def test_an_evacuation_that_fails_half_way_is_completed_node_by_node(desk: Desk, lab) -> None:
    lab.api_fault("half")
    done = desk(*LEAVE)
    assert done.code == 0, done
    assert lab.inside("uh-02", ["vzlist", "-a", "-H", "-o", "ctid"]).stdout.split() == []


def test_a_missing_backup_store_is_named_and_nothing_is_saved_into_the_empty_folder(desk: Desk, lab) -> None:
    mount = ["vz-vmprivate-backups.mount"]
    store = Path(lab.host_root("uh-01")) / "vz/vmprivate/backups"
    lab.inside("uh-01", ["systemctl", "stop", *mount])
    try:
        done = desk(*SAVE)
        assert list(store.iterdir()) == []
    finally:
        lab.inside("uh-01", ["systemctl", "start", *mount])
    may_go_on(desk, done)
    assert "not so: the store has a mount of its own" in done.out
    assert "mount it, write nothing into the empty folder: it would fill /vz" in done.out
    assert not desk.record().sent("change")
    assert desk("resume", "last").code == 0
    assert (store / "host-config/uh-01-j.tar.gz").exists()
    lab.inside("uh-01", ["bash", "-c", "cd /vz/vmprivate/backups && rm -rf *-*-*-* host-config digests"])


def test_a_key_of_another_certificate_leads_to_the_runbook_that_replaces_both(desk: Desk, lab) -> None:
    """It stops a reload; then the program is down, the certificate damaged, and the first new key does not fit."""
    folder = Path(lab.container_root("resolver1")) / "etc/nginx/ssl"
    right, other = (folder / "platform.key.new").read_text(), (folder / "platform.key").read_text()
    (folder / "platform.key").write_text(right)
    done = desk(*RELOAD)
    may_go_on(desk, done)
    assert "key values mismatch" in done.out
    assert "opsguide may ssl-certificates-update resolver1" in field(done, "next")
    assert not desk.record().sent("change")
    lab.inside("resolver1", ["systemctl", "stop", "nginx"])
    (folder / "platform.crt").write_text("no certificate")
    (folder / "platform.key.new").write_text(other)
    done = desk(*TLS)
    may_go_on(desk, done)
    assert "the key belongs to the certificate" in done.out
    assert 'see what the looks above answered, and "If it goes wrong"' in field(done, "next")
    assert not desk.record().sent("change")
    (folder / "platform.key.new").write_text(right)
    done = desk("resume", "last")
    assert done.code == 0, done
    assert lab.inside("resolver1", ["systemctl", "is-active", "nginx"]).stdout == "active\n"
