"""The words of what a command answered: its output, its exit, its verdict.

- An exit status that came is said as `exit 3 in 0.2 s`; of the platform API it is `result 0 in 0.2 s`.
- No exit status is said in capitals, with its reason; after a change also that its effect is not known.
- What the platform API lists stands as a table (tables.py).
- `OK` and `FAILED` stand only where something was expected, or where the answer itself is a failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsguide.record import tables, visible
from opsguide.record.visible import one_line

Event = Mapping[str, Any]
CHANGING = frozenset({"change", "edit"})
DOUBT = "; whether it took effect is not known"


def answer(event: Event, send: Event, *, streamed: bool = False) -> list[str]:
    """The lines of an answer to `send`; with `streamed` without the output."""
    return [*([] if streamed else output(event, send)), *came_back(event, send), *verdict(event)]


def output(event: Event, send: Event) -> list[str]:
    """Both streams, shortened; the lines of stderr have `! ` as their gutter."""
    if send.get("kind_of") == "api" and not event.get("out_tail"):
        event = {**event, "out": tables.laid_out(str(event.get("out") or ""))}
    return [line for name, mark in (("out", "  "), ("err", "! ")) for line in _stream(event, name, mark)]


def _stream(event: Event, name: str, mark: str) -> list[str]:
    head, tail = str(event.get(name) or ""), str(event.get(f"{name}_tail") or "")
    where, more = one_line(event.get(f"{name}_file") or _line(event)), 0
    stream = visible.Stream(mark)
    found = stream.feed(head)
    if tail:
        found += stream.feed("" if head.endswith("\n") else "\n") + stream.feed(tail)
        more = max(1, _whole(event.get(f"{name}_lines")) - head.count("\n") - tail.count("\n"))
    return found + stream.end(where, more)


def came_back(event: Event, send: Event) -> list[str]:
    """`exit 0 in 1.2 s`, or why there is no exit status."""
    state, took = str(event.get("state")), seconds(event.get("seconds"))
    tries = event.get("tries")
    times = f", {one_line(tries)} tries" if tries not in (None, 0, 1) else ""
    doubt = DOUBT if str(send.get("verb")) in CHANGING else ""
    if state == "timeout":
        return [f"TIMEOUT  no end within {took}{times}{doubt}"]
    if state == "lost":
        return [f"LOST  the connection ended after {took}, before the command did{doubt}"]
    if state == "unknown":
        return [f"UNKNOWN  nobody saw how this command ended{doubt}" if doubt else "CUT OFF  given up before it ended"]
    if state in ("refused", "not-run"):
        return ["NOT SENT  nothing ran on the element"]
    word = "result" if send.get("kind_of") == "api" else "exit"
    code = event.get("exit")
    return [f"{word} {one_line(code)} in {took}{times}" if code is not None else f"no exit status in {took}{times}"]


def verdict(event: Event) -> list[str]:
    """`OK  …` or `FAILED  …` where something was expected."""
    words, met = one_line(event.get("words") or ""), event.get("met")
    if met is True:
        return [f"OK  {words or 'as expected'}"]
    if met is False or event.get("state") == "failed":
        return [f"FAILED  {words or 'not as expected'}"]
    return [f"note: {words}"] if words else []


def missing(send: Event) -> list[str]:
    """What stands where the answer to `send` should."""
    return [f"NO ANSWER  nothing was written down after this{DOUBT if str(send.get('verb')) in CHANGING else ''}"]


def seconds(value: object) -> str:
    """A duration in words: `0.04 s`, `1.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        return "an unknown time" if value is None else f"{one_line(value)} s"
    if value < 59.95:
        text = f"{value:.3f}" if value < 0.0995 else f"{value:.1f}"
        return f"{text.rstrip('0').rstrip('.') or '0'} s"
    whole = round(value)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    parts = [(hours, "h"), (minutes, "min")] if hours else [(minutes, "min"), (rest, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def _line(event: Event) -> str:
    seq = event.get("seq")
    return f"events.jsonl line {seq + 1}" if isinstance(seq, int) else "events.jsonl"


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
