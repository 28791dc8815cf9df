"""Evacuations, migrations and removals in the platform API really move the containers of the lab, or say why not."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from opsguide_lab import cgroups, control, hosts, places, topology

from .test_platform_api import call
from .words import within

CLUSTER = "administration.cluster"
BOOT = ["cat", "/proc/sys/kernel/random/boot_id"]
UH1, UH2, IH1 = "3", "4", "1"


@pytest.fixture
def moving(lab: Any) -> Iterator[Any]:
    yield lab
    lab.restore()
    assert all(s.whole for s in lab.status())
    assert [h["status"] for h in call(f"{CLUSTER}.GetHosts")["array"]] == ["INFRASTRUCTURE_NODE"] * 2 + ["ACTIVE"] * 2


def cluster(verb: str, **arguments: str) -> dict[str, Any]:
    return call(f"{CLUSTER}.{verb}", **arguments)


def evacuate(source: str = UH1, targets: str = "", online: str = "true") -> int:
    answer = cluster("EvacuateContainers", sourceHnId=source, possibleTargetNodeIds=targets, isOnline=online)
    return int(answer["result"])


def status(host: str = UH1) -> str:
    return str(cluster("GetHosts", ids=host)["array"][0]["status"])


def ended(host: str = UH1) -> bool:
    return within(lambda: status(host) != "EVACUATING")


def nodes(host: str) -> dict[int, str]:
    return {n["id"]: n["status"] for n in cluster("GetNodes", hdnodeid=host)["array"]}


def agree(lab: Any) -> None:
    """The platform and both hosts name the same containers in the same states."""
    for number, host in ((UH1, "uh-01"), (UH2, "uh-02")):
        rows = lab.inside(host, ["vzlist", "-a", "-H", "-o", "ctid,status"]).stdout.splitlines()
        known = [f"{n['ctid']} {n['status'].lower()}" for n in cluster("GetNodes", hdnodeid=number)["array"]]
        assert sorted(" ".join(r.split()) for r in rows) == sorted(known)


@pytest.mark.parametrize("online", ["true", "false"])
def test_an_evacuation_takes_every_container_to_the_target_with_its_number_and_its_files(
    moving: Any, online: str
) -> None:
    moving.inside("node101", ["bash", "-c", "echo kept > /root/kept; rm /etc/motd; rm -rf /etc/nginx/snippets"])
    before, everyone = moving.inside("node101", BOOT).stdout, set(nodes(UH1))
    assert evacuate(online=online) == 0
    assert ended()
    assert status() == "EVACUATED"
    assert nodes(UH1) == {}
    assert everyone < set(nodes(UH2))
    agree(moving)
    assert moving.inside("uh-01", ["find", "/vz/private", "/vz/root", "/etc/vz/conf", "-mindepth", "1"]).stdout == ""
    assert (moving.container_root("node101") / "root/kept").read_text() == "kept\n"
    assert moving.inside("node101", ["ls", "/etc/motd", "/etc/nginx/snippets"]).returncode == 2
    assert moving.inside("node101", ["systemctl", "is-active", "nginx"]).stdout == "active\n"
    assert moving.inside("node101", BOOT).stdout != before
    assert call("environment.control.RestartServices", envName="shop", nodeId="1001")["result"] == 0
    assert [s.detail.split(",")[0] for s in moving.status() if not s.whole] == ["down: node101 (it runs on uh-02)"]


def test_a_container_that_was_down_arrives_down_and_a_suspended_one_suspended(moving: Any) -> None:
    moving.inside("uh-01", ["vzctl", "stop", "102"])
    moving.inside("uh-01", ["vzctl", "suspend", "103"])
    assert evacuate() == 0
    assert ended()
    assert [nodes(UH2)[n] for n in (1001, 1002, 1003)] == ["RUNNING", "STOPPED", "STOPPED"]
    assert moving.inside("uh-02", ["vzctl", "status", "103"]).stdout.endswith(" down suspended\n")
    assert moving.inside("uh-01", ["ls", "/vz/dump"]).stdout == ""
    assert moving.inside("uh-02", ["vzctl", "resume", "103"]).returncode == 0


def test_a_container_that_does_not_start_on_the_target_runs_where_it_was(moving: Any) -> None:
    break_it = "mv /usr/sbin/vzctl /usr/sbin/vzctl.real; printf '#!/bin/sh\\n[ $1 = start ] && exit 7; exec vzctl.real $@' > /usr/sbin/vzctl"
    moving.inside("uh-02", ["bash", "-c", f"{break_it}; chmod +x /usr/sbin/vzctl"])
    try:
        assert evacuate() == 0
        assert ended()
        assert (status(), set(nodes(UH1).values())) == ("EVACUATION_FAILED", {"RUNNING"})
        agree(moving)
        assert moving.inside("uh-02", ["ls", "/vz/private"]).stdout.split() == ["201", "202", "203"]
    finally:
        moving.inside("uh-02", ["mv", "/usr/sbin/vzctl.real", "/usr/sbin/vzctl"])


def test_a_host_that_is_being_evacuated_can_be_looked_at_and_nothing_else(moving: Any) -> None:
    record = cluster("GetHosts", ids=UH1)["array"][0]
    assert "object" not in cluster("GetEvacuationState", hardNodeId=UH1)
    moving.api_fault("stall")
    assert evacuate() == 0
    state = cluster("GetEvacuationState", hardNodeId=UH1)["object"]
    assert (state["hardNodeId"], state["done"], state["total"]) == (3, 0, len(nodes(UH1)))
    assert status() == "EVACUATING"
    assert evacuate() == 3
    assert evacuate(UH2, UH1) == 3
    assert cluster("EditHdNode", hdnode=json.dumps({**record, "status": "ACTIVE"}))["result"] == 3
    assert "being evacuated" in cluster("DeleteHDNode", hdnodeid=UH1, force="false")["error"]
    assert cluster("MigrateNode", nodeid="1001", hdnodeid=UH2, isOnline="true")["result"] == 3
    assert cluster("MigrateNode", nodeid="2001", hdnodeid=UH1, isOnline="true")["result"] == 3
    moving.api_fault("")
    assert ended()
    assert status() == "EVACUATED"


def test_infrastructure_hosts_and_hosts_in_maintenance_take_nothing_and_the_first_give_nothing(moving: Any) -> None:
    assert evacuate(IH1) == 3
    assert evacuate(UH1, IH1) == 3
    assert evacuate(UH1, UH1) == 3
    assert evacuate(UH1, "99") == 5
    record = cluster("GetHosts", ids=UH2)["array"][0]
    assert cluster("EditHdNode", hdnode=json.dumps({**record, "status": "MAINTENANCE"}))["result"] == 0
    assert evacuate(UH1) == 3
    assert evacuate(UH1, UH2) == 3
    assert cluster("MigrateNode", nodeid="1001", hdnodeid=UH2, isOnline="true")["result"] == 3
    assert status() == "ACTIVE"


def test_the_platform_completes_an_evacuation_that_failed_half_way_node_by_node(moving: Any) -> None:
    moving.api_fault("half")
    assert evacuate() == 0
    assert ended()
    assert status() == "EVACUATION_FAILED"
    assert "object" not in cluster("GetEvacuationState", hardNodeId=UH1)
    assert (1001 in nodes(UH2), nodes(UH1)[1002]) == (True, "RUNNING")
    agree(moving)
    for number in nodes(UH1):
        assert cluster("MigrateNode", nodeid=str(number), hdnodeid=UH2, isOnline="true")["result"] == 0
        assert within(lambda number=number: nodes(UH2).get(number) == "RUNNING")
    assert nodes(UH1) == {}
    agree(moving)


def test_a_target_without_room_leaves_every_container_where_it_was_and_running(moving: Any) -> None:
    moving.fill_disk("uh-02")
    assert evacuate() == 0
    assert ended()
    assert status() == "EVACUATION_FAILED"
    assert set(nodes(UH1).values()) == {"RUNNING"}
    agree(moving)
    errors = [n["migrationError"] for n in cluster("GetNodes", hdnodeid=UH1)["array"]]
    assert all("No space left" in e for e in errors)
    moving.free_disk("uh-02")
    assert evacuate() == 0
    assert ended()
    assert status() == "EVACUATED"


def test_a_locked_container_stays_and_the_others_go(moving: Any) -> None:
    moving.inside("uh-01", ["touch", "/vz/lock/101.lck"])
    assert evacuate() == 0
    assert ended()
    assert status() == "EVACUATION_FAILED"
    assert nodes(UH1) == {1001: "RUNNING"}
    assert "exits 9" in cluster("GetNodes", hdnodeid=UH1)["array"][0]["migrationError"]


def test_a_stopped_evacuation_moves_nothing_more_and_the_host_can_be_active_again(moving: Any) -> None:
    assert cluster("StopEvacuation", hardNodeId=UH1)["result"] == 3
    moving.api_fault("stall")
    everyone = nodes(UH1)
    assert evacuate() == 0
    assert cluster("StopEvacuation", hardNodeId=UH1)["result"] == 0
    assert ended()
    assert (status(), nodes(UH1)) == ("EVACUATION_FAILED", everyone)
    record = cluster("GetHosts", ids=UH1)["array"][0]
    assert cluster("EditHdNode", hdnode=json.dumps({**record, "status": "ACTIVE"}))["result"] == 0
    assert status() == "ACTIVE"


def test_one_migration_is_seen_in_the_nodes_and_refused_where_it_makes_no_sense(moving: Any) -> None:
    assert cluster("MigrateNode", nodeid="1001", hdnodeid=UH1, isOnline="true")["result"] == 3
    assert cluster("MigrateNode", nodeid="9", hdnodeid=UH2, isOnline="true")["result"] == 5
    moving.api_fault("stall")
    assert cluster("MigrateNode", nodeid="1001", hdnodeid=UH2, isOnline="true")["result"] == 0
    assert nodes(UH1)[1001] == "MIGRATING"
    assert call("environment.control.GetEnvInfo", envName="shop")["env"]["status"] == 11
    moving.api_fault("")
    assert within(lambda: nodes(UH2).get(1001) == "RUNNING")
    assert call("environment.control.GetEnvInfo", envName="shop")["env"]["status"] == 1
    agree(moving)


def test_a_host_with_containers_is_removed_only_by_force_and_its_addresses_are_free_again(moving: Any) -> None:
    assert cluster("DeleteHDNode", hdnodeid=UH1, force="false")["result"] == 3
    assert evacuate() == 0
    assert ended()
    free = cluster("GetIpPoolInfo")["object"]["free"], cluster("GetExtIpPoolInfo")["object"]["free"]
    assert cluster("DeleteHDNode", hdnodeid=UH1, force="false")["result"] == 0
    assert [h["id"] for h in cluster("GetHosts")["array"]] == [1, 2, 4]
    assert cluster("GetNodes", hdnodeid=UH1)["result"] == 5
    now = cluster("GetIpPoolInfo")["object"]["free"], cluster("GetExtIpPoolInfo")["object"]["free"]
    assert now == (free[0] + 1, free[1] + 1)
    assert cluster("GetClusterStatus")["status"] == "OK"
    assert cluster("DeleteHDNode", hdnodeid=UH2, force="true")["result"] == 0
    assert [row for row in cluster("GetIpPoolInfo")["array"] if row["owner"].startswith("node")] == []


def test_the_load_of_the_hosts_follows_the_containers(moving: Any) -> None:
    def rating(host: str) -> float:
        return float(cluster("GetHdNodesLoadInfo", hdnodes=host)["array"][0]["loadRating"])

    before = rating(UH2)
    assert evacuate() == 0
    assert ended()
    assert (rating(UH1), rating(UH2) > before) == (0.0, True)


@pytest.mark.parametrize("moment", ["at once", "101 is down", "101 is up again"])
def test_an_evacuation_whose_process_dies_has_failed_and_loses_no_container(moving: Any, moment: str) -> None:
    everyone, node101 = {**nodes(UH1), **nodes(UH2)}, topology.container("node101")
    assert evacuate() == 0
    if moment != "at once":
        assert within(lambda: not hosts.leader_on(node101, "uh-01"))
    if moment == "101 is up again":
        assert within(lambda: hosts.leader_on(node101, "uh-02") != 0)
    cgroups.end(int(control.greet(places.API_SOCKET)["pid"]))
    moving.up(hosts=["new-01"])  # starts the process again and restores nothing
    assert status() == "EVACUATION_FAILED"
    assert within(lambda: set({**nodes(UH1), **nodes(UH2)}.values()) == {"RUNNING"})
    assert {**nodes(UH1), **nodes(UH2)} == everyone
    agree(moving)


def test_a_process_of_the_lab_that_is_slow_to_answer_is_not_started_twice(lab: Any) -> None:
    pid = int(control.greet(places.API_SOCKET)["pid"])
    os.kill(pid, signal.SIGSTOP)
    goes_on = threading.Timer(1.5, os.kill, (pid, signal.SIGCONT))
    goes_on.start()
    lab.up(hosts=["new-01"])
    goes_on.join()
    assert control.greet(places.API_SOCKET)["pid"] == pid


def test_fail_at_breaks_one_call_and_the_later_ones_work(moving: Any) -> None:
    moving.api_fault("fail-at=2:8202")
    assert [cluster("GetHosts")["result"] for _ in range(4)] == [0, 8202, 0, 0]
    moving.api_fault("fail-at=1")
    assert evacuate() == 99
    assert status() == "ACTIVE"


def test_lose_at_does_the_call_and_loses_its_answer(moving: Any) -> None:
    moving.api_fault("lose-at=2")
    assert status() == "ACTIVE"
    with pytest.raises(httpx.RemoteProtocolError):
        evacuate()
    assert ended()
    assert status() == "EVACUATED"
