"""Interrupts of one session: they overtake the request that is being answered, and no other.

- An interrupt belongs to the request that it came for, by its number `n`; one that comes after the answer is nothing.
- It gives up what the run has under way, as does a client that is gone; what comes next begins anew.
- A run that begins while an interrupt is pending, or when the client is gone, is given up from its first command on.
"""

from __future__ import annotations

import threading


class Interrupts:
    """Thread safe: they come in on another thread than the one that answers."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._cancel: threading.Event | None = None
        self._pending = self._gone = False
        self._answered = -1

    @property
    def pending(self) -> bool:
        """Whether one has come for the request that is being answered."""
        return self._pending

    def watch(self, cancel: threading.Event | None) -> None:
        """Set this event when something is to be given up: the run's; None where no run goes on."""
        with self._turn:
            self._cancel = cancel
            self._give_up()

    def came(self, number: object) -> None:
        """An interrupt came for the request of that number, or for whichever there is."""
        with self._turn:
            if not isinstance(number, int) or number > self._answered:
                self._pending = True
                self._give_up()

    def gone(self) -> None:
        """The client is gone."""
        with self._turn:
            self._gone = True
            self._give_up()

    def answered(self, number: object) -> bool:
        """Whether one came for this request, which is answered now."""
        with self._turn:
            found, self._pending = self._pending, False
            self._answered = number if isinstance(number, int) else self._answered
            if self._cancel and not self._gone:
                self._cancel.clear()
            return found

    def _give_up(self) -> None:
        if self._cancel and (self._pending or self._gone):
            self._cancel.set()
