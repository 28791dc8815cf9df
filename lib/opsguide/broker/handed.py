"""A command that the platform hands out: asked for right before it is sent, sent once, shown and kept nowhere.

- The broker asks for it in the name of the run, when everything else allows the change; a plan asks for none.
- What came is what is sent: one line, unchanged, followed by the words of the scope's template, each of them quoted.
- It goes to the run's own host, to a shell that reads it on standard input: it stands in no argument list of ours.
- It is not asked for while the platform lists the host, or one of the addresses that would be sent.
- A command that this run has sent before is not sent again: what the platform hands out serves once.
- It never passes the kernel. It, its long words and the password made up with it are hidden wherever they turn up; the
  record keeps its SHA-256.
- An answer that is no such command sends nothing.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from dataclasses import replace
from typing import Any

from opsguide.broker import calls
from opsguide.broker.order import Step
from opsguide.broker.targets import Target, call
from opsguide.broker.transit import Command, Seen
from opsguide.broker.work import Work, debt
from opsguide.errors import FailedError, OpsguideError, RefusedError
from opsguide.guide import slots
from opsguide.guide.entries import Entry, Handed
from opsguide.reach import quoting

LABEL, MADE = "command handed out by the platform", "password made up for the command"
KNOWN = (
    "nothing was sent, a second join would make a second record; run this again with revive=true where the set-up "
    "broke half-way, or with withdraw=true to take the record away and begin anew"
)
LETTERS = string.ascii_letters + string.digits
LONG = 15
"""Characters of a password that is made up (source: guide dossier 01, S4)."""


def filled(work: Work, step: Step, command: Command, request: dict[str, Any]) -> Command:
    """The change with what the platform hands out as its standard input; itself where its entry asks for nothing."""
    rule = command.target.entry.handed
    if rule is None:
        return command
    if rule.unless:
        _refuse_known(work, step, command.target, rule, request)
    ask = call(work.grounds, Entry(rule.api, "look", args=rule.args), command.target.element)
    seen = _asked(work, step, Command(ask, "look", step.slug, ask.entry.deadline, screen="sent", hides=LABEL), request)
    line = calls.handed_out(seen.raw.decode("utf-8", "replace"))
    if not line:
        raise _refused(work, step, ask, "the platform's answer holds no command of one line")
    digest = hashlib.sha256(line.encode()).hexdigest()
    if digest in work.handed:
        raise _refused(work, step, ask, "the platform handed out a command that this run has sent already")
    work.handed.add(digest)
    host = command.target.host.name
    work.note(f"a one-use command came from {ask.template}, SHA-256 {digest}; it is sent once, to {host}")
    return replace(command, stdin=f"{line} {_tail(work, command.target)}\n".encode())


def _asked(work: Work, step: Step, command: Command, request: dict[str, Any]) -> Seen:
    """The answer; what did not answer well fails the step before anything was sent."""
    seen = work.commands.send(command)
    if command.screen == "sent":
        work.commands.show_answer(seen)
    if seen.state != "ok":
        raise work.failed("look", command.target, seen, {**request, "expect": {}})
    step.owed.pop(debt("look", command.target), None)
    return seen


def _refuse_known(work: Work, step: Step, target: Target, rule: Handed, request: dict[str, Any]) -> None:
    """RefusedError while the platform lists the host, or one of the change's addresses: a second record would come."""
    ask = call(work.grounds, Entry(rule.unless, "look", args={}), target.element)
    seen = _asked(work, step, Command(ask, "look", step.slug, ask.entry.deadline, screen="failure"), request)
    own, number = target.element.name, str(target.element.id)
    for row in calls.rows(seen.raw.decode("utf-8", "replace")):
        texts = {str(value) for value in row.values()}
        named = any(text.split(".")[0] == own for text in texts)
        if named or str(row.get("id")) == number or texts & set(target.filled.values()):
            words = f"the platform has a record already: id {row.get('id')}, {row.get('hostname')}, {row.get('status')}"
            raise RefusedError(words, where=own, command=ask.shown, next=KNOWN)


def _refused(work: Work, step: Step, ask: Target, words: str) -> OpsguideError:
    work.steps.fail("look", debt("look", ask), ask.shown)
    return FailedError(
        words, where=ask.element.name, command=ask.shown, next=f"nothing was sent; run step {step.slug} again"
    )


def _tail(work: Work, target: Target) -> str:
    """The words after the command, quoted for the shell that reads it; passwords are made up here."""
    values = dict(target.filled)
    for name in (n for n, kind in target.entry.slots.items() if kind == "@made"):
        values[name] = "".join(secrets.choice(LETTERS) for _ in range(LONG))
        work.commands.learn(MADE, {values[name]})
    return " ".join(quoting.quoted(slots.fill(token, values)) for token in target.entry.tokens()[1:])
