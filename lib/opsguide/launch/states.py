"""What papermill's metadata says of each cell, and when the notebook is written.

- A cell that failed, ran over its time, was interrupted or lost its kernel is `failed`.
- A cell that was never started stays `pending`; one with a skip tag is `skipped`.
- The notebook is written when the run begins, when a cell fails, and at the end; not around every cell.
"""

from __future__ import annotations

from typing import Any

from papermill.engines import NotebookExecutionManager


class TrueStates(NotebookExecutionManager):
    """Papermill's book-keeping of one run, told only what has happened."""

    failed: str = ""

    def save(self, **kwargs: Any) -> None:
        """Nothing: papermill asks for this around every cell."""

    def autosave_cell(self, **kwargs: Any) -> None:
        """Nothing, for the same reason."""

    def write(self) -> None:
        """Write the notebook now."""
        super().save()

    def notebook_start(self, **kwargs: Any) -> None:
        """All cells pending; writes the notebook, so that a place that cannot be written is known before the start."""
        super().notebook_start(**kwargs)
        self.write()

    def cell_done(self, cell: Any, index: int, skipped: bool) -> None:
        """A cell ended well, or was passed over."""
        self.cell_complete(cell, index)
        if skipped:
            cell.metadata.papermill["status"] = "skipped"

    def cell_failed(self, cell: Any, index: int, why: str) -> None:
        """A cell did not end well; `why` is the name of the error."""
        self.failed = self.failed or why
        self.cell_exception(cell, index)
        self.cell_complete(cell, index)
        self.write()

    def stopped(self, how: str) -> None:
        """The run was stopped from outside."""
        self.nb.metadata.papermill["exception"] = True
        self.nb.metadata.papermill["stopped"] = how

    def notebook_complete(self, **kwargs: Any) -> None:
        """The end; no cell's state is touched."""
        self.end_time = self.now()  # type: ignore[no-untyped-call]
        self.nb.metadata.papermill["end_time"] = self.end_time.isoformat()
        self.nb.metadata.papermill["duration"] = (self.end_time - self.start_time).total_seconds()
        self.write()
