"""The SSH transport's door: a line goes to a host, bytes and an answer come back.

- One object serves all hosts and all threads; a slow host never blocks another.
- A line holds no NUL and something besides blanks; it goes out byte for byte, once.
- A host with a jump host is reached through the kept connection of that host.
- Where the inventory says `become:`, the line is run by sudo (`ssh_sudo.py`).
- A fresh command has a connection of its own, which logs in anew and ends with it; the kept ones say nothing of that.
- Lines are for hosts; work in a container is a line on its host (`quoting.py`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import closing, nullcontext
from functools import partial

from opsguide.errors import InputError
from opsguide.reach import quoting, secrets, ssh_sudo
from opsguide.reach.elements import Element, SshSettings
from opsguide.reach.knock import unreachable
from opsguide.reach.ssh_command import Answer, Sink, Wait
from opsguide.reach.ssh_connect import Resolve, connect
from opsguide.reach.ssh_errand import Errand
from opsguide.reach.ssh_jump import way
from opsguide.reach.ssh_lane import Lane
from opsguide.reach.ssh_link import Link
from opsguide.reach.ssh_sudo import Gate

__all__ = ["Answer", "Connections", "Sink"]


class Connections:
    """Kept connections to the hosts of a platform.

    `resolve` turns the key's reference into the key, `hosts` are those that may be jump hosts. `watchdog` is
    how many seconds a host may leave a question unanswered while a command runs; `patience` how many seconds
    connecting may take.
    """

    def __init__(
        self,
        ssh: SshSettings,
        resolve: Resolve = secrets.resolve,
        *,
        hosts: Mapping[str, Element] | None = None,
        watchdog: float = 15.0,
        patience: float = 15.0,
    ) -> None:
        self._ssh, self._resolve = ssh, resolve
        self._hosts = hosts or {}
        self._watchdog, self._patience = watchdog, patience
        self._wants_password: set[str] = set()
        self._wants_none: set[str] = set()
        self._lanes: dict[str, Lane] = {}
        self._lock = threading.Lock()
        self._closed = False

    def run(
        self,
        host: Element,
        line: str,
        *,
        stdin: bytes = b"",
        deadline: float,
        sink: Sink,
        cancel: threading.Event | None = None,
        fresh: bool = False,
    ) -> Answer:
        """Send a line (see `quoting.remote_line`) and wait at most `deadline` seconds, connecting included.

        `fresh` logs in anew for this line: UnreachableError then says why a new login is refused.

        `sink('out' | 'err', chunk)` gets the bytes as they come, in this thread; what it raises ends the
        session and travels on. UnreachableError when nothing was sent, InputError when nothing can be.
        """
        started = time.monotonic()
        quoting.check(line)
        if not line.strip() or not deadline > 0:
            raise InputError("a command needs a line and a deadline above 0 s", where=host.name)

        def sent(text: str, into: Sink, gate: Gate | None = None) -> Answer:
            errand = Errand(lane, text.encode("utf-8"), stdin, started + deadline, gate)
            return Wait(errand, started, into, cancel).answer()

        with closing(self._new_lane(host)) if fresh else nullcontext(self._lane(host)) as lane:
            if host.become is None:
                return sent(line, sink)
            gate = self._gate(lane, line, deadline, cancel)
            if gate is None:
                return sent(quoting.as_root(line), sink)
            answer = sent(gate.line, gate.before(sink), gate)
            if answer.outcome == "ok" and not gate.begun:
                self._wants_password.discard(host.name)
                ssh_sudo.refuse(host, gate, gate.said)
            return answer

    def _gate(self, lane: Lane, line: str, deadline: float, cancel: threading.Event | None) -> Gate | None:
        """The way in where sudo wants a password, None where it does not; the host is asked once."""
        host = lane.host
        assert host.become is not None
        if host.name not in self._wants_password | self._wants_none:
            self._ask_sudo(lane, host.become.password, deadline, cancel)
        if host.name in self._wants_none:
            return None
        return Gate(line, self._resolve(host.become.password))

    def _ask_sudo(self, lane: Lane, password: str, deadline: float, cancel: threading.Event | None) -> None:
        host, said, now = lane.host, bytearray(), time.monotonic()
        errand = Errand(lane, ssh_sudo.QUESTION.encode(), b"", now + deadline)
        answer = Wait(errand, now, lambda _, chunk: said.extend(chunk), cancel).answer()
        if answer.exit is None:
            words = f"{host.name} does not tell whether sudo wants a password: {answer.outcome}, {answer.note}"
            raise unreachable(host, words, "nothing was sent; try again when the host answers")
        if answer.exit and not password:
            ssh_sudo.refuse(host, None, " ".join(said.decode("utf-8", "backslashreplace").split())[:300])
        (self._wants_password if answer.exit else self._wants_none).add(host.name)

    def host_key(self, host: Element) -> str:
        """SHA256 fingerprint of the key that the host has proven on the live connection."""
        return str(self.facts(host)["host_key"])

    def shown_keys(self, host: Element) -> dict[str, str]:
        """The keys checked on the way: of the host; where there are any, of its authority and of the jump host."""
        facts = self.facts(host)
        names = (name for name in ("host_key", "host_key_authority", "jump_host_key") if name in facts)
        return {name.replace("_", " "): str(facts[name]) for name in names}

    def facts(self, host: Element) -> dict[str, str | bool]:
        """What was agreed: host_key, host_key_type, jump_host_key of hops, kex, cipher, mac, strict_kex, server."""
        return dict(self._lane(host).any(time.monotonic() + self._patience).facts)

    def close(self) -> None:
        """End all connections; what still runs is lost."""
        with self._lock:
            self._closed = True
            lanes = list(self._lanes.values())
        for lane in lanes:
            lane.close()

    def _lane(self, host: Element) -> Lane:
        with self._lock:
            if self._closed:
                raise InputError("the connections are closed", where=host.name)
            if host.name not in self._lanes:
                self._lanes[host.name] = self._new_lane(host)
            return self._lanes[host.name]

    def _new_lane(self, host: Element) -> Lane:
        if not host.is_host:
            raise InputError(f"{host.name} is a container; lines go to its host", where=host.name)
        return Lane(host, lambda until: self._connect(host, until))

    def _connect(self, host: Element, until: float) -> Link:
        last = min(until, time.monotonic() + self._patience)
        through = partial(way, host, self._lane(self._hosts[host.jump])) if host.jump else None
        return connect(host, self._ssh, self._resolve, last, self._watchdog, through)
