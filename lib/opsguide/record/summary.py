"""A run in one line of a listing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from opsguide.record import chain, facts, story, words
from opsguide.record.archive import UNFINISHED
from opsguide.record.journal import INTENT, scan

STATES = ("succeeded", "requested", "refused", "failed", "interrupted", "unknown", "running", "unreadable")


def summary(folder: Path) -> dict[str, Any]:
    """What a listing shows of the run in `folder`, sealed or not; it verifies nothing.

    Keys: run, state ('running' while unsealed, 'unreadable' without its intent or end), exit, activity, title, element,
    kind, mode, person, reason, at, seconds (None while it runs), commands, changed,
    open (words of what was left open or held).
    """
    intent, events = _read(folder)
    told = story.tell(intent, events)
    unreadable = not intent or (told.state == "running" and not folder.name.endswith(UNFINISHED))
    activity, element = (facts.part(intent, name) for name in ("activity", "element"))
    return {
        "run": folder.name.removesuffix(UNFINISHED),
        "state": "unreadable" if unreadable else told.state, "exit": told.end.get("exit"),
        "activity": activity.get("slug"), "title": activity.get("title"),
        "element": element.get("name"), "kind": element.get("kind"), "mode": intent.get("mode"),
        "person": facts.part(intent, "person").get("name"), "reason": intent.get("reason"),
        "platform": facts.part(intent, "platform").get("name"), "at": intent.get("at"),
        "seconds": _seconds(intent.get("at"), told.end.get("at")), "commands": len(told.commands),
        "changed": told.changed(),
        "open": [" ".join(words.lines(event, words.Context(intent))[:1]) for event in told.open],
    }  # fmt: skip


def _read(folder: Path) -> tuple[chain.Event, list[chain.Event]]:
    try:
        return chain.parse((folder / INTENT).read_bytes()) or {}, scan(folder).entries
    except OSError:
        return {}, []


def _seconds(start: Any, end: Any) -> float | None:
    try:
        return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 3)
    except (TypeError, ValueError):
        return None
