"""Hosts that join, in the platform API stand-in: a one-use command that does something real on the blank host.

Rules:
- GetAddHostCmd answers one shell line with a key in it. It serves one host, once, for an hour. A group that is not
  there is 5. The line fetches a script from the platform and gives it the words that stand after it.
- The script sets the host's role and its units, says `begin`, `half` and `end` with the key, and logs on the host.
- Between `begin` and `end` the host's record stands as BROKEN, with a percentage (the lab's choice of a status).
- Trap: the platform does not look whether it knows the host already: a second join makes a second record.
- Told to fail by the word `half`, the platform refuses `half`; the script stops there and exits 5.
- ReviveInstallHdNode goes on with a set-up that broke, on the host itself; for any other host it is refused.
- Without --status a host becomes ACTIVE, and customers land on it at once.
- CheckHostConnection looks whether the host's own sshd answers.

Field names of GetLastHardWareNodeMessage are the platform's (source: guide dossier 01, S5); codes are the lab's choice.
"""

from __future__ import annotations

import hashlib
import secrets
import time

from opsguide_lab import elements, hosts, topology, trust
from opsguide_lab.errors import LabError
from opsguide_lab.places import HERE
from opsguide_lab.platform_answers import BAD_PARAMETER, NO_CONNECTION, NOT_FOUND, Arguments, Failure, host_of
from opsguide_lab.platform_state import PORTS, Record, State

UNREACHABLE, NO_KEY, BROKE = 4103, 4104, 4109
HOUR = 3600.0
SCRIPT = HERE / "seed/join-host.sh"
ADDRESS = f"http://app.{topology.DOMAIN}:{topology.API_PORT}"
STATUSES = ("ACTIVE", "MAINTENANCE", "INFRASTRUCTURE_NODE")


def get_add_host_cmd(state: State, arguments: Arguments) -> Record:
    """A command that joins one host to `hostGroup`."""
    group = arguments.get("hostGroup", "")
    if group not in {h.group for h in topology.HOSTS}:
        raise Failure(NOT_FOUND, f"host group {group!r} is not found")
    key = secrets.token_urlsafe(24)
    state.offers[_digest(key)] = {"group": group, "until": time.time() + HOUR, "host": None}
    state.save()
    return {"value": f"curl -fsS {ADDRESS}/join/{key} | bash -s --"}


def get_last_message(state: State, arguments: Arguments) -> Record:
    """How far the set-up of a host is."""
    host = host_of(state, arguments, "id")
    told = {"percentage": 100, "message": "ready", "processResponseCode": 0}
    return {"object": {"id": host["id"], **told, **state.joins.get(str(host["id"]), {}).get("told", {})}}


def revive(state: State, arguments: Arguments) -> Record:
    """Go on with a set-up that broke."""
    host = host_of(state, arguments, "id")
    join = state.joins.get(str(host["id"]))
    if host["status"] != "BROKEN" or join is None:
        raise Failure(BAD_PARAMETER, f"{host['hostname']} is {host['status']}: there is no set-up to go on with")
    script = SCRIPT.read_text().replace("@ADDRESS@", ADDRESS)
    try:
        done = elements.inside(_named(host["hostname"]), ["bash", "-s", "--", "--lab-set-up", join["role"]], script)
    except LabError as error:
        raise Failure(UNREACHABLE, str(error)) from None
    if done.returncode:
        raise Failure(BROKE, done.stderr.strip())
    _ready(state, host, join)
    return {}


def check_host_connection(state: State, arguments: Arguments) -> Record:
    """Whether the platform reaches one host: it logs in with its own key; on a host that joins, sshd answers."""
    host = host_of(state, {"hdnodeid": arguments.get("hostId", "")})
    known = topology.host(_named(host["hostname"]))
    if not (hosts.key_answers(known, 5) if known.joining else trust.platform_comes_in(known)):
        raise Failure(NO_CONNECTION, f"host {host['id']} is not reachable over ssh")
    return {"object": {"id": host["id"], "reachable": True}}


def get_license_info(state: State, arguments: Arguments) -> Record:
    """The platform's licence."""
    return {"status": "ACTIVE"}


def join(state: State, path: str, told: Arguments) -> str:
    """What the joining script asks for, below /join/: itself, or a step of its work. Failure for a key that is none."""
    key, _, step = path.partition("/")
    offer = state.offers.get(_digest(key))
    if offer is None or offer["until"] < time.time() or (not step and offer["host"]):
        raise Failure(NO_KEY, "this command has been used, or is too old: ask for another one")
    if not step:
        return SCRIPT.read_text().replace("@ADDRESS@", ADDRESS).replace("@KEY@", key)
    if step == "begin":
        return _begin(state, offer, told)
    host = host_of(state, {"hdnodeid": str(offer["host"])})
    known = state.joins[str(host["id"])]
    if step == "half" and state.fault == "half":
        known["told"] = {"percentage": 50, "message": "the set-up broke half-way", "processResponseCode": BROKE}
        state.save()
        raise Failure(BROKE, "the set-up of the host broke half-way")
    if step == "end":
        _ready(state, host, known)
    return "ok\n"


def _begin(state: State, offer: Record, told: Arguments) -> str:
    name, status = told.get("hostname", ""), told.get("status") or "ACTIVE"
    if status not in STATUSES:
        raise Failure(BAD_PARAMETER, f"no status {status!r}")
    born = topology.host(_named(name)).id
    taken = [h["id"] for h in state.hosts]
    number = born if born not in taken else max(taken) + 1
    role = "infrastructure-host" if status == "INFRASTRUCTURE_NODE" else "user-host"
    offer["host"] = number
    state.hosts.append(
        {"id": number, "hostname": name, "hardwareNodeGroup": offer["group"], "ipAddress": told.get("ip", ""),
         "status": "BROKEN", "soapLogin": "soap", "sshLogin": "root", **PORTS}
    )  # fmt: skip
    begun = {"percentage": 10, "message": "begun", "processResponseCode": 0}
    state.joins[str(number)] = {"status": status, "role": role, "told": begun}
    state.save()
    return role + "\n"


def _ready(state: State, host: Record, known: Record) -> None:
    host["status"] = known["status"]
    known["told"] = {"percentage": 100, "message": "ready", "processResponseCode": 0}
    state.save()


def _named(hostname: str) -> str:
    found = next((h.name for h in topology.HOSTS if h.hostname == hostname), "")
    if not found:
        raise Failure(NOT_FOUND, f"the lab has no host called {hostname!r}")
    return found


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
