"""What the platform API stand-in knows: its hosts and where the nodes are, in one JSON file.

Rules:
- The file is written anew from the topology when there is none, and goes with the lab.
- Threads that move containers change it too: whoever changes it holds `lock`.
- A process that died in the middle of an evacuation did not finish it: the next one reads EVACUATION_FAILED.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsguide_lab import hosts, topology
from opsguide_lab.places import API

Record = dict[str, Any]
FILE = API / "state.json"
PORTS = {"soapPort": 4646, "tcpPort": 4545}  # a record sent without them loses them: see EditHdNode


@dataclass
class Evacuation:
    """One that runs: which nodes are still to go, and how far it is."""

    source: int
    online: bool
    left: list[int]
    total: int
    done: int = 0
    failed: int = 0
    current: int | None = None
    stopped: threading.Event = field(default_factory=threading.Event)


@dataclass
class State:
    """Host records and nodes, both as the API answers them; `save` after a change.

    `offers` are the commands that hosts may join by (under the digest of their key), `joins` the set-ups by host id.
    `people` are the users of the platform with their roles and tokens: see `platform_people`.
    `fault` is the fault in force; `evacuations` (by host id) and `moving` (the threads at work) end with the process.
    """

    hosts: list[Record] = field(default_factory=list)
    nodes: list[Record] = field(default_factory=list)
    file: Path = FILE
    fault: str = ""
    evacuations: dict[int, Evacuation] = field(default_factory=dict)
    moving: list[threading.Thread] = field(default_factory=list)
    offers: dict[str, Record] = field(default_factory=dict)
    joins: dict[str, Record] = field(default_factory=dict)
    people: Record = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def save(self) -> None:
        """Write the file whole."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".new")
        known = {name: getattr(self, name) for name in ("hosts", "nodes", "offers", "joins", "people")}
        draft.write_text(json.dumps(known, indent=1))
        draft.replace(self.file)

    def renew(self) -> None:
        """Hosts and nodes as the topology says."""
        with self.lock:
            self.hosts = [_host(h) for h in topology.HOSTS if not h.joining]
            self.nodes = [_node(c) for c in topology.CONTAINERS]
            self.offers, self.joins, self.people = {}, {}, topology.people()
            self.save()

    def host(self, number: str) -> Record | None:
        """The record of the host with that id."""
        return next((h for h in self.hosts if str(h["id"]) == number), None)

    def nodes_on(self, number: str) -> list[Record]:
        """The containers that the platform believes on that host, with their status as it is now."""
        return [shown(n) for n in self.nodes if str(n["hdnodeid"]) == number]


def load() -> State:
    """The state of the last time, or a new one; an evacuation that the last process left open has failed."""
    state = State()
    if not FILE.exists():
        state.renew()
        return state
    known = json.loads(FILE.read_text())
    state.hosts, state.nodes = known["hosts"], known["nodes"]
    state.offers, state.joins = known.get("offers", {}), known.get("joins", {})
    state.people = known.get("people") or topology.people()
    for host in state.hosts:
        if host["status"] == "EVACUATING":
            host["status"] = "EVACUATION_FAILED"
    state.save()
    return state


def shown(node: Record) -> Record:
    """A node as the API answers it: its status is looked up, fields without a value are left out."""
    alive = hosts.container_leader(topology.container(node["name"])) != 0
    status = "MIGRATING" if node.get("movingTo") else "RUNNING" if alive else "STOPPED"
    return {k: v for k, v in {**node, "status": status}.items() if v not in (None, "")}


def _host(host: topology.Host) -> Record:
    return {
        "id": host.id, "hostname": host.hostname, "hardwareNodeGroup": host.group, "ipAddress": f"10.64.0.{host.id}",
        "status": "ACTIVE" if host.kind == "user-host" else "INFRASTRUCTURE_NODE", "soapLogin": "soap",
        "sshLogin": "root", **PORTS,
    }  # fmt: skip


def _node(one: topology.Container) -> Record:
    return {
        "id": one.node or None, "name": one.name, "hostname": one.hostname, "ctid": one.ctid, "envName": one.env,
        "hdnodeid": topology.host(one.host).id, "address": one.address, "nodeType": one.kind_of_node,
        "component": one.component,
    }  # fmt: skip
