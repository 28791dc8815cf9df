"""edit: the difference is shown in every mode; in apply it is made: see edits.

The acceptance test of a request is the digest of the new file, where the scope has the look that asks for it.
"""

from __future__ import annotations

from typing import Any

from opsguide.broker import edits, pins, proving
from opsguide.broker.work import Work
from opsguide.errors import FailedError, UnknownError


def edit(work: Work, request: dict[str, Any]) -> None:
    """Show, and in apply make, the change of one file."""
    step = work.step(request)
    plan = edits.Edit(work.grounds, work.commands, step.slug, request, asked=work.mode == "request").prepared()
    event = work.commands.write("planned", **plan.planned())
    work.listed.append(event)
    work.commands.show(event)
    look = f"sha256sum {request['what'].get('command')}"
    if work.mode == "request" and work.grounds.scope.find(look, "look", work.grounds.kind):
        expect = {"name": "says", "args": [event["new"]], "exit": 0}
        proving.prove(work, {**request, "what": {"command": look}, "expect": expect})
    if work.mode != "apply" or not plan.diff:
        return
    if work.follow.plan:
        pins.refuse_other_edit(work.follow.plan.named(step.slug, event["key"]), event, work.follow.plan.run)
    work.state.refuse_held([plan.target.element.name])
    try:
        plan.apply(lambda undo: _edited(work, plan, undo))
    except UnknownError:
        work.unknown, step.unknown = work.unknown + 1, True
        work.steps.fail("change")
        raise
    except FailedError:
        by = "interrupt" if work.commands.cancel.is_set() else "change"
        work.steps.fail(by, ("edit", plan.path), f"the edit of {plan.path}")
        raise
    step.owed.pop(("edit", plan.path), None)
    work.made.append((step.slug, event["key"]))


def _edited(work: Work, plan: edits.Edit, undo: str) -> None:
    what = {"element": plan.target.element.name, "words": f"{plan.path} is changed", "undo": undo}
    work.open[plan.target.element.name, undo] = what
    work.commands.write("open", **what)
