"""The service map: which services an element has, how each is tested, probed and drained.

- A service belongs to a kind of element or to a component of the infrastructure; the component's entry wins.
- A service that must not be restarted is listed as denied, with the reason and what to do instead.
- The config test and the probe are looks; they are the only commands that the map allows.
- A row has the keys that the head of the file explains; another one, or a value of another shape, is refused with its
  place.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from opsguide.errors import InputError, RefusedError
from opsguide.guide import maps, slots
from opsguide.guide.kinds import KINDS
from opsguide.guide.scope_keys import FLAG, TABLE, TEXT, hold_table

KEYS = {"config_test": TEXT, "probe": TEXT, "healthy": TABLE, "drained": FLAG, "denied": TEXT, "source": TEXT}


@dataclass(frozen=True)
class Service:
    """One row; `healthy` is an expectation, empty texts mean that the map knows none."""

    name: str
    config_test: str = ""
    probe: str = ""
    healthy: dict[str, Any] | None = None
    drained: bool = False
    denied: str = ""
    source: str = ""


@cache
def load() -> dict[str, dict[str, Service]]:
    """The shipped map: kind or component -> service name -> Service."""
    return maps.read("services.toml", parse)


def parse(text: str) -> dict[str, dict[str, Service]]:
    """The map from the text of its file; ValueError, with the place, for a row that is none."""
    return {
        where: {name: _service(f"{where}.{name}", name, row) for name, row in rows.items()}
        for where, rows in tomllib.loads(text).items()
    }


def _service(place: str, name: str, row: Any) -> Service:
    slots.check("unit", name)
    hold_table(place, row, KEYS, ("source",))
    maps.expectation(place, row.get("healthy"))
    return Service(name=name, **row)


def of(kind: str, component: str) -> dict[str, Service]:
    """The services of an element of this kind (and component, if it is an infrastructure container)."""
    every = load()
    return {**every.get(kind, {}), **(every.get(component, {}) if component not in KINDS else {})}


def find(kind: str, component: str, name: str) -> Service:
    """The service called so on such an element; InputError when unknown, RefusedError when denied."""
    known = of(kind, component)
    if name not in known:
        allowed = ", ".join(sorted(n for n, s in known.items() if not s.denied))
        words = f"no service {name!r} on {component or kind}"
        near = get_close_matches(name, known, 1)
        next = f"did you mean {near[0]}? " if near else ""
        raise InputError(words, next=f"{next}the service map has: {allowed}").of("service")
    if known[name].denied:
        raise RefusedError(f"{name} is not restarted here: {known[name].denied}", next="see the runbook that it names")
    return known[name]
