"""The kept connections to one host.

- One connection carries several sessions. Where the server allows no more on it (MaxSessions), a second and a
  third connection are made; past that, a command waits for one to end.
- One thread connects, the others wait for it and share its failure: a dead host is tried once, not once each.
- A server that opens no session although none of ours is open is asked again, then met anew, then given up.
- A connection that has been idle is asked before it is used; a dead one is replaced. This happens before a
  command is sent, so it repeats nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import paramiko

from opsguide.errors import UnreachableError
from opsguide.reach.elements import Element
from opsguide.reach.ssh_link import BarredError, FullError, GoneError, Link

MOST = 3
TRIES = 4
SETTLE = 0.3
IDLE = 5.0
PROBE = 3.0


class Lane:
    """All connections to a host; `connect` makes one before a given monotonic time."""

    def __init__(self, host: Element, connect: Callable[[float], Link]) -> None:
        self.host, self._connect = host, connect
        self._turn = threading.Condition()
        self._links: list[Link] = []
        self._most = MOST
        self._connecting = False
        self._attempt = 0
        self._failed: tuple[int, UnreachableError] | None = None
        self._closed = False

    def session(self, until: float) -> tuple[Link, paramiko.Channel]:
        """A session to send one command on; UnreachableError when there is none before `until`."""
        failures = 0
        while True:
            link = self._take(until)
            try:
                channel = link.session(until)
                link.refused_since = 0.0
                return link, channel
            except FullError:
                failures += self._useless(link)
                reason = "opens no further session (MaxSessions)"
            except GoneError as words:
                self._drop(link)
                failures += TRIES // 2
                reason = f"opens no session: {words}"
            except BarredError as words:
                self.release(link)
                failures = TRIES
                reason = f"logs us in but opens no session: {words}"
            if failures >= TRIES or time.monotonic() >= until:
                step = "look at sshd's log on the host (MaxSessions, ForceCommand, memory, processes)"
                raise UnreachableError(f"{self.host.name} {reason}", where=self.host.name, next=step)

    def tunnel(self, to: tuple[str, int], until: float) -> tuple[Link, paramiko.Channel]:
        """A way through this host to an address; ChannelException, TimeoutError or GoneError where there is none."""
        while True:
            link = self._take(until)
            try:
                return link, link.tunnel(to, until)
            except GoneError:
                link.retired = True
                if time.monotonic() >= until:
                    raise
            finally:
                self.release(link)

    def any(self, until: float) -> Link:
        """A live connection, made if there is none."""
        link = self._take(until)
        self.release(link)
        return link

    def release(self, link: Link) -> None:
        """A session has ended, or was not needed."""
        link.refused_since = 0.0
        self._give_back(link)

    def _give_back(self, link: Link) -> None:
        with self._turn:
            link.busy -= 1
            self._turn.notify_all()
            over = link.retired and not link.busy and not link.ridden
        if over:
            threading.Thread(target=link.close, daemon=True).start()

    def close(self) -> None:
        """End all connections; running commands are lost."""
        with self._turn:
            self._closed = True
            links, self._links = self._links, []
            self._turn.notify_all()
        for link in links:
            link.close()

    def _take(self, until: float) -> Link:
        while True:
            link = self._free_or_turn(until)
            if link is None:
                try:
                    return self._new(until)
                except UnreachableError:
                    if not self._content_with_fewer():
                        raise
                    continue
            if link.idle() < IDLE or link.answers(min(PROBE, until - time.monotonic())):
                return link
            self._drop(link)

    def _content_with_fewer(self) -> bool:
        """After a further connection failed: wait for those that stand, if there are any."""
        with self._turn:
            self._most = max(1, len(self._links))
            return bool(self._links)

    def _free_or_turn(self, until: float) -> Link | None:
        """A connection with room, or None: it is this thread's turn to connect."""
        with self._turn:
            while True:
                if self._closed:
                    raise UnreachableError("the connections are closed", where=self.host.name)
                self._links = [link for link in self._links if link.usable]
                free = next((link for link in self._links if link.busy < link.room), None)
                if free:
                    free.busy += 1
                    return free
                if not self._connecting and len(self._links) < self._most:
                    self._connecting = True
                    self._attempt += 1
                    return None
                self._wait(until)

    def _wait(self, until: float) -> None:
        awaited = self._attempt if self._connecting else 0
        if not self._turn.wait(max(0.0, until - time.monotonic())):
            words = f"{self.host.name} has no session free in time"
            step = "wait until its running commands have ended"
            raise UnreachableError(words, where=self.host.name, next=step)
        if self._failed and self._failed[0] == awaited and not self._links:
            error = self._failed[1]
            raise UnreachableError(error.words, where=error.where, next=error.next)

    def _new(self, until: float) -> Link:
        link, error = None, None
        try:
            link = self._connect(until)
            link.busy = 1
            return link
        except UnreachableError as reason:
            error = reason
            raise
        finally:
            with self._turn:
                self._connecting = False
                if error:
                    self._failed = (self._attempt, error)
                if link and not self._closed:
                    self._links.append(link)
                elif link:
                    link.close()
                self._turn.notify_all()

    def _drop(self, link: Link) -> None:
        link.retired = True
        self.release(link)

    def _useless(self, link: Link) -> bool:
        """After a refusal: as many sessions fit as we have open. True when the connection is given up.

        A session that was given up on counts at the server until its command ends, so a connection may stay
        full with none of ours open. One that has just ended counts for a few milliseconds more.
        """
        self._give_back(link)
        with self._turn:
            link.room = max(1, link.busy)
            if link.busy:
                link.refused_since = 0.0
                return False
            link.refused_since = link.refused_since or time.monotonic()
            link.retired = time.monotonic() - link.refused_since > SETTLE
        time.sleep(SETTLE / 10)
        return link.retired
