"""Sealing: the run is over, its pages are rendered, its files are digested, the ledger names the seal.

- The order is: the `end` event, the pages, seal.json, the ledger's line, the folder's final name. Each is
  synced before the next. Sealing again after a crash at any point goes on where it stopped.
- What seal.json already says is never said anew.
- The sealed files lose their write permission, so that no editor saves over them by mistake.
"""

from __future__ import annotations

import contextlib
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

    An `end` event that is already there stands, whatever is passed. StoreError when the disk refuses: the run
    stays unfinished and can be sealed later. TamperedError when a seal that is there does not fit.
    """
    if not folder.journal.ended:
        folder.journal.append("end", state=state, exit=exit, words=words)
    again = (folder.path / SEAL).exists()
    if not again:
        _render(folder)
        durable.write_file(folder.path / SEAL, durable.json_file(_contents(folder)))
    content = (folder.path / SEAL).read_bytes()
    said = chain.parse(content) or {}
    if said.get("run") != folder.run or said.get("last") != folder.journal.last:
        raise TamperedError("seal.json does not fit the journal beside it", where=str(folder.path))
    Ledger(folder.root).append("seal", folder.run, durable.digest(content), once=again)
    final = _final_name(folder.path)
    folder.journal.close()
    return final


def files(folder: Path) -> dict[str, str]:
    """Every file of the record but the seal: relative path and sha256, sorted."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)
    return {str(path.relative_to(folder)): durable.file_digest(path) for path in sorted(found)}


def _render(folder: RunFolder) -> None:
    for left in folder.path.rglob("*" + durable.PART):
        with contextlib.suppress(FileNotFoundError):
            left.unlink()
    events = read(folder.path)
    try:
        notebook, report = notebook_page.render(folder.intent, events), page.render(folder.intent, events)
    except Exception as error:  # a page must not keep the truth from being sealed
        reason = f"{type(error).__name__}: {error}"
        notebook, report = notebook_page.plain(folder.intent, reason), page.plain(folder.intent, reason)
    durable.write_file(folder.path / f"{folder.run}.ipynb", notebook)
    durable.write_file(folder.path / REPORT, report)


def _contents(folder: RunFolder) -> dict[str, Any]:
    found = chain.check((folder.path / EVENTS).read_bytes(), "")
    end = found.entries[-1]
    return {
        "version": VERSION,
        "run": folder.run,
        "state": end.get("state"),
        "exit": end.get("exit"),
        "at": durable.now(),
        "events": len(found.entries),
        "last": found.last,
        "files": files(folder.path),
    }


def _final_name(path: Path) -> Path:
    final = path.with_name(path.name.removesuffix(UNFINISHED))
    with durable.storing(path):
        if path != final and path.exists():
            if final.exists():
                raise TamperedError("a sealed and an unfinished folder have the same run id", where=str(path))
            for item in path.rglob("*"):
                if item.is_file() and not item.is_symlink():
                    item.chmod(item.stat().st_mode & ~0o222)
            path.rename(final)
        durable.sync_folder(final.parent)
    return final
