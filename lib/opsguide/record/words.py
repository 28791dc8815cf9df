"""What an operator reads: the same lines of the same event on the screen, in the record's notebook, on its page.

- Every text has one shape: `== step`, `CHANGE on uh-01`, `$ command`, its output behind a gutter,
  `exit 0 in 1.2 s`, then `OK  nginx is active` or `FAILED  …`. Plain text; nothing depends on colour.
- Our own words start in the first column; what came from elsewhere never does.
- A function here knows one event and its Context, and nothing else: no clock, no file, no run in progress.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opsguide.record import answers, facts, visible
from opsguide.record.answers import answer, seconds
from opsguide.record.facts import banner
from opsguide.record.visible import one_line

__all__ = ["Context", "answer", "banner", "lines", "seconds"]

Event = Mapping[str, Any]
SETS = "sets parameters"


@dataclass(frozen=True)
class Context:
    """What an event's words depend on beside the event.

    `intent` is the run's; `send` the send event that an answer belongs to; with `streamed` the caller has
    already shown the command's output (visible.Stream), and the words of its answer leave it out.
    """

    intent: Event = field(default_factory=dict)
    send: Event = field(default_factory=dict)
    streamed: bool = False


def lines(event: Event, context: Context | None = None) -> list[str]:
    """The lines of one event, each without its newline; an unknown type says that it is unknown."""
    context, kind = context or Context(), str(event.get("type"))
    if kind == "answer":
        return answer(event, context.send, streamed=context.streamed)
    speak = SPEAKERS.get(kind)
    if speak is None:
        return [f"note: an event of type {one_line(kind)}, which this version cannot put into words"]
    return speak(event, context)


def step(event: Event, context: Context) -> list[str]:
    """The heading of a step."""
    name, why = one_line(event.get("step")), one_line(event.get("words") or "")
    if event.get("applies") is False:
        return [f"== {name}: does not apply{f', {why}' if why else ''}"]
    attempt = event.get("attempt")
    again = "" if attempt in (None, 0, 1) else f" (attempt {one_line(attempt)})"
    return [f"== {name}{again}", *([f"note: {why}"] if why else [])]


def send(event: Event, context: Context) -> list[str]:
    """A command before it is sent: what it is, where, how long it may take, and the whole line."""
    verb, deadline, note = one_line(event.get("verb") or "send"), event.get("deadline"), event.get("note")
    loud = verb.upper() if verb in answers.CHANGING else verb
    limit = f", at most {seconds(deadline)}" if deadline else ""
    said = f", {one_line(note)}" if note else ""
    return [f"{loud} on {one_line(event.get('on'))}{limit}{said}", f"$ {one_line(event.get('line'))}"]


def planned(event: Event, context: Context) -> list[str]:
    """A command that this mode lists and does not send."""
    said = [(label, event.get(key)) for label, key in (("run", "line"), ("check", "expect_words"))]
    found = [f"would {label}: {one_line(text)}" for label, text in said if text]
    words = event.get("words")
    note = [f"note: {one_line(words)}"] if words and words != event.get("expect_words") else []
    first = f"{one_line(event.get('verb') or 'command')} on {one_line(event.get('on'))}, planned"
    return [first, *found, *note, *visible.excerpt(str(event.get("diff") or ""), where="events.jsonl")]


def require(event: Event, context: Context) -> list[str]:
    """A condition that the notebook, or the broker, judged; when it is not met, with what it was judged on."""
    met, inputs = event.get("met") is True, event.get("inputs")
    pairs = inputs.items() if isinstance(inputs, Mapping) else [("inputs", inputs)]
    said = "; ".join(f"{one_line(name)}: {one_line(value)}" for name, value in pairs)
    shown = f"; {said[:400]}" if inputs and not met else ""
    verdict, by = "OK" if met else "FAILED", event.get("judged") or "in the notebook"
    return [f"{verdict}  {one_line(event.get('words'))} (judged {one_line(by)}{shown})"]


def refused(event: Event, context: Context) -> list[str]:
    """A refusal that helps: what, the cell, the edition, who may act, the next step."""
    cell = event.get("cell")
    text = cell.get("text") if isinstance(cell, Mapping) else cell
    edition = event.get("edition") or facts.edition(context.intent).removeprefix("edition ")
    return labelled(
        f"REFUSED  {one_line(event.get('words'))}",
        ("cell", text or facts.part(context.intent, "cell").get("text")),
        ("edition", edition),
        ("may act", event.get("who_may")),
        ("rule", event.get("rule")),
        ("next", event.get("next")),
    )


def hold(event: Event, context: Context) -> list[str]:
    """An element that nothing may change until somebody has looked."""
    run = one_line(context.intent.get("run") or "RUN")
    return labelled(
        f"HELD  {one_line(event.get('element'))}: {one_line(event.get('words'))}",
        ("look", event.get("look") or event.get("settle")),
        ("next", f'opsguide resume {run} --found done|not-done --why "…"'),
    )


def settled(event: Event, context: Context) -> list[str]:
    """A hold that was taken off, by whom and on what ground."""
    person, found = event.get("person"), one_line(event.get("found")).replace("-", " ")
    by = facts.who(person) if isinstance(person, Mapping) else one_line(person or "a look")
    of = f" of {one_line(event['run'])}" if event.get("run") else ""
    first = f"SETTLED  {one_line(event.get('element'))}: command {one_line(event.get('command'))}{of} found {found}"
    return labelled(first, ("by", by), ("how", event.get("how")), ("why", event.get("why")))


def opened(event: Event, context: Context) -> list[str]:
    """A change that stays in force until its undo has run."""
    first = f"OPEN  {one_line(event.get('element'))}: {one_line(event.get('words') or 'a change is in force')}"
    return labelled(first, ("undo", event.get("undo")))


def closed(event: Event, context: Context) -> list[str]:
    """The undo of an open change has run; with `kept`, the run succeeded and its change stays."""
    if event.get("kept") is True:
        return [f"KEPT  {one_line(event.get('element'))}; to take it back: {one_line(event.get('undo'))}"]
    return [f"CLOSED  {one_line(event.get('element'))}: {one_line(event.get('undo'))}"]


def done_before(event: Event, context: Context) -> list[str]:
    """A change that the followed run has done and that is proved here, not sent."""
    by = f"on {one_line(event.get('on'))}, by {one_line(event.get('run'))}"
    return [f"DONE BEFORE  {by}; not sent again, proved below", f"$ {one_line(event.get('line'))}"]


def compared(event: Event, context: Context) -> list[str]:
    """The plan against what was done."""
    listed = event.get("not_made")
    left = [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []
    plan = f"PLAN  {one_line(event.get('plan'))} ({one_line(event.get('digest'))[:12]})"
    made = f"{one_line(event.get('made') or 0)} made, {len(left)} not made"
    return [f"{plan}: {made}", *(f"  {one_line(i.get('step'))}: {one_line(i.get('line'))}" for i in left)]


def note(event: Event, context: Context) -> list[str]:
    """A remark for the record."""
    return [f"note: {one_line(event.get('words'))}"]


def proof(event: Event, context: Context) -> list[str]:
    """What the element was found to be, and on what evidence."""
    words = f": {one_line(event['words'])}" if event.get("words") else ""
    first = f"{one_line(event.get('verdict')).upper()}  {one_line(event.get('element'))}{words}"
    evidence = event.get("evidence")
    items = [item for item in evidence if isinstance(item, Mapping)] if isinstance(evidence, list) else []
    api = [f"  platform API: {one_line(event['api'])}"] if event.get("api") else []
    return [first, *(_evidence(item) for item in items), *api]


def _evidence(item: Event) -> str:
    agrees = item.get("agrees")
    said = "not compared" if agrees is None else "agrees" if agrees is True else "CONTRADICTS"
    return f"  {one_line(item.get('what'))}: {one_line(item.get('value'))} ({said})"


def cell_start(event: Event, context: Context) -> list[str]:
    """A cell that starts, and what has to be said about its source."""
    mark = cell_mark(event)
    return [f"[{one_line(event.get('cell'))}] {one_line(event.get('id') or 'cell')}{f': {mark}' if mark else ''}"]


def cell_mark(event: Event) -> str:
    """What has to be said about the source of a cell; empty for the repository's own."""
    if not event.get("source"):
        return "its source is not recorded"
    if event.get("known") is None:
        return SETS if event.get("id") == "parameters" else "not compared with the repository's runbook"
    return "" if event.get("known") is True else "NOT a cell of the repository's runbook"


