"""How a hand-off stands: in the list, what has happened so far, and the next step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from opsguide.guide.editions import NOTES
from opsguide.launch import sending
from opsguide.launch.columns import aligned

NEXT = {"open": "opsguide handoff send {0}", "reopened": "opsguide handoff send {0} --again",
        "sending": "it is being sent now: opsguide handoff show {0}",
        "sent": "when they say it is done: opsguide handoff confirm {0} --ticket …"}  # fmt: skip
NEXT_OF_NOTE = NEXT | {
    "sent": "wait; when they confirm: opsguide handoff confirm {0} --ticket … --by … --what …",
    "confirmed": "do by hand what was confirmed, and nothing else, in its window",
}
HEAD = ("hand-off", "state", "severity", "age", "in whose court", "with the vendor", "element", "region", "activity")


def next_step(told: dict[str, Any]) -> str:
    """The next step; empty where nothing is left to do."""
    if told["state"] == "unknown":
        return sending.unknown(told)
    steps = NEXT_OF_NOTE if told["slug"] == NOTES[0].slug else NEXT
    return steps.get(told["state"], "").format(told["handoff"])


def listed(told: list[dict[str, Any]]) -> list[str]:
    """A line each, under its head."""
    rows: list[tuple[object, ...]] = [HEAD]
    rows += [(t["handoff"], t["state"], t["severity"], _age(t["at"]), t["court"], _words(t["vendor_seconds"]),
              t["element"], t["region"], t["slug"]) for t in told]  # fmt: skip
    return aligned(rows) if told else ["no hand-off"]


def so_far(told: dict[str, Any]) -> list[str]:
    """A line an event, and how long the vendor had it."""
    return [*map(_event, told["events"]), f"with the vendor: {_words(told['vendor_seconds'])}"]


def _event(event: dict[str, Any]) -> str:
    theirs = [f"{name}: {event[name]}" for name in ("ticket", "by", "when", "what") if event.get(name)]
    what = "; ".join([event.get("words") or event.get("message_id") or event.get("run", ""), *theirs])
    return f"{event['at']}  {event['type']}  {event.get('person', '')}  {what}"


def _age(at: str) -> str:
    return _words((datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds())


def _words(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:.1f} d" if hours >= 48 else f"{hours:.1f} h" if hours >= 1 else f"{seconds / 60:.0f} min"
