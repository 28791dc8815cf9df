"""Related elements that a run may change are its own while it goes on.

- A kind is changed when a change of the scope may be sent on it, or binds the run's related elements as an argument.
- They are locked when the run asks for them, all or none, and refused when one is held; freed with the run's locks.
- What the run has locked already is not locked twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opsguide.broker.grounds import Grounds
from opsguide.broker.state import Locks, State
from opsguide.guide.kinds import KINDS

BOUND = ("@related", "@one-related")


def changed_kinds(grounds: Grounds) -> set[str]:
    """The kinds of related elements that a change of the run may reach."""
    changes = [e for e in grounds.scope.entries if e.verb == "change" and grounds.kind in e.kinds]
    bound = any(value in BOUND for entry in changes for value in (entry.args or {}).values())
    return {kind for entry in changes for kind in entry.on if kind in KINDS} | ({grounds.kind} if bound else set())


def reserve(state: State, names: Iterable[str], had: Locks, holder: dict[str, Any]) -> Locks:
    """The locks of the elements that the run has not locked yet. LockedError or HeldError."""
    missing = [name for name in names if name not in had.names]
    if not missing:
        return Locks()
    locks = state.lock(missing, holder)
    try:
        state.refuse_held(missing)
    except BaseException:
        locks.free()
        raise
    return locks
