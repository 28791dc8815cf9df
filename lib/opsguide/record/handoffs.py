"""A hand-off: an open request to Jelastic Operations, `<records>/handoffs/<number>/` with handoff.json and a journal.

- What names it: platform, edition, activity, element, the parameters that matter, the wanted change. The same request
  asked again is the same open one and adds its run as fresh evidence; after its end it is a new one.
- Its states: open, sent, reopened (an acceptance failed), confirmed, withdrawn; sending while it is on its way, unknown
  where nobody saw whether it arrived, until somebody says what was found.
- `sending` is written before anything leaves, and `sent`, `not-sent` or `unknown` after. A crash between is unknown.
- Who asks for the same at the same moment waits for the other; so does who sends, confirms or withdraws.
- It is a history: every event is chained, and the ledger names its line.
- Time in the vendor's court is the sum of the times from a `sent` to the next `failed`, `confirmed` or `withdrawn`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opsguide.errors import InputError, LockedError, TamperedError
from opsguide.record import chain, durable, packet
from opsguide.record.archive import HANDOFFS
from opsguide.record.history import WAIT, Sort
from opsguide.record.journal import read
from opsguide.record.ledger import HANDOFF, HANDOFF_EVENT

FIRST = "handoff.json"
NUMBER = re.compile(r"\d\d-[a-z0-9][a-z0-9-]*-[0-9a-f]{8}-\d+", re.ASCII)
HISTORY = Sort(HANDOFFS, NUMBER, FIRST, "handoff", HANDOFF, HANDOFF_EVENT)
folders, append = HISTORY.folders, HISTORY.append
NOT_NAMING = ("element", "mode", "follows", "reason", "severity", "impact", "window", "contact", "access", "rollback")
AFTER = {"opened": "open", "sending": "sending", "sent": "sent", "unknown": "unknown", "failed": "reopened",
         "confirmed": "confirmed", "withdrawn": "withdrawn"}  # fmt: skip
STATES = tuple(AFTER.values())
OVER = ("confirmed", "withdrawn")
UNSETTLED = ("sending", "unknown")


def identity(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What makes two requests the same one."""
    named = {k: v for k, v in fields["parameters"].items() if k not in NOT_NAMING}
    kept = {k: fields[k] for k in ("platform", "edition", "slug", "number", "element")}
    return {**kept, "parameters": named, "wanted": fields["wanted"]}


def ask(root: Path, fields: Mapping[str, Any], run: str, **said: Any) -> str:
    """The number of the open hand-off of this request, begun where there is none; `run` is added as its evidence.

    `said` goes into the event: person, severity, region.
    """
    named = identity(fields)
    text = json.dumps(named, sort_keys=True, default=str).encode("utf-8", "backslashreplace")
    base = f"{named['number']:02d}-{named['element']}-{hashlib.sha256(text).hexdigest()[:8]}"
    place = root / HANDOFFS
    with durable.storing(place):
        durable.make_folders(place, root)
    with _alone(place, "other hand-offs are begun"):
        same = [p for p in folders(root) if p.name.rpartition("-")[0] == base]
        for path in same:
            with HISTORY.turn(path) as add:
                if _state(events := list(read(path, FIRST))) not in OVER:
                    add("evidence" if events else "opened", run=run, **said)
                    return path.name
        path = HISTORY.begin(root, f"{base}-{len(same) + 1}", named)
        append(path, "opened", run=run, **said)
        return path.name


@contextlib.contextmanager
def deed(path: Path) -> Iterator[None]:
    """Nobody else sends, confirms or withdraws this hand-off inside the block."""
    with _alone(path / FIRST, "it is sent, confirmed or withdrawn by somebody else now"):
        yield


@contextlib.contextmanager
def _alone(place: Path, words: str) -> Iterator[None]:
    handle = _opened(place)
    try:
        if not durable.claimed(handle, WAIT):
            raise LockedError(words, where=str(place), next="opsguide handoff list; then again")
        yield
    finally:
        os.close(handle)


def _opened(place: Path) -> int:
    try:
        return os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _gone(place.parent) from None


def _gone(path: Path) -> TamperedError:
    return TamperedError(f"{FIRST} of this hand-off is gone", where=str(path), next="opsguide verify --all")


def _busy(path: Path) -> bool:
    """Whether somebody sends, confirms or withdraws it now."""
    handle = _opened(path / FIRST)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


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
    """What is known of a hand-off: its naming fields, state, court, severity, region, answers, seconds with the vendor,
    runs, events."""
    if not (path / FIRST).is_file():
        raise _gone(path)
    first, events = chain.parse((path / FIRST).read_bytes()) or {}, list(read(path, FIRST))
    if not {"slug", "element", "platform", "at"} <= first.keys():
        words = f"{FIRST} is not one that opsguide wrote"
        raise TamperedError(words, where=str(path), next="opsguide verify --all")
    state = _state(events)
    state = "unknown" if state == "sending" and not _busy(path) else state
    runs = [e["run"] for e in events if e["type"] in ("opened", "evidence")]
    court = {"sent": "Jelastic Operations", **dict.fromkeys(OVER, "")}.get(state, "you")
    last = {key: e[key] for e in events for key in ("severity", "region") if e.get(key)}
    answers = {field: text for e in events for field, text in (e.get("answers") or {}).items()}
    return {**first, "handoff": path.name, "state": state, "court": court,
            "severity": last.get("severity", packet.PLANNED), "region": last.get("region", ""), "answers": answers,
            "vendor_seconds": in_court(events), "runs": runs, "events": events, "record": str(path)}  # fmt: skip


def of_runs(root: Path) -> dict[str, tuple[str, str]]:
    """For each run that asked, or asked for an acceptance: the number and the state of its hand-off."""
    found: dict[str, tuple[str, str]] = {}
    for path in folders(root):
        try:
            told = tell(path)
        except TamperedError:
            continue
        found |= {e["run"]: (path.name, told["state"]) for e in told["events"] if e.get("run")}
    return found


def _state(events: list[dict[str, Any]]) -> str:
    """The state after these events; what was not sent is as it was before."""
    state = before = "open"
    for event in events:
        kind = event["type"]
        if kind == "sending" and state not in UNSETTLED:
            before = state
        state = before if kind == "not-sent" else AFTER.get(kind, state)
    return state


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
