"""Each way to break a host, seen from where opsguide stands."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .words import CONFIGURATION, ssh, within

HOST = "new-01"
ADDRESS = ("127.0.64.5", 2222)


@pytest.fixture
def broken(lab: Any) -> Iterator[Any]:
    yield lab
    lab.fault(HOST, "")
    lab.up(hosts=[HOST])


def banner(patience: float = 60) -> bytes:
    with socket.create_connection(ADDRESS, timeout=patience) as line:
        return line.recv(8)


def test_a_client_that_goes_in_mid_greeting_does_not_break_the_next_one(broken: Any) -> None:
    for number in range(60):
        with socket.create_connection(ADDRESS, timeout=60) as line:
            line.sendall(b"SSH-2.0-x\r\n" if number % 2 else b"")
            time.sleep(number % 7 / 1000)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert banner().startswith(b"SSH-2.0")


def test_a_door_opens_in_a_namespace_whose_loopback_has_no_address_yet_and_is_kept_when_it_has(lab: Any) -> None:
    """As a host starts its local routes are there a moment before the first route is: no address can be bound then."""
    from opsguide_lab.inward import door_in

    with subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE) as young:
        own = Path("/proc/self/ns/net").readlink()
        assert within(lambda: Path(f"/proc/{young.pid}/ns/net").readlink() != own)
        enter = ["nsenter", "-t", str(young.pid), "--net", "bash", "-c"]
        reach = f"exec 3<>/dev/tcp/{ADDRESS[0]}/{ADDRESS[1]}"
        subprocess.run([*enter, "ip link set lo up; ip addr del 127.0.0.1/8 dev lo"], check=True)
        namespace = os.open(f"/proc/{young.pid}/ns/net", os.O_RDONLY)
        try:
            with door_in(namespace, ADDRESS) as door:
                door.listen()
                assert subprocess.run([*enter, reach], stderr=subprocess.DEVNULL).returncode != 0
                subprocess.run([*enter, f"ip addr add 127.0.0.1/8 dev lo && {reach}"], check=True)
                with pytest.raises(OSError, match=r"cannot listen on 127\.0\.64\.5:2222: Address already in use"):
                    door_in(namespace, ADDRESS)
            assert Path("/proc/self/ns/net").readlink() == own
        finally:
            os.close(namespace)
            young.communicate()


def test_refuse_is_a_refused_connection(broken: Any) -> None:
    broken.fault(HOST, "refuse")
    with pytest.raises(ConnectionRefusedError):
        banner()
    broken.fault(HOST, "")
    assert banner().startswith(b"SSH-2.0")


def test_reset_is_a_reset_connection(broken: Any) -> None:
    broken.fault(HOST, "reset")
    with pytest.raises(ConnectionResetError):
        banner()


def test_hang_accepts_and_never_answers(broken: Any) -> None:
    broken.fault(HOST, "hang")
    with pytest.raises(TimeoutError):
        banner(0.3)


def test_delay_makes_every_answer_late(broken: Any) -> None:
    broken.fault(HOST, "delay=0.3")
    begun = time.monotonic()
    assert banner().startswith(b"SSH-2.0")
    assert time.monotonic() - begun > 0.28


@contextlib.contextmanager
def slow_command(lab: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A command over ssh that has begun; it ends when there is a file /root/go, and leaves /root/ended."""
    gate = "timeout 60 sh -c 'until test -e /root/go; do sleep 0.05; done'"
    there = f"rm -f /root/go /root/ended; echo begun; {gate}; echo ended; touch /root/ended"
    line = ["ssh", "-F", CONFIGURATION, "-o", "ServerAliveInterval=0", HOST, "--", there]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as command:
        try:
            assert command.stdout
            assert command.stdout.readline() == b"begun\n"
            yield command
        finally:
            command.kill()
            lab.inside(HOST, ["touch", "/root/go"])


def test_cut_ends_live_connections_and_the_next_one_works(broken: Any) -> None:
    with slow_command(broken) as command:
        broken.fault(HOST, "cut")
        assert command.wait(60) == 255
    assert ssh(HOST, "true").returncode == 0


def test_freeze_lets_nothing_through_and_ends_nothing(broken: Any) -> None:
    with slow_command(broken) as command:
        broken.fault(HOST, "freeze")
        broken.inside(HOST, ["touch", "/root/go"])
        assert within(lambda: broken.inside(HOST, ["test", "-e", "/root/ended"]).returncode == 0)
        with pytest.raises(subprocess.TimeoutExpired):
            command.wait(0.5)
        broken.fault(HOST, "")
        assert command.communicate(timeout=60)[0] == b"ended\n"


def test_an_unknown_fault_is_refused_by_name(broken: Any) -> None:
    with pytest.raises(broken.LabError, match="no fault is called 'nonsense'"):
        broken.fault(HOST, "nonsense")
    with pytest.raises(broken.LabError, match="no host 'uh-09'"):
        broken.fault("uh-09", "cut")


def test_another_host_key_is_refused_by_ssh_and_by_status(broken: Any) -> None:
    broken.change_host_key(HOST)
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in ssh(HOST, "true").stderr
    assert [s.detail for s in broken.status() if s.name == HOST] == ["another host key answers"]
    broken.restore_host_key(HOST)
    assert ssh(HOST, "true").returncode == 0


def test_a_full_disk_is_full_and_has_room_again(broken: Any) -> None:
    broken.fill_disk(HOST)
    answer = ssh(HOST, "df --output=pcent /var | tail -1; head -c 100000 /dev/zero > /root/more")
    assert answer.stdout.strip() == "100%"
    assert "No space left on device" in answer.stderr
    broken.free_disk(HOST)
    assert ssh(HOST, "head -c 100000 /dev/zero > /root/more").returncode == 0


def test_up_mends_every_fault_that_was_left(broken: Any) -> None:
    broken.change_host_key(HOST)
    broken.fill_disk(HOST)
    broken.fault(HOST, "refuse")
    broken.up()
    assert all(s.whole for s in broken.status())
    assert ssh(HOST, "head -c 100000 /dev/zero > /root/more").returncode == 0


def test_a_stopped_sshd_is_started_by_up(broken: Any) -> None:
    broken.inside(HOST, ["systemctl", "stop", "sshd"])
    assert within(lambda: ssh(HOST, "true").returncode == 255)
    broken.up()
    assert ssh(HOST, "true").returncode == 0


def test_sessions_and_logins_are_counted_and_looks_from_outside_are_not(lab: Any) -> None:
    sessions, logins = lab.sshd_sessions("ih-02"), lab.sshd_logins("ih-02")
    ssh("ih-02", "true")
    assert (lab.sshd_sessions("ih-02"), lab.sshd_logins("ih-02")) == (sessions + 1, logins + 1)
    lab.status()
    lab.up()
    lab.inside("ih-02", ["true"])
    lab.inside("hcore2", ["true"])
    assert (lab.sshd_sessions("ih-02"), lab.sshd_logins("ih-02")) == (sessions + 1, logins + 1)


def test_files_are_read_from_outside(lab: Any) -> None:
    assert (lab.host_root("uh-01") / "etc/opsguide/role").read_text() == "user-host\n"
    assert (lab.host_root("ih-01") / "vz/private/305/ve.conf").read_text().startswith('NAME="hcore1"')
    assert (lab.container_root("hcore1") / "etc/jelastic/jinfo.ini").exists()
    assert not (lab.host_root("new-01") / "etc/opsguide/role").exists()
    with pytest.raises(lab.LabError, match="no element 'hcore9'"):
        lab.container_root("hcore9")
