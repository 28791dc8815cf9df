"""A runbook's cells run one after another in this process: no kernel, the same door, the same broker, the same record."""

from __future__ import annotations

import json
import os
from typing import Any

from desk import REPOSITORY, Desk, wait_for


class Stepped:
    """One runbook in one namespace. `run` ends at the first error, which it gives; `close` lets go: its record is sealed."""

    def __init__(self, desk: Desk, runbook: str, parameters: dict[str, Any]) -> None:
        notebook = json.loads((REPOSITORY / "runbooks" / runbook).read_text())
        self.cells = {c["id"]: "".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"}
        self._texts = dict(self.cells)
        self.names: dict[str, Any] = {}
        self._desk, self._parameters = desk, parameters

    def run(self, last: str = "finish") -> Exception | None:
        """Run the cells up to and with `last`."""
        before = {name: os.environ.get(name) for name in self._desk.environment()}
        os.environ.update(self._desk.environment())
        try:
            for name in list(self.cells):
                exec(self.cells.pop(name), self.names)
                if name == "parameters":
                    self.names |= self._parameters
                if name == last:
                    break
        except Exception as error:
            return error
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        return None

    def again(self, cell: str) -> Exception | None:
        """Run one cell once more, as the notebook has it."""
        self.cells = {cell: self._texts[cell], **self.cells}
        return self.run(cell)

    def close(self) -> None:
        """The kernel is gone."""
        if "run" in self.names:
            self.names["run"]._client.close()
        wait_for(lambda: _sealed(self._desk), what="the record is sealed")


def stepped(desk: Desk, runbook: str, last: str = "finish", **parameters: Any) -> Exception | None:
    """Run a runbook whole, or up to a cell; the error that ended it."""
    one = Stepped(desk, runbook, parameters)
    try:
        return one.run(last)
    finally:
        one.close()


def _sealed(desk: Desk) -> bool:
    """Whether the newest record is sealed; one that gets its last name in this moment is asked again."""
    try:
        return not desk.folders() or desk.record().sealed
    except FileNotFoundError:
        return False
