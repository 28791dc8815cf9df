"""Sending: nothing leaves without a journal line, and nothing ends without one.

- The line is journalled and on the disk before it is sent; the answer after.
- A change is preceded by a hold on its element; the hold goes when its end is known.
- A change that ends in timeout, lost or unknown keeps the hold; one that reboots keeps it until the reboot was seen.
- An exit status that says that it was so already is a good end.
- A change is not sent once the client has interrupted or is gone, nor is the rest of a list of changes.
- A defect while a command is on its way leaves its end unknown, in the journal, too.
- When the record cannot be written the command is given up and nothing further is sent.
- What the host says is redacted before it is stored, shown or judged; so is a line wherever it is told: in the journal,
  in an error, in a hold or note of the state folder. It is sent whole.
"""

from __future__ import annotations

import itertools
import json
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from opsguide.broker.flights import Flights
from opsguide.broker.pump import Pump
from opsguide.broker.state import Changed, Hold, State
from opsguide.broker.targets import Target
from opsguide.errors import FailedError, InputError, OpsguideError, StoreError, UnreachableError
from opsguide.guide import expectations
from opsguide.reach.ssh import Connections
from opsguide.record import durable, words
from opsguide.record.archive import RunFolder
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
    """What came of one command. `state` is of the record's states; `text` is standard output, redacted."""

    state: str = "ok"
    exit: int | None = None
    seconds: float = 0.0
    text: str = ""
    note: str = ""
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


