"""What the platform API stand-in tells of firewalls and of the way to a host. Rules are read here, never set.

Field names of the answers are the stand-in's own, the methods are the platform's (source: guide dossiers 13, 14, 21).
"""

from __future__ import annotations

from opsguide_lab.platform_answers import NOT_FOUND, Arguments, Failure, host_of
from opsguide_lab.platform_state import Record, State

SETS = (
    {"role": "USER_NODE", "rules": [{"direction": "IN", "proto": "tcp", "ports": "22,10050", "action": "ACCEPT"}]},
    {"role": "INFRA_NODE", "rules": [{"direction": "IN", "proto": "tcp", "ports": "22,10050", "action": "ACCEPT"}]},
)
RULES = (
    {"name": "Platform access", "priority": 1, "src": "INFRA", "ports": "", "action": "ALLOW", "mandatory": True},
    {"name": "SSH gate", "priority": 1000, "src": "INFRA", "ports": "22", "action": "ALLOW"},
    {"name": "Shared load balancer", "priority": 1010, "src": "SLB", "ports": "80", "action": "ALLOW"},
    {"name": "Deny other", "priority": 65535, "src": "ALL", "ports": "", "action": "DENY", "mandatory": True},
)


def get_host_firewall_sets(state: State, arguments: Arguments) -> Record:
    """The rule sets that the platform pushes, one for each role of host."""
    return {"array": list(SETS)}


def get_host_firewall_status(state: State, arguments: Arguments) -> Record:
    """What the platform believes of the firewall of one host."""
    host = host_of(state, {"hdnodeid": arguments.get("hostId", "")})
    return {"object": {"id": host["id"], "hostname": host["hostname"], "status": "APPLIED"}}


def get_rules(state: State, arguments: Arguments) -> Record:
    """The inbound rules of an environment, the mandatory ones first and last."""
    _env_of(state, arguments)
    return {"array": list(RULES)}


def firewall_status(state: State, arguments: Arguments) -> Record:
    """Whether the firewall of one node is on."""
    _env_of(state, arguments)
    return {"object": {"nodeId": int(arguments.get("nodeId") or 0), "enabled": True}}


def _env_of(state: State, arguments: Arguments) -> str:
    name = arguments.get("envName", "")
    if not name or all(n["envName"] != name for n in state.nodes):
        raise Failure(NOT_FOUND, f"environment {name!r} is not found")
    return name
