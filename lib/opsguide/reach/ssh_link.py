"""One authenticated SSH connection, and whether its other end still answers.

- A frozen peer is found by a question of our own (a global request) that gets no answer. Keepalives of the
  library do not find it.
- Anything heard counts as an answer: a slow link that is full of output is not a dead one.
- A connection that leaves a question unanswered for `interval` seconds is closed, and `frozen` says why.
- Tunnels through it count as use: given up, it stays open until the last one has ended.
- The question is asked every `interval` seconds while a command runs, and whenever somebody wants to know.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time

import paramiko
from paramiko.ssh_exception import ChannelException, SSHException

logging.getLogger("paramiko").addHandler(logging.NullHandler())

ROOM = 10
"""Sessions that OpenSSH allows on a connection unless its MaxSessions says otherwise."""
BROKEN = (SSHException, OSError, EOFError)


class FullError(Exception):
    """The server opens no further session on this connection."""


class BarredError(Exception):
    """The server opens no session for us at all."""


class GoneError(Exception):
    """The connection is of no use any more; nothing was sent on the channel that was wanted."""


class Link:
    """A connection. The counts (`busy` sessions, `room` for them) belong to its lane."""

    def __init__(self, transport: paramiko.Transport, facts: dict[str, str | bool], interval: float) -> None:
        self.transport, self.facts, self.interval = transport, facts, interval
        self.busy = 0
        self.refused_since = 0.0
        self.room = ROOM
        self.retired = self.frozen = False
        self._tunnels: list[paramiko.Channel] = []
        self._heard = time.monotonic()
        self._asked: float | None = None
        self._ask, self._answered = threading.Event(), threading.Event()
        self._ended, self._opening = threading.Event(), threading.Lock()
        for part in (self._keep_asking, self._guard):
            threading.Thread(target=part, name="opsguide-watchdog", daemon=True).start()

    @property
    def usable(self) -> bool:
        """Whether a new session may be tried on it."""
        return not self.retired and self.transport.is_active()

    @property
    def ridden(self) -> bool:
        """Whether a tunnel goes through it."""
        return any(not tunnel.closed for tunnel in self._tunnels)

    def heard(self) -> None:
        """Something came from the other end just now."""
        self._heard = time.monotonic()

    def idle(self) -> float:
        """Seconds since anything was heard."""
        return time.monotonic() - self._heard

    def silent(self) -> float:
        """Seconds that a question has been open without anything heard; 0 when none is open."""
        asked = self._asked
        return 0.0 if asked is None else time.monotonic() - max(asked, self._heard)

    def ask(self) -> None:
        """Ask now, without waiting."""
        self._ask.set()

    def answers(self, within: float) -> bool:
        """Ask, and wait for an answer."""
        self._answered.clear()
        self.ask()
        return self._answered.wait(max(0.0, within)) and self.transport.is_active()

    def _keep_asking(self) -> None:
        while self.transport.is_active():
            wanted = self._ask.wait(self.interval)
            self._ask.clear()
            if (wanted or self.busy) and self.transport.is_active():
                self._asked = time.monotonic()
                try:
                    self.transport.global_request("keepalive@openssh.com", wait=True)
                except BROKEN:
                    return
                if self.transport.is_active():
                    self.heard()
                    self._asked = None
                    self._answered.set()

    def _guard(self) -> None:
        """Apart from the asking, which a full socket can block."""
        while not self._ended.wait(self.interval / 5) and self.transport.is_active():
            if self.silent() > self.interval:
                self.frozen = True
                self.close()
            elif self.retired and self._tunnels and not self.busy and not self.ridden:
                self.close()

    def session(self, until: float) -> paramiko.Channel:
        """A new session; FullError when the server has no room, GoneError when the connection is dead.

        One at a time: the library keeps one refusal for all who open.
        """
        patience = max(0.05, min(until - time.monotonic(), self.interval))
        if not self._opening.acquire(timeout=patience):
            raise GoneError("it does not answer")
        try:
            channel = self.transport.open_session(timeout=patience)
        except ChannelException as reason:
            if reason.code in (2, 4):
                raise FullError from None
            raise BarredError(reason.text or str(reason.code)) from None
        except BROKEN as reason:
            raise GoneError(str(reason) or type(reason).__name__) from None
        finally:
            self._opening.release()
        self.heard()
        return channel

    def tunnel(self, to: tuple[str, int], until: float) -> paramiko.Channel:
        """A channel to an address; ChannelException when it is refused, TimeoutError when there is no answer.

        Several at a time, for an address may take long to answer. Should two refusals meet, one of them reads
        like a lost connection, and is tried again on another.
        """
        self.ask()
        left = max(0.05, until - time.monotonic())
        try:
            channel = self.transport.open_channel("direct-tcpip", to, ("127.0.0.1", 0), timeout=left)
        except ChannelException:
            raise
        except BROKEN as reason:
            if time.monotonic() >= until and self.transport.is_active() and self.silent() < 1.0:
                raise TimeoutError from None
            raise GoneError(str(reason) or type(reason).__name__) from None
        self._tunnels = [*(tunnel for tunnel in self._tunnels if not tunnel.closed), channel]
        return channel

    def close(self) -> None:
        """End it; whatever runs on it is lost."""
        self.retired = True
        self._ended.set()
        self._ask.set()
        end(self.transport)


def end(what: paramiko.Transport | paramiko.Channel | socket.socket) -> None:
    """Close it. To one whose way is gone already the goodbye cannot be said, and it is closed all the same."""
    with contextlib.suppress(*BROKEN):
        what.close()
