"""The jobs of a batch: a row that runs (`opsguide run`), and its gate (`opsguide prove`), each a process of its own.

- A row ends well with exit 0, or 3: a request that was written. Every other end is an error.
- Rows that may touch the same element do not run at the same time.
- The gate of a row proves again what the row's run proved. It only looks, so gates never wait for each other.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from opsguide.launch.asked import Asked
from opsguide.launch.children import Child
from opsguide.launch.outcome import Outcome
from opsguide.reach.inventory import Element, Platform
from opsguide.record.batches import tag

WELL = (0, 3)


@dataclass(frozen=True)
class Row:
    """A row as it was resolved: its number in the sheet, its place there, the wave it belongs to, what it asks."""

    number: int
    wave: int
    where: str
    asked: Asked


@dataclass
class Job:
    """A job of a row: it waits, runs, or has ended with `code`; `ended` is that time on the monotonic clock."""

    row: Row
    code: int | None = None
    ended: float = 0.0
    child: Child | None = None
    outcome: Outcome = field(init=False)

    def __post_init__(self) -> None:
        asked = self.row.asked
        self.outcome = Outcome(None, "not-run", 0, "", activity=asked.activity.slug, element=asked.element.name)

    @property
    def waiting(self) -> bool:
        """Whether it has not been started."""
        return self.child is None and self.code is None

    @property
    def running(self) -> bool:
        """Whether its process goes on."""
        return self.child is not None and self.code is None

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than well."""
        return self.code is not None and self.code not in WELL

    @property
    def name(self) -> str:
        """`restarting-processes on uh-01`."""
        return f"{self.row.asked.activity.slug} on {self.row.asked.element.name}"

    def poll(self) -> bool:
        """Whether its process has ended by now; then `code` and `outcome` are known."""
        status = self.child.status if self.child else None
        if self.child is None or status is None:
            return False
        self.outcome = self.child.outcome(self.outcome.activity, self.outcome.element)
        self.code, self.ended = status, time.monotonic()
        return True

    def signal(self, number: int) -> None:
        """Pass a signal on to its process."""
        if self.running and self.child:
            self.child.signal(number)

    def touches(self, other: Job) -> bool:
        """Whether both may touch the same element."""
        return False

    def fields(self) -> dict[str, Any]:
        """Its end, as the batch's record has it."""
        told = self.outcome
        return {"run": told.run, "state": told.state, "exit": self.code, "words": told.words, "record": told.record}


@dataclass
class Line(Job):
    """The run of a row."""

    locked: set[str] = field(default_factory=set)

    def touches(self, other: Job) -> bool:
        """Whether both may lock the same element."""
        return isinstance(other, Line) and bool(self.locked & other.locked)

    def start(self, batch: str, environment: dict[str, str], journal: int) -> None:
        """Start its process; parameters go by standard input."""
        asked = self.row.asked
        words = ["plan" if asked.mode == "plan" else "run", asked.activity.slug, "-f", "/dev/stdin"]
        values = {name: value for name, value in asked.values.items() if name != "mode"}
        self.child = Child(words, {**environment, "OPSGUIDE_BATCH": tag(batch, self.row.number)}, journal, values)

    def columns(self) -> tuple[str, ...]:
        """As the summary shows it."""
        told, code = self.outcome, "" if self.code is None else str(self.code)
        asked, said = self.row.asked, told.record or told.words
        return str(self.row.number), str(self.row.wave), asked.activity.slug, asked.element.name, told.state, code, said

    def as_dict(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {"row": self.row.number, "wave": self.row.wave, **self.outcome.as_dict(), "exit": self.code}


@dataclass
class Gate(Job):
    """The gate of a row whose run, `of`, changed something and ended well."""

    of: str = ""

    def start(self, batch: str, environment: dict[str, str], journal: int) -> None:
        """Start its process."""
        own = {"OPSGUIDE_BATCH": tag(batch, self.row.number, gate=True)}
        self.child = Child(["prove", self.of], {**environment, **own}, journal, {})


def locked(platform: Platform, element: Element) -> set[str]:
    """The elements that a run on this one may lock."""
    return set(platform.touched(element))
