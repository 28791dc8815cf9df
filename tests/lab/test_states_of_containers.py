"""Suspended, told to fail, seen by vzlist, vzpid, prlctl and vzmigrate: one container of uh-02, put back after each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .words import ssh, within

HOST = "uh-02"
STATUS = "vzctl status 203; vzlist -a -H -o status 203; prlctl status node203"


@pytest.fixture
def host(lab: Any) -> Iterator[str]:
    lab.up(hosts=[HOST])
    yield HOST
    lab.up(hosts=[HOST])
    assert all(s.whole for s in lab.status() if s.name == HOST)


def code(command: str) -> int:
    return ssh(HOST, command).returncode


def said(command: str) -> str:
    return ssh(HOST, command).stdout


def test_a_suspended_container_is_down_with_a_dump_until_it_is_resumed(host: str) -> None:
    assert code("vzctl exec2 203 'echo kept > /root/kept'; vzctl suspend 203") == 0
    assert said(STATUS).splitlines() == [
        "CTID 203 exist unmounted down suspended",
        "suspended",
        "CT node203 exist suspended",
    ]
    assert code("test -s /vz/dump/Dump.203") == 0
    assert (code("vzctl exec2 203 true"), code("vzctl suspend 203"), code("vzctl stop 203")) == (31, 31, 31)
    assert said("vzlist -H -o ctid").split() == ["201", "202"]
    assert said("vzlist -S -H -o ctid").split() == ["203"]
    assert code("vzctl resume 203") == 0
    assert said(STATUS).splitlines() == ["CTID 203 exist mounted running", "running", "CT node203 exist running"]
    assert said("vzctl exec2 203 cat /root/kept; ls /vz/dump") == "kept\n"


def test_a_start_brings_a_suspended_container_up_too(host: str) -> None:
    assert code("vzctl suspend 203 && vzctl start 203") == 0
    assert said("vzctl status 203; ls /vz/dump") == "CTID 203 exist mounted running\n"


def test_what_is_not_suspended_cannot_be_resumed(host: str) -> None:
    assert code("vzctl resume 203") == 32
    assert code("vzctl stop 203") == 0
    assert code("vzctl resume 203") == 17
    assert code("touch /vz/lock/203.lck; vzctl resume 203") == 9


def test_a_dump_that_cannot_be_written_leaves_the_container_running(lab: Any, host: str) -> None:
    lab.fill_disk(HOST)
    try:
        assert code("vzctl suspend 203") == 16
    finally:
        lab.free_disk(HOST)
    assert said("ls /vz/dump; vzctl status 203") == "CTID 203 exist mounted running\n"


def test_a_container_that_is_told_to_fail_does_not_start_and_says_why_in_the_log(host: str) -> None:
    assert code("touch /vz/private/203/fail-start; vzctl restart 203") == 7
    assert said("vzctl status 203") == "CTID 203 exist unmounted down\n"
    assert code("prlctl start node203") == 255
    assert "CT 203 : restart: Unable to start init" in said("tail -3 /var/log/vzctl.log")
    assert code("rm /vz/private/203/fail-start; vzctl start 203") == 0


def test_a_stop_that_hangs_ends_at_its_timeout_and_a_fast_one_works(host: str) -> None:
    assert code("echo 0.5 > /vz/private/203/hang-stop; vzctl stop 203") == 33
    assert said("vzctl status 203") == "CTID 203 exist mounted running\n"
    assert code("vzctl stop 203 --fast") == 0
    assert said("vzctl status 203") == "CTID 203 exist unmounted down\n"


def test_prlctl_starts_stops_restarts_and_lists_as_json(host: str) -> None:
    rows = json.loads(said("prlctl list -a --vmtype all -j"))
    assert [(r["name"], r["status"]) for r in rows] == [(f"node20{n}", "running") for n in (1, 2, 3)]
    for verb, state in (("stop", "stopped"), ("start", "running"), ("restart", "running"), ("suspend", "suspended")):
        assert code(f"prlctl {verb} node203") == 0
        assert said("prlctl status node203") == f"CT node203 exist {state}\n"
    assert code("prlctl resume node203") == 0


def test_vzpid_tells_to_which_container_a_process_belongs(host: str) -> None:
    lines = said("vzpid 1 $(pgrep -x mariadbd)").splitlines()
    assert lines[0].split("\t") == ["Pid", "CTID", "Name"]
    assert [line.split("\t")[1:] for line in lines[1:]] == [["0", "systemd"], ["203", "mariadbd"]]
    assert code("vzpid 999999") == 1


def test_vzlist_counts_memory_in_pages_and_room_in_kibibytes(host: str) -> None:
    used, limit, room = map(int, said("vzlist -H -o physpages,physpages.l,diskspace 203").split())
    assert limit == (512 << 20) // 4096
    assert 0 < used < limit
    assert code("vzctl exec2 203 'head -c 5000000 /dev/zero > /root/five'") == 0
    assert 4800 < int(said("vzlist -H -o diskspace 203")) - room < 5200
    assert within(lambda: len(set(said("vzlist -H -o diskspace 203; du -sk /vz/private/203 | cut -f 1").split())) == 1)
    assert said("vzlist -a -o physpages.l 203").split()[0] == "PHYSP.L"


def test_vzlist_filters_by_host_name_and_by_name(host: str) -> None:
    assert said("vzlist -a -H -o ctid -h 'node2003-*'").split() == ["203"]
    assert said("vzlist -aHo ctid -N 'node20[12]'").split() == ["201", "202"]


def test_vzmigrate_says_what_it_would_check_and_moves_nothing(host: str) -> None:
    answer = ssh(HOST, "vzmigrate --online --dry-run uh-01 203")
    assert (answer.returncode, "would check disk space on uh-01" in answer.stdout) == (0, True)
    assert (code("vzmigrate --dry-run uh-01 999"), code("vzmigrate uh-01 203")) == (10, 4)
    assert code("touch /vz/lock/203.lck; vzmigrate --dry-run uh-01 203") == 3
    code("rm /vz/lock/203.lck")
