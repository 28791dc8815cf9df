"""How a run ended, as its record says; never as the launcher believes.

- The record is the one whose intent carries the launch's random id.
- The exit code is the seal's. A run that is not sealed yet is waited for; one that stays unsealed is exit 5.
- Where there is no record, nothing was sent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from opsguide.errors import UnknownError
from opsguide.record.archive import UNFINISHED
from opsguide.record.summary import summary

SEAL_SECONDS = 30.0
FULL_SECONDS = 2.0
"""How long a record is waited for when its store is full: it is not sealed before somebody makes room."""
APPEAR_SECONDS = 2.0
PAUSE = 0.02


@dataclass(frozen=True)
class Outcome:
    """What is left of a run; `exit` is the launcher's exit code, `request` the path of a request that was written."""

    run: str | None
    state: str
    exit: int
    words: str
    record: str = ""
    request: str = ""
    activity: str = ""
    element: str = ""
    mode: str = ""
    open: list[str] = field(default_factory=list)
    changed: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As `run --json` prints it."""
        return asdict(self)


def find(records: Path, launch: str, since: datetime, patience: float = 0.0) -> Path | None:
    """The folder of the run that this launch began, waiting `patience` seconds for it to appear; None without one."""
    end = time.monotonic() + patience
    while True:
        for folder in _recent(records, since):
            if _launch_of(folder) == launch:
                return folder
        if time.monotonic() >= end:
            return None
        time.sleep(PAUSE)


def _recent(records: Path, since: datetime) -> list[Path]:
    """Folders of runs that began after `since`, newest first; a run's name begins with its time."""
    first = (since - timedelta(seconds=2)).strftime("%Y%m%dT%H%M%SZ")
    months = {f"{at:%Y}/{at:%m}" for at in (since - timedelta(seconds=2), datetime.now(UTC))}
    found = [path for month in months for path in (records / month).glob("*Z-*") if path.name >= first]
    return sorted(found, key=lambda path: path.name, reverse=True)


def _launch_of(folder: Path) -> str:
    try:
        return str(json.loads((folder / "intent.json").read_bytes()).get("launch", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def sealed(folder: Path, waiting: Callable[[], None] = lambda: None, seconds: float = SEAL_SECONDS) -> Path:
    """The folder once it is sealed; UnknownError after `seconds`. `waiting` is called when it takes over a second."""
    final = folder.with_name(folder.name.removesuffix(UNFINISHED))
    start, told = time.monotonic(), False
    while not final.is_dir():
        waited = time.monotonic() - start
        if waited > 1 and not told:
            told = True
            waiting()
        if waited > seconds:
            run = final.name
            raise UnknownError(
                f"the record is not sealed after {seconds:.0f} s: a change may still be going on",
                where=str(folder), next=f"opsguide verify {run}, and opsguide elements for what is locked",
            )  # fmt: skip
        time.sleep(PAUSE)
    return final


def of(folder: Path) -> Outcome:
    """The outcome of a sealed run."""
    told, seal = summary(folder), json.loads((folder / "seal.json").read_bytes())
    request = folder / "request.md"
    return Outcome(
        told["run"], str(told["state"]), int(seal["exit"]), _words(folder), str(folder),
        str(request) if request.is_file() else "", str(told["activity"]), str(told["element"]), str(told["mode"]),
        list(told["open"]), str(told["changed"]),
    )  # fmt: skip


def _words(folder: Path) -> str:
    """The words of the last event, which is the end."""
    last = (folder / "events.jsonl").read_bytes().rstrip(b"\n").rpartition(b"\n")[2]
    try:
        return str(json.loads(last).get("words", ""))
    except ValueError:
        return ""
