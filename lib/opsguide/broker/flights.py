"""Changes under way: an element is held while one of them is.

- The hold is on the disk before a change is sent; of several on one element the first that is not ended stands in it.
- The hold goes when the last change on the element has ended. One whose end nobody knows never ends here.
- Changes may be sent at the same time: everything here is thread safe.
"""

from __future__ import annotations

import threading

from opsguide.broker.state import Hold, State


class Flights:
    """The changes of one run that are under way, by element and number."""

    def __init__(self, state: State) -> None:
        self._state, self._lock = state, threading.Lock()
        self._out: dict[str, dict[int, Hold]] = {}

    def leaves(self, hold: Hold) -> None:
        """A change is about to be sent; StoreError when its hold cannot be written."""
        with self._lock:
            out = self._out.setdefault(hold.element, {})
            if not out:
                self._state.hold(hold)
            out[hold.command] = hold

    def ended(self, element: str, command: int) -> None:
        """The end of a change is known; StoreError when the hold cannot be rewritten or taken away."""
        with self._lock:
            out = self._out.get(element, {})
            out.pop(command, None)
            if out:
                self._state.hold(next(iter(out.values())))
            else:
                self._state.release(element)
