"""Papermill's engine `opsguide`: `papermill --engine opsguide …`, and the default of our own launcher.

- Cell states are true (states.py), the kernel is private (kernels.py), a stop from outside is a stop (stopping.py).
- A parameter that the parameters cell does not declare is refused before a kernel starts: papermill pastes names as
  source.
- `SystemExit` in a cell is a failure, whatever its status.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, TextIO

from jupyter_core.utils import run_sync
from papermill.engines import Engine
from papermill.exceptions import PapermillExecutionError
from papermill.utils import find_first_tagged_cell_index

from opsguide.errors import InputError
from opsguide.launch.stopping import raising


class OpsguideEngine(Engine):
    """Runs a notebook for papermill."""

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: Any = True,
        log_output: bool = False,
        autosave_cell_every: int = 0,
        **kwargs: Any,
    ) -> Any:
        """Execute all cells; the notebook is written at the beginning, at a failure and at the end."""
        from opsguide.launch.states import TrueStates

        refuse_undeclared(nb)
        states = TrueStates(  # type: ignore[no-untyped-call]
            nb, output_path=output_path, progress_bar=progress_bar, log_output=log_output
        )
        with raising():
            states.notebook_start()
            try:
                cls.execute_managed_notebook(states, kernel_name, log_output=log_output, **kwargs)
            finally:
                states.cleanup_pbar()  # type: ignore[no-untyped-call]
                states.notebook_complete()
        if states.failed == "SystemExit":
            raise _left(nb)
        return nb

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        stdout_file: TextIO | None = None,
        stderr_file: TextIO | None = None,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        env: dict[str, str] | None = None,
        working_folder: Path | None = None,
        **kwargs: Any,
    ) -> None:
        """Execute the cells; `execution_timeout` is the longest time of one cell in seconds."""
        from opsguide.launch.client import Client

        client = Client(nb_man, stdout_file, stderr_file, timeout=execution_timeout, startup_timeout=start_timeout)
        start = {"env": env} if env is not None else {}
        run_sync(client.run)(**start, **({"cwd": str(working_folder)} if working_folder else {}))


def refuse_undeclared(nb: Any) -> None:
    """InputError when papermill was given a parameter that the notebook's parameters cell does not declare."""
    given = nb.metadata.get("papermill", {}).get("parameters") or {}
    declared = declared_names(nb)
    for name in given:
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise InputError(f"unknown parameter {str(name)[:60]!r}", next=f"the notebook declares: {known}")


def declared_names(nb: Any) -> list[str]:
    """The names that the cell tagged `parameters` sets."""
    index = find_first_tagged_cell_index(nb, "parameters")  # type: ignore[no-untyped-call]
    if index < 0:
        return []
    body = ast.parse(nb.cells[index].source).body
    targets = [n.target for n in body if isinstance(n, ast.AnnAssign)]
    targets += [t for n in body if isinstance(n, ast.Assign) for t in n.targets]  # type: ignore[misc]
    return [t.id for t in targets if isinstance(t, ast.Name)]


def _left(nb: Any) -> PapermillExecutionError:
    states = [cell.metadata.get("papermill", {}).get("status") for cell in nb.cells]
    index = states.index("failed")
    cell = nb.cells[index]
    return PapermillExecutionError(  # type: ignore[no-untyped-call]
        cell_index=index, exec_count=cell.execution_count, source=cell.source, ename="SystemExit",
        evalue="a cell called sys.exit", traceback=["SystemExit: a cell called sys.exit; the later cells did not run"],
    )  # fmt: skip
