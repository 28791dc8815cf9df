"""A batch that nobody writes any more is closed with the truth, taken from the runs that name it.

- Rows that still go on keep the batch's journal locked: it is not closed before they have ended (LockedError).
- It is not closed while one of its runs has no seal.
- A row that was started, and that no run names, never began: nothing was sent.
- A folder in which not even batch.json was finished never began; it is removed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opsguide.errors import LockedError, OpsguideError
from opsguide.record import chain, durable
from opsguide.record.archive import RunRef
from opsguide.record.batches import FIRST, NEVER, BatchFolder, ended, folders, runs, tag
from opsguide.record.journal import EVENTS, Journal, scan
from opsguide.record.ledger import BATCH, Ledger
from opsguide.record.redaction import Redactor

LEFT = "its launcher ended before the batch did"


def close(path: Path, redactor: Redactor) -> bool:
    """Close a batch that was left behind; whether it is closed now. LockedError while it or one of its rows goes on."""
    root, intent = path.parents[1], _first(path)
    if intent is None:
        return _never_began(path)
    journal = Journal(path, FIRST)
    try:
        Ledger(root).append(BATCH, path.name, durable.file_digest(path / FIRST), once=True)
        folder = BatchFolder(root, path, intent, journal, redactor)
        known = runs(root, path.name)
        if not journal.ended:
            if not all(ref.sealed for ref in known.values()):
                return False
            for fields in _truth(folder, known):
                folder.write("row-end", **fields)
        folder.end("interrupted", 5, LEFT)
    finally:
        journal.close()
    return True


def _truth(folder: BatchFolder, known: dict[str, RunRef]) -> Iterator[dict[str, Any]]:
    events = scan(folder.path, FIRST).entries
    over = {event.get("row") for event in events if event.get("type") == "row-end"}
    for event in events:
        row = event.get("row")
        if event.get("type") != "row-start" or row in over or not isinstance(row, int):
            continue
        ref = known.get(tag(folder.batch, row))
        yield {"row": row, **(_sealed(ref) if ref else {**NEVER, "words": f"{LEFT}; no run had begun"})}


def _sealed(ref: RunRef) -> dict[str, Any]:
    seal = chain.parse((ref.path / "seal.json").read_bytes()) or {}
    words = str(scan(ref.path).entries[-1].get("words", ""))
    return {"run": ref.run, "state": seal.get("state"), "exit": seal.get("exit"), "record": str(ref.path),
            "words": words}  # fmt: skip


def _first(path: Path) -> dict[str, Any] | None:
    try:
        return chain.parse((path / FIRST).read_bytes())
    except FileNotFoundError:
        return None


def _never_began(path: Path) -> bool:
    with Ledger(path.parents[1]).turn() as turn:
        named = any(entry.get("run") == path.name for entry in turn.entries())
        if named or _first(path) is not None or (path / EVENTS).exists():
            return False
        with durable.storing(path):
            shutil.rmtree(path)
    return True


def close_all(root: Path, redactor: Redactor) -> list[str]:
    """Close what was left behind; the batches that could not be closed, because something of them still goes on."""
    open_still = []
    for path in folders(root):
        try:
            if not ended(path) and not close(path, redactor):
                open_still.append(path.name)
        except LockedError:
            open_still.append(path.name)
        except (OpsguideError, OSError, ValueError):  # a broken record is for `verify` to name
            continue
    return open_still
