"""sudo, where the account that logs in is not the one that acts.

- A line is run as `sudo -n -- sh -c LINE`, just as it is shown; its exit status comes through.
- A host is asked once, before the first line, whether sudo wants a password (`-k`: nothing remembered counts).
- Where it does, the line is run as `sudo -S -k -p MARK`, with a mark that is made anew for each line. The password
  goes in by standard input, once, after the mark was seen on the error stream, and not after the line has begun.
- The line says when it has begun (another mark). Before that, what is heard is sudo's; input for it waits until then.
- A password that is wrong or not there means that nothing has run: the host counts as not reached.
- The password is in no argument, environment, error or record.
"""

from __future__ import annotations

import secrets as random
import threading
from collections.abc import Callable
from typing import Protocol

from opsguide.errors import InputError
from opsguide.reach import quoting
from opsguide.reach.elements import Element
from opsguide.reach.knock import unreachable

QUESTION = "sudo -k -n -- sh -c :"
LARGEST = 16 * 1024
TICK = 0.1
Sink = Callable[[str, bytes], None]


class Input(Protocol):
    """What a gate needs of a channel."""

    closed: bool

    def sendall(self, content: bytes, /) -> None:
        """Write to the command's standard input."""
        ...


class Gate:
    """The way in for one line on a host where sudo wants a password; `said` is what sudo itself said."""

    def __init__(self, line: str, password: str) -> None:
        if "\n" in password or "\x00" in password:
            raise InputError("sudo's password has a line end in it", next="correct the secret")
        self._asks, self._begins = (f"[{word} {random.token_hex(16)}]" for word in ("password", "begun"))
        self._password = password
        self._turn = threading.Condition()
        self._heard = b""
        self.questions, self.begun = 0, False
        begun = f"printf %s {quoting.quoted(self._begins)} >&2 || exit 125; "
        self.line = f"sudo -S -k -p {quoting.quoted(self._asks)} -- sh -c {quoting.quoted(begun + line)}"

    @property
    def said(self) -> str:
        """sudo's own words, without the marks."""
        text = self._heard.decode("utf-8", "backslashreplace").replace(self._asks, "")
        return " ".join(text.split())[:300]

    def before(self, sink: Sink) -> Sink:
        """A sink that keeps sudo's words to itself and passes on the line's own."""

        def take(stream: str, chunk: bytes) -> None:
            rest = self._hear(chunk) if stream == "err" and not self.begun else chunk
            if rest:
                sink(stream, rest)

        return take

    def _hear(self, chunk: bytes) -> bytes:
        with self._turn:
            text, begun, rest = (self._heard + chunk).partition(self._begins.encode())
            self.questions = text.count(self._asks.encode())
            self._heard, self.begun = text[-LARGEST:], bool(begun)
            self._turn.notify_all()
            return rest if begun else b""

    def let_in(self, channel: Input) -> bool:
        """Answer sudo's question, at most once; whether the line has begun. Waits for one of the two."""
        self._wait(channel, 1)
        if self.questions and not self.begun:
            channel.sendall(self._password.encode("utf-8") + b"\n")
            self._wait(channel, 2)
        return self.begun

    def _wait(self, channel: Input, questions: int) -> None:
        with self._turn:
            while not (self.begun or self.questions >= questions or channel.closed):
                self._turn.wait(TICK)


def refuse(host: Element, gate: Gate | None, said: str) -> None:
    """UnreachableError: sudo lets nobody in, and nothing has run."""
    if gate is None:
        words = f"sudo on {host.name} does not let us in without a password: {said}"
        step = "name its password in the inventory (become: password:), or allow NOPASSWD there"
    elif gate.questions > 1:
        words, step = f"sudo on {host.name} does not accept the password: {said}", "correct the secret in become:"
    else:
        words = f"sudo on {host.name} does not let us in: {said}"
        step = "look at sudoers there (sudo -l), and at the secret in become:"
    raise unreachable(host, words, step)
