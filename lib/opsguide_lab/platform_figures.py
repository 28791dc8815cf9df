"""Figures that the platform API stand-in answers: load of the hosts, address pools, the cluster and its environments.

All of them are counted from the hosts and nodes that the platform knows at that moment, so an address of a removed
host is free again by itself. The names of fields inside `array` and `object` are the lab's own, where no source says.
"""

from __future__ import annotations

from opsguide_lab import topology
from opsguide_lab.hosts import MEMORY
from opsguide_lab.platform_answers import NOT_FOUND, Arguments, Failure
from opsguide_lab.platform_state import Record, State, shown

INTERNAL = 64  # addresses of the pool 10.64.0.0
EXTERNAL = 8  # addresses of the pool 203.0.113.0; every host has one
RUNNING, DOWN, MIGRATING = 1, 2, 11  # of an environment


def get_hd_nodes_load(state: State, arguments: Arguments) -> Record:
    """Memory in MiB given to the containers of each host (all, or the ids in `hdnodes`), and its load rating."""
    wanted = [i for i in arguments.get("hdnodes", "").split(",") if i]
    return {"array": [_load(state, h) for h in state.hosts if not wanted or str(h["id"]) in wanted]}


def _load(state: State, host: Record) -> Record:
    nodes = [n for n in state.nodes if n["hdnodeid"] == host["id"]]
    total, given = MEMORY >> 20, sum(topology.container(n["name"]).memory for n in nodes)
    return {
        "id": host["id"], "hostname": host["hostname"], "status": host["status"], "containers": len(nodes),
        "ramTotal": total, "ramAllocated": given, "ramFree": total - given,
        "loadRating": round(given / max(1, total - given), 2),
    }  # fmt: skip


def get_ip_pool_info(state: State, arguments: Arguments) -> Record:
    """The internal pool: an address for each host and each node."""
    used = [(h["ipAddress"], h["hostname"]) for h in state.hosts] + [(n["address"], n["hostname"]) for n in state.nodes]
    return _pool(INTERNAL, used)


def get_ext_ip_pool_info(state: State, arguments: Arguments) -> Record:
    """The external pool: an address for each host."""
    return _pool(EXTERNAL, [(f"203.0.113.{h['id']}", h["hostname"]) for h in state.hosts])


def _pool(total: int, used: list[tuple[str, str]]) -> Record:
    rows = [{"ip": address, "owner": owner} for address, owner in used]
    return {"object": {"total": total, "used": len(rows), "free": total - len(rows)}, "array": rows}


def get_cluster_status(state: State, arguments: Arguments) -> Record:
    """OK when every host is in a state of rest and every node runs, else DEGRADED with what is not."""
    hosts = [h["hostname"] for h in state.hosts if h["status"] not in ("ACTIVE", "INFRASTRUCTURE_NODE")]
    nodes = [n["hostname"] for n in map(shown, state.nodes) if n["status"] != "RUNNING"]
    return {"status": "DEGRADED" if hosts or nodes else "OK", "hosts": hosts, "nodes": nodes}


def get_env_info(state: State, arguments: Arguments) -> Record:
    """One environment: `env.status` is 1 running, 2 down, 11 migrating; and its nodes."""
    name = arguments.get("envName", "")
    nodes = [shown(n) for n in state.nodes if name and n["envName"] == name]
    if not nodes:
        raise Failure(NOT_FOUND, f"environment {name!r} is not found")
    seen = {n["status"] for n in nodes}
    status = RUNNING if seen == {"RUNNING"} else MIGRATING if "MIGRATING" in seen else DOWN
    return {"env": {"envName": name, "status": status}, "nodes": nodes}
