"""look and require.

- A look is sent in every mode; unmet it fails in plan and apply, and is evidence in a request.
- A look with when="apply" is sent in apply only; with among= it may return no row that the plan did not see.
- A look at the starting state is sealed in a plan, compared with it in its run, and kept when a run goes on.
- What the followed run has removed from the platform is not asked.
- A look of an acceptance test that has a hold is asked all through it, as the prove that it was.
- require is recorded as judged in the notebook, with its inputs; it never blocks a request.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from opsguide.broker import pins, registering, rows, service_map
from opsguide.broker.order import Step
from opsguide.broker.targets import Target
from opsguide.broker.transit import Command, Seen
from opsguide.broker.waiting import until
from opsguide.broker.work import Work, debt, seconds
from opsguide.errors import FailedError
from opsguide.guide import expectations

AT_ONCE = 16


def look(work: Work, request: dict[str, Any]) -> dict[str, Any]:
    """{answers: [{on, text, exit, state}]} or {later: number}."""
    step = work.step(request)
    if service_map.asked(request):
        return _look_at_services(work, step, request)
    if registering.asked(request):
        return registering.look(work, step, request)
    found = work.targets("look", step, request)
    expect = expectations.checked(request.get("expect"))
    if request.get("when") == "apply" and work.mode != "apply":
        work.later += 1
        work.among[str(work.later)] = rows.firsts(request.get("among"))
        work.list_planned(found, "look", step, expectations.words(expect), "known only in apply")
        return {"later": work.later}
    there = [t for t in found if not work.follow.gone(t)]
    answers = [not_asked(work, step, t) for t in found if t not in there]
    commands = [_look(work, step, t, request) for t in there]
    accepts = request.get("acceptance") is True
    hold = seconds(request, "hold", 0.0) if accepts else 0.0
    asked = [_held(work, c, hold) for c in commands] if hold else [(s, True) for s in _ask_all(work, commands)]
    for command, (seen, over) in zip(commands, asked, strict=True):
        if command.pin:
            _pinned(work, step, command, seen, request)
        if seen.state != "ok" and work.mode != "request":
            raise work.failed("look", command.target, seen, request)
        step.owed.pop(debt("look", command.target), None)
        if accepts:
            work.accepted.append(seen.state == "ok" and over)
        work.rows.saw(seen.text)
        if seen.state == "ok" and command.target.element.name == work.grounds.element.name:
            work.seen[command.target.template] = seen.text
        answers.append({"on": command.target.element.name, "text": seen.text, "exit": seen.exit, "state": seen.state})
    if request.get("among") is not None and work.mode == "apply":
        _refuse_outside(work, answers, request["among"])
    return {"answers": answers}


def _look(work: Work, step: Step, target: Target, request: dict[str, Any]) -> Command:
    pin = request.get("pin") is True
    judged = not (pin and (step.slug, target.key) in work.follow.seen)
    deadline = work.deadline(request, target)
    return Command(target, "look", step.slug, deadline, expect=request.get("expect"), pin=pin, judged=judged)


def not_asked(work: Work, step: Step, target: Target) -> dict[str, Any]:
    """The recorded answer of what the followed run has removed from the platform."""
    work.note(f"not asked, {work.follow.run} has removed {target.element.name} from the platform: {target.shown}")
    text = work.follow.seen.get((step.slug, target.key), "")
    work.rows.saw(text)
    return {"on": target.element.name, "text": text, "exit": 0, "state": "ok"}


def _pinned(work: Work, step: Step, command: Command, seen: Seen, request: dict[str, Any]) -> None:
    """A look at the starting state: sealed in a plan, compared with it in its run, kept when a run goes on."""
    key = (step.slug, command.target.key)
    if key in work.follow.seen:
        words = pins.kept(seen, work.follow.seen[key], request.get("expect"))
        return work.note(f"{words} ({work.follow.run})")
    if work.follow.plan and seen.state == "ok":
        pins.refuse_moved(work.follow.plan.pin(*key), command.target, seen.text, work.follow.plan.run)
    if seen.state == "ok":
        work.pins.append(pins.of(step.slug, command.target, seen.text, request))
    return None


def _ask_all(work: Work, commands: list[Command]) -> list[Seen]:
    """One look as it comes; several at the same time, shown one after another when all have answered."""
    if len(commands) == 1:
        return [work.commands.send(commands[0])]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda c: work.commands.send(replace(c, screen="nothing")), commands))
    for seen in found:
        work.commands.show(seen.sent)
        work.commands.show_answer(seen)
    return found


def _held(work: Work, command: Command, hold: float) -> tuple[Seen, bool]:
    """A look that must be met all through `hold`: its last answer, and whether that time was over."""

    def ask(tries: int) -> Seen:
        return work.commands.send(replace(command, tries=tries, screen="sent" if tries == 1 else "nothing"))

    def tell(passed: float, seen: Seen) -> None:
        work.commands.show({"type": "note", "words": f"{passed:.0f} s: {seen.note[:200]}"})

    found = until(work.commands.cancel, ask, 0.0, hold, tell)
    work.commands.show_answer(found[0])
    return found


def _refuse_outside(work: Work, answers: list[dict[str, Any]], among: list[dict[str, Any]]) -> None:
    outside = rows.outside([a["text"] for a in answers], among)
    if outside:
        work.steps.fail("look")
        work.note(f"the answer has a row that the plan did not see: {outside[:200]}")
        raise FailedError(
            "the answer has a row that the plan did not see",
            answer=outside[:200],
            next="look again from the first step",
        )


def _look_at_services(work: Work, step: Step, request: dict[str, Any]) -> dict[str, Any]:
    """The service map as a look: one answer an element, a line a check."""
    wanted = service_map.wanted(request.get("expect"))
    checks = service_map.checks(work.grounds, request)
    if request.get("when") == "apply" and work.mode != "apply":
        work.later += 1
        if names := ", ".join(dict.fromkeys(one.target.element.name for one in checks)):
            work.note(f"service map of {names}: asked only in apply")
        return {"later": work.later}
    found = work.alive.ask(work.commands, checks, step.slug, "look")
    work.alive.remember(found)
    service_map.tell(work.commands, found)
    bad = [one for one in found if not one.healthy]
    step.owed.pop(("look", "services"), None)
    if request.get("acceptance") is True:
        work.accepted.append(not bad)
    if bad and wanted and work.mode != "request":
        raise work.unhealthy("look", bad)
    texts = service_map.texts(found)
    for text in texts.values():
        work.rows.saw(text)
    return {"answers": [{"on": on, "text": text, "exit": 0, "state": "ok"} for on, text in texts.items()]}


def require(work: Work, request: dict[str, Any]) -> None:
    """Journal what the notebook judged; FailedError when it did not hold."""
    met, words = request.get("met") is True, str(request.get("words", ""))[:400]
    step, inputs = work.step(request), request.get("inputs", {})
    work.commands.show(
        work.commands.write("require", step=step.slug, met=met, words=words, inputs=inputs, judged="in the notebook")
    )
    if met:
        step.owed.pop(("require", words), None)
    elif work.mode != "request":
        work.steps.fail("require", ("require", words), words)
        then = f'see what the looks above answered, and "If it goes wrong" in runbooks/{work.commands.runbook}'
        raise FailedError(f"not so: {words}", where=work.grounds.element.name, next=then)
