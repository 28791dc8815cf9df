"""One headless execution of a runbook, through papermill in this process."""

from __future__ import annotations

import io
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from opsguide import places
from opsguide.errors import InterruptedRunError, OpsguideError, StoreError
from opsguide.launch import copies, quick
from opsguide.launch.asked import Asked
from opsguide.launch.files import SCHEME, AtomicFiles


@dataclass(frozen=True)
class Ended:
    """How the notebook ended; `error` names what stopped it, or is empty; `exit` is the code of that error's class."""

    error: str = ""
    words: str = ""
    exit: int = 0


def execute(
    asked: Asked, environment: dict[str, str], out: Path | None, stdout: TextIO | None, timeout: int | None = None
) -> Ended:
    """Run the asked activity's notebook with its parameters.

    `environment` is the kernel's, `stdout` gets what cells print, `timeout` is the longest time of a cell in seconds.
    InputError when `out` is there already, or the runbook is none that can be read.
    """
    if out:
        AtomicFiles.refuse_other(out.expanduser().absolute())
    copies.read(places.runbooks() / asked.activity.runbook)
    quick.leave_out_slow_imports()
    logging.getLogger("papermill").setLevel(
        logging.ERROR
    )  # it warns of parameters that it cannot read; ours are checked
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import execute_notebook

    try:
        execute_notebook(  # type: ignore[no-untyped-call]
            _literal(str(places.runbooks() / asked.activity.runbook)),
            _literal(f"{SCHEME}{out.expanduser().absolute()}") if out else None,
            parameters=asked.values, engine_name="opsguide", progress_bar=False,
            stdout_file=stdout or io.StringIO(), stderr_file=stdout or io.StringIO(),
            execution_timeout=timeout, env=environment, working_folder=places.runbooks(),
        )  # fmt: skip
    except PapermillExecutionError as error:
        words = error.evalue.partition("\n")[0]
        return Ended(error.ename, words.removeprefix(f"{error.ename}: "), _code(error.ename))
    except (CellTimeoutError, DeadKernelError) as error:
        return Ended(type(error).__name__, str(error).strip().splitlines()[0], 1)
    except InterruptedRunError as error:
        return Ended(type(error).__name__, error.words, error.exit_code)
    except StoreError as error:
        return Ended(type(error).__name__, error.words, error.exit_code)
    return Ended()


def kernel_environment(base: dict[str, str], launch: str) -> dict[str, str]:
    """The environment that tells the kernel who started it; the record's intent then carries the launch id."""
    own = {"OPSGUIDE_LAUNCH": launch, "OPSGUIDE_FRONTEND": "opsguide run", "OPSGUIDE_LAUNCHER": str(os.getpid())}
    return {**base, **own}


def _literal(path: str) -> str:
    """The path, safe from papermill, which fills {names} in paths with parameters."""
    return path.replace("{", "{{").replace("}", "}}")


def _code(name: str) -> int:
    return OpsguideError.kinds[name].exit_code if name in OpsguideError.kinds else 1
