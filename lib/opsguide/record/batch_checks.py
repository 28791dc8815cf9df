"""The verdict on one batch from its folder and its lines in the ledger.

- A batch is OK when its folder holds batch.json, its journal and nothing else but torn lines; when the journal is one
  unbroken chain from batch.json to its `end`; when the ledger names both once each, in this order; and when every run
  that it names is on record.
- A batch without its end is UNFINISHED when what there is of it holds together.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from opsguide.record import chain, durable
from opsguide.record.archive import VERSION
from opsguide.record.batches import FIRST
from opsguide.record.chain import Event
from opsguide.record.checks import OK, TAMPERED, UNFINISHED, DoesNotFitError, Finding
from opsguide.record.journal import EVENTS
from opsguide.record.ledger import BATCH, BATCH_END
from opsguide.record.ledger import NAME as LEDGER

MAY_BE = re.compile(r"torn-line-\d+\.txt|.*\.part", re.ASCII)


def check_batch(path: Path, entries: list[Event], known: set[str]) -> Finding:
    """The verdict on the batch in `path`; `entries` its lines in the ledger, `known` the ids of all runs."""
    batch = path.name
    try:
        return _checked(batch, path, entries, known)
    except DoesNotFitError as bad:
        return Finding(batch, TAMPERED, bad.first_bad, bad.words)
    except OSError as error:
        name = Path(error.filename).name if error.filename else batch
        return Finding(batch, TAMPERED, name, f"{name} cannot be read: {error.strerror}")


def _checked(batch: str, path: Path, entries: list[Event], known: set[str]) -> Finding:
    if path.is_symlink() or not path.is_dir():
        raise DoesNotFitError(batch, "the ledger names this batch and its folder is gone")
    names = _names(path)
    if not entries:
        if EVENTS in names and (path / EVENTS).stat().st_size:
            raise DoesNotFitError(LEDGER, "the batch has begun and the ledger does not name it")
        return Finding(batch, UNFINISHED, FIRST, "it has not begun: no row was started")
    kinds = [entry.get("type") for entry in entries]
    if kinds not in ([BATCH], [BATCH, BATCH_END]):
        raise DoesNotFitError(LEDGER, "the ledger should name this batch's beginning, then its end, once each")
    found = _journal(batch, path, entries[0])
    _runs(found, known)
    if len(entries) == 1:
        return Finding(batch, UNFINISHED, words=f"it has no end; its {len(found.entries)} events hold together")
    last = f"{EVENTS} line {len(found.entries)}"
    if found.torn or found.last != entries[1].get("digest") or not _is_end(found):
        raise DoesNotFitError(last, "the journal does not end as the ledger says")
    return Finding(batch, OK)


def _journal(batch: str, path: Path, entry: Event) -> chain.Chain:
    content = (path / FIRST).read_bytes()
    if durable.digest(content) != entry.get("digest"):
        raise DoesNotFitError(FIRST, f"{FIRST} is not the one that the ledger names")
    said = chain.parse(content) or {}
    if said.get("batch") != batch or said.get("version") != VERSION:
        raise DoesNotFitError(FIRST, f"{FIRST} is not this batch's, or of another version")
    events = (path / EVENTS).read_bytes() if (path / EVENTS).exists() else b""
    found = chain.check(events, durable.digest(content))
    if found.fault:
        raise DoesNotFitError(f"{EVENTS} line {found.line}", found.fault)
    return found


def _runs(found: chain.Chain, known: set[str]) -> None:
    for number, event in enumerate(found.entries, 1):
        if event.get("run") and event["run"] not in known:
            raise DoesNotFitError(f"{EVENTS} line {number}", f"it names the run {event['run']}, which is gone")


def _is_end(found: chain.Chain) -> bool:
    return bool(found.entries) and found.entries[-1].get("type") == "end"


def _names(path: Path) -> set[str]:
    found = set()
    with os.scandir(path) as entries:
        for entry in entries:
            belongs = entry.name in (FIRST, EVENTS) or MAY_BE.fullmatch(entry.name)
            if not belongs or not entry.is_file(follow_symlinks=False):
                raise DoesNotFitError(entry.name, f"{entry.name} does not belong to the record of a batch")
            found.add(entry.name)
    return found
