"""What must hold between the elements of an inventory. Pure; the errors carry the place in the file.

- A container's host is in the file and of the fitting kind: infrastructure containers on infrastructure
  hosts, end-user containers on user hosts.
- A peer is an infrastructure container that names this one as its peer, on another host.
- A jump host is a host of the file, and no way leads back to where it began.
- No two hosts share an address and port, a platform id or a machine id.
- No two containers share a node id, nor a ctid on one host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opsguide.reach.elements import HOST_OF, WITH_ARTICLE, Element
from opsguide.reach.lined import Section, close_matches


def check(found: Mapping[str, Element], places: Mapping[str, Section]) -> None:
    """InputError at the first element that disagrees with another."""
    _check_unique(found, places)
    for element in found.values():
        if element.is_container:
            _check_host(element, found, places[element.name])
            _check_peer(element, found, places[element.name])
        else:
            _check_jump(element, found, places[element.name])


def _check_unique(found: Mapping[str, Element], places: Mapping[str, Section]) -> None:
    seen: dict[tuple[str, object], str] = {}
    for element in found.values():
        for key, value, words in _alone(element):
            other = seen.setdefault((key, value), element.name)
            if other != element.name:
                taken = f"{words} is that of {other} on line {places[other].line}"
                raise places[element.name].error(key, taken)


def _alone(element: Element) -> Iterable[tuple[str, object, str]]:
    if element.is_host:
        yield "address", (element.address, element.port), f"{element.address} port {element.port}"
    if element.ctid is not None:
        yield "ctid", (element.host, element.ctid), f"{element.ctid} on {element.host}"
    for key in ("id", "node", "machine_id"):
        if value := getattr(element, key):
            yield key, value, str(value)


def _check_host(element: Element, found: Mapping[str, Element], section: Section) -> None:
    host = found.get(element.host)
    if host is None or not host.is_host:
        names = [e.name for e in found.values() if e.is_host]
        raise section.error("host", f"there is no host {element.host!r}{close_matches(element.host, names)}")
    if host.kind != HOST_OF[element.kind]:
        fitting = f"{WITH_ARTICLE[element.kind]} is on {WITH_ARTICLE[HOST_OF[element.kind]]}"
        raise section.error("host", f"{host.name} is {WITH_ARTICLE[host.kind]}; {fitting}")


def _check_jump(element: Element, found: Mapping[str, Element], section: Section) -> None:
    way = [element.name]
    while jump := found[way[-1]].jump:
        if jump not in found or not found[jump].is_host:
            names = [e.name for e in found.values() if e.is_host]
            raise section.error("jump", f"there is no host {jump!r}{close_matches(jump, names)}")
        way.append(jump)
        if jump in way[:-1]:
            raise section.error("jump", f"the way goes in a circle: {' → '.join(way)}")


def _check_peer(element: Element, found: Mapping[str, Element], section: Section) -> None:
    if not element.peer:
        return
    peer = found.get(element.peer)
    if peer is None:
        hint = close_matches(element.peer, found)
        raise section.error("peer", f"there is no element {element.peer!r}{hint}")
    if peer.peer != element.name:
        raise section.error("peer", f"{peer.name} does not name {element.name} as its peer")
    if peer.host == element.host:
        raise section.error("peer", f"{peer.name} is on {peer.host} too; a pair stands on two hosts")
