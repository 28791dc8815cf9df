"""A host that really reboots: what comes back, what stays down, and who does not notice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .words import ssh, within

BOOT = ["cat", "/proc/sys/kernel/random/boot_id"]


@pytest.fixture
def rebooting(lab: Any) -> Iterator[Any]:
    yield lab
    for line in ("vzctl set 102 --onboot yes --save", "rm -f /vz/private/101/fail-start"):
        lab.inside("uh-01", line.split())
    lab.restore()


def reboot(lab: Any, host: str, command: str = "systemctl reboot") -> None:
    """Reboot and wait until the host has another boot id, answers over ssh and has started what it starts at boot."""
    before = lab.inside(host, BOOT).stdout
    ssh(host, command)
    other = " ".join(BOOT) + "; ls /run/vz/onboot"

    def back() -> bool:
        answer = ssh(host, other, "-o", "ConnectTimeout=5")
        return answer.returncode == 0 and answer.stdout.split()[0] + "\n" != before

    assert within(back)


@pytest.mark.parametrize(("host", "name", "neighbour"), [("uh-01", "node101", "uh-02"), ("ih-02", "hcore2", "ih-01")])
def test_a_reboot_changes_the_boot_id_of_the_host_and_its_containers_and_of_nobody_else(
    rebooting: Any, host: str, name: str, neighbour: str
) -> None:
    ours = rebooting.inside(name, BOOT).stdout
    others = {n: rebooting.inside(n, BOOT).stdout for n in (neighbour, "node201", "hcore1")}
    reboot(rebooting, host)
    assert rebooting.inside(name, BOOT).stdout not in ("", ours)
    assert {n: rebooting.inside(n, BOOT).stdout for n in others} == others
    assert all(s.whole for s in rebooting.status())


def test_after_a_reboot_only_those_come_back_that_start_at_boot_can_start_and_are_not_suspended(
    rebooting: Any,
) -> None:
    prepare = "vzctl set 102 --onboot no --save; vzctl suspend 103; touch /vz/private/101/fail-start"
    assert ssh("uh-01", prepare).returncode == 0
    reboot(rebooting, "uh-01", "vzreboot")
    rows = ssh("uh-01", "vzlist -a -H -o ctid,status").stdout.split()
    assert rows == ["101", "stopped", "102", "stopped", "103", "suspended"]
    assert "CT 101 : Unable to start init" in ssh("uh-01", "tail /var/log/vzctl.log").stdout
    assert ssh("uh-01", "systemctl is-active vz").stdout == "active\n"
    assert ssh("uh-01", "rm /vz/private/101/fail-start; vzctl start 101; vzctl start 102").returncode == 0
    assert ssh("uh-01", "vzctl resume 103").returncode == 0
    assert [s.whole for s in rebooting.status() if s.name == "uh-01"] == [True]
