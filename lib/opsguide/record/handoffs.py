"""A hand-off: an open request to Jelastic Operations, `<records>/handoffs/<number>/` with handoff.json and a journal.

- What names it: platform, edition, activity, element, the parameters that matter, the wanted change. The same request
  asked again is the same open one and adds its run as fresh evidence; after its end it is a new one.
- Its states: open, sent, reopened (an acceptance failed), confirmed, withdrawn.
- Every event is chained, and the ledger names the last line after each: a cut or edited tail shows.
- Time in the vendor's court is the sum of the times from a `sent` to the next `failed`, `confirmed` or `withdrawn`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opsguide.errors import InputError, TamperedError
from opsguide.record import chain, durable
from opsguide.record.archive import HANDOFFS, VERSION
from opsguide.record.journal import EVENTS, Journal, read
from opsguide.record.ledger import HANDOFF, HANDOFF_EVENT, Ledger

FIRST = "handoff.json"
NUMBER = re.compile(r"\d\d-[a-z0-9][a-z0-9-]*-[0-9a-f]{8}-\d+", re.ASCII)
NOT_NAMING = ("element", "mode", "follows", "reason", "severity", "impact", "window", "contact", "access", "rollback")
AFTER = {"opened": "open", "evidence": "", "sending": "", "sent": "sent", "unknown": "unknown", "failed": "reopened",
         "not-sent": "", "confirmed": "confirmed", "withdrawn": "withdrawn"}  # fmt: skip
OVER = ("confirmed", "withdrawn")


def identity(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What makes two requests the same one."""
    named = {k: v for k, v in fields["parameters"].items() if k not in NOT_NAMING}
    kept = {k: fields[k] for k in ("platform", "edition", "slug", "number", "element")}
    return {**kept, "parameters": named, "wanted": fields["wanted"]}


def ask(root: Path, fields: Mapping[str, Any], run: str, person: str) -> str:
    """The number of the open hand-off of this request, begun where there is none; `run` is added as its evidence."""
    named = identity(fields)
    text = json.dumps(named, sort_keys=True, default=str).encode("utf-8", "backslashreplace")
    base = f"{named['number']:02d}-{named['element']}-{hashlib.sha256(text).hexdigest()[:8]}"
    same = [p for p in folders(root) if p.name.rpartition("-")[0] == base]
    still = [p for p in same if tell(p)["state"] not in OVER]
    if still:
        append(still[-1], "evidence", run=run, person=person)
        return still[-1].name
    path = root / HANDOFFS / f"{base}-{len(same) + 1}"
    content = durable.json_file({"version": VERSION, "handoff": path.name, "at": durable.now(), **named})
    with durable.storing(path):
        durable.make_folders(path, root)
    durable.write_file(path / FIRST, content)
    Ledger(root).append(HANDOFF, path.name, durable.digest(content))
    append(path, "opened", run=run, person=person)
    return path.name


def append(path: Path, kind: str, **fields: Any) -> None:
    """An event, on the disk and in the ledger when this returns. LockedError while another writes."""
    journal = Journal(path, FIRST)
    try:
        journal.append(kind, **fields)
        Ledger(path.parents[1]).append(HANDOFF_EVENT, path.name, journal.last)
    finally:
        journal.close()


def folders(root: Path) -> list[Path]:
    """The folders of all hand-offs."""
    place = root / HANDOFFS
    return sorted(p for p in place.iterdir() if NUMBER.fullmatch(p.name) and p.is_dir()) if place.is_dir() else []


def find(root: Path, text: str) -> Path:
    """The hand-off with this number, or a unique beginning or end of it; InputError otherwise."""
    found = [p for p in folders(root) if p.name == text] or [
        p for p in folders(root) if text and (p.name.startswith(text) or p.name.endswith(text))
    ]
    if len(found) != 1:
        words = f"{len(found)} hand-offs fit {text!r}" if found else f"no hand-off is called {text!r}"
        raise InputError(words, where=str(root / HANDOFFS), next="opsguide handoff list")
    return found[0]


def tell(path: Path) -> dict[str, Any]:
    """What is known of a hand-off: its naming fields, state, court, seconds with the vendor, runs, events."""
    if not (path / FIRST).is_file():
        raise TamperedError(f"{FIRST} of this hand-off is gone", where=str(path), next="opsguide verify --all")
    first, events = chain.parse((path / FIRST).read_bytes()) or {}, list(read(path, FIRST))
    state = next((AFTER[e["type"]] for e in reversed(events) if AFTER.get(e["type"])), "open")
    runs = [e["run"] for e in events if e["type"] in ("opened", "evidence")]
    court = {"sent": "Jelastic Operations", "unknown": "?", **dict.fromkeys(OVER, "")}.get(state, "you")
    return {**first, "handoff": path.name, "state": state, "court": court, "vendor_seconds": in_court(events),
            "runs": runs, "events": events, "record": str(path)}  # fmt: skip


def in_court(events: list[dict[str, Any]], until: datetime | None = None) -> float:
    """Seconds in the vendor's court; one that is still there counts up to `until`, which is now where not given."""
    total, since = 0.0, None
    for event in events:
        at = datetime.fromisoformat(event["at"])
        if event["type"] == "sent" and since is None:
            since = at
        elif event["type"] in ("failed", *OVER) and since is not None:
            total, since = total + (at - since).total_seconds(), None
    return round(total + ((until or datetime.now(UTC)) - since).total_seconds() if since else total, 3)


def check(path: Path, entries: list[dict[str, Any]]) -> tuple[str, str]:
    """(what is bad first, words) of one hand-off against the ledger's lines; ('', '') when it fits."""
    if not (path / FIRST).is_file():
        return path.name, "the ledger names this hand-off and its folder is gone"
    content = (path / FIRST).read_bytes()
    if not entries or entries[0].get("type") != HANDOFF or entries[0].get("digest") != durable.digest(content):
        return FIRST, f"{FIRST} is not the one that the ledger names"
    events = (path / EVENTS).read_bytes() if (path / EVENTS).is_file() else b""
    found = chain.check(events, durable.digest(content))
    if found.fault:
        return f"{EVENTS} line {found.line}", found.fault
    lines = [durable.digest(line) for line in events.splitlines()]
    named = [entry.get("digest") for entry in entries[1:]]
    for number, (line, said) in enumerate(zip(lines, named, strict=False), 1):
        if line != said:
            return f"{EVENTS} line {number}", f"line {number} is not the one that the ledger names"
    if len(lines) < len(named):
        return f"{EVENTS} line {len(lines) + 1}", "the ledger names an event that is gone"
    return "", ""
