"""The record over the runs of a batch: `<records>/batches/<batch id>/` with batch.json and a chained events.jsonl.

- A batch id is `<utc>-<name>-<8 hex>`. A batch has begun when its batch.json is synced and the ledger names it.
- A row's `row-start` is on the disk before its process is started, its `row-end` after that has ended.
- The batch has ended when its last event is `end`, and the ledger names that line.
- It is the launcher's word on what it started. What a row did is in the row's run, which the broker wrote and sealed.
- Secrets are hidden in it as in a run's record.
- Rows that go on keep the journal locked, also when the launcher is gone (batch_orphans.py).
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opsguide.errors import InputError
from opsguide.record import chain, durable
from opsguide.record.archive import BATCHES, VERSION, Archive, RunRef
from opsguide.record.journal import EVENTS, INTENT, Journal, scan
from opsguide.record.ledger import BATCH, BATCH_END, Ledger
from opsguide.record.redaction import Redactor

FIRST = "batch.json"
NAME = re.compile(r"\d{8}T\d{6}Z-[a-z0-9][a-z0-9-]*-[0-9a-f]{8}", re.ASCII)


@dataclass(frozen=True)
class BatchFolder:
    """A batch that is being written."""

    root: Path
    path: Path
    intent: dict[str, Any]
    journal: Journal
    redactor: Redactor

    @property
    def batch(self) -> str:
        """Its id."""
        return self.path.name

    def write(self, type: str, **fields: Any) -> None:
        """An event, redacted, on the disk when this returns; StoreError when the disk refuses."""
        self.journal.append(type, **{name: self.redactor.value(value) for name, value in fields.items()})

    def end(self, state: str, exit: int, words: str) -> None:
        """The end of the batch; an end that is there already stands."""
        if not self.journal.ended:
            self.write("end", state=state, exit=exit, words=words)
        Ledger(self.root).append(BATCH_END, self.batch, self.journal.last, once=True)
        for path in self.path.iterdir():
            path.chmod(path.stat().st_mode & ~0o222)
        self.journal.close()


def start(root: Path, name: str, fields: Mapping[str, Any], redactor: Redactor) -> BatchFolder:
    """Begins a batch; StoreError when the disk refuses."""
    at = datetime.now(UTC)
    batch = f"{at:%Y%m%dT%H%M%SZ}-{_plain(name)}-{secrets.token_hex(4)}"
    path = root / BATCHES / batch
    content = durable.json_file(
        {"version": VERSION, "batch": batch, "at": durable.utc(at), **_hidden(redactor, dict(fields))}
    )
    with durable.storing(path):
        durable.make_folders(path, root)
    durable.write_file(path / FIRST, content)
    journal = Journal(path, FIRST)
    try:
        Ledger(root).append(BATCH, batch, durable.digest(content))
    except BaseException:
        journal.close()
        raise
    return BatchFolder(root, path, json.loads(content), journal, redactor)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "batch"


def _hidden(redactor: Redactor, fields: dict[str, Any]) -> dict[str, Any]:
    found = redactor.value(fields)
    assert isinstance(found, dict)
    return found


def folders(root: Path) -> list[Path]:
    """The folders of all batches, oldest first."""
    place = root / BATCHES
    if not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if NAME.fullmatch(path.name) and path.is_dir())


def stray(root: Path) -> list[Path]:
    """What lies among the batches and is none."""
    place = root / BATCHES
    return sorted(set(place.iterdir()) - set(folders(root))) if place.is_dir() else []


def find(root: Path, text: str) -> Path:
    """The batch with this id, a unique beginning or end of it, or 'last'; InputError otherwise."""
    found = folders(root)
    if not found:
        raise InputError("there is no batch on record yet", where=str(root / BATCHES), next="check --records")
    if text == "last":
        return found[-1]
    for fits in (str.__eq__, str.startswith, str.endswith):
        some = [path for path in found if text and fits(path.name, text)]
        if len(some) > 1:
            raise InputError(f"{len(some)} batches fit {text!r}", next="give more of the batch's id")
        if some:
            return some[0]
    raise InputError(f"no batch is called {text!r}", where=str(root / BATCHES), next="opsguide batches lists them")


def tag(batch: str, row: int, gate: bool = False) -> str:
    """What the intent of a row's run says of its batch."""
    return f"{batch}/{row}{'/gate' if gate else ''}"


def runs(root: Path, batch: str) -> dict[str, RunRef]:
    """The runs that name this batch, by their tag; the last one of a tag counts."""
    found = {}
    for ref in Archive(root).runs():
        if ref.run[:16] >= batch[:16] and (said := _batch_of(ref)).startswith(f"{batch}/"):
            found[said] = ref
    return found


def _batch_of(ref: RunRef) -> str:
    try:
        intent = chain.parse((ref.path / INTENT).read_bytes()) or {}
    except OSError:
        return ""
    return str(intent.get("batch", ""))


def ended(path: Path) -> bool:
    """Whether nothing is left to be done: the batch has its end, the ledger names it, and its files are protected."""
    try:
        entries, mode = scan(path, FIRST).entries, (path / EVENTS).stat().st_mode
    except OSError:
        return False
    return bool(entries) and entries[-1].get("type") == "end" and not mode & 0o222


NEVER = {"run": None, "state": "not-run", "exit": None, "record": ""}


def tell(path: Path) -> dict[str, Any]:
    """What a listing shows of a batch; it verifies nothing.

    Keys: batch, at, state ('running' while it has no end), exit, words, sheet, person, reason, retry_of, seconds, and
    rows: each with row, wave, activity, element, mode, state, exit, run, record, words.
    """
    intent = chain.parse((path / FIRST).read_bytes()) or {}
    events = scan(path, FIRST).entries
    rows = {row["row"]: {**_row(row), **NEVER, "words": ""} for row in intent.get("rows", [])}
    for event in events:
        if event.get("type") == "row-start" and event.get("row") in rows:
            rows[event["row"]]["state"] = "running"
        if event.get("type") == "row-end" and event.get("row") in rows:
            rows[event["row"]] |= {key: event.get(key) for key in (*NEVER, "words")}
    end = events[-1] if events and events[-1].get("type") == "end" else {}
    for row in rows.values():
        if end and row["state"] == "running":  # written down, and stopped before its process was started
            row["state"] = "not-run"
    return {
        "batch": path.name, "at": intent.get("at"), "state": end.get("state", "running"), "exit": end.get("exit"),
        "words": end.get("words", ""), "sheet": intent.get("sheet"), "reason": intent.get("reason"),
        "person": (intent.get("person") or {}).get("user"), "retry_of": intent.get("retry_of"),
        "options": intent.get("options"), "rows": list(rows.values()), "record": str(path),
    }  # fmt: skip


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row.get(key) for key in ("row", "wave", "activity", "element", "mode")}
