"""Proof of kind: an element is what the inventory says only when the host itself agrees.

- Evidence on the host: its host key and that of a jump host (held by the connection), its machine id, its role marker,
  its list of containers.
- A container is proven by its row on a proven host: number and host name; a name alone proves nothing.
- A host name is the element's own, or of its component and no other element's; an end-user one is node and environment.
- Evidence that contradicts refuses; a host without a role marker is unproven and refused.
- The platform API contradicting refuses; its silence is recorded and passes, and so does what it cannot be asked for
  want of a number in the inventory.
- An element that is joining has no role yet: its host key and machine id must do.
- A host that is leaving may be gone from the platform API already; then the host alone proves what it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opsguide.guide import kinds
from opsguide.reach.inventory import Element, Platform

INFRASTRUCTURE = ("INFRASTRUCTURE", "INFRASTRUCTURE_NODE")


@dataclass(frozen=True)
class Asked:
    """What a proof's look answered: exit status (None: none came) and text."""

    exit: int | None
    text: str


Ask = Callable[[str], Asked]
AskApi = Callable[[str, dict[str, Any]], Asked | None]


@dataclass(frozen=True)
class Proof:
    """`verdict` is proven, contradicted or unproven; `api` agrees, silent, contradicts or not configured."""

    verdict: str
    words: str
    api: str
    evidence: list[dict[str, Any]]


def prove(
    platform: Platform,
    element: Element,
    ask: Ask,
    ask_api: AskApi,
    shown_keys: Callable[[], dict[str, str]],
    leaving: bool = False,
) -> Proof:
    """Gather the evidence for one element and judge it. `ask` sends a command to the element's host.

    `shown_keys` are the fingerprints that the connection has checked, by what they are of: "host key", "jump host key".
    """
    host = platform.element(element.host)
    machine = ask("cat /etc/machine-id")
    evidence = [_of(what, key, True) for what, key in shown_keys().items()]
    evidence.append(_machine(host, machine))
    if not element.joining:
        evidence.append(_role(host, ask(f"cat {platform.ssh.role_marker}")))
        evidence += _containers(platform, element, ask("vzlist -a -H -o ctid,hostname"))
    api = _api(platform, element, host, ask_api, leaving)
    return _verdict(element, evidence, api)


def _of(what: str, value: str, agrees: bool | None) -> dict[str, Any]:
    return {"what": what, "value": value[:200], "agrees": agrees}


def _machine(host: Element, asked: Asked) -> dict[str, Any]:
    found = asked.text.strip()
    return _of("machine id", found or "none", found == host.machine_id if host.machine_id else None)


def _role(host: Element, asked: Asked) -> dict[str, Any]:
    found = asked.text.strip()
    return _of("role marker", found or "none", found == host.kind if asked.exit == 0 and found else None)


def _containers(platform: Platform, element: Element, asked: Asked) -> list[dict[str, Any]]:
    if asked.exit != 0:
        return [_of("containers", "the host has no list of containers", None if element.is_host else False)]
    rows = dict(line.split(None, 1) for line in asked.text.splitlines() if len(line.split(None, 1)) == 2)
    if element.is_container:
        name = rows.get(str(element.ctid), "").strip()
        return [_of(f"container {element.ctid}", name or "not on this host", _is_named(platform, element, name))]
    wrong = [
        c.name
        for c in platform.containers_on(element.name)
        if str(c.ctid) in rows and not _is_named(platform, c, rows[str(c.ctid)].strip())
    ]
    return [
        _of("containers", f"{len(rows)} listed" + (f", not as named: {', '.join(wrong)}" if wrong else ""), not wrong)
    ]


def _is_named(platform: Platform, element: Element, name: str) -> bool:
    first = name.split(".")[0]
    if element.is_infrastructure_container:
        of_component = first.rstrip("0123456789") == element.component and first not in platform.elements
        return first == element.name or of_component
    return first == f"node{element.node}-{element.env}"


def _api(platform: Platform, element: Element, host: Element, ask_api: AskApi, leaving: bool) -> str:
    if platform.api is None:
        return "not configured"
    if element.joining:
        return "silent"
    hosts = _rows(ask_api("administration.cluster.GetHosts", {}))
    if hosts is None or host.id is None:
        return "silent"
    row = next((r for r in hosts if str(r.get("id")) == str(host.id)), None)
    if row is None:
        return "no longer listed" if leaving else "contradicts"
    infrastructure = str(row.get("status", row.get("type", ""))) in INFRASTRUCTURE
    if infrastructure != (host.kind == kinds.KINDS[1]):
        return "contradicts"
    if not element.is_end_user_container:
        return "agrees"
    nodes = _rows(ask_api("administration.cluster.GetNodes", {"hdnodeid": host.id}))
    if nodes is None or element.node is None:
        return "silent"
    same = [
        n
        for n in nodes
        if str(n.get("ctid")) == str(element.ctid) and str(n.get("node", n.get("id"))) == str(element.node)
    ]
    return "agrees" if same else "contradicts"


def _rows(asked: Asked | None) -> list[dict[str, Any]] | None:
    if asked is None or asked.exit != 0:
        return None
    try:
        body = json.loads(asked.text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    found = next((body[k] for k in ("array", "objects", "object") if isinstance(body.get(k), list)), None)
    return None if found is None else [r for r in found if isinstance(r, dict)]


def _verdict(element: Element, evidence: list[dict[str, Any]], api: str) -> Proof:
    wrong = [e["what"] for e in evidence if e["agrees"] is False] + (
        ["the platform API"] if api == "contradicts" else []
    )
    what = f"{element.name} is {'a' if element.kind == 'user-host' else 'an'} {kinds.words(element.kind)}"
    if wrong:
        return Proof("contradicted", f"that {what} is contradicted by {', '.join(wrong)}", api, evidence)
    role = next((e for e in evidence if e["what"] == "role marker"), None)
    if role is not None and role["agrees"] is None:
        return Proof("unproven", f"nothing on the host says that {what}", api, evidence)
    return Proof("proven", what, api, evidence)
