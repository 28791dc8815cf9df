"""prove: listed in plan, the acceptance test in a request; in apply asked until it is met or its time is over.

- With hold it must be met all through that time.
- What is listed is kept as the look that asks it again; a row of each= stands in it, and is asked by itself.
- A prove that sees a reboot settles it; one that does not leaves it unknown.
"""

from __future__ import annotations

from typing import Any

from opsguide.broker import looking, service_map
from opsguide.broker.order import Step
from opsguide.broker.rows import FromRow
from opsguide.broker.targets import Target, slots_of, targets
from opsguide.broker.transit import Command, Seen
from opsguide.broker.waiting import until
from opsguide.broker.work import Work, debt, seconds
from opsguide.errors import OpsguideError
from opsguide.guide import expectations


def prove(work: Work, request: dict[str, Any]) -> None:
    """Ask until the expectation is met, or see it met all through `hold`."""
    step = work.step(request)
    if service_map.asked(request):
        return _prove_services(work, step, request)
    expect = expectations.checked(request.get("expect"))
    within, hold = (seconds(request, k, 0.0) for k in ("within", "hold"))
    if work.mode != "apply":
        when = f" within {request['within']}" if within else f" for {request['hold']}" if hold else ""
        return _list(work, step, request, expectations.words(expect) + when)
    for target in work.targets("prove", step, request):
        if work.follow.gone(target):
            looking.not_asked(work, step, target)
        else:
            _prove_one(work, step, target, within, hold, request)
        step.proved(target.element.name)
        step.owed.pop(debt("prove", target), None)
    return None


def _list(work: Work, step: Step, request: dict[str, Any], words: str) -> None:
    """List what would be asked, each row by itself."""
    for one in work.each("prove", request):
        found = work.targets("prove", step, {**one, "each": None})
        row = {n: v for n in slots_of(request["what"]) if isinstance(v := (one.get("slots") or {}).get(n), FromRow)}
        work.list_planned(found, "prove", step, words, "", ask=_again(request, row))


def _again(request: dict[str, Any], row: dict[str, FromRow] | None = None) -> dict[str, Any]:
    """A prove as the look that asks it again, when the vendor says done."""
    kept: dict[str, Any] = {"hold": request["hold"]} if request.get("hold") else {}
    kept |= {"each": [row]} if row else {}
    return {"what": request.get("what"), "expect": request.get("expect"), "slots": request.get("slots") or {}, **kept}


def _prove_one(work: Work, step: Step, target: Target, within: float, hold: float, request: dict[str, Any]) -> None:
    def ask(tries: int) -> Seen:
        return work.commands.send(_ask(work, step, target, request, tries))

    def tell(passed: float, seen: Seen) -> None:
        _tell_progress(work, step, passed, seen, request)

    seen, over = until(work.commands.cancel, ask, within, hold, tell)
    met = seen.state == "ok"
    work.commands.show_answer(seen)
    if met and hold and not over:
        seen.note = "given up before its time was over"
        raise work.failed("prove", target, seen, request)
    if not met:
        raise _unmet(work, step, target, seen, request)
    if work.reboots.settle(work.commands, target):
        work.unknown -= 1


def _unmet(work: Work, step: Step, target: Target, seen: Seen, request: dict[str, Any]) -> OpsguideError:
    """A prove was not met: failed; unknown where a reboot was to be seen, unless somebody gave up waiting."""
    failed = work.failed("prove", target, seen, request)
    if work.reboots.awaited(target) is None or work.commands.cancel.is_set():
        return failed
    step.unknown = True
    work.reboots.leave(work.commands)
    return work.reboots.unseen(target, work.commands.run)


def _prove_services(work: Work, step: Step, request: dict[str, Any]) -> None:
    """Ask until every check is healthy that was so before, or was not looked at before."""
    found, within = service_map.checks(work.grounds, request), seconds(request, "within", 0.0)
    if work.mode != "apply":
        when = f" within {request['within']}" if within else ""
        events = service_map.plan(work.commands, found, step.slug, when, _again(request))
        work.listed += events if work.mode == "request" else []
        return None
    bad = work.alive.wait(work.commands, found, step.slug, within)
    if bad:
        raise work.unhealthy("prove", bad)
    step.owed.pop(("prove", "services"), None)
    for name in {one.target.element.name for one in found}:
        step.proved(name)
    return None


def _tell_progress(work: Work, step: Step, passed: float, seen: Seen, request: dict[str, Any]) -> None:
    """What a wait looks like from outside, now and then: the progress look's first line, or the last answer."""
    words = seen.note
    if request.get("progress"):
        for target in targets(work.grounds, "look", {**request, "what": request["progress"], "slots": {}}):
            command = Command(target, "look", step.slug, target.entry.deadline, screen="nothing", judged=False)
            words = (work.commands.send(command).text.strip().splitlines() or [words])[0]
    work.commands.show({"type": "note", "words": f"{passed:.0f} s: {words[:200]}"})


def _ask(work: Work, step: Step, target: Target, request: dict[str, Any], tries: int) -> Command:
    deadline, screen = work.deadline(request, target), "sent" if tries == 1 else "nothing"
    expect = work.reboots.expected(target) or request.get("expect")
    return Command(target, "prove", step.slug, deadline, expect=expect, tries=tries, screen=screen)
