"""What must be alive on an element: the second half of the service map.

- A check is one look with what it must answer, exit 0 unless it says otherwise; its name is one word.
- A kind of element has its checks and a component of the infrastructure has its own; a container gets both.
- Which components are drained before they are touched, and in which order they stop, is data here, too.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from opsguide.guide import maps
from opsguide.guide.kinds import KINDS
from opsguide.guide.scope_keys import TABLE, TEXT, hold_table

KEYS = {"name": TEXT, "command": TEXT, "expect": TABLE, "source": TEXT}


@dataclass(frozen=True)
class Check:
    """One check: a command without slots, and an expectation."""

    name: str
    command: str
    source: str
    expect: dict[str, Any] | None = None

    @property
    def argv(self) -> list[str]:
        """The command as words."""
        return shlex.split(self.command)


@dataclass(frozen=True)
class Alive:
    """The map: checks by kind or component; components that are drained; components in the order in which they stop."""

    checks: dict[str, tuple[Check, ...]]
    drained: tuple[str, ...]
    stop_order: tuple[str, ...]

    def of(self, kind: str, component: str) -> tuple[Check, ...]:
        """The checks of an element."""
        own = self.checks.get(component, ()) if component and component not in KINDS else ()
        return (*own, *self.checks.get(kind, ()))

    def stops(self, component: str) -> int:
        """The place of a component in the stop order; one that it does not name stops first."""
        return self.stop_order.index(component) if component in self.stop_order else -1


@cache
def load() -> Alive:
    """The shipped map."""
    return maps.read("alive.toml", parse)


def parse(text: str) -> Alive:
    """The map from the text of its file; ValueError for a check that is none."""
    table = tomllib.loads(text)
    checks = {where: tuple(_check(where, row) for row in rows) for where, rows in table["checks"].items()}
    for where, found in checks.items():
        if len({c.name for c in found}) != len(found):
            raise ValueError(f"{where}: a check stands twice")
    return Alive(checks, tuple(table["drained"]), tuple(table["stop_order"]))


def _check(where: str, row: dict[str, Any]) -> Check:
    hold_table(f"{where}, check {row.get('name', '?')}", row, KEYS, ("name", "command", "source"))
    found = Check(**row)
    if not re.fullmatch(r"[a-z0-9@._-]+", found.name) or not found.argv or not found.source:
        raise ValueError(f"{where}: {found.name!r} is no check")
    maps.expectation(f"{where}, check {found.name}", found.expect)
    return found
