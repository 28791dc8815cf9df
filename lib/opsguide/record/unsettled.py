"""What the events of a run leave open: changes in force that nothing took back, changes whose end nobody knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opsguide.record import answers

Event = Mapping[str, Any]
KNOWN = frozenset({"ok", "failed", "refused", "not-run"})


def still_open(events: Iterable[Event]) -> list[Event]:
    """The `open` and `hold` events that no `closed` or `settled` answers, in order."""
    keys = {"open": "undo", "closed": "undo", "hold": "command", "settled": "command"}
    left: dict[str, Event] = {}
    for event in events:
        kind = str(event.get("type"))
        if key := keys.get(kind, ""):
            name = repr((key, event.get("element"), event.get(key)))
            if kind in ("open", "hold"):
                left[name] = event
            else:
                left.pop(name, None)
    return list(left.values())


def unknown_changes(events: Sequence[Event], run: str) -> list[Event]:
    """The `send` events of `run`'s changes and edits of which nobody knows the outcome and that nobody settled.

    A `settled` that names another run is about that run's command. A reboot is known only once it was seen or failed:
    that the command ended well says nothing.
    """
    reboots = {e.get("command") for e in events if e.get("type") == "send" and e.get("effect") == "reboots"}
    answers_ = (e for e in events if e.get("type") == "answer" and e.get("state") in KNOWN)
    answered = (e for e in answers_ if e.get("command") not in reboots or e.get("state") != "ok")
    settled = (e for e in events if e.get("type") == "settled" and e.get("run") in (None, "", run))
    known = {event.get("command") for events in (answered, settled) for event in events}
    changes = (e for e in events if e.get("type") == "send" and e.get("verb") in answers.CHANGING)
    return [event for event in changes if event.get("command") not in known]
