"""A hand-off: an open request to Jelastic Operations, `<records>/handoffs/<number>/` with handoff.json and a journal.

- What names it: platform, edition, activity, element, the parameters that matter, the wanted change. The same request
  asked again is the same open one and adds its run as fresh evidence; after its end it is a new one.
- Its states: open, sent, reopened (an acceptance failed), confirmed, withdrawn.
- It is a history: every event is chained, and the ledger names its line.
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
from opsguide.record import chain
from opsguide.record.archive import HANDOFFS
from opsguide.record.history import Sort
from opsguide.record.journal import read
from opsguide.record.ledger import HANDOFF, HANDOFF_EVENT

FIRST = "handoff.json"
NUMBER = re.compile(r"\d\d-[a-z0-9][a-z0-9-]*-[0-9a-f]{8}-\d+", re.ASCII)
HISTORY = Sort(HANDOFFS, NUMBER, FIRST, "handoff", HANDOFF, HANDOFF_EVENT)
folders, append = HISTORY.folders, HISTORY.append
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
    path = HISTORY.begin(root, f"{base}-{len(same) + 1}", named)
    append(path, "opened", run=run, person=person)
    return path.name


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
