"""yum, rpm, grubby and uname of a host: their exit codes, their history, and a kernel that only a boot changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from opsguide_lab.standin import packages

from .words import ssh

HOST = "uh-02"


@pytest.fixture
def host(lab: Any) -> Iterator[str]:
    yield HOST
    mend = f"rm -f {packages.STATE} {packages.FAIL_AFTER} /boot/broken-*; grubby --lab-boot"
    lab.inside(HOST, ["bash", "-c", f"{mend}; sed -i s/lab.invalid/lab.example/ {packages.REPOSITORY}"])


def code(command: str) -> int:
    return ssh(HOST, command).returncode


def said(command: str) -> str:
    return ssh(HOST, command).stdout


def test_check_update_exits_100_with_updates_0_without_and_1_when_nobody_answers(host: str) -> None:
    assert code("yum -q check-update") == 100
    assert code("yum -y update") == 0
    assert code("yum -q check-update") == 0
    assert said("yum -q check-update").strip() == ""
    assert code(f"sed -i s/lab.example/lab.invalid/ {packages.REPOSITORY}") == 0
    assert code("yum -q check-update") == 1
    assert code("yum -y update") == 1


def test_an_update_asks_unless_it_is_told_yes_and_can_leave_packages_out(host: str) -> None:
    assert code("yum update") == 1
    assert code("yum -y update --exclude='vzkernel*'") == 0
    assert set(said("yum -q check-update").split()) >= {"vzkernel.x86_64", "vzkernel-devel.x86_64"}
    assert "vzctl" not in said("yum -q check-update")
    assert code("yum -y update vzkernel vzkernel-devel") == 0
    assert code("yum -q check-update") == 0
    assert said("rpm -q vzkernel").split() == [f"vzkernel-{v}.x86_64" for v in (packages.OLD, packages.NEW)]


def test_a_new_kernel_runs_after_the_next_boot_and_falls_back_when_it_is_broken(host: str) -> None:
    assert code("yum -y update") == 0
    assert said("uname -r").strip() == packages.OLD
    assert said("grubby --default-kernel").strip() == f"/boot/vmlinuz-{packages.NEW}"
    assert code("grubby --lab-boot") == 0
    assert said("uname -r").strip() == packages.NEW
    assert code(f"touch /boot/broken-{packages.NEW}; grubby --lab-boot") == 0
    assert said("uname -r").strip() == packages.OLD
    assert code("grubby --set-default /boot/vmlinuz-9.9") == 1


def test_a_transaction_is_taken_back_but_for_the_kernel_that_runs(host: str) -> None:
    assert code("yum -y update; grubby --lab-boot") == 0
    assert "Skipping the running kernel: vzkernel" in said("yum -y history undo 2")
    assert said("rpm -q vzctl").strip() == f"vzctl-{packages.INSTALLED['vzctl']}.x86_64"
    assert code(f"grubby --set-default /boot/vmlinuz-{packages.OLD}; grubby --lab-boot; yum -y history undo 2") == 0
    assert said("rpm -q vzkernel").strip() == f"vzkernel-{packages.OLD}.x86_64"
    assert code("yum -y history undo 77") == 1


def test_a_transaction_that_fails_half_way_is_marked_in_the_history(host: str) -> None:
    assert code(f"mkdir -p /var/lib/rpm; echo 1 > {packages.FAIL_AFTER}; yum -y update") == 1
    assert "Failure" in said("yum history info 2")
    assert said("yum history list").splitlines()[1].endswith("1 **")


def test_rpm_answers_1_for_what_is_not_there(host: str) -> None:
    assert code("rpm -q vzctl bash") == 0
    assert code("rpm -q vzctl no-such-package") == 1
    assert code("rpm -V vzctl prlctl") == 0
    assert said("rpm -qa --last").startswith("criu-3")
