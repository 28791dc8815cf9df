"""Sealing: the run is over, its pages are rendered, its files are digested, the ledger names the seal.

Order: the `end` event · the pages · seal.json · the ledger's line · the folder loses `-unfinished`. Each step is synced
before the next, and each can be found done: sealing again after a crash at any point goes on where it stopped. What
seal.json already says is never said anew.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from opsguide.errors import TamperedError
from opsguide.record import chain, durable, notebook_page, page
from opsguide.record.archive import UNFINISHED, VERSION, RunFolder
from opsguide.record.journal import EVENTS, SEAL, read
from opsguide.record.ledger import Ledger

REPORT = "report.html"


def seal(folder: RunFolder, state: str, exit: int, words: str) -> Path:
    """Ends the run and seals its record; returns the folder under its final name.

    An `end` event that is already there stands, whatever is passed. StoreError when the disk refuses: the run stays
    unfinished and can be sealed later. TamperedError when a seal that is there does not fit.
    """
    events = read(folder.path)
    if not events or events[-1].get("type") != "end":
        folder.journal.append("end", state=state, exit=exit, words=words)
    if not (folder.path / SEAL).exists():
        _render(folder)
        durable.write_file(folder.path / SEAL, durable.json_file(_contents(folder)))
    content = (folder.path / SEAL).read_bytes()
    _check(folder, content)
    Ledger(folder.root).append("seal", folder.run, durable.digest(content), once=True)
    folder.journal.close()
    return settle_name(folder.path)


def settle_name(path: Path) -> Path:
    """Takes `-unfinished` off the folder's name; harmless when that has been done."""
    final = path.with_name(path.name.removesuffix(UNFINISHED))
    with durable.storing(path):
        if path != final and path.exists():
            if final.exists():
                raise TamperedError("a sealed and an unfinished folder have the same run id", where=str(path))
            os.rename(path, final)
        durable.sync_folder(final.parent)
    return final


def files(folder: Path) -> dict[str, str]:
    """Every file of the record but the seal: relative path and sha256, sorted."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)
    return {str(path.relative_to(folder)): durable.digest(path.read_bytes()) for path in sorted(found)}


def _render(folder: RunFolder) -> None:
    for left in folder.path.rglob("*" + durable.PART):
        with contextlib.suppress(FileNotFoundError):
            left.unlink()
    events = read(folder.path)
    durable.write_file(folder.path / f"{folder.run}.ipynb", notebook_page.render(folder.intent, events))
    durable.write_file(folder.path / REPORT, page.render(folder.intent, events))


def _contents(folder: RunFolder) -> dict[str, Any]:
    found = chain.check((folder.path / EVENTS).read_bytes(), "")
    end = found.entries[-1]
    return {
        "version": VERSION, "run": folder.run, "state": end.get("state"), "exit": end.get("exit"),
        "at": durable.now(), "events": len(found.entries), "last": found.last, "files": files(folder.path),
    }  # fmt: skip


def _check(folder: RunFolder, content: bytes) -> None:
    said = chain.parse(content) or {}
    if said.get("run") != folder.run or said.get("last") != folder.journal.last:
        raise TamperedError("seal.json does not fit the journal beside it", where=str(folder.path))
