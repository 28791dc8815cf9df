"""change: listed in plan and request; in apply sent once for each row and element, stopping at the first failure.

- No change is sent to an element that is held, nor one that the plan which is carried out does not have.
- No change is sent that an invariant forbids; a plan says which would be refused now.
- A path in it must be this activity's, also where it leads to by now: a look before it may have been left out.
- What a followed run has done is not sent again: it is proved.
- What the platform hands out is asked for last: see handed.
- Changes go one after another unless at_a_time= lets several go together: see batches.
- The end of a reboot is seen by its prove: see reboots.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from opsguide.broker import batches, following, handed, invariants, opened, recorded, settling
from opsguide.broker.order import Step
from opsguide.broker.targets import Target, targets
from opsguide.broker.transit import UNCLEAR, Command, Seen
from opsguide.broker.work import Work, debt
from opsguide.errors import OpsguideError, RefusedError, UnknownError


def change(work: Work, request: dict[str, Any]) -> None:
    """Send or list a change. UnknownError keeps the element held."""
    step = work.step(request)
    found = [t for one in work.each("change", request) for t in targets(work.grounds, "change", one)]
    for target in found:
        _refuse_elsewhere(step, target)
    work.plain.clear()
    work.hold_paths(step, found, work.mode == "apply")
    undo = str(request.get("undo", ""))
    found = [recorded.whole(work, step, target, request) for target in found]
    if work.mode != "apply":
        words = f"to take it back: {undo}" if undo else ""
        work.list_planned(found, "change", step, "exit 0", words, request.get("what"))
        return _foresee(work, found, step)
    errors: list[OpsguideError] = []
    for batch in batches.cut(found, batches.size(request.get("at_a_time"), found)):
        errors += _change_some(work, step, batch, undo, request)
        if errors and not all(t.entry.independent for t in batch):
            break
        if any(isinstance(error, UnknownError) for error in errors):
            break
    if errors:
        raise batches.worst(errors)
    return None


def _change_some(
    work: Work, step: Step, batch: list[Target], undo: str, request: dict[str, Any]
) -> list[OpsguideError]:
    """Send the changes of one batch together; what failed."""
    ready = [found for target in batch if (found := _ready(work, step, target, undo, request))]
    answers = batches.send(work.commands, ready, partial(_send, work))
    came = [
        seen if isinstance(seen, OpsguideError) else _came(work, step, command, seen, request)
        for command, seen in zip(ready, answers, strict=True)
    ]
    return [error for error in came if error]


def _ready(work: Work, step: Step, target: Target, undo: str, request: dict[str, Any]) -> Command | None:
    """The change to send; None when it is not to be sent."""
    if not step.may_send(target.key):
        work.note(f"already done in this run, not sent again: {target.shown}")
        return None
    if _done_before(work, step, target, undo):
        return None
    if work.follow.plan:
        work.follow.plan.refuse_beyond(step.slug, target)
    work.state.refuse_held([target.element.name])
    invariants.refuse(work.grounds, work.commands, work.state, step.slug, target)
    deadline = work.deadline(request, target)
    if target.entry.effect == "reboots":
        work.reboots.read(work.commands, work.grounds.platform, target, step.slug)
    target = settling.with_look(work.grounds, target, request.get("slots") or {})
    undo = opened.undo_of(work.grounds, target, undo)
    command = Command(target, "change", step.slug, deadline, holds=True, undo=undo)
    return handed.filled(work, step, command, request)


def _send(work: Work, command: Command, together: bool) -> Seen:
    """Send a change; what takes it back is noted first."""
    note = opened.about(work.grounds, work.commands, command.target, command.undo)
    shown = replace(command, screen="sent") if together else command
    return opened.sent(work.state, note, lambda: work.commands.send(shown))


def _came(work: Work, step: Step, command: Command, seen: Seen, request: dict[str, Any]) -> OpsguideError | None:
    """A change was sent and this came of it; the error to raise for it, if any."""
    target = command.target
    if work.reboots.sent(target, seen):
        work.unknown += 1
    elif seen.state in UNCLEAR:
        work.unknown, step.unknown = work.unknown + 1, True
        return work.failed("change", target, seen, request)
    elif seen.state != "ok":
        return work.failed("change", target, seen, request)
    step.owed.pop(debt("change", target), None)
    work.made.append((step.slug, target.key))
    _ended(work, step, target, command.undo)
    return None


def _ended(work: Work, step: Step, target: Target, undo: str) -> None:
    step.ended.add(target.key)
    if not target.entry.unproven:
        step.changed(target.element.name, target.shown)
    _opened(work, target, undo)


def _done_before(work: Work, step: Step, target: Target, undo: str) -> bool:
    """Whether the followed run has done it, and that can be seen again: then it is proved, not sent.

    It counts once: when its proof fails, running the step again sends it. What nothing proves counts where a later
    step was built on it: containers that were stopped for a reboot which is over are not stopped again.
    """
    by = work.follow.done.get((step.slug, target.key))
    built_on = any(work.steps.is_after(slug, step.slug) for slug, _ in work.follow.done)
    seen_again = not target.entry.unproven or built_on or opened.is_out(work.state, target.element.name)
    if by is None or not seen_again:
        return False
    work.follow = following.without(work.follow, step.slug, target.key)
    effect = {"effect": target.entry.effect} if target.entry.effect else {}
    work.commands.show(
        work.commands.write(
            "done-before",
            step=step.slug,
            on=target.element.name,
            key=target.key,
            line=target.shown,
            run=by,
            **effect,
        )
    )
    _ended(work, step, target, undo)
    return True


def _foresee(work: Work, found: list[Target], step: Step) -> None:
    """A plan says what an invariant would refuse now."""
    for target in found if work.mode == "plan" else ():
        story = invariants.against(work.grounds, work.commands, work.state, step.slug, target)
        if story:
            work.note(f"would be refused now: {story.words}; next: {story.next}")


def _opened(work: Work, target: Target, undo: str) -> None:
    name, undo = target.element.name, opened.undo_of(work.grounds, target, undo)
    for undone in opened.ended_well(work.state, work.grounds.scope, opened.of_target(target)):
        work.open.pop((name, undone), None)
        work.commands.write("closed", element=name, undo=undone)
    if undo:
        what = {"element": name, "words": opened.words_of(target), "undo": undo}
        work.open[name, undo] = what
        if target.entry.effect == opened.OUT:
            work.out.add((name, undo))
        work.commands.write("open", **what)


def keep(work: Work) -> None:
    """The run succeeded: what is in force is as wanted, but for an element that is out: that stays open."""
    for (name, undo), what in work.open.items():
        if (name, undo) in work.out:
            work.commands.show({"type": "open", **what})
            continue
        opened.kept(work.state, name, undo)
        work.commands.show(work.commands.write("closed", element=name, undo=undo, kept=True))
    work.open.clear()


def _refuse_elsewhere(step: Step, target: Target) -> None:
    """RefusedError for a change that belongs to another step."""
    if step.slug not in target.entry.steps:
        its = " or ".join(target.entry.steps)
        raise RefusedError(f"this change belongs to step {its}", command=target.template, next=f"run step {its}")
