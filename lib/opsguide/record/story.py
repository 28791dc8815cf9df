"""The events of a run put in the order in which they are told: what a notebook, a page and a terminal share.

- A command's answer stands right below its command, also when other events came between.
- A check that was tried several times (`try` 1, 2, 3 …) is told once, with its last answer and the count.
- What happened between `cell` and `cell-end` belongs to that cell; the rest stands outside of cells.
- A cell without its `cell-end` was interrupted.
- What the kernel printed is left out where it only repeats the words of the same cell's commands.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from opsguide.record import answers, facts, visible, words
from opsguide.record.unsettled import still_open

Event = Mapping[str, Any]
NOTHING: Event = MappingProxyType({})
SAME = ("step", "verb", "on", "line")
LINK = re.compile(r"\[([^][\n]{1,200})\]\([^()\s]{1,200}\)")
NOTHING_OPEN = (
    "Nothing was left open.",
    "Nothing was left open on the element. The request is open until its hand-off is confirmed or withdrawn.",
)


@dataclass(frozen=True)
class Command:
    """A command with its answer, which is empty when none was written down; `tried` are its later tries."""

    send: Event
    answer: Event
    tried: Sequence[Any] = ()

    @property
    def state(self) -> str:
        """The state of its answer; without one `unknown` after a change, else `interrupted`."""
        if self.answer:
            return str(self.answer.get("state"))
        return "unknown" if self.send.get("verb") in answers.CHANGING else "interrupted"


@dataclass
class Part:
    """The events of one cell, or those between two cells (`cell` is then empty)."""

    cell: Event = field(default_factory=dict)
    end: Event = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    outputs: list[Event] = field(default_factory=list)

    @property
    def state(self) -> str:
        """How the cell ended, `interrupted` when nothing says so; empty outside of cells."""
        return str(self.end.get("state") or "interrupted") if self.cell else ""


@dataclass(frozen=True)
class Story:
    """A run as it is told. `commands` by number; `open` are the events of what nothing closed or settled."""

    intent: Event
    parts: list[Part]
    commands: dict[Any, Command]
    end: Event
    open: list[Event]

    @property
    def state(self) -> str:
        """The state of the run, `running` before its end."""
        return str(self.end.get("state") or "running")

    @property
    def verdict(self) -> str:
        """The state in capitals; a plan that succeeded has only looked, and says so."""
        return self.state.upper() + (" (plan)" if self.intent.get("mode") == "plan" else "")

    def facts(self) -> list[tuple[str, str]]:
        """The facts of the intent, with when, and what was changed."""
        told = facts.facts(self.intent)
        return [*told[:5], ("when", when(self.intent.get("at"), self.end.get("at"))), ("changed", self.changed()),
                *told[5:]]  # fmt: skip

    def changed(self) -> str:
        """`restart on uh-01 ok; enable on hcore1 failed`, or `nothing`; then what was only listed."""
        events = [event for part in self.parts for event in part.events]
        found = {e.get("command"): e.get("found") for e in events
                 if e.get("type") == "settled" and e.get("run") in (None, "", self.intent.get("run"))}  # fmt: skip
        sent = [c for c in self.commands.values() if c.send.get("verb") in answers.CHANGING]
        said = _counted(f"{_place(c.send)} {_ended(c, found.get(c.send.get('command')))}" for c in sent)
        changing = (e for e in events if e.get("type") == "planned" and e.get("verb") in answers.CHANGING)
        listed = _counted(_place(event) for event in changing)
        how = {"plan": "planned", "request": "asked for"}.get(str(self.intent.get("mode")), "listed")
        return "; ".join([said or "nothing", *([f"{how}: {listed}"] if listed else [])])


def tell(intent: Event, events: Sequence[Event]) -> Story:
    """The story of a run from its intent and its events."""
    commands = _commands(events)
    end = next((event for event in reversed(events) if event.get("type") == "end"), NOTHING)
    return Story(intent, _parts(events, commands), commands, end, still_open(events))


def blocks(story: Story, part: Part) -> list[tuple[Any, list[str]]]:
    """The words of a part in pieces: (number of the command or None, its lines with those of its answer)."""
    found: list[tuple[Any, list[str]]] = []
    context = words.Context(story.intent)
    for event in part.events:
        lines, number = words.lines(event, context), None
        if event.get("type") == "send":
            number, command = event.get("command"), story.commands.get(event.get("command"))
            if command is None:
                continue
            said = words.answer(command.answer, event) if command.answer else answers.missing(event)
            lines = [*lines, *said]
        found.append((number, lines))
    return found


def head(part: Part) -> list[str]:
    """The line that opens a cell; empty outside of cells."""
    return words.lines(part.cell) if part.cell else []


def about(part: Part) -> list[list[str]]:
    """The runbook's words before a cell: paragraphs of lines, the first one its heading without the mark; or none."""
    text = LINK.sub(r"\1", str(part.cell.get("about") or "")).lstrip("# ")
    return [visible.split(one) for one in text.split("\n\n") if one.strip()]


