"""A hand-off: an open request to Jelastic Operations, `<records>/handoffs/<number>/` with handoff.json and a journal.

- What names it: platform, edition, activity, element, the parameters that matter, the wanted change. The same request
  asked again is the same open one and adds its run as fresh evidence; after its end it is a new one.
- Its states: open, sent, reopened (an acceptance failed), confirmed, withdrawn.
- Every event is chained, and the ledger names its line after it: an edited, cut or added tail shows.
- A crash between the two leaves one line that the ledger does not name: the hand-off is then UNFINISHED, and the next
  event names it late. More than one is no crash.
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
from opsguide.record.checks import OK, TAMPERED, UNFINISHED, Finding
from opsguide.record.journal import EVENTS, Journal, read, scan
from opsguide.record.ledger import HANDOFF, HANDOFF_EVENT, Ledger

FIRST = "handoff.json"
NUMBER = re.compile(r"\d\d-[a-z0-9][a-z0-9-]*-[0-9a-f]{8}-\d+", re.ASCII)
NOT_NAMING = ("element", "mode", "follows", "reason", "severity", "impact", "window", "contact", "access", "rollback")
AFTER = {"opened": "open", "evidence": "", "sent": "sent", "failed": "reopened", "confirmed": "confirmed",
         "withdrawn": "withdrawn"}  # fmt: skip
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
    journal, ledger = Journal(path, FIRST), Ledger(path.parents[1])
    try:
        entries = [e for e in ledger.read().entries if e.get("run") == path.name]
        found = check(path, entries)
        if found.bad:
            raise TamperedError(f"{found.first_bad}: {found.words}", where=path.name, next="opsguide verify --all")
        if found.verdict == UNFINISHED:
            ledger.append(HANDOFF_EVENT, path.name, journal.last)
        journal.append(kind, **fields)
        ledger.append(HANDOFF_EVENT, path.name, journal.last)
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
    court = {"sent": "Jelastic Operations", **dict.fromkeys(OVER, "")}.get(state, "you")
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


def check(path: Path, entries: list[dict[str, Any]]) -> Finding:
    """The verdict on the hand-off in `path`; `entries` its lines in the ledger."""
    first_bad, words = _misfit(path, entries)
    if first_bad:
        return Finding(path.name, TAMPERED, first_bad, words)
    unnamed = len(_lines(path)) - len(entries[1:])
    if unnamed > 1:
        line = f"{EVENTS} line {len(entries)}"
        return Finding(path.name, TAMPERED, line, f"the ledger does not name the last {unnamed} events")
    return Finding(path.name, UNFINISHED if unnamed else OK, words="the last event is not in the ledger" * unnamed)


def _misfit(path: Path, entries: list[dict[str, Any]]) -> tuple[str, str]:
    if not (path / FIRST).is_file():
        return path.name, "the ledger names this hand-off and its folder is gone"
    content = (path / FIRST).read_bytes()
    if not entries or entries[0].get("type") != HANDOFF or entries[0].get("digest") != durable.digest(content):
        return FIRST, f"{FIRST} is not the one that the ledger names"
    found, lines = scan(path, FIRST), _lines(path)
    if found.fault:
        return f"{EVENTS} line {found.line}", found.fault
    named = [entry.get("digest") for entry in entries[1:]]
    for number, (line, said) in enumerate(zip(lines, named, strict=False), 1):
        if line != said:
            return f"{EVENTS} line {number}", f"line {number} is not the one that the ledger names"
    if len(lines) < len(named):
        return f"{EVENTS} line {len(lines) + 1}", "the ledger names an event that is gone"
    return "", ""


def _lines(path: Path) -> list[str]:
    """The digests of the whole lines of a hand-off's journal."""
    events = (path / EVENTS).read_bytes() if (path / EVENTS).is_file() else b""
    return [durable.digest(line) for line in events.split(b"\n")[:-1]]
