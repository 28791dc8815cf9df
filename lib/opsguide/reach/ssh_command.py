"""One command on one session: sent once, both streams pumped, ended by its exit status or by the clock.

- The deadline is total wall time, connecting included, whether the command is silent or chatty.
- Before the command is sent, trouble is an UnreachableError; once it may have been sent, it is an outcome.
- Output is bytes, handed on as it comes, from the thread that waits. Both streams are emptied before the exit
  status is believed.
- A process that stays behind and holds the output open delays the end by at most one quiet second.
- No exit status means `lost`, not failed: the session was killed, the link was cut, or a signal ended the
  shell.
- Without a terminal the remote command outlives its session: `timeout` and `cancelled` say so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import paramiko

from opsguide.errors import UnreachableError
from opsguide.reach.ssh_errand import CHUNK, Errand
from opsguide.reach.ssh_link import BROKEN

Outcome = Literal["ok", "timeout", "lost", "cancelled"]
Sink = Callable[[str, bytes], None]
TICK = 0.05
DRAIN_QUIET, DRAIN_MOST = 1.0, 5.0
LAST_QUESTION = 1.5
STILL_RUNNING = "the command may still be running there"


@dataclass(frozen=True)
class Answer:
    """How a command ended. `ok` means that an exit status arrived, of any value.

    `seconds` is wall time from the call; `sent` is False only when it is certain that nothing was sent.
    """

    outcome: Outcome
    exit: int | None
    seconds: float
    note: str = ""
    sent: bool = True


class Wait:
    """The caller's side of an errand: pumps, watches the clock, decides the outcome."""

    def __init__(self, errand: Errand, started: float, sink: Sink, cancel: threading.Event | None) -> None:
        self.errand, self.started, self.sink, self.cancel = errand, started, sink, cancel
        self._exited: float | None = None
        self._asked = False
        self._last_bytes = started

    def answer(self) -> Answer:
        """Wait for the end; UnreachableError when nothing was sent."""
        ended: Answer | None = None
        self.errand.start()
        try:
            while ended is None:
                self.errand.bell.wait(TICK)
                self.errand.bell.rest()
                ended = self._turn()
            return ended
        finally:
            self.errand.abandon()
            self.errand.part(gently=ended is not None and ended.outcome == "ok")

    def _turn(self) -> Answer | None:
        errand, now = self.errand, time.monotonic()
        if errand.failure is not None and not errand.running:
            return self._failed(errand.failure)
        if errand.channel is not None and errand.running:
            over = bool(errand.channel.eof_received or errand.channel.closed)
            self._pump(errand.channel)
            if ended := self._exit(errand.channel, over):
                return ended
        if self.cancel is not None and self.cancel.is_set():
            return self._cancelled()
        return self._clock(now)

    def _failed(self, failure: BaseException) -> Answer:
        if self.errand.sent and isinstance(failure, BROKEN):
            return self._end("lost", f"the connection broke while the command was sent: {failure}")
        raise failure

    def _pump(self, channel: paramiko.Channel) -> None:
        """At most a few chunks of each stream, so that the clock is looked at in between."""
        for _ in range(8):
            try:
                out = channel.recv(CHUNK) if channel.recv_ready() else b""
                err = channel.recv_stderr(CHUNK) if channel.recv_stderr_ready() else b""
            except BROKEN:  # the end of the connection, which the exit status tells better
                return
            if not out and not err:
                return
            self._last_bytes = time.monotonic()
            if self.errand.link is not None:
                self.errand.link.heard()
            for stream, chunk in (("out", out), ("err", err)):
                if chunk:
                    self.sink(stream, chunk)
        self.errand.bell.set()

    def _exit(self, channel: paramiko.Channel, over: bool) -> Answer | None:
        if not channel.exit_status_ready():
            return None
        waiting = channel.recv_ready() or channel.recv_stderr_ready()
        if over:
            return None if waiting else self._status(channel, "")
        now = time.monotonic()
        self._exited = self._exited or now
        quiet = now - max(self._exited, self._last_bytes) >= DRAIN_QUIET
        if quiet or now - self._exited >= DRAIN_MOST or now >= self.errand.until:
            return self._status(channel, "a process that stayed behind still holds the output open")
        return None

    def _status(self, channel: paramiko.Channel, note: str) -> Answer:
        status = channel.recv_exit_status()
        if status == -1:
            return self._end("lost", f"no exit status came: {self._why_lost()}")
        if self.errand.fed < len(self.errand.stdin):
            unread = f"{self.errand.fed} of {len(self.errand.stdin)} bytes of input were taken"
            note = f"{note}; {unread}" if note else unread
        return self._end("ok", note, status)

    def _why_lost(self) -> str:
        link = self.errand.link
        if link is not None and link.frozen:
            return f"the host has not answered for {link.interval:.0f} s; {STILL_RUNNING}"
        if link is not None and link.transport.is_active():
            return "a signal ended the command (its own deadline, if it ignored TERM), or its session was closed"
        return f"the connection broke; {STILL_RUNNING}"

    def _cancelled(self) -> Answer:
        if self.errand.abandon():
            return self._end("cancelled", "nothing was sent", sent=False)
        return self._end("cancelled", STILL_RUNNING)

    def _clock(self, now: float) -> Answer | None:
        errand = self.errand
        left = errand.until - now
        if errand.link is not None and left < min(LAST_QUESTION, 0.3 * (errand.until - self.started)):
            if left <= 0 and errand.link.silent() > 0.2:
                errand.link.retired = True
                return self._end("lost", f"the host did not answer at the deadline; {STILL_RUNNING}")
            if not self._asked:
                errand.link.ask()
            self._asked = True
        if left > 0:
            return None
        if errand.abandon():
            host = errand.lane.host.name
            words = f"no session on {host} within {now - self.started:.1f} s; nothing was sent"
            raise UnreachableError(words, where=host, next="try again when the host answers")
        return self._end("timeout", STILL_RUNNING)

    def _end(self, outcome: Outcome, note: str, status: int | None = None, *, sent: bool = True) -> Answer:
        return Answer(outcome, status, time.monotonic() - self.started, note, sent)
