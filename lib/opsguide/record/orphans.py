"""A run whose writer is gone is closed with the truth.

- A change or edit without an answer is unknown, and so is the run; otherwise the run was interrupted.
- A run that had written its `end` keeps it; only its sealing is finished.
- A folder in which not even the intent was finished never began: nothing was sent, it is removed.
- A run that is still being written is left alone (LockedError).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsguide.errors import TamperedError
from opsguide.record import chain, durable, story
from opsguide.record.archive import UNFINISHED, Archive, RunFolder
from opsguide.record.journal import EVENTS, INTENT, read
from opsguide.record.seal import seal


@dataclass(frozen=True)
class Closed:
    """An orphan after it was closed.

    `state` is the run's, or 'never-began' (then `path` is None). `unknown` holds the `send` events of the changes of
    which nobody knows the outcome; the elements they name under `on` are to be held.
    """

    run: str
    path: Path | None
    state: str
    unknown: list[dict[str, Any]] = field(default_factory=list)


def close_orphan(folder: Path, how: str) -> Closed:
    """Seals the unfinished run in `folder`; `how` says what ended it ("the broker was killed").

    Closing again gives the same. LockedError while its writer lives, TamperedError when it does not hold together,
    StoreError when the disk refuses.
    """
    root = folder.parents[2]
    run = folder.name.removesuffix(UNFINISHED)
    if not folder.exists() and folder.with_name(run).exists():
        return _closed(run, folder.with_name(run))
    archive = Archive(root)
    if _never_began(archive, folder):
        return Closed(run, None, "never-began")
    run_folder = archive.reopen(folder)
    try:
        archive.ledger.append("intent", run, durable.digest((folder / INTENT).read_bytes()), once=True)
        return _closed(run, _finish(run_folder, how))
    finally:
        run_folder.journal.close()


def _closed(run: str, path: Path) -> Closed:
    events = read(path)
    unknown = [dict(event) for event in story.unknown_changes(events)]
    return Closed(run, path, str(events[-1].get("state")), unknown)


def _never_began(archive: Archive, folder: Path) -> bool:
    """Removes a folder whose intent was never finished, unless the ledger knows the run."""
    if chain.parse(_bytes(folder / INTENT)) is not None:
        return False
    run = folder.name.removesuffix(UNFINISHED)
    with archive.ledger.turn():
        known = any(entry.get("run") == run for entry in archive.ledger.read().entries)
        if known or _bytes(folder / EVENTS):
            raise TamperedError("a run that had begun has lost its intent.json", where=str(folder))
        shutil.rmtree(folder)
    return True


def _finish(folder: RunFolder, how: str) -> Path:
    events = read(folder.path)
    unknown = story.unknown_changes(events)
    held = {event.get("command") for event in events if event.get("type") == "hold"}
    ended = bool(events) and events[-1].get("type") == "end"
    for event in [] if ended else unknown:
        if event.get("command") not in held:
            words = f"command {event.get('command')} was sent and has no answer: {how}"
            folder.journal.append(
                "hold",
                element=event.get("on"),
                command=event.get("command"),
                words=words,
                settle=event.get("settle", ""),
            )
    if unknown:
        return seal(
            folder, "unknown", 5, f"{how}; {len(unknown)} change{'s' if len(unknown) > 1 else ''} unknown"
        )
    return seal(folder, "interrupted", 5, how)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