class Commands:
    """The sender of one run."""

    def __init__(
        self,
        folder: RunFolder,
        state: State,
        reach: Reach,
        say: Callable[[list[str]], None],
        person: str,
        records: str,
    ) -> None:
        self._folder, self._state, self._reach = folder, state, reach
        self._say, self._flights = _in_turn(say), Flights(state)
        self._person, self._records = person, records
        self._count = itertools.count(1)
        self.cancel = threading.Event()

    @property
    def run(self) -> str:
        """The run's id."""
        return self._folder.run

    @property
    def runbook(self) -> str:
        """The file name of the run's runbook."""
        return str(self._folder.intent["runbook"]["name"])

    @property
    def records(self) -> Path:
        """The records root of the run."""
        return Path(self._records)

    @property
    def person(self) -> str:
        """The name of who runs it."""
        return self._person

    def number(self) -> int:
        """The next command's number."""
        return next(self._count)

    def write(self, type: str, /, **fields: Any) -> dict[str, Any]:
        """Journal an event, redacted."""
        hidden = {k: self._reach.redactor.value(v) for k, v in fields.items()}
        return self._folder.journal.append(type, **hidden)

    def hidden(self, text: str) -> str:
        """A text without secrets."""
        return self._reach.redactor.text(text)

    def learn(self, label: str, parts: set[str]) -> None:
        """Hide these texts from now on, wherever they turn up."""
        self._reach.redactor.learn(label, parts)

    def show(self, event: dict[str, Any], **context: Any) -> None:
        """Say an event on the screen."""
        self._say(words.lines(event, words.Context(intent=self._folder.intent, **context)))

    def show_answer(self, seen: Seen, streamed: bool = False) -> None:
        """Say how a command ended."""
        self.show(seen.answer, send=seen.sent, streamed=streamed)

    def send(self, command: Command) -> Seen:
        """Journal, send, journal; StoreError when the record cannot be written."""
        expect = expectations.checked(command.expect)
        if command.holds and self.cancel.is_set():
            raise FailedError("given up before it was sent", command=command.target.shown, next="nothing was sent")
        number = self.number()
        if command.holds:
            self._hold(command.target, number)
        try:
            sent = self._announce(command, number, expect)
        except StoreError:
            if command.holds:
                self._flights.ended(command.target.element.name, number)
            raise
        if command.screen in ("live", "sent"):
            self.show(sent)
        seen = self._on_its_way(command, number)
        seen.sent = sent
        self._judge(command, expect, seen)
        seen.answer = self.write(
            "answer",
            command=number,
            state=seen.state,
            exit=seen.exit,
            seconds=round(seen.seconds, 3),
            met=seen.met,
            words=seen.note,
            tries=command.tries,
            **seen.fields,
        )
        self._show_end(command, seen)
        if command.holds:
            self._known(command, number, seen)
        return seen

    def _on_its_way(self, command: Command, number: int) -> Seen:
        try:
            return self._call(command, number) if command.target.args is not None else self._run(command, number)
        except InputError as error:
            return Seen("not-run", note=error.words)
        except OpsguideError:
            raise
        except Exception as error:
            traceback.print_exc()
            return Seen("unknown", note=f"a defect in opsguide: {type(error).__name__}")

    def _announce(self, command: Command, number: int, expect: dict[str, Any]) -> dict[str, Any]:
        target = command.target
        slots = target.filled if target.args is None else {k: str(v) for k, v in target.args.items()}
        return self.write(
            "send",
            command=number,
            step=command.step,
            verb=command.verb,
            on=target.element.name,
            kind_of="ssh" if target.args is None else "api",
            template=target.template,
            slots=slots,
            line=target.shown,
            deadline=command.deadline,
            expect=expect,
            expect_words=expectations.words(expect),
            row=None,
            undo=command.undo or None,
            note=command.note or ("on a new connection, which logs in anew" if target.entry.fresh else ""),
            settle=target.entry.settle,
            key=target.key,
            **({"effect": target.entry.effect} if target.entry.effect else {}),
            **({"pin": True} if command.pin else {}),
            **({"fresh": True} if target.entry.fresh else {}),
            **({"try": command.tries} if command.tries > 1 else {}),
        )

    def _hold(self, target: Target, number: int) -> None:
        name, run, since = target.element.name, self.run, durable.now()
        self._state.changes(Changed(name, run, since))
        told = {"look": self.hidden(target.look), "template": target.template, "change": target.said}
        told |= {"settle": target.entry.settle, "effect": target.entry.effect}
        self._flights.leaves(
            Hold(name, run, self._records, number, self.hidden(target.shown), since, self._person, **told)
        )

    def _known(self, command: Command, number: int, seen: Seen) -> None:
        """Take the hold away, or say that it stays."""
        target = command.target
        if target.entry.effect == "reboots" and seen.state in REBOOTING:
            words = f"{target.element.name} is held until another boot id is seen on it"
            self.show(self.write("note", words=words))
        elif seen.state in UNCLEAR:
            self.held(target, number, f"nobody knows whether command {number} took effect")
        else:
            self._flights.ended(target.element.name, number)

    def held(self, target: Target, number: int, why: str) -> None:
        """Say that the hold of a change stays."""
        self.show(
            self.write("hold", element=target.element.name, command=number, settle=target.entry.settle, words=why)
        )

    def settle(self, element: str, number: int, how: str) -> None:
        """A look has shown that a change took effect: write it down, then take the hold away."""
        self.show(self.write("settled", element=element, command=number, found="done", why="", how=how))
        self._flights.ended(element, number)

    def _run(self, command: Command, number: int) -> Seen:
        target, cancel = command.target, None if command.holds or command.always else self.cancel
        say = self._say if command.screen == "live" else None
        pump = Pump(self._folder.journal, number, self._reach.redactor, say, cancel)
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
            return Seen("not-run", note=_reason(error), fields=pump.end())
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
        spool = self._folder.journal.output(number, "out")
        spool.write(text)
        return Seen(STATES[got.outcome], got.result, got.seconds, text, fields=spool.close(), raw=body.encode())

    def _without_value(self, label: str, body: Any) -> str:
        """An answer whose value is a secret: its code and its error, no other word of it."""
        fields = body if isinstance(body, dict) else {}
        if isinstance(value := fields.get("value"), str):
            self.learn(label, of_command(value))
        kept = {k: fields[k] for k in ("result", "error", "reason", "source") if k in fields}
        told = {**kept, "value": f"[hidden: {label}]"} if "value" in fields or not kept else kept
        return self._reach.redactor.text(json.dumps(told, ensure_ascii=False))

    @staticmethod
    def _judge(command: Command, expect: dict[str, Any], seen: Seen) -> None:
        if seen.state != "ok" or not command.judged:
            return
        if command.holds and seen.exit in command.target.entry.already:
            seen.note = f"exit {seen.exit}: it was so already"
            return
        verdict = expectations.judge(expect, seen.exit, seen.text)
        seen.state = "ok" if verdict.met else "failed"
        if command.expect is not None or not verdict.met:
            seen.met = verdict.met
            seen.note = "; ".join(filter(None, (verdict.words, seen.note)))

    def _show_end(self, command: Command, seen: Seen) -> None:
        if command.screen == "live":
            self.show_answer(seen, streamed=command.target.args is None)
        elif command.screen == "failure" and seen.state != "ok":
            self.show(seen.sent)
            self.show_answer(seen)


def _reason(error: UnreachableError) -> str:
    return "; ".join(filter(None, (error.words, error.next)))


def _in_turn(say: Callable[[list[str]], None]) -> Callable[[list[str]], None]:
    """The same for several threads: one says its lines whole before the next."""
    turn = threading.Lock()

    def said(lines: list[str]) -> None:
        with turn:
            say(lines)

    return said
