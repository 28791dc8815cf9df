"""What a plan has recorded, looked at again: pinned looks, edited files, whole records of the platform.

- A record that the run itself makes is in no plan; it is read right before it is sent.
- All of it is looked at before the first change of the plan's run; a record once more right before it is sent.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from opsguide.broker import calls, pins
from opsguide.broker.order import Step
from opsguide.broker.targets import Target, call, own, targets
from opsguide.broker.transit import Command
from opsguide.broker.work import Work, debt
from opsguide.guide.entries import Entry


def whole(work: Work, step: Step, target: Target, request: dict[str, Any]) -> Target:
    """A call that stores a whole record: the record is read, and only what is wanted is changed in it."""
    rule = target.entry.record
    if rule is None or target.args is None or (step.slug, target.key) in work.follow.done:
        return target
    if rule.later and work.mode != "apply":
        return replace(target, same=json.dumps(target.args, sort_keys=True))
    ask = call(work.grounds, Entry(rule.read, "look", args={}), target.element)
    seen = work.commands.send(Command(ask, "look", step.slug, ask.entry.deadline, screen="failure"))
    if seen.state != "ok":
        raise work.failed("look", ask, seen, request)
    step.owed.pop(debt("look", ask), None)
    found = calls.whole(rule, target.args, seen.raw.decode("utf-8", "replace"))
    same = json.dumps(target.args, sort_keys=True)
    shown = calls.shown(work.grounds.platform, target.template, found.args)
    made = replace(target, args=found.args, shown=shown, same=same, pin=found.digest)
    if work.follow.plan and work.mode == "apply" and not rule.later:
        pins.refuse_other_record(work.follow.plan.named(step.slug, made.key), made, work.follow.plan.run)
    return made


def compare_with_plan(work: Work) -> None:
    """Before the first change: look again at all that the plan pinned. RefusedError for what has moved."""
    plan = work.follow.plan
    if plan is None or work.follow.how != "plan":
        return
    for pin in plan.pins:
        request = {"what": pin["what"], "on": [pin["on"]], "slots": pin["slots"]}
        for target in targets(work.grounds, "look", request):
            command = Command(target, "look", pin["step"], target.entry.deadline, screen="failure", judged=False)
            pins.refuse_moved(pin, target, work.commands.send(command).text, plan.run)
    for planned in plan.changes:
        _compare_planned(work, planned, plan.run)


def _compare_planned(work: Work, planned: dict[str, Any], plan: str) -> None:
    if planned["verb"] == "edit":
        ask = own(work.grounds.platform, work.grounds.element, ["sha256sum", planned["path"]])
        screen = "failure" if planned["old"] else "nothing"
        command = Command(ask, "look", planned["step"], ask.entry.deadline, screen=screen, judged=False)
        pins.refuse_other_file(planned, work.commands.send(command).text, plan)
    elif planned.get("pin"):
        request = {"what": planned["what"], "on": [planned["on"]]}
        for target in targets(work.grounds, "change", request):
            whole(work, Step(planned["step"]), target, request)
