from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsguide.broker import proof
from opsguide.broker.proof import Asked, Proof
from opsguide.reach.inventory import Platform

from .fakes import LAB, platform

IDS = {"ih-01": "1" * 32, "uh-01": "3" * 32, "new-01": "5" * 32}
CONTAINERS = {
    "ih-01": "  305 hcore1.lab.example\n  307 gate1.lab.example\n",
    "ih-02": "  305 hcore2.lab.example\n",
    "uh-01": "  101 node1001-shop.lab.example\n  102 node1002-shop2.lab.example\n",
    "uh-02": "  201 node2001-blog.lab.example\n",
}
HOSTS = [
    {"id": 1, "status": "INFRASTRUCTURE"},
    {"id": 2, "status": "INFRASTRUCTURE_NODE"},
    {"id": 3, "status": "ACTIVE"},
]
NODES = [{"node": 1001, "ctid": 101, "env": "shop"}, {"node": 1002, "ctid": 102, "env": "shop2"}]


class World:
    """Hosts and a platform API that agree with the inventory, until a test makes one of them say something else."""

    def __init__(self, lab: Platform) -> None:
        self.lab, self.asked = lab, list[str]()
        self.says: dict[str, Asked] = {}
        self.api: dict[str, Any] = {
            "GetHosts": {"result": 0, "array": HOSTS},
            "GetNodes": {"result": 0, "array": NODES},
        }

    def prove(self, name: str) -> Proof:
        element = self.lab.element(name)
        host = self.lab.element(element.host)
        answers = {
            "cat /etc/machine-id": Asked(0, IDS.get(host.name, "9" * 32) + "\n"),
            "cat /etc/opsguide/role": Asked(0, host.kind + "\n"),
            "vzlist -a -H -o ctid,hostname": Asked(0, CONTAINERS.get(host.name, "")),
        }

        def ask(command: str) -> Asked:
            self.asked.append(command)
            return self.says.get(command, answers[command])

        def ask_api(method: str, args: dict[str, Any]) -> Asked | None:
            self.asked.append(f"{method} {args}")
            body = self.api[method.rpartition(".")[2]]
            if body is None or isinstance(body, Asked):
                return body
            return Asked(body.get("result") if isinstance(body, dict) else 0, json.dumps(body))

        return proof.prove(self.lab, element, ask, ask_api, lambda: {"host key": "SHA256:abc"})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(platform(tmp_path))


MACHINE, ROLE, LIST = "cat /etc/machine-id", "cat /etc/opsguide/role", "vzlist -a -H -o ctid,hostname"


@pytest.mark.parametrize("name", ["ih-01", "ih-02", "uh-01", "hcore1", "hcore2", "gate1", "node101", "node102"])
def test_an_element_is_proven_when_the_host_itself_agrees(world: World, name: str) -> None:
    found = world.prove(name)
    assert (found.verdict, found.api) == ("proven", "agrees")
    assert [e["what"] for e in found.evidence][:3] == ["host key", "machine id", "role marker"]


def test_the_evidence_is_the_host_key_the_machine_id_the_role_and_the_list_of_containers(world: World) -> None:
    assert [(e["value"], e["agrees"]) for e in world.prove("uh-01").evidence] == [
        ("SHA256:abc", True),
        ("3" * 32, True),
        ("user-host", True),
        ("2 listed", True),
    ]


CONTRADICTIONS = [
    ("uh-01", MACHINE, Asked(0, "4" * 32 + "\n"), "machine id"),
    ("uh-01", MACHINE, Asked(0, ""), "machine id"),
    ("uh-01", MACHINE, Asked(1, ""), "machine id"),
    ("uh-01", ROLE, Asked(0, "infrastructure-host\n"), "role marker"),
    ("ih-01", ROLE, Asked(0, "user-host\n"), "role marker"),
    ("uh-01", ROLE, Asked(0, "user-host infrastructure-host\n"), "role marker"),
    ("node101", ROLE, Asked(0, "infrastructure-host\n"), "role marker"),
    ("node101", LIST, Asked(0, ""), "container 101"),
    ("node101", LIST, Asked(0, "102 node1002-shop2.lab.example\n"), "container 101"),
    ("node101", LIST, Asked(0, "101 node1002-shop2.lab.example\n"), "container 101"),
    ("node101", LIST, Asked(0, "101 node1001-shop2.lab.example\n"), "container 101"),
    ("node101", LIST, Asked(0, "101 node10011-shop.lab.example\n"), "container 101"),
    ("node101", LIST, Asked(0, "1010 node1001-shop.lab.example\n"), "container 101"),
    ("node101", LIST, Asked(0, "101 -\n"), "container 101"),
    ("node101", LIST, Asked(0, "101\n"), "container 101"),
    ("node101", LIST, Asked(127, ""), "containers"),
    ("hcore1", LIST, Asked(0, "305 hcore2.lab.example\n"), "container 305"),
    ("hcore1", LIST, Asked(0, "305 gate1.lab.example\n"), "container 305"),
    ("hcore1", LIST, Asked(0, "307 hcore1.lab.example\n"), "container 305"),
    ("hcore1", LIST, Asked(1, ""), "containers"),
    ("uh-01", LIST, Asked(0, "101 hcore1.lab.example\n"), "containers"),
    ("ih-01", LIST, Asked(0, "305 node1001-shop.lab.example\n307 gate1.lab.example\n"), "containers"),
]


