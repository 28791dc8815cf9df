"""Up, status, reboot, down: against the real thing, and against what a broken start leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opsguide_lab import topology
from opsguide_lab.places import GROUP

from .words import ssh, within

BOOT = "cat /proc/sys/kernel/random/boot_id"


def everything() -> list[str]:
    """Each host and each container."""
    return [h.name for h in topology.HOSTS] + [c.name for c in topology.CONTAINERS]


@dataclass(frozen=True)
class Machine:
    """What of the lab shows on the machine."""

    mounts: frozenset[str]
    namespaces: frozenset[str]
    groups: frozenset[str]
    processes: frozenset[str]

    @classmethod
    def now(cls) -> Machine:
        """Everything, to be compared with another moment."""
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        groups = [p for top in Path("/sys/fs/cgroup").iterdir() if top.is_dir() for p in (top, *top.glob(GROUP))]
        groups += Path("/sys/fs/cgroup").glob(GROUP)
        namespaces: set[str] = set()
        processes: set[str] = set()
        for entry in [p for p in Path("/proc").iterdir() if p.name.isdigit()]:
            try:
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                # a dead one (Z) only waits until the machine's own PID 1 reads its exit status
                if f"/{GROUP}/" in (entry / "cgroup").read_text() and state[0] != "Z":
                    processes.add(f"{entry.name} {state[19]}")
                    namespaces |= {str(link.readlink()) for link in (entry / "ns").iterdir()}
            except OSError:
                continue
        return cls(
            frozenset(line.split(" - ")[0].split(" ", 3)[3] for line in mounts),
            frozenset(namespaces),
            frozenset(str(p) for p in groups if GROUP in str(p)),
            frozenset(processes),
        )


def test_a_lab_that_is_up_is_whole_and_up_again_changes_nothing(lab: Any) -> None:
    lab.restore()
    before = {name: lab.inside(name, BOOT.split()).stdout for name in everything()}
    said: list[str] = []
    lab.up(said.append)
    assert not [line for line in said if "containers" in line], "no host is brought up anew"
    assert {name: lab.inside(name, BOOT.split()).stdout for name in everything()} == before
    assert [s.name for s in lab.status() if s.up] == ["ih-01", "ih-02", "uh-01", "uh-02", "new-01"]
    assert sum(sum(s.containers.values()) for s in lab.status()) == 19


def test_each_host_answers_over_plain_ssh_under_its_own_name_and_key(lab: Any) -> None:
    for state in lab.status():
        answer = ssh(state.name, "hostname; cat /etc/machine-id")
        assert answer.stdout.split()[0] == state.name, answer.stderr


@pytest.mark.parametrize("name", ["uh-01", "node101"])
def test_root_in_a_host_cannot_touch_the_machine(lab: Any, name: str) -> None:
    forbidden = {"module": 16, "rawio": 17, "time": 25, "mknod": 27, "syslog": 34, "wake alarm": 35, "bpf": 39}
    # read, not tried: a lab that allows it would do it to this machine
    line = next(
        x
        for x in (lab.host_root if name == "uh-01" else lab.container_root)(name)
        .joinpath("proc/1/status")
        .read_text()
        .splitlines()
        if x.startswith("CapBnd")
    )
    bounds = int(line.split()[1], 16)
    assert [what for what, bit in forbidden.items() if bounds >> bit & 1] == []
    assert bounds >> 12 & 1, "its own network it may change"
    mounts = lab.inside(name, ["cat", "/proc/self/mounts"]).stdout.splitlines()
    assert any(m.split()[1] == "/proc/sys" and m.split()[3].startswith("ro") for m in mounts)


def test_status_from_another_process_is_zero_only_when_all_is_up(lab: Any) -> None:
    line = [sys.executable, "-m", "opsguide_lab", "status"]
    assert subprocess.run(line, capture_output=True).returncode == 0
    lab.inside("uh-02", ["vzctl", "stop", "202", "--fast"])
    try:
        answer = subprocess.run(line, capture_output=True, text=True)
        assert (answer.returncode, "down: node202" in answer.stdout) == (1, True)
    finally:
        lab.up()
    assert subprocess.run(line, capture_output=True).returncode == 0


def test_a_host_that_reboots_comes_back_with_a_new_boot_id_its_files_and_its_containers(lab: Any) -> None:
    before = ssh("uh-02", f"echo kept > /root/kept; vzctl exec2 201 'echo kept > /root/kept'; {BOOT}").stdout
    ssh("uh-02", "systemctl reboot")
    assert within(lambda: ssh("uh-02", BOOT, "-o", "ConnectTimeout=5").stdout not in ("", before))
    assert within(lambda: all(s.whole for s in lab.status()))
    assert ssh("uh-02", "cat /root/kept; vzctl exec2 201 'cat /root/kept'").stdout == "kept\nkept\n"


def test_down_leaves_no_process_mount_namespace_or_cgroup_and_up_brings_all_back(lab: Any) -> None:
    lab.down()
    before = Machine.now()
    lab.up()
    during = Machine.now()
    lab.down()
    after = Machine.now()
    lab.up()
    assert during.processes
    assert during.groups
    assert not after.processes
    assert not after.groups
    assert not (during.namespaces - before.namespaces) & after.namespaces
    assert len(during.namespaces - before.namespaces) > 22
    assert after.mounts == before.mounts


def test_every_host_and_container_has_started_without_a_failed_unit(lab: Any) -> None:
    """In a lab that has just been brought up: nothing that other tests left is judged."""
    for name in everything():
        state = lab.inside(name, ["systemctl", "is-system-running", "--wait"])
        failed = lab.inside(name, ["systemctl", "--failed", "--plain", "--no-legend"]).stdout
        assert state.stdout.strip() == "running", f"{name}: {failed}"


def test_up_heals_a_lab_that_was_killed_half_way_up(lab: Any) -> None:
    lab.down()
    for pause in (0.5, 1.5):
        with subprocess.Popen([sys.executable, "-m", "opsguide_lab", "up"], stdout=subprocess.DEVNULL) as start:
            time.sleep(pause)  # the moment is the point: half of the hosts are on their way
            os.kill(start.pid, signal.SIGKILL)
    lab.up()
    assert all(s.whole for s in lab.status())


def test_down_ends_a_lab_that_was_killed_half_way_up(lab: Any) -> None:
    lab.down()
    with subprocess.Popen([sys.executable, "-m", "opsguide_lab", "up"], stdout=subprocess.DEVNULL) as start:
        time.sleep(1.0)
        os.kill(start.pid, signal.SIGKILL)
    lab.down()
    after = Machine.now()
    lab.up()
    assert not after.processes
    assert not after.groups


def test_one_host_goes_down_and_up_alone(lab: Any) -> None:
    other = lab.inside("uh-01", ["cat", "/proc/sys/kernel/random/boot_id"]).stdout
    lab.down(hosts=["new-01"])
    assert [s.name for s in lab.status() if not s.up] == ["new-01"]
    assert ssh("new-01", "true", "-o", "ConnectTimeout=2").returncode == 255
    lab.up(hosts=["new-01"])
    assert ssh("new-01", "true").returncode == 0
    assert lab.inside("uh-01", ["cat", "/proc/sys/kernel/random/boot_id"]).stdout == other
