"""What a run stands on: platform, scope, element, registered parameters, and the elements that belong to it.

- A run is about its own element and those that its scope lists as related; no other is part of it.
- A run that changes something locks its own element, the peer, a host's containers and their peers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsguide.errors import RefusedError
from opsguide.guide import alive, kinds
from opsguide.guide.scopes import Scope
from opsguide.guide.services import Service
from opsguide.reach.inventory import Element, Platform


@dataclass(frozen=True)
class Grounds:
    """What a run stands on: platform, scope, element, registered parameters, the service it named."""

    platform: Platform
    scope: Scope
    element: Element
    kind: str
    parameters: dict[str, Any]
    service: Service | None = None
    chosen: tuple[str, ...] = ()

    def chosen_related(self) -> list[Element]:
        """What `@related` stands for: what the run chose last among its related elements, or all of its own kind."""
        found = self.related()
        return [found[n] for n in self.chosen] or [e for e in found.values() if e.kind == self.element.kind]

    def named_related(self, word: str) -> dict[str, Element]:
        """The related elements of a kind, or those that `peer`, `peers` or `containers` stand for; by name, in order.

        Containers come in the order in which they stop.
        """
        if word in kinds.KINDS:
            return {n: e for n, e in self.related().items() if e.kind == word}
        listed = word in self.scope.related.get(self.kind, ())
        return {e.name: e for e in self._related(word)} if listed else {}

    def related(self) -> dict[str, Element]:
        """The related elements by name."""
        found = {}
        for word in self.scope.related.get(self.kind, ()):
            for element in self._related(word):
                found[element.name] = element
        return found

    def _related(self, word: str) -> list[Element]:
        if word == "peer":
            return [self.platform.element(self.element.peer)] if self.element.peer else []
        if word == "peers":
            members = [self.element, *self.platform.containers_on(self.element.name)]
            return [self.platform.element(m.peer) for m in members if m.peer]
        if word == "containers":
            order = alive.load()
            return sorted(self.platform.containers_on(self.element.name), key=lambda c: order.stops(c.component))
        return [e for e in self.platform.elements.values() if e.kind == word and self._eligible(e)]

    def _eligible(self, other: Element) -> bool:
        """Another element that is not about to join; a host among its own kind stays within its group."""
        own_group = self.element.kind != other.kind or not other.is_host or other.group == self.element.group
        return other.name != self.element.name and not other.joining and own_group

    def locked(self) -> list[str]:
        """The elements that a changing run locks: its own, the peer, a host's containers and their peers."""
        return self.platform.touched(self.element)


def related_element(grounds: Grounds, name: str) -> Element:
    """The run's own element or a related one; RefusedError for any other."""
    if name == grounds.element.name:
        return grounds.element
    related = grounds.related()
    if name not in related:
        allowed = ", ".join(related) or "no other element"
        raise RefusedError(
            f"{name} is not part of this run",
            where=grounds.element.name,
            next=f"this run may look at {allowed}; start a run on {name} for anything else",
        )
    return related[name]
