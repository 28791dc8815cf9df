"""The cells of a run's notebook, as its kernel tells them.

- A cell is written down when it starts, with its source and whether that is the runbook's own, and then with the
  runbook's words before it; after that what it shows and how it ended.
- A cell that is open when the run is sealed ends with the run.
"""

from __future__ import annotations

from typing import Any

from opsguide.broker.commands import Commands
from opsguide.broker.sources import Sources


class Cells:
    """The cells of one run; `own` counts those that are not the runbook's, `open` is the number of the running one."""

    def __init__(self, commands: Commands) -> None:
        self._commands, self._sources = commands, Sources(commands.runbook)
        self.open: int | None = None
        self.own = 0

    def so_far(self, cells: list[str]) -> None:
        """The cells that ran before `begin`, and the one that `begin` stands in."""
        for number, source in enumerate(cells, start=1):
            self.starts(number, "", source)
            if number < len(cells):
                self.ends(number, "ok", 0)

    def starts(self, number: int, name: str, source: str) -> None:
        """A cell of the notebook starts."""
        known = self._sources.known(source)
        self.own += known is False
        told = {"about": about} if (about := self._sources.about(source)) else {}
        name = name or self._sources.name(source)
        self._commands.write("cell", cell=number, id=name, source=source, known=known, **told)
        self.open = number

    def shows(self, fields: dict[str, Any]) -> None:
        """A cell printed or displayed something."""
        kept = {k: fields[k] for k in ("cell", "kind", "name", "text", "html", "png") if k in fields}
        self._commands.write("output", **kept)

    def ends(self, number: int, state: str, seconds: float) -> None:
        """A cell ended: `ok`, or how else."""
        self._commands.write("cell-end", cell=number, state=state, seconds=seconds)
        self.open = None
