"""Sending: nothing leaves without a journal line, and nothing ends without one.

- The line is journalled and on the disk before it is sent; the answer after.
- A change is preceded by a hold on its element; the hold goes when its end is known.
- A change that ends in timeout, lost or unknown keeps the hold; one that reboots keeps it until the reboot was seen.
- An exit status that says that it was so already is a good end.
- A change is not sent once the client has interrupted or is gone, nor is the rest of a list of changes.
- When the record cannot be written the command is given up and nothing further is sent.
- A line is redacted wherever it is told: in the journal, in an error, in a hold or note of the state folder. It is sent
  whole.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opsguide.broker.flights import Flights
from opsguide.broker.means import Means
from opsguide.broker.state import Changed, Hold
from opsguide.broker.targets import Target
from opsguide.broker.transit import REBOOTING, UNCLEAR, Command, Seen, Transit
from opsguide.errors import NOTHING, FailedError, StoreError
from opsguide.guide import expectations
from opsguide.record import answers, durable, words
from opsguide.record.archive import RunFolder


class Commands:
    """The sender of one run."""

    def __init__(self, folder: RunFolder, means: Means) -> None:
        self._folder, self._state, self._redactor = folder, means.state, means.reach.redactor
        self._asker, self._say = means.asker, _in_turn(means.say)
        self._count, self._flights = itertools.count(1), Flights(means.state)
        self.cancel = threading.Event()
        self._sent: list[str] = []
        self._transit = Transit(folder.journal, means.reach, self._say, self.cancel)

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
        return self._asker.records

    @property
    def person(self) -> str:
        """The name of who runs it."""
        return str(self._asker.person["name"])

    @property
    def sent(self) -> str:
        """What has been sent by now, in words: `4 looks, 1 change`."""
        changes = sum(verb in answers.CHANGING for verb in self._sent)
        looks = len(self._sent) - changes
        said = [f"{n} {noun}{'s' if n > 1 else ''}" for n, noun in ((looks, "look"), (changes, "change")) if n]
        return ", ".join(said) or NOTHING

    def number(self) -> int:
        """The next command's number."""
        return next(self._count)

    def write(self, type: str, /, **fields: Any) -> dict[str, Any]:
        """Journal an event, redacted."""
        hidden = {k: self._redactor.value(v) for k, v in fields.items()}
        return self._folder.journal.append(type, **hidden)

    def hidden(self, text: str) -> str:
        """A text without secrets."""
        return self._redactor.text(text)

    def learn(self, label: str, parts: set[str]) -> None:
        """Hide these texts from now on, wherever they turn up."""
        self._redactor.learn(label, parts)

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
        seen = self._transit.go(command, number)
        if seen.state != "not-run":
            self._sent.append(command.verb)
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
            undo=command.undo or None,
            note=command.note or ("on a new connection, which logs in anew" if target.entry.fresh else ""),
            settle=target.entry.settle,
            **({"look": self.hidden(target.look)} if target.entry.settle else {}),
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
            Hold(name, run, str(self.records), number, self.hidden(target.shown), since, self.person, **told)
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
        told = {"settle": target.entry.settle, "look": self.hidden(target.look), "words": why}
        self.show(self.write("hold", element=target.element.name, command=number, **told))

    def settle(self, element: str, number: int, how: str) -> None:
        """A look has shown that a change took effect: write it down, then take the hold away."""
        self.show(self.write("settled", element=element, command=number, found="done", why="", how=how))
        self._flights.ended(element, number)

    @staticmethod
    def _judge(command: Command, expect: dict[str, Any], seen: Seen) -> None:
        if seen.state != "ok" or not command.judged:
            return
        if command.holds and seen.exit in command.target.entry.already:
            seen.note = f"exit {seen.exit}: it was so already"
            return
        ends = "exit" if command.target.args is None else "result"
        verdict = expectations.judge(expect, seen.exit, seen.text, ends)
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


def _in_turn(say: Callable[[list[str]], None]) -> Callable[[list[str]], None]:
    """The same for several threads: one says its lines whole before the next."""
    turn = threading.Lock()

    def said(lines: list[str]) -> None:
        with turn:
            say(lines)

    return said
