"""What an operator reads: the same lines of the same event on the screen, in the record's notebook and on its page.

- Every text has one shape: `== step`, `CHANGE on uh-01`, `$ command`, its output behind a gutter, `exit 0 in 1.2 s`,
  then `OK  nginx is active` or `FAILED  …`. Plain text; nothing depends on colour.
- Our own words start in the first column; what came from elsewhere never does.
- A function here knows one event and its Context, and nothing else: no clock, no file, no run in progress.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opsguide.record import visible
from opsguide.record.visible import one_line

Event = Mapping[str, Any]
KINDS = {
    "user-host": "user host",
    "infrastructure-host": "infrastructure host",
    "infrastructure-container": "infrastructure container",
    "end-user-container": "end-user container",
}
FOUND = {"done": "done", "not-done": "not done"}


@dataclass(frozen=True)
class Context:
    """What an event's words depend on beside the event.

    `intent` is the run's; `send` the send event that an answer belongs to; with `streamed` the caller has already
    shown the output of the command (visible.Stream), so that an answer's words leave it out.
    """

    intent: Event = field(default_factory=dict)
    send: Event = field(default_factory=dict)
    streamed: bool = False


def lines(event: Event, context: Context | None = None) -> list[str]:
    """The lines of one event, each without its newline; an unknown type says that it is unknown."""
    speak = SPEAKERS.get(str(event.get("type")))
    if speak is None:
        return [
            f"note: an event of type {one_line(event.get('type'))}, which this version cannot put into words"
        ]
    return speak(event, context or Context())


def platform(intent: Event) -> str:
    """`lab (PRACTICE)` or `north (REAL)`; what is not said to be practice is real."""
    place = intent.get("platform") or {}
    return f"{one_line(place.get('name', 'unknown platform'))} ({'PRACTICE' if place.get('practice') is True else 'REAL'})"


def title(intent: Event) -> str:
    """`Restarting Processes on uh-01`."""
    activity, element = intent.get("activity") or {}, intent.get("element") or {}
    return f"{one_line(activity.get('title') or activity.get('slug', ''))} on {one_line(element.get('name', ''))}"


def facts(intent: Event) -> list[tuple[str, str]]:
    """Label and text of what is fixed about a run, in the order in which they are read."""
    person = intent.get("person") or {}
    runbook = intent.get("runbook") or {}
    pairs = [
        ("table", cell(intent)),
        ("where", where(intent.get("element") or {})),
        ("mode", one_line(intent.get("mode", ""))),
        ("who", who(person)),
        ("why", one_line(intent.get("reason") or "no reason given")),
        (
            "with",
            ", ".join(f"{one_line(k)}={one_line(v)}" for k, v in (intent.get("parameters") or {}).items()),
        ),
        ("through", one_line(intent.get("frontend", ""))),
        ("runbook", source(runbook)),
        ("run", one_line(intent.get("run", ""))),
    ]
    return [(label, words) for label, words in pairs if words]


def banner(intent: Event) -> list[str]:
    """How a run opens: the platform, PRACTICE or REAL, then what, where, who, why."""
    return [platform(intent), title(intent), *(f"  {label + ':':9}{words}" for label, words in facts(intent))]


def cell(intent: Event) -> str:
    """The table's cell with the edition that it comes from."""
    edition, text = intent.get("edition") or {}, one_line((intent.get("cell") or {}).get("text", ""))
    origin = f"edition {one_line(edition.get('name', ''))} ({one_line(edition.get('digest', ''))[:12]})"
    return text if "edition" in text or not edition else f"{text}, {origin}" if text else origin


def where(element: Event) -> str:
    """`hcore1, infrastructure container 305 on ih-01`."""
    name, kind = one_line(element.get("name", "")), str(element.get("kind", ""))
    host, ctid, env = element.get("host"), element.get("ctid"), element.get("env")
    number = f" {one_line(ctid)}" if ctid not in (None, "") else ""
    at = f" on {one_line(host)}" if host and host != element.get("name") else ""
    of = f", environment {one_line(env)}" if env else ""
    return f"{name}, {KINDS.get(kind, one_line(kind))}{number}{at}{of}"


def who(person: Event) -> str:
    """The person, the account on the machine and how they were recognised."""
    account = ", ".join(
        f"{k} {one_line(person[k])}" for k in ("user", "uid") if person.get(k) not in (None, "")
    )
    how = f"; {one_line(person['how'])}" if person.get("how") else ""
    return (
        f"{one_line(person.get('name') or 'unknown person')}{f' ({account}{how})' if account or how else ''}"
    )


def source(runbook: Event) -> str:
    """Whether the notebook that ran is the repository's."""
    if not runbook:
        return ""
    said = {True: "as in the repository", False: "DIFFERS from the repository's"}
    digest = one_line(runbook.get("sha256") or "")[:12]
    known = said.get(runbook.get("matches"), "not compared with the repository's")  # type: ignore[call-overload]
    return f"{one_line(runbook.get('name', ''))}, {known}{f' ({digest})' if digest else ''}"


