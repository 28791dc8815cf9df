"""The service map: which services an element has, how each is tested, probed and drained.

- A service belongs to a kind of element or to a component of the infrastructure; the component's entry wins.
- A service that must not be restarted is listed as denied, with the reason and what to do instead.
- The config test and the probe are looks; they are the only commands that the map allows.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from opsguide.errors import InputError, RefusedError
from opsguide.guide.kinds import KINDS


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
    content = (files("opsguide.guide") / "services.toml").read_text("utf-8")
    return {
        where: {name: Service(name=name, **fields) for name, fields in rows.items()}
        for where, rows in tomllib.loads(content).items()
    }


def of(kind: str, component: str) -> dict[str, Service]:
    """The services of an element of this kind (and component, if it is an infrastructure container)."""
    every = load()
    return {**every.get(kind, {}), **(every.get(component, {}) if component not in KINDS else {})}


def find(kind: str, component: str, name: str) -> Service:
    """The service called so on such an element; InputError when unknown, RefusedError when denied."""
    known = of(kind, component)
    if name not in known:
        allowed = ", ".join(sorted(n for n, s in known.items() if not s.denied))
        raise InputError(f"no service {name!r} on {component or kind}", next=f"the service map has: {allowed}")
    if known[name].denied:
        raise RefusedError(f"{name} is not restarted here: {known[name].denied}", next="see the runbook that it names")
    return known[name]
