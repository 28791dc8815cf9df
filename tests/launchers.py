"""The two launchers on 06 at uh-01, stock papermill and our own, caught in the middle of their change."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from desk import BINARIES, REPOSITORY, Desk, Record, wait_for
from kernels import UNIT, Counter

RUN = ("run", "restarting-processes", "--on", "uh-01", "-p", f"service={UNIT}", "-p", "settle=1 s", "--reason", "test")
OURS = (str(BINARIES / "opsguide"), *RUN)
RUNBOOK = REPOSITORY / "runbooks" / "06-restarting-processes.ipynb"
USUAL = {"mode": "apply", "reason": "test", "element": "uh-01", "service": UNIT, "settle": "1 s"}


def papermill(folder: Path, *options: str, notebook: Path = RUNBOOK, **parameters: object) -> tuple[str, ...]:
    """Stock papermill on a runbook, its output and its parameters in `folder`."""
    file = folder / "parameters.yml"
    file.write_text(yaml.safe_dump(parameters))
    return (str(BINARIES / "papermill"), str(notebook), str(folder / "out.ipynb"), "-f", str(file), *options)


def launcher(way: str, folder: Path, **parameters: object) -> tuple[str, ...]:
    """The command of `papermill` or `opsguide run`; parameters beside the usual ones."""
    given = {**USUAL, **parameters}
    if way == "papermill":
        return papermill(folder, **given)
    words = [word for name in ("service", "settle") for word in ("-p", f"{name}={given[name]}")]
    return (OURS[0], *RUN[:4], *words, "--reason", "test")


def altered(folder: Path, change: Callable[[list[dict[str, Any]]], None]) -> Path:
    """A copy of the runbook whose cells were changed by somebody."""
    notebook = json.loads(RUNBOOK.read_text())
    change(notebook["cells"])
    copy = folder / RUNBOOK.name
    copy.write_text(json.dumps(notebook))
    return copy


def begin_change(desk: Desk, counter: Counter, *command: str) -> subprocess.Popen[str]:
    """A launcher that is in the middle of its change, which goes on with `counter.go()`."""
    counter.slow()
    process = desk.start(*command)
    wait_for(lambda: counter.starts or process.poll() is not None, what="the change reached the host")
    assert process.poll() is None, process.communicate()
    return process


def children_of(pid: int, what: str = "") -> list[int]:
    """The processes that this one has started and whose command line has this word."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if what in line]


def kernels_of(pid: int) -> list[int]:
    return children_of(pid, "ipykernel")


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def sealed(desk: Desk, which: int = -1) -> Record:
    wait_for(lambda: desk.folders() and desk.record(which).sealed, what="the record is sealed")
    return desk.record(which)