def step(event: Event, context: Context) -> list[str]:
    """The heading of a step."""
    attempt = event.get("attempt") or 1
    again = f" (attempt {one_line(attempt)})" if attempt not in (0, 1) else ""
    why = one_line(event.get("words") or "")
    if event.get("applies") is False:
        return [f"== {one_line(event.get('step'))}: does not apply{f', {why}' if why else ''}"]
    return [f"== {one_line(event.get('step'))}{again}", *([why] if why else [])]


def send(event: Event, context: Context) -> list[str]:
    """A command before it is sent: what it is, where, how long it may take, and the whole line."""
    verb, on = str(event.get("verb", "")), one_line(event.get("on", ""))
    loud = verb.upper() if verb in ("change", "edit") else one_line(verb)
    limit = f", at most {seconds(event['deadline'])}" if event.get("deadline") else ""
    note = f", {one_line(event['note'])}" if event.get("note") else ""
    return [f"{loud} on {on}{limit}{note}", f"$ {one_line(event.get('line', ''))}"]


def answer(event: Event, context: Context) -> list[str]:
    """What came back: the output unless it was streamed, the exit, the verdict."""
    shown = [] if context.streamed else output(event)
    return [*shown, *came_back(event, context), *verdict(event)]


def output(event: Event) -> list[str]:
    """Both streams of an answer, shortened; stderr has `! ` as its gutter."""
    rest = f"events.jsonl line {event['seq'] + 1}" if isinstance(event.get("seq"), int) else "events.jsonl"
    found: list[str] = []
    for name, mark in (("out", "  "), ("err", "! ")):
        stream, head, tail = (
            visible.Stream(mark),
            str(event.get(name) or ""),
            str(event.get(f"{name}_tail") or ""),
        )
        more = 0
        if tail:
            head, tail = head.rpartition("\n")[0] + "\n", tail.partition("\n")[2] or tail
            more = max(0, int(event.get(f"{name}_lines") or 0) - head.count("\n") - tail.count("\n"))
        found += stream.feed(head) + stream.feed(tail)
        found += stream.end(one_line(event.get(f"{name}_file") or rest), more)
    return found


def came_back(event: Event, context: Context) -> list[str]:
    """`exit 0 in 1.2 s`, or in capitals why there is no exit status."""
    state, took = str(event.get("state")), seconds(event.get("seconds") or 0)
    tries = event.get("tries") or 1
    times = f", {one_line(tries)} tries" if tries not in (0, 1) else ""
    doubt = "; whether it took effect is not known" if context.send.get("verb") in ("change", "edit") else ""
    if state == "timeout":
        return [f"TIMEOUT  no answer within {took}{times}{doubt}"]
    if state == "lost":
        return [f"LOST  the connection ended after {took}, before the command did{doubt}"]
    if state == "unknown":
        return [f"UNKNOWN  nobody saw how this command ended{doubt}"]
    if state == "refused":
        return ["not sent"]
    word = "result" if context.send.get("kind_of") == "api" else "exit"
    code = event.get("exit")
    return [
        f"{word} {one_line(code)} in {took}{times}"
        if code is not None
        else f"{one_line(state)} in {took}{times}"
    ]


def verdict(event: Event) -> list[str]:
    """`OK  …` or `FAILED  …` where something was expected."""
    words, met, state = one_line(event.get("words") or ""), event.get("met"), event.get("state")
    if met is True:
        return [f"OK  {words or 'as expected'}"]
    if met is False or state == "failed":
        return [f"FAILED  {words or 'not as expected'}"]
    return [f"note: {words}"] if words else []


def planned(event: Event, context: Context) -> list[str]:
    """A command that this mode only lists."""
    check = event.get("verb") == "prove"
    found = [f"would {one_line(event.get('verb', 'run'))} on {one_line(event.get('on', ''))}"]
    if event.get("line"):
        found.append(f"would run: {one_line(event['line'])}")
    if event.get("expect_words"):
        found.append(f"would check: {one_line(event['expect_words'])}")
    if event.get("words") and not (check and event.get("words") == event.get("expect_words")):
        found.append(f"note: {one_line(event['words'])}")
    return found + visible.excerpt(str(event.get("diff") or ""))


def require(event: Event, context: Context) -> list[str]:
    """A condition that the notebook judged, with what it was judged on when it failed."""
    inputs = event.get("inputs")
    shown = f"; inputs {one_line(inputs)[:400]}" if inputs and not event.get("met") else ""
    return [
        f"{'OK' if event.get('met') else 'FAILED'}  {one_line(event.get('words'))} (judged in the notebook{shown})"
    ]


def refused(event: Event, context: Context) -> list[str]:
    """A refusal that helps: what, the cell, the edition, who may act, the next step."""
    found = event.get("cell")
    text = found.get("text", "") if isinstance(found, Mapping) else found
    edition = context.intent.get("edition") or {}
    named = (
        f"{one_line(edition.get('name', ''))} ({one_line(edition.get('digest', ''))[:12]})" if edition else ""
    )
    return _labelled(
        f"REFUSED  {one_line(event.get('words'))}",
        ("cell", text), ("edition", event.get("edition") or named), ("may act", event.get("who_may")),
        ("rule", event.get("rule")), ("next", event.get("next")),
    )  # fmt: skip


