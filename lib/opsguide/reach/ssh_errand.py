"""The errand of one command: its own thread opens a session, sends and feeds, while the caller watches the clock.

- A command is never sent a second time.
- An errand that is abandoned before it was sent never is.
- A close towards a frozen peer keeps nobody waiting.
"""

from __future__ import annotations

import threading

import paramiko

from opsguide.reach.ssh_lane import Lane
from opsguide.reach.ssh_link import BROKEN, Link, end
from opsguide.reach.ssh_sudo import Gate

CHUNK = 64 * 1024


class Bell(threading.Event):
    """Rung by the library when bytes or an end arrive. Its attempts to take the ring back are ignored."""

    def clear(self) -> None:
        """The library clears when one buffer is empty, while the other may be full."""

    def rest(self) -> None:
        """Forget the rings so far; look at everything after that."""
        super().clear()


class Errand:
    """A command on its way. Its own thread opens, sends and feeds, so that the caller can stop waiting."""

    def __init__(self, lane: Lane, line: bytes, stdin: bytes, until: float, gate: Gate | None = None) -> None:
        self.gate = gate
        self.lane, self.line, self.stdin, self.until = lane, line, stdin, until
        self.bell = Bell()
        self.link: Link | None = None
        self.channel: paramiko.Channel | None = None
        self.failure: BaseException | None = None
        self.sent = self.running = False
        self.fed = 0
        self._abandoned = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin; the bell rings at every turn."""
        threading.Thread(target=self._go, name="opsguide-errand", daemon=True).start()

    def abandon(self) -> bool:
        """Nobody waits any more. True when nothing was sent, and now never will be."""
        with self._lock:
            self._abandoned = True
            return not self.sent

    def _go(self) -> None:
        try:
            self._open_and_send()
            self._feed()
        except BROKEN as reason:
            self.failure = reason if not self.running else self.failure
        except BaseException as reason:  # it travels to the caller's thread
            self.failure = reason
        finally:
            self.bell.set()

    def _open_and_send(self) -> None:
        link, channel = self.lane.session(self.until)
        with self._lock:
            if not self._abandoned:
                self.link, self.channel, self.sent = link, channel, True
        if not self.sent:
            end(channel)
            self.lane.release(link)
            return
        channel.in_buffer.set_event(self.bell)
        channel.in_stderr_buffer.set_event(self.bell)
        channel.exec_command(self.line)
        self.running = True

    def _feed(self) -> None:
        channel = self.channel
        if channel is None:
            return
        if self.gate and not self.gate.let_in(channel):
            channel.shutdown_write()
            return
        while self.fed < len(self.stdin):
            taken = channel.send(self.stdin[self.fed : self.fed + CHUNK])
            if not taken:
                return
            self.fed += taken
        channel.shutdown_write()

    def part(self, gently: bool) -> None:
        """Give the session back. A close towards a frozen peer can block, so it happens aside."""
        if self.channel is None or self.link is None:
            return
        if gently:
            end(self.channel)
        else:
            threading.Thread(target=end, args=(self.channel,), daemon=True).start()
        self.lane.release(self.link)
