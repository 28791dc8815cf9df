"""nbclient with true ends: it streams what a cell prints, stops when told to, and never goes on after an error."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any, TextIO

from jupyter_core.utils import ensure_async
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output

from opsguide.errors import InterruptedRunError
from opsguide.launch import kernels
from opsguide.launch.states import TrueStates
from opsguide.launch.stopping import Stop, listening

KEPT = 1 << 20
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Client(NotebookClient):
    """Executes the cells of `states.nb` one after another; of a cell's output 1 MiB is kept in the notebook."""

    def __init__(self, states: TrueStates, stdout: TextIO | None, stderr: TextIO | None, **options: Any) -> None:
        super().__init__(
            states.nb, force_raise_errors=True, shutdown_kernel="immediate", iopub_timeout=120,
            raise_on_iopub_timeout=True, **options,
        )  # fmt: skip
        self._states, self._stdout, self._stderr = states, stdout, stderr
        self._place: Path | None = None
        self._size, self._ready = 0, False
        self._task: asyncio.Task[None] | None = None
        self._later = set[Any]()

    def create_kernel_manager(self) -> Any:
        """A kernel of our own, on IPC."""
        self._place = kernels.folder()
        self.km = kernels.new(self._place)
        return self.km

    async def run(self, **start: Any) -> None:
        """All cells. CellTimeoutError, DeadKernelError, InterruptedRunError; a cell's own error ends the run quietly.

        `start` goes to the kernel's start: `env`, `cwd`.
        """
        self.reset_execution_trackers()
        stop = Stop(self._interrupt, self._end)
        with listening(stop):
            self._task = task = asyncio.ensure_future(self._whole(stop, start))
            try:
                await task
            except asyncio.CancelledError:
                if not stop.how:
                    raise
            if stop.how:
                self._states.stopped(stop.how)
                raise InterruptedRunError(f"the run was stopped by {stop.how}", next="its record says how far it came")

    async def _whole(self, stop: Stop, start: dict[str, Any]) -> None:
        self.create_kernel_manager()
        try:
            await self.async_start_new_kernel(**start)
            await self.async_start_new_kernel_client()
            self._ready = True
            for index, cell in enumerate(self.nb.cells):
                if stop.how or not await self._cell(cell, index, stop):
                    break
            self.set_widgets_metadata()
        finally:
            if self.km is not None:
                await self._async_cleanup_kernel()
            if self._place:
                shutil.rmtree(self._place, ignore_errors=True)

    async def _cell(self, cell: Any, index: int, stop: Stop) -> bool:
        """Execute one cell; whether to go on."""
        self._size = 0
        self._states.cell_start(cell, index)
        try:
            await self.async_execute_cell(cell, index)
        except CellExecutionError as error:
            self._states.cell_failed(cell, index, error.ename)
            return False
        except (CellTimeoutError, DeadKernelError) as error:
            cell.outputs.append(_said(error, stop))
            self._states.cell_failed(cell, index, type(error).__name__)
            if stop.how:
                return False
            raise
        skipped = self.skip_cells_with_tag in cell.metadata.get("tags", [])
        self._states.cell_done(cell, index, skipped)
        return True

    def _interrupt(self) -> None:
        self._later.add(asyncio.ensure_future(self._interrupt_or_end()))

    async def _interrupt_or_end(self) -> None:
        if self._ready and self.km is not None:
            await ensure_async(self.km.interrupt_kernel())
        else:  # a kernel that still starts would die of it, with words of its own
            self._end()

    def _end(self) -> None:
        kernels.kill(self.km)
        if self._task:
            self._task.cancel()

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Take an output: show it, keep it, join pieces of one stream."""
        kind, content = msg["msg_type"], msg["content"]
        if kind != "stream":
            self._show_other(kind, content)
            return super().output(outs, msg, display_id, cell_index)
        self._write(content["name"], content["text"])
        text = self._room_for(content["text"])
        if outs and outs[-1].output_type == "stream" and outs[-1].name == content["name"] and not self._hooked(msg):
            outs[-1].text += text
            return outs[-1]
        if not text:
            return None
        content["text"] = text
        return super().output(outs, msg, display_id, cell_index)

    def _hooked(self, msg: dict[str, Any]) -> bool:
        return bool(self.output_hook_stack[msg["parent_header"].get("msg_id")]) or self.clear_before_next_output

    def _room_for(self, text: str) -> str:
        left, self._size = KEPT - self._size, self._size + len(text)
        if left >= len(text):
            return text
        return text[:left] + "\n… more than 1 MiB: the rest is not kept here\n" if left > 0 else ""

    def _show_other(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "error":
            lines = content["traceback"] if content["ename"] != "KeyboardInterrupt" else ["interrupted"]
            self._write("stderr", COLOUR.sub("", "\n".join(lines)) + "\n")
        elif "text/plain" in content.get("data", {}):
            self._write("stdout", str(content["data"]["text/plain"]) + "\n")

    def _write(self, name: str, text: str) -> None:
        stream = self._stderr if name == "stderr" else self._stdout
        if stream is not None:
            stream.write(text)
            stream.flush()


def _said(error: Exception, stop: Stop) -> Any:
    words = f"the run was stopped by {stop.how}" if stop.how else str(error).strip().splitlines()[0]
    name = InterruptedRunError.__name__ if stop.how else type(error).__name__
    return new_output(  # type: ignore[no-untyped-call]
        "error", ename=name, evalue=words, traceback=[f"{name}: {words}"]
    )