@pytest.mark.parametrize(("name", "command", "answer", "what"), CONTRADICTIONS)
def test_evidence_that_contradicts_refuses(world: World, name: str, command: str, answer: Asked, what: str) -> None:
    world.says[command] = answer
    found = world.prove(name)
    assert found.verdict == "contradicted"
    assert what in found.words
    assert [e["what"] for e in found.evidence if e["agrees"] is False] == [what]


@pytest.mark.parametrize("answer", [Asked(1, ""), Asked(0, ""), Asked(0, "\n"), Asked(1, "user-host")])
def test_a_host_without_a_role_marker_is_unproven(world: World, answer: Asked) -> None:
    world.says[ROLE] = answer
    for name in ("uh-01", "node101"):
        assert world.prove(name).verdict == "unproven"


def test_a_host_of_its_own_component_with_another_number_is_proven_by_row_and_name(world: World) -> None:
    world.says[LIST] = Asked(0, "305 hcore7.lab.example\n")
    assert world.prove("hcore1").verdict == "proven"


def test_a_host_that_cannot_list_containers_is_proven_as_a_host(world: World) -> None:
    world.says[LIST] = Asked(127, "")
    assert world.prove("uh-01").verdict == "proven"


def test_a_machine_id_that_the_inventory_does_not_have_is_recorded_and_passes(world: World) -> None:
    found = world.prove("ih-02")
    assert (found.verdict, found.evidence[1]["value"], found.evidence[1]["agrees"]) == ("proven", "9" * 32, None)


def test_a_host_that_is_joining_needs_its_host_key_and_machine_id_only(world: World) -> None:
    found = world.prove("new-01")
    assert (found.verdict, found.api, len(found.evidence)) == ("proven", "silent", 2)
    assert world.asked == [MACHINE]
    world.says[MACHINE] = Asked(0, "6" * 32)
    assert world.prove("new-01").verdict == "contradicted"


# The platform API


@pytest.mark.parametrize(
    ("name", "hosts"),
    [
        ("uh-01", [{"id": 3, "status": "INFRASTRUCTURE"}]),
        ("uh-01", [{"id": 3, "type": "INFRASTRUCTURE_NODE"}]),
        ("ih-01", [{"id": 1, "status": "ACTIVE"}]),
        ("hcore1", [{"id": 1, "status": "MAINTENANCE"}]),
        ("node101", [{"id": 3, "status": "INFRASTRUCTURE"}]),
        ("uh-01", [{"id": 33, "status": "ACTIVE"}]),
        ("uh-01", []),
        ("uh-01", ["3", None, 3]),
    ],
)
def test_the_platform_api_contradicting_refuses(world: World, name: str, hosts: Any) -> None:
    world.api["GetHosts"] = {"result": 0, "array": hosts}
    found = world.prove(name)
    assert (found.verdict, found.api) == ("contradicted", "contradicts")
    assert "the platform API" in found.words


@pytest.mark.parametrize("nodes", [[], [{"node": 1001, "ctid": 102}], [{"node": 1002, "ctid": 101}], [{"ctid": 101}]])
def test_the_platform_api_not_having_the_node_on_that_host_refuses(world: World, nodes: Any) -> None:
    world.api["GetNodes"] = {"result": 0, "array": nodes}
    assert world.prove("node101").api == "contradicts"


def test_the_nodes_of_the_elements_own_host_are_asked_for(world: World) -> None:
    world.prove("node101")
    assert world.asked[-1] == "administration.cluster.GetNodes {'hdnodeid': 3}"


SILENT: list[Any] = [
    None,
    Asked(None, ""),
    Asked(8202, "{}"),
    {"result": 99},
    {"result": 0},
    [1, 2],
    "text",
    5,
    Asked(0, "<html>"),
    Asked(0, "[" * 100_000),
    {"result": 0, "array": {}},
]


@pytest.mark.parametrize("answer", SILENT, ids=range(len(SILENT)))
@pytest.mark.parametrize(("method", "name"), [("GetHosts", "uh-01"), ("GetHosts", "hcore1"), ("GetNodes", "node101")])
def test_the_platform_apis_silence_is_recorded_and_passes(world: World, method: str, name: str, answer: Any) -> None:
    world.api[method] = answer
    found = world.prove(name)
    assert (found.verdict, found.api) == ("proven", "silent")


def test_silence_does_not_hide_what_the_host_contradicts(world: World) -> None:
    world.api["GetHosts"] = None
    world.says[ROLE] = Asked(0, "infrastructure-host")
    assert world.prove("uh-01").verdict == "contradicted"


def test_a_host_without_a_number_in_the_inventory_cannot_be_compared(world: World) -> None:
    found = world.prove("uh-02")
    assert (found.verdict, found.api) == ("proven", "silent")


def test_a_platform_without_an_api_says_so(tmp_path: Path) -> None:
    lab = platform(tmp_path, "\n".join(line for line in LAB.splitlines() if not line.startswith("api:")))
    assert World(lab).prove("uh-01").api == "not configured"


@given(
    st.text(max_size=40),
    st.sampled_from([MACHINE, ROLE, LIST]),
    st.sampled_from(["uh-01", "hcore1", "node101", "new-01"]),
)
def test_no_answer_of_a_host_breaks_the_proof_or_proves_by_chance(
    tmp_path_factory: pytest.TempPathFactory, text: str, command: str, name: str
) -> None:
    world = World(platform(tmp_path_factory.getbasetemp()))
    world.says[command] = Asked(0, text)
    found = world.prove(name)
    assert found.verdict in ("proven", "contradicted", "unproven")
    assert all(len(e["value"]) <= 200 for e in found.evidence)
    assert found.verdict != "proven" or command == LIST or (command == ROLE and name == "new-01")