def hold(event: Event, context: Context) -> list[str]:
    """An element that nothing may change until somebody has looked."""
    run = one_line(context.intent.get("run") or "RUN")
    return _labelled(
        f"HELD  {one_line(event.get('element'))}: {one_line(event.get('words'))}",
        ("look", event.get("settle")), ("next", f'opsguide resume {run} --found done|not-done --why "…"'),
    )  # fmt: skip


def settled(event: Event, context: Context) -> list[str]:
    """A hold that was taken off, by whom and on what ground."""
    person = event.get("person")
    by = who(person) if isinstance(person, Mapping) else one_line(person or "a look")
    how = f" ({one_line(event['how'])})" if event.get("how") else ""
    found = FOUND.get(str(event.get("found")), one_line(event.get("found")))
    why = f": {one_line(event['why'])}" if event.get("why") else ""
    return [
        f"SETTLED  {one_line(event.get('element'))}: command {one_line(event.get('command'))} found {found} by {by}{how}{why}"
    ]


def opened(event: Event, context: Context) -> list[str]:
    """A change that stays in force until its undo has run."""
    return _labelled(
        f"OPEN  {one_line(event.get('element'))}: {one_line(event.get('words'))}", ("undo", event.get("undo"))
    )


def closed(event: Event, context: Context) -> list[str]:
    """The undo of an open change has run."""
    return [f"CLOSED  {one_line(event.get('element'))}: {one_line(event.get('undo'))}"]


def note(event: Event, context: Context) -> list[str]:
    """A remark for the record."""
    return [f"note: {one_line(event.get('words'))}"]


def proof(event: Event, context: Context) -> list[str]:
    """What the element was found to be, and on what evidence."""
    agrees = {True: "agrees", False: "CONTRADICTS"}
    found = [
        f"  {one_line(item.get('what'))}: {one_line(item.get('value'))} ({agrees.get(item.get('agrees'), 'not compared')})"
        for item in event.get("evidence") or []
    ]
    api = [f"  platform API: {one_line(event['api'])}"] if event.get("api") else []
    words = f": {one_line(event['words'])}" if event.get("words") else ""
    return [
        f"{one_line(event.get('verdict', '')).upper()}  {one_line(event.get('element'))}{words}",
        *found,
        *api,
    ]


def cell_start(event: Event, context: Context) -> list[str]:
    """A cell that starts."""
    return [f"[{one_line(event.get('cell'))}] {one_line(event.get('id') or 'cell')}{cell_mark(event)}"]


def cell_mark(event: Event) -> str:
    """What has to be said about the source of a cell, empty for the repository's own."""
    if event.get("source") is None:
        return ": its source is not recorded"
    said = {True: "", False: ": not a cell of the repository's runbook"}
    return said.get(event.get("known"), ": not compared with the repository's runbook")  # type: ignore[call-overload]


def cell_output(event: Event, context: Context) -> list[str]:
    """What the kernel showed in a cell, as text."""
    picture = ["  (a picture)"] if event.get("png") else []
    text = str(event.get("text") or event.get("html") or "")
    mark = "! " if event.get("kind") == "error" or event.get("name") == "stderr" else "  "
    return [*visible.excerpt(text, mark, "events.jsonl"), *picture]


def cell_end(event: Event, context: Context) -> list[str]:
    """How a cell ended; a cell that ended well says nothing."""
    if event.get("state") == "ok":
        return []
    return [
        f"[{one_line(event.get('cell'))}] {one_line(event.get('state'))} after {seconds(event.get('seconds') or 0)}"
    ]


def end(event: Event, context: Context) -> list[str]:
    """The verdict on the run."""
    return [
        f"{one_line(event.get('state', '')).upper()}  {one_line(event.get('words'))} (exit {one_line(event.get('exit'))})"
    ]


def seconds(value: float) -> str:
    """A duration in words: `0.004 s`, `1.2 s`, `3 min 20 s`, `2 h 5 min`."""
    number = float(value)
    if number < 0.0995:
        return f"{number:.3f} s"
    if number < 60:
        return f"{number:.1f} s".replace(".0 s", " s")
    whole = round(number)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    parts = [(hours, "h"), (minutes, "min")] if hours else [(minutes, "min"), (rest, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def _labelled(first: str, *pairs: tuple[str, object]) -> list[str]:
    return [first, *(f"  {label + ':':9}{one_line(text)}" for label, text in pairs if text)]


SPEAKERS: dict[str, Callable[[Event, Context], list[str]]] = {
    "proof": proof, "step": step, "cell": cell_start, "output": cell_output, "cell-end": cell_end, "send": send,
    "answer": answer, "planned": planned, "require": require, "refused": refused, "open": opened, "closed": closed,
    "hold": hold, "settled": settled, "note": note, "end": end,
}  # fmt: skip
