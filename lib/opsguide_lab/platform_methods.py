"""The methods of the platform API stand-in. Adding one: write a function of state and arguments and name it in METHODS.

Rules:
- A method answers `{"result": 0, ...}` or raises `Failure`; the HTTP status is 200 either way.
- EditHdNode takes the whole record of a host: a record sent without soapPort or tcpPort silently stores 0 there.
- RestartServices restarts the node's service in the real container; its failure is the answer's, not the call's.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from opsguide_lab import (
    elements,
    platform_figures,
    platform_joining,
    platform_limits,
    platform_moves,
    platform_people,
    platform_security,
)
from opsguide_lab.errors import LabError
from opsguide_lab.platform_answers import BAD_PARAMETER, NOT_FOUND, RESTART_FAILED, Arguments, Failure, Method, host_of
from opsguide_lab.platform_state import Record, State, shown

STATUSES = ("ACTIVE", "MAINTENANCE", "INFRASTRUCTURE_NODE", "UNLICENSED")


def get_hosts(state: State, arguments: Arguments) -> Record:
    """All host records, or those whose ids are asked for."""
    wanted = [i for i in arguments.get("ids", "").split(",") if i]
    return {"array": [h for h in state.hosts if not wanted or str(h["id"]) in wanted]}


def get_nodes(state: State, arguments: Arguments) -> Record:
    """The containers of one host, paged by startRow and resultCount."""
    nodes = state.nodes_on(str(host_of(state, arguments)["id"]))
    first = int(arguments.get("startRow") or 0)
    count = int(arguments.get("resultCount") or len(nodes))
    return {"array": nodes[first : first + count], "totalCount": len(nodes)}


def search_nodes(state: State, arguments: Arguments) -> Record:
    """The nodes whose number is searched for, or whose host name or environment holds the text."""
    text = arguments.get("search", "")
    found = [n for n in state.nodes if n["id"] and text]
    by_number = [n for n in found if str(n["id"]) == text]
    return {"array": [shown(n) for n in by_number or [n for n in found if text in f"{n['hostname']} {n['envName']}"]]}


def edit_hd_node(state: State, arguments: Arguments) -> Record:
    """Store the whole record of a host; what is left out of it is lost."""
    try:
        record = json.loads(arguments["hdnode"])
        host = host_of(state, {"hdnodeid": str(record["id"])})
    except (KeyError, TypeError, ValueError) as error:
        raise Failure(BAD_PARAMETER, f"hdnode is not the record of a host: {error}") from None
    if host["status"] == "EVACUATING":
        raise Failure(BAD_PARAMETER, "the host is being evacuated and cannot be edited")
    if record.get("status", host["status"]) not in (*STATUSES, host["status"]):
        raise Failure(BAD_PARAMETER, f"no status {record['status']!r}")
    host.update({k: v for k, v in record.items() if k in host})
    for port in ("soapPort", "tcpPort"):
        host[port] = int(record.get(port) or 0)
    state.save()
    return {"object": host}


def restart_services(state: State, arguments: Arguments) -> Record:
    """Restart the service of one node, or of all nodes of an environment."""
    env, number = arguments.get("envName", ""), arguments.get("nodeId", "")
    nodes = [n for n in state.nodes if n["envName"] == env and env and number in ("", str(n["id"]))]
    if not nodes:
        raise Failure(NOT_FOUND, f"environment {env!r} has no node {number}".rstrip())
    return {"responses": [{"nodeid": n["id"], **_restart(n["name"])} for n in nodes]}


def _restart(name: str) -> dict[str, Any]:
    try:
        done = elements.inside(name, ["jem", "service", "restart"])
        answer: dict[str, Any] = json.loads(done.stdout)
    except (LabError, ValueError, subprocess.TimeoutExpired) as error:
        raise Failure(RESTART_FAILED, f"{name}: {error}") from None
    if answer["result"] != "0":
        raise Failure(int(answer["result"]), str(answer["message"]))
    return {"result": 0, "out": done.stdout.strip()}


METHODS: dict[str, Method] = {
    "administration.cluster.gethosts": get_hosts,
    "administration.cluster.gethdnodes": get_hosts,
    "administration.cluster.getnodes": get_nodes,
    "administration.cluster.searchnodes": search_nodes,
    "administration.cluster.edithdnode": edit_hd_node,
    "administration.cluster.evacuatecontainers": platform_moves.evacuate_containers,
    "administration.cluster.getevacuationstate": platform_moves.get_evacuation_state,
    "administration.cluster.stopevacuation": platform_moves.stop_evacuation,
    "administration.cluster.migratenode": platform_moves.migrate_node,
    "administration.cluster.deletehdnode": platform_moves.delete_hd_node,
    "administration.cluster.gethdnodesload": platform_figures.get_hd_nodes_load,
    "administration.cluster.gethdnodesloadinfo": platform_figures.get_hd_nodes_load,
    "administration.cluster.getippoolinfo": platform_figures.get_ip_pool_info,
    "administration.cluster.getextippoolinfo": platform_figures.get_ext_ip_pool_info,
    "administration.cluster.getclusterstatus": platform_figures.get_cluster_status,
    "administration.cluster.getoomkilledprocesses": platform_limits.get_oom_killed_processes,
    "administration.config.getconfigkeys": platform_limits.get_config_keys,
    "administration.host.gethostfirewallsets": platform_security.get_host_firewall_sets,
    "administration.host.checkhostconnection": platform_joining.check_host_connection,
    "administration.cluster.getaddhostcmd": platform_joining.get_add_host_cmd,
    "administration.cluster.getlasthardwarenodemessage": platform_joining.get_last_message,
    "administration.cluster.reviveinstallhdnode": platform_joining.revive,
    "security.license.getlicenseinfo": platform_joining.get_license_info,
    "administration.monitoring.gethostfirewallstatus": platform_security.get_host_firewall_status,
    "environment.security.getrules": platform_security.get_rules,
    "environment.security.firewallstatus": platform_security.firewall_status,
    "environment.control.getenvinfo": platform_figures.get_env_info,
    "environment.control.restartservices": restart_services,
    **platform_people.METHODS,
}
SLOW = {"environment.control.restartservices", "administration.host.checkhostconnection"}


def contradicted(answer: Record) -> Record:
    """The same answer with every fact about kinds and places turned round: a platform that disagrees with the hosts."""
    other = {"ACTIVE": "INFRASTRUCTURE_NODE", "INFRASTRUCTURE_NODE": "ACTIVE"}

    def turned(row: Record) -> Record:
        changed = {
            "status": other.get(row.get("status", ""), row.get("status")),
            "ctid": row.get("ctid", 0) + 500,
            "envName": f"other-{row.get('envName')}",
            "hostname": f"other-{row.get('hostname')}",
        }
        return {k: changed.get(k, v) for k, v in row.items()}

    rows = answer.get("array")
    return turned({**answer, "array": [turned(r) for r in rows]}) if isinstance(rows, list) else turned(answer)
