"""A command that the platform hands out: asked for right before it is sent, sent once, shown and kept nowhere.

- The broker asks for it in the name of the run, when everything else allows the change; a plan asks for none.
- What came is what is sent: one line, unchanged, followed by the words of the scope's template, each of them quoted.
- It goes to the run's own host, to a shell that reads it on standard input: it stands in no argument list of ours.
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
from opsguide.broker.commands import Command
from opsguide.broker.order import Step
from opsguide.broker.targets import Target, handing
from opsguide.broker.work import Work, debt
from opsguide.errors import FailedError, OpsguideError
from opsguide.guide import slots
from opsguide.reach import quoting

LABEL, MADE = "command handed out by the platform", "password made up for the command"
LETTERS = string.ascii_letters + string.digits
LONG = 15
"""Characters of a password that is made up (source: guide dossier 01, S4)."""


def filled(work: Work, step: Step, command: Command, request: dict[str, Any]) -> Command:
    """The change with what the platform hands out as its standard input; itself where its entry asks for nothing."""
    target = command.target
    if target.entry.handed is None:
        return command
    ask = handing(work.grounds, target)
    look = Command(ask, "look", step.slug, ask.entry.deadline, screen="sent", hides=LABEL)
    seen = work.commands.send(look)
    work.commands.show_answer(seen)
    if seen.state != "ok":
        raise work.failed("look", ask, seen, request)
    line = calls.handed_out(seen.raw.decode("utf-8", "replace"))
    if not line:
        raise _refused(work, step, ask, "the platform's answer holds no command of one line")
    digest = hashlib.sha256(line.encode()).hexdigest()
    if digest in work.handed:
        raise _refused(work, step, ask, "the platform handed out a command that this run has sent already")
    step.owed.pop(debt("look", ask), None)
    work.handed.add(digest)
    work.note(f"a one-use command came from {ask.template}, SHA-256 {digest}; it is sent once, to {target.host.name}")
    return replace(command, stdin=f"{line} {_tail(work, target)}\n".encode())


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
