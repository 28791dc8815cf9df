"""A run whose writer is gone is closed with the truth.

- A change or edit without an answer, or with one that does not tell, is unknown, and so is the run; each
  gets a `hold` event. Otherwise the run was interrupted.
- A run that had written its `end` keeps it; only its sealing is finished.
- A folder in which not even the intent was finished never began: nothing was sent, it is removed.
- A run that is still being written is left alone (LockedError).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsguide.errors import TamperedError
from opsguide.record import chain, durable, unsettled
from opsguide.record.archive import UNFINISHED, Archive, RunFolder
from opsguide.record.journal import EVENTS, INTENT, read
from opsguide.record.seal import seal

NEVER_BEGAN = "never-began"


@dataclass(frozen=True)
class Closed:
    """An orphan after it was closed.

    `state` is the run's, or 'never-began' (then `path` is None). `unknown` holds the `send` events of the
    changes of which nobody knows the outcome: the elements under `on` are to be held. Holding twice must be
    harmless, since closing again gives the same.
    """

    run: str
    path: Path | None
    state: str
    unknown: list[dict[str, Any]] = field(default_factory=list)


def close_orphan(folder: Path, how: str) -> Closed:
    """Seals the unfinished run in `folder`; `how` says what ended it ("the broker was killed").

    LockedError while its writer lives, TamperedError when it does not hold together, StoreError when the disk
    refuses.
    """
    run = folder.name.removesuffix(UNFINISHED)
    final, archive = folder.with_name(run), Archive(folder.parents[2])
    if not folder.exists() and final.exists():
        return _closed(run, final)
    if _never_began(archive, folder):
        return Closed(run, None, NEVER_BEGAN)
    orphan = archive.reopen(folder)
    try:
        archive.ledger.append("intent", run, durable.digest((folder / INTENT).read_bytes()), once=True)
        return _closed(run, _finish(orphan, how))
    finally:
        orphan.journal.close()


def _closed(run: str, path: Path) -> Closed:
    events = read(path)
    unknown = [dict(event) for event in unsettled.unknown_changes(events, run)]
    return Closed(run, path, str(events[-1].get("state")), unknown)


def _never_began(archive: Archive, folder: Path) -> bool:
    """Removes a folder whose intent was never finished; TamperedError when that run had begun."""
    if chain.parse(_bytes(folder / INTENT)) is not None:
        return False
    run = folder.name.removesuffix(UNFINISHED)
    with archive.ledger.turn() as turn:
        if chain.parse(_bytes(folder / INTENT)) is not None:
            return False
        if _bytes(folder / EVENTS) or any(entry.get("run") == run for entry in turn.entries()):
            raise TamperedError("a run that had begun has lost its intent.json", where=str(folder))
        with durable.storing(folder):
            shutil.rmtree(folder)
    return True


def _finish(folder: RunFolder, how: str) -> Path:
    events = read(folder.path)
    unknown = unsettled.unknown_changes(events, folder.run)
    if not folder.journal.ended:
        held = {event.get("command") for event in events if event.get("type") == "hold"}
        answered = {event.get("command"): event for event in events if event.get("type") == "answer"}
        for event in unknown:
            if event.get("command") not in held:
                _hold(folder, event, answered.get(event.get("command")), how)
    if not unknown:
        return seal(folder, "interrupted", 5, how)
    count = "1 change" if len(unknown) == 1 else f"{len(unknown)} changes"
    return seal(folder, "unknown", 5, f"{how}; nobody knows whether {count} took effect")


def _hold(folder: RunFolder, send: Mapping[str, Any], answer: Mapping[str, Any] | None, how: str) -> None:
    ended = f"ended as {answer.get('state')}" if answer else f"has no answer ({how})"
    folder.journal.append(
        "hold",
        element=send.get("on"),
        command=send.get("command"),
        words=f"command {send.get('command')} was sent and {ended}",
        settle=send.get("settle") or "",
        look=send.get("look") or "",
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
