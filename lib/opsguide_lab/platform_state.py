"""What the platform API stand-in knows: its hosts and where the nodes are, in one JSON file.

The file is written anew from the topology when there is none, and goes with the lab.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsguide_lab import hosts, topology
from opsguide_lab.places import API

Record = dict[str, Any]
FILE = API / "state.json"
PORTS = {"soapPort": 4646, "tcpPort": 4545}  # a record sent without them loses them: see EditHdNode


@dataclass
class State:
    """Host records and nodes, both as the API answers them; `save` after a change."""

    hosts: list[Record] = field(default_factory=list)
    nodes: list[Record] = field(default_factory=list)
    file: Path = FILE

    def save(self) -> None:
        """Write the file whole."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".new")
        draft.write_text(json.dumps({"hosts": self.hosts, "nodes": self.nodes}, indent=1))
        draft.replace(self.file)

    def host(self, number: str) -> Record | None:
        """The record of the host with that id."""
        return next((h for h in self.hosts if str(h["id"]) == number), None)

    def nodes_on(self, number: str) -> list[Record]:
        """The containers that the platform believes on that host, with their status as it is now."""
        return [shown(n) for n in self.nodes if str(n["hdnodeid"]) == number]

    def node(self, number: str) -> Record | None:
        """The end-user node with that id."""
        return next((shown(n) for n in self.nodes if str(n.get("id")) == number), None)


def load() -> State:
    """The state of the last time, or a new one."""
    if FILE.exists():
        return State(**json.loads(FILE.read_text()))
    state = State(
        [_host(h) for h in topology.HOSTS if not h.joining],
        [_node(c) for c in topology.CONTAINERS],
    )
    state.save()
    return state


def shown(node: Record) -> Record:
    """A node as the API answers it: RUNNING or STOPPED is looked up, fields without a value are left out."""
    alive = hosts.container_leader(topology.container(node["name"])) != 0
    fields = {**node, "status": "RUNNING" if alive else "STOPPED"}
    return {k: v for k, v in fields.items() if v not in (None, "")}


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
