"""The run as one page that needs no network: the same content as the notebook.

- Everything that comes from elsewhere is escaped by the template engine and shown as text; the page holds
  no script and its content security policy lets none run and nothing be fetched.
- Colour repeats what the words say and never says it alone; so do the bars that show when a command ran.
- A page that cannot be rendered does not keep a record from being sealed: a plain one says so instead.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsguide.record import answers, facts, story, visible, words
from opsguide.record.notebook_page import picture

if TYPE_CHECKING:
    from jinja2 import Template

Event = Mapping[str, Any]
SLOT = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)\}")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
FIRST_WORDS = {
    "ok": "OK PROVEN SUCCEEDED SETTLED CLOSED",
    "bad": "FAILED REFUSED CONTRADICTED UNPROVEN TIMEOUT LOST UNKNOWN NO NOT HELD OPEN INTERRUPTED",
    "loud": "CHANGE EDIT",
    "head": "==",
    "sent": "$",
    "err": "!",
}
TONES = {"": "out"} | {word: tone for tone, words in FIRST_WORDS.items() for word in words.split()}


def render(intent: Event, events: Sequence[Event]) -> bytes:
    """The bytes of report.html; the same events give the same bytes."""
    told = story.tell(intent, events)
    context = words.Context(intent)
    html = template().render(
        policy=POLICY,
        state=told.state,
        verdict=told.verdict,
        platform=facts.platform(intent),
        title=facts.title(intent),
        words=visible.one_line(told.end.get("words") or ""),
        exit=told.end.get("exit"),
        wrong=next((c.send.get("command") for c in reversed(told.commands.values()) if tone(c) == "bad"), None)
        if told.state in ("failed", "unknown", "interrupted")
        else None,
        nothing_open=story.NOTHING_OPEN[told.state == "requested"],
        facts=told.facts(),
        open=[line for event in told.open for line in toned(words.lines(event, context))],
        commands=[row(command) | bar for command, bar in zip(told.commands.values(), bars(told), strict=True)],
        parts=[part(told, piece) for piece in told.parts],
        run=visible.one_line(intent.get("run") or ""),
    )
    return html.encode("utf-8", "backslashreplace")


def plain(intent: Event, reason: str) -> bytes:
    """What stands for a page that could not be rendered."""
    text = [facts.platform(intent), facts.title(intent), f"This page could not be rendered: {reason}",
            "The journal beside it, events.jsonl, is whole: jq . events.jsonl"]  # fmt: skip
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    body = escape("\n".join(visible.one_line(line) for line in text))
    return f'<!doctype html><meta charset="utf-8">{policy}<pre>{body}</pre>\n'.encode("utf-8", "backslashreplace")


def row(command: story.Command) -> dict[str, Any]:
    """A command as a row of the table."""
    send, answer = command.send, command.answer
    return {
        "number": send.get("command"),
        "time": visible.one_line(send.get("at") or "")[11:19],
        "step": visible.one_line(send.get("step") or ""),
        "verb": visible.one_line(send.get("verb") or ""),
        "on": visible.one_line(send.get("on") or ""),
        "line": visible.one_line(asked(send)),
        "state": visible.one_line(command.state),
        "met": "" if answer.get("met") is None else "OK" if answer.get("met") is True else "FAILED",
        "exit": "" if answer.get("exit") is None else visible.one_line(answer.get("exit")),
        "took": answers.seconds(answer.get("seconds")) if answer else "",
        "tries": len(command.tried) + 1,
        "tone": tone(command),
    }


def asked(send: Event) -> str:
    """What was asked there, without the way to it: a command with its values, a method with its arguments."""
    slots, said = send.get("slots"), str(send.get("template") or send.get("line") or "")
    given = slots if isinstance(slots, Mapping) else {}
    if send.get("kind_of") == "api":
        return f"{said}({', '.join(f'{name}={value}' for name, value in given.items())})"
    return SLOT.sub(lambda found: found[0][0] if found[1] is None else str(given.get(found[1], found[0])), said)


def tone(command: story.Command) -> str:
    """The colour of a command's bar: what went wrong, what changed, what was proved; a look has none."""
    if command.state != "ok" or command.answer.get("met") is False:
        return "bad"
    return {"change": "loud", "edit": "loud", "prove": "ok"}.get(str(command.send.get("verb")), "plain")


def bars(told: story.Story) -> list[dict[str, float]]:
    """For each command where its bar begins and how long it is, in percent of the time from the first to the last."""
    spans = [(_moment(c.send), _moment(c.answer) or _moment(c.send)) for c in told.commands.values()]
    known = [(first, last) for first, last in spans if first]
    begin = min((first for first, _ in known), default=0.0)
    whole = max((last for _, last in known), default=0.0) - begin
    return [_bar(first - begin, last - begin, whole) if first else _bar(0, 0, 0) for first, last in spans]


def _bar(first: float, last: float, whole: float) -> dict[str, float]:
    """At least 2 % long, so that a quick command is seen, and never over the end."""
    size = min(100.0, max(2.0, 100 * (last - first) / whole)) if whole > 0 else 100.0
    return {"begins": round(min(100 * first / whole if whole > 0 else 0.0, 100 - size), 1), "lasts": round(size, 1)}


def _moment(event: Event) -> float:
    try:
        return datetime.fromisoformat(str(event.get("at"))).timestamp()
    except ValueError:
        return 0.0


def part(told: story.Story, piece: story.Part) -> dict[str, Any]:
    """A cell, or what stands between two cells, for the template."""
    blocks = story.blocks(told, piece)
    said = [line for _, lines in blocks for line in lines]
    outputs = [{"lines": output(event), "png": picture(event)} for event in story.printed(piece, said)]
    return {
        "head": (story.head(piece) or ["outside of any cell"])[0],
        "marked": bool(piece.cell) and words.is_foreign(piece.cell),
        "about": [[visible.one_line(line) for line in lines] for lines in story.about(piece)],
        "source": [visible.line(line) for line in visible.split(str(piece.cell.get("source") or ""))],
        "blocks": [{"number": number, "lines": toned(lines)} for number, lines in blocks],
        "outputs": outputs,
        "foot": story.foot(piece),
    }


def output(event: Event) -> list[tuple[str, str]]:
    """What a cell showed; the lines of an error stand out, its first most of all."""
    lines = words.lines({**event, "png": ""})
    return (
        [("plain" if n else "bad", line) for n, line in enumerate(lines)]
        if event.get("kind") == "error"
        else toned(lines)
    )


def toned(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Each line with the name of its colour, which follows from its first word."""
    return [(TONES.get(line.split(" ", 1)[0], "plain"), line) for line in lines]


@functools.cache
def template() -> Template:
    """The page's template, read once."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.j2")
