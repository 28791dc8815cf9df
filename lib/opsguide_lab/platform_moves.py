"""Evacuation, migration and removal in the platform API stand-in: the containers of the lab really move.

Rules:
- EvacuateContainers answers at once. The host is EVACUATING, a thread takes one end-user container after another to a
  target, and in the end the host is EVACUATED when all went, else EVACUATION_FAILED; what did not go runs where it was.
- A host that is EVACUATING cannot be edited, removed, evacuated again, or be a target.
- Infrastructure hosts are never source or target; only ACTIVE hosts take containers. Without named targets the platform
  chooses among the ACTIVE hosts of the same group, the one with the fewest containers first.
- StopEvacuation lets the container in hand arrive, then the host is EVACUATION_FAILED (the lab's choice).
- MigrateNode answers at once too: the caller polls GetNodes, where the node is MIGRATING, then on the target or, with
  `migrationError`, where it was.
- DeleteHDNode refuses a host with containers or in evacuation unless forced; forced, the platform forgets them.
- The keys of GetEvacuationState are the lab's own; nothing running is an answer without `object`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from opsguide_lab import carry, topology
from opsguide_lab.errors import LabError
from opsguide_lab.platform_answers import BAD_PARAMETER, Arguments, Failure, host_of, node_of, yes
from opsguide_lab.platform_state import Evacuation, Record, State

CAN_BE_EMPTIED = ("ACTIVE", "MAINTENANCE", "EVACUATED", "EVACUATION_FAILED")
PATIENCE = 120.0


def evacuate_containers(state: State, arguments: Arguments) -> Record:
    """Begin to empty a host: sourceHnId, possibleTargetNodeIds (comma list or nothing), isOnline."""
    source = host_of(state, arguments, "sourceHnId")
    if source["status"] not in CAN_BE_EMPTIED:
        raise Failure(BAD_PARAMETER, f"{source['hostname']} is {source['status']} and cannot be evacuated")
    targets = _targets(state, source, arguments.get("possibleTargetNodeIds", ""))
    left = [n["id"] for n in state.nodes if n["hdnodeid"] == source["id"] and n["id"]]
    begun = Evacuation(source["id"], yes(arguments, "isOnline"), left, len(left))
    state.evacuations[source["id"]] = begun
    source["status"] = "EVACUATING"
    state.save()
    in_background(state, lambda: _evacuate(state, begun, targets))
    return {}


def get_evacuation_state(state: State, arguments: Arguments) -> Record:
    """How far the evacuation of a host is; no object when none runs."""
    runs = state.evacuations.get(host_of(state, arguments, "hardNodeId")["id"])
    if runs is None:
        return {}
    fields = {
        "hardNodeId": runs.source, "isOnline": runs.online, "total": runs.total, "done": runs.done,
        "failed": runs.failed, "currentNodeId": runs.current,
    }  # fmt: skip
    return {"object": {k: v for k, v in fields.items() if v is not None}}


def stop_evacuation(state: State, arguments: Arguments) -> Record:
    """Move no further container of that host."""
    host = host_of(state, arguments, "hardNodeId")
    if (runs := state.evacuations.get(host["id"])) is None:
        raise Failure(BAD_PARAMETER, f"{host['hostname']} is not being evacuated")
    runs.stopped.set()
    return {}


def migrate_node(state: State, arguments: Arguments) -> Record:
    """Begin to move one node: nodeid, hdnodeid (the target), isOnline; poll GetNodes for the end."""
    node, target = node_of(state, arguments), host_of(state, arguments)
    if node.get("movingTo") or node["hdnodeid"] in state.evacuations:
        raise Failure(BAD_PARAMETER, f"{node['hostname']} is being moved already")
    if target["id"] == node["hdnodeid"]:
        raise Failure(BAD_PARAMETER, f"{node['hostname']} is on {target['hostname']} already")
    _refuse_target(target)
    online = yes(arguments, "isOnline")
    _announce(state, node, target["id"])
    in_background(state, lambda: _migrate(state, node, online=online))
    return {}


def delete_hd_node(state: State, arguments: Arguments) -> Record:
    """Take a host out of the platform: hdnodeid, force."""
    host, force = host_of(state, arguments), yes(arguments, "force")
    if host["status"] == "EVACUATING" and not force:
        raise Failure(BAD_PARAMETER, f"{host['hostname']} is being evacuated and cannot be removed")
    if (count := len(state.nodes_on(str(host["id"])))) and not force:
        raise Failure(BAD_PARAMETER, f"{host['hostname']} has {count} containers and cannot be removed")
    if runs := state.evacuations.get(host["id"]):
        runs.stopped.set()
    state.hosts.remove(host)
    state.nodes = [n for n in state.nodes if n["hdnodeid"] != host["id"]]
    state.save()
    return {}


def end_all(state: State) -> bool:
    """Stop everything that moves and wait for what is in hand; whether all threads have ended."""
    for runs in list(state.evacuations.values()):
        runs.stopped.set()
    for thread in list(state.moving):
        thread.join(PATIENCE)
    return not any(t.is_alive() for t in state.moving)


def settle(state: State) -> None:
    """Bring home or finish what the last process had in hand when it died."""
    for node in [n for n in state.nodes if n.get("movingTo")]:
        one, source, target = topology.container(node["name"]), _name(node["hdnodeid"]), _name(node["movingTo"])
        try:
            place = carry.settle(one, source, target)
            _arrived(state, node, topology.host(place).id)
        except LabError as error:
            _arrived(state, node, node["hdnodeid"], str(error))


def _targets(state: State, source: Record, named: str) -> list[Record]:
    if numbers := [n for n in named.split(",") if n.strip()]:
        chosen = [host_of(state, {"hdnodeid": n.strip()}) for n in numbers]
    else:
        group = source["hardwareNodeGroup"]
        others = [h for h in state.hosts if h["hardwareNodeGroup"] == group and h is not source]
        chosen = [h for h in others if h["status"] == "ACTIVE"]
    for host in chosen:
        if host is source:
            raise Failure(BAD_PARAMETER, f"{host['hostname']} cannot take its own containers")
        _refuse_target(host)
    if not chosen:
        raise Failure(BAD_PARAMETER, f"no ACTIVE host can take the containers of {source['hostname']}")
    return chosen


def _refuse_target(host: Record) -> None:
    if host["status"] != "ACTIVE":
        raise Failure(BAD_PARAMETER, f"{host['hostname']} is {host['status']} and takes no containers")


def _evacuate(state: State, runs: Evacuation, targets: list[Record]) -> None:
    while runs.left and not runs.stopped.is_set():
        if state.fault == "stall":
            runs.stopped.wait(0.05)
            continue
        if state.fault == "half" and runs.done:
            break
        with state.lock:
            runs.current = runs.left.pop(0)
            node = node_of(state, {"nodeid": str(runs.current)})
            _announce(state, node, _emptiest(state, targets)["id"])
        moved = _move(state, node, online=runs.online)
        runs.done, runs.failed = runs.done + moved, runs.failed + (not moved)
    _ended(state, runs)


def _ended(state: State, runs: Evacuation) -> None:
    with state.lock:
        del state.evacuations[runs.source]
        if (host := state.host(str(runs.source))) is not None:
            host["status"] = "EVACUATED" if runs.done == runs.total else "EVACUATION_FAILED"
        state.save()


def _emptiest(state: State, targets: list[Record]) -> Record:
    return min(targets, key=lambda h: sum(n["hdnodeid"] == h["id"] for n in state.nodes))


def _announce(state: State, node: Record, target: int) -> None:
    node.pop("migrationError", None)
    node["movingTo"] = target
    state.save()


def _move(state: State, node: Record, *, online: bool) -> bool:
    """Carry an announced node to its target; whether it arrived."""
    one, target = topology.container(node["name"]), node["movingTo"]
    try:
        carry.carry(one, _name(node["hdnodeid"]), _name(target), online=online)
    except LabError as error:
        _arrived(state, node, node["hdnodeid"], str(error))
        return False
    _arrived(state, node, target)
    return True


def _migrate(state: State, node: Record, *, online: bool) -> None:
    while state.fault == "stall":
        time.sleep(0.05)
    _move(state, node, online=online)


def _arrived(state: State, node: Record, place: int, error: str = "") -> None:
    with state.lock:
        node.update({"hdnodeid": place, "movingTo": None, "migrationError": error or None})
        state.save()


def _name(number: int) -> str:
    return next(h.name for h in topology.HOSTS if h.id == number)


def in_background(state: State, work: Callable[[], object]) -> None:
    """Do the work in a thread that `end_all` waits for."""
    thread = threading.Thread(target=work, daemon=True)
    state.moving = [*(t for t in state.moving if t.is_alive()), thread]
    thread.start()