def is_foreign(event: Event) -> bool:
    """Whether a cell has another source than the repository's, beyond the values of parameters."""
    return bool(cell_mark(event)) and cell_mark(event) != SETS


def cell_output(event: Event, context: Context) -> list[str]:
    """What the kernel showed in a cell, as text."""
    text = str(event.get("text") or event.get("html") or "")
    name, failed = str(event.get("name") or ""), event.get("kind") == "error"
    if failed and name and not text.startswith(name):
        text = f"{name}: {text}"
    mark = "! " if failed or name == "stderr" else "  "
    return [*visible.excerpt(text, mark, "events.jsonl"), *(["  (a picture)"] if event.get("png") else [])]


def cell_end(event: Event, context: Context) -> list[str]:
    """How a cell ended; one that ended well says nothing."""
    if event.get("state") == "ok":
        return []
    state, took = one_line(event.get("state")), seconds(event.get("seconds"))
    return [f"[{one_line(event.get('cell'))}] {state} after {took}"]


def end(event: Event, context: Context) -> list[str]:
    """The verdict on the run."""
    words, code = one_line(event.get("words") or ""), one_line(event.get("exit"))
    return [f"{one_line(event.get('state')).upper()}  {words}{' ' if words else ''}(exit {code})"]


def labelled(first: str, *pairs: tuple[str, object]) -> list[str]:
    """`first`, then a line for each pair that has a text."""
    return [first, *(f"  {label + ':':9}{one_line(text)}" for label, text in pairs if text)]


SPEAKERS: dict[str, Callable[[Event, Context], list[str]]] = {
    "proof": proof,
    "step": step,
    "cell": cell_start,
    "output": cell_output,
    "cell-end": cell_end,
    "send": send,
    "planned": planned,
    "require": require,
    "refused": refused,
    "open": opened,
    "closed": closed,
    "hold": hold,
    "settled": settled,
    "done-before": done_before,
    "compared": compared,
    "note": note,
    "end": end,
}
