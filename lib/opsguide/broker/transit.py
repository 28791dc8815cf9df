"""A command on its way, to a host or to the platform's API, and what came of it.

- What the host says is redacted before it is stored, shown or judged.
- A secret that the platform hands out is stored and shown nowhere: of its answer only code and error stay.
- A look is given up when the client interrupts or is gone; a change is followed to its end.
- A defect while a command is on its way leaves its end unknown.
"""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from opsguide.broker.pump import Pump
from opsguide.broker.targets import Target
from opsguide.errors import InputError, OpsguideError, UnreachableError
from opsguide.reach.ssh import Connections
from opsguide.record.journal import Journal
from opsguide.record.redaction import Redactor, of_command

if TYPE_CHECKING:
    from opsguide.reach.api import PlatformApi

STATES = {"ok": "ok", "failed": "ok", "timeout": "timeout", "lost": "lost", "cancelled": "unknown"}
TIMED_OUT = (124, 137)
UNCLEAR = ("timeout", "lost", "unknown")
REBOOTING = ("ok", "lost", "timeout")
"""What a change that reboots may answer; only another boot id says that it did."""


class Reach(Protocol):
    """What a run needs of the outside."""

    connections: Connections
    redactor: Redactor

    def api(self, timeout: float | None = None) -> PlatformApi:
        """The platform API's client."""
        ...


@dataclass(frozen=True)
class Command:
    """One command to send. `deadline` in seconds; `holds` makes it a change whose end must be known.

    `screen` is what the operator sees: `live` all of it, `sent` the line alone (the caller shows the answer),
    `failure` only what fails, `nothing`. `judged` is off for a proof of kind, which has its own judge.
    `always`: an interrupt does not stop it. `pin`: a look at the starting state. `hides`: its answer's `value` is a
    secret, called so, that is stored and shown nowhere.
    """

    target: Target
    verb: str
    step: str
    deadline: float
    expect: dict[str, Any] | None = None
    stdin: bytes = b""
    holds: bool = False
    note: str = ""
    undo: str = ""
    tries: int = 1
    screen: str = "live"
    judged: bool = True
    always: bool = False
    pin: bool = False
    hides: str = ""


@dataclass
class Seen:
    """What came of one command. `state` is of the record's states; `text` is standard output, redacted.

    Where it was not sent, `note` says why, and `then` the next step to take.
    """

    state: str = "ok"
    exit: int | None = None
    seconds: float = 0.0
    text: str = ""
    note: str = ""
    then: str = ""
    met: bool | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    raw: bytes = b""
    sent: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def last(self) -> str:
        """The last line of standard output, of standard error where that said nothing."""
        texts = (self.text, str(self.fields.get("err") or ""))
        lines = next((found for text in texts if (found := text.strip().splitlines())), [""])
        return lines[-1].strip()[:200]


class Transit:
    """The way of one run's commands."""

    def __init__(
        self, journal: Journal, reach: Reach, say: Callable[[list[str]], None], cancel: threading.Event
    ) -> None:
        self._journal, self._reach, self._say, self._cancel = journal, reach, say, cancel

    def go(self, command: Command, number: int) -> Seen:
        """Send a command and follow it to its end; StoreError when what it answers cannot be written."""
        try:
            return self._call(command, number) if command.target.args is not None else self._run(command, number)
        except InputError as error:
            return Seen("not-run", note=error.words)
        except OpsguideError:
            raise
        except Exception as error:
            traceback.print_exc()
            return Seen("unknown", note=f"a defect in opsguide: {type(error).__name__}")

    def _run(self, command: Command, number: int) -> Seen:
        target, cancel = command.target, None if command.holds or command.always else self._cancel
        say = self._say if command.screen == "live" else None
        pump = Pump(self._journal, number, self._reach.redactor, say, cancel)
        try:
            got = self._reach.connections.run(
                target.host,
                target.line,
                stdin=command.stdin,
                deadline=command.deadline,
                sink=pump.take,
                cancel=pump.stop,
                fresh=target.entry.fresh,
            )
        except UnreachableError as error:
            return Seen("not-run", note=_reason(error), then=error.next, fields=pump.end())
        fields = pump.end()
        state = STATES[got.outcome]
        if state == "ok" and command.holds and got.exit in TIMED_OUT:
            state = "timeout"
        return Seen(state, got.exit, got.seconds, pump.text, got.note, fields=fields, raw=bytes(pump.raw))

    def _call(self, command: Command, number: int) -> Seen:
        try:
            got = self._reach.api(command.deadline).call(command.target.template, command.target.args or {})
        except UnreachableError as error:
            return Seen("not-run", note=_reason(error))
        body = json.dumps(got.body, ensure_ascii=False) if got.body is not None else got.text
        text = self._without_value(command.hides, got.body) if command.hides else self._reach.redactor.text(body)
        spool = self._journal.output(number, "out")
        spool.write(text)
        return Seen(STATES[got.outcome], got.result, got.seconds, text, fields=spool.close(), raw=body.encode())

    def _without_value(self, label: str, body: Any) -> str:
        """An answer whose value is a secret: its code and its error, no other word of it."""
        fields = body if isinstance(body, dict) else {}
        if isinstance(value := fields.get("value"), str):
            self._reach.redactor.learn(label, of_command(value))
        kept = {k: fields[k] for k in ("result", "error", "reason", "source") if k in fields}
        told = {**kept, "value": f"[hidden: {label}]"} if "value" in fields or not kept else kept
        return self._reach.redactor.text(json.dumps(told, ensure_ascii=False))


def _reason(error: UnreachableError) -> str:
    return "; ".join(filter(None, (error.words, error.next)))