def foot(part: Part) -> list[str]:
    """The line that ends a cell which did not end well."""
    if part.cell and not part.end:
        return [f"[{visible.one_line(part.cell.get('cell'))}] interrupted: this cell never ended"]
    return words.lines(part.end) if part.cell else []


def printed(part: Part, told: Sequence[str]) -> list[Event]:
    """The kernel's outputs without the lines that `told` already holds."""
    left, found = Counter(told), []
    for event in part.outputs:
        if event.get("kind") == "stream":
            lines = visible.split(str(event.get("text") or ""))
            kept = [line for line in lines if not _struck(left, line)]
            if not any(line.strip() for line in kept):
                continue
            event = {**event, "text": "\n".join(kept) + "\n"}
        found.append(event)
    return found


def transcript(story: Story) -> list[str]:
    """The whole run as plain text for a terminal."""
    lines = [facts.platform(story.intent), facts.title(story.intent)]
    lines += [f"  {label + ':':9}{text}" for label, text in story.facts()]
    for part in story.parts:
        told = [line for _, piece in blocks(story, part) for line in piece]
        shown = [line for event in printed(part, told) for line in words.lines(event)]
        lines += [*head(part), *told, *shown, *foot(part)]
    return [*lines, *(words.lines(story.end) if story.end else ["RUNNING  this run has not ended"])]


def when(start: object, end: object) -> str:
    """`2026-03-01 02:03:04 to 02:04:10 UTC (1 min 6 s)`."""
    try:
        first, last = datetime.fromisoformat(str(start)), datetime.fromisoformat(str(end))
        took = answers.seconds((last - first).total_seconds())
    except (ValueError, TypeError):
        return f"{visible.one_line(start)} to {visible.one_line(end or 'now')}"
    until = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S}"
    return f"{first:%Y-%m-%d %H:%M:%S} to {until} UTC ({took})"


def _place(event: Event) -> str:
    """`restart on uh-01`: the step of a change and its element."""
    return f"{visible.one_line(event.get('step') or '')} on {visible.one_line(event.get('on') or '')}"


def _ended(command: Command, found: object) -> str:
    """`ok`, `not sent`, or `lost, found done` once it was settled."""
    state = "not sent" if command.state in ("refused", "not-run") else visible.one_line(command.state)
    return f"{state}, found {visible.one_line(found).replace('-', ' ')}" if found else state


def _counted(texts: Iterable[str]) -> str:
    """Each text once, with its count where it came more often."""
    return "; ".join(f"{text} ({n} times)" if n > 1 else text for text, n in Counter(texts).items())


def _struck(left: Counter[str], line: str) -> bool:
    left[line] -= 1
    return left[line] >= 0


def _commands(events: Sequence[Event]) -> dict[Any, Command]:
    answered = {event.get("command"): event for event in events if event.get("type") == "answer"}
    found: dict[Any, Command] = {}
    first: Event = NOTHING
    for event in (event for event in events if event.get("type") == "send"):
        number = event.get("command")
        again = all(event.get(key) == first.get(key) for key in SAME)
        before = found.get(first.get("command")) if again else None
        if before and event.get("try") == len(before.tried) + 2:
            answer = answered.get(number, NOTHING)
            found[first.get("command")] = Command(first, answer, [*before.tried, number])
        else:
            found[number] = Command(event, answered.get(number, NOTHING))
            first = event
    return found


def _parts(events: Iterable[Event], commands: Mapping[Any, Command]) -> list[Part]:
    parts = [Part()]
    told = set(commands) | {number for command in commands.values() for number in command.tried}
    for event in events:
        kind = event.get("type")
        if kind == "cell":
            parts.append(Part(cell=event))
        elif kind == "cell-end" and (part := _of_cell(parts, event)):
            part.end = event
            parts.append(Part())
        elif kind == "output":
            (_of_cell(parts, event) or parts[-1]).outputs.append(event)
        elif kind != "end" and not (kind == "answer" and event.get("command") in told):
            parts[-1].events.append(event)
    return [part for part in parts if part.cell or part.events or part.outputs]


def _of_cell(parts: list[Part], event: Event) -> Part | None:
    """The part of the cell that `event` names: the newest of that number."""
    return next((p for p in reversed(parts) if p.cell and p.cell.get("cell") == event.get("cell")), None)
