"""The events of a run put in the order in which they are told: what a notebook, a page and a terminal share.

- A command's answer stands right below its command, also when other events came between.
- What happened between `cell` and `cell-end` belongs to that cell; the rest stands outside of cells.
- What the kernel printed is left out where it only repeats the words of the commands of the same cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opsguide.record import visible, words

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Command:
    """A command with its answer (empty when none was written down) and the step it stands in."""

    send: Event
    answer: Event

    @property
    def number(self) -> int:
        """Its number in the run."""
        return int(self.send.get("command") or 0)

    @property
    def state(self) -> str:
        """The state of its answer; `unknown` for a change without one, else `interrupted`."""
        if self.answer:
            return str(self.answer.get("state"))
        return "unknown" if self.send.get("verb") in ("change", "edit") else "interrupted"


@dataclass
class Part:
    """A piece of the story: the events of one cell, or those between two cells (`cell` is then empty)."""

    cell: Event = field(default_factory=dict)
    end: Event = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    outputs: list[Event] = field(default_factory=list)

    @property
    def state(self) -> str:
        """How the cell ended, `interrupted` when nothing says so, empty outside of cells."""
        return str(self.end.get("state") or "interrupted") if self.cell else ""


@dataclass(frozen=True)
class Story:
    """A run as it is told; `open` are the words of what was still open or held at its end."""

    intent: Event
    events: Sequence[Event]
    parts: list[Part]
    commands: list[Command]
    end: Event
    open: list[Event]

    @property
    def state(self) -> str:
        """The state of the run, `running` before its end."""
        return str(self.end.get("state") or "running")


def tell(intent: Event, events: Sequence[Event]) -> Story:
    """The story of a run from its intent and its events."""
    answers = {event.get("command"): event for event in events if event.get("type") == "answer"}
    sends = [event for event in events if event.get("type") == "send"]
    commands = [Command(event, answers.get(event.get("command"), {})) for event in sends]
    ends = [event for event in events if event.get("type") == "end"]
    return Story(intent, events, list(_parts(events)), commands, ends[-1] if ends else {}, still_open(events))


def still_open(events: Iterable[Event]) -> list[Event]:
    """The `open` and `hold` events that nothing closed or settled, in order."""
    left: dict[tuple[str, Any, Any], Event] = {}
    for event in events:
        kind, element = event.get("type"), event.get("element")
        if kind == "open":
            left["open", element, event.get("undo")] = event
        elif kind == "closed":
            left.pop(("open", element, event.get("undo")), None)
        elif kind == "hold":
            left["hold", element, event.get("command")] = event
        elif kind == "settled":
            left.pop(("hold", element, event.get("command")), None)
    return list(left.values())


def unknown_changes(events: Sequence[Event]) -> list[Event]:
    """The `send` events of changes and edits of which nobody knows the outcome, settled ones left out."""
    known = {
        e.get("command")
        for e in events
        if e.get("type") == "answer" and e.get("state") in ("ok", "failed", "refused")
    }
    known |= {e.get("command") for e in events if e.get("type") == "settled"}
    changes = (e for e in events if e.get("type") == "send" and e.get("verb") in ("change", "edit"))
    return [event for event in changes if event.get("command") not in known]


def part_lines(story: Story, part: Part) -> list[str]:
    """The words of a part: its commands with their answers, and whatever else was written down in it."""
    answers = {command.number: command.answer for command in story.commands}
    found: list[str] = []
    for event in part.events:
        found += words.lines(event, words.Context(story.intent))
        if event.get("type") == "send":
            answer = answers.get(event.get("command") or 0)
            found += words.lines(answer, words.Context(story.intent, event)) if answer else [no_answer(event)]
    return found


def no_answer(send: Event) -> str:
    """What stands where an answer should."""
    doubt = "; whether it took effect is not known" if send.get("verb") in ("change", "edit") else ""
    return f"NO ANSWER  nothing was written down after this{doubt}"


def printed(part: Part, told: Sequence[str]) -> list[Event]:
    """The kernel's outputs of a cell without the lines that `told` already holds."""
    left, found = Counter(told), []
    for event in part.outputs:
        if event.get("kind") != "stream":
            found.append(event)
            continue
        kept = []
        for line in visible.split(str(event.get("text") or "")):
            if left[line] > 0:
                left[line] -= 1
            else:
                kept.append(line)
        if any(line.strip() for line in kept):
            found.append({**event, "text": "\n".join(kept) + "\n"})
    return found


def _parts(events: Iterable[Event]) -> Iterable[Part]:
    part = Part()
    for event in events:
        kind = event.get("type")
        if kind == "cell":
            if part.cell or part.events:
                yield part
            part = Part(cell=event)
        elif kind == "cell-end":
            part.end = event
            yield part
            part = Part()
        elif kind == "output":
            part.outputs.append(event)
        elif kind not in ("answer", "end"):
            part.events.append(event)
    if part.cell or part.events or part.outputs:
        yield part
