"""Holds that a crash left on what is known.

- A change is held before it is written down, and freed after its end is: a crash on either side leaves a hold that
  the record does not need.
- Such a hold goes when its run is sealed, the record verifies, and what it holds is not unknown there: it was never
  sent, or its end is written. Everything else stays held.
- The element's lock is taken first, and the hold must still be the same.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from opsguide.broker.state import Hold, State
from opsguide.errors import LockedError, OpsguideError
from opsguide.record import durable, unsettled
from opsguide.record.archive import Archive
from opsguide.record.journal import read
from opsguide.record.verify import OK, verify


def free(state: State) -> None:
    """Take away the holds on what is known."""
    for hold in state.holds():
        if not _unknown(hold):
            with contextlib.suppress(LockedError):
                _freed(state, hold)


def _unknown(hold: Hold) -> bool:
    """Whether it must stay: its record says unknown, is not sealed, or cannot be believed."""
    records = Path(hold.records)
    try:
        if any(one.verdict != OK for one in verify(records, hold.run)):
            return True
        events = read(Archive(records).find(hold.run).path)
    except (OpsguideError, OSError):
        return True
    return hold.command in {event.get("command") for event in unsettled.unknown_changes(events, hold.run)}


def _freed(state: State, hold: Hold) -> None:
    holder = {"run": f"closing of {hold.run}", "person": "the broker", "since": durable.now()}
    locks = state.lock([hold.element], holder)
    try:
        if state.held([hold.element]) == hold:
            state.release(hold.element)
    finally:
        locks.free()
