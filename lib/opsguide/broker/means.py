"""What a session gives a run: who asks, and the world as it is when the run begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsguide.broker.state import State
from opsguide.broker.transit import Reach
from opsguide.reach.inventory import Platform


@dataclass(frozen=True)
class Asker:
    """Who asks, through what, for which records root."""

    person: dict[str, Any]
    pid: int
    frontend: str
    records: Path


@dataclass(frozen=True)
class Means:
    """The platform as its file reads now, its state folder, the way to it, and the asker's screen."""

    asker: Asker
    platform: Platform
    state: State
    reach: Reach
    say: Callable[[list[str]], None]

    def hidden(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Fields of a record without secrets."""
        return {name: self.reach.redactor.value(value) for name, value in fields.items()}
