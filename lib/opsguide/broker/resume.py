"""Settling what is unknown: a person says what they found, and that is believed and recorded.

- The run must be one whose change holds an element now.
- `found` is `done` or `not-done`, with a reason; both are kept in a record of their own that names the old run.
- Settling sends nothing. It takes the element's lock first: a run that is going on is not settled from outside.
- Of two who settle at the same time one does; the other is told.
- The hold itself tells what is needed: its run's record may be gone.
- What was found is kept in the state folder too, for whoever resumes, before the element is free.
- A change that was found not done is not in force; an undo that was found done has closed what it takes back.
"""

from __future__ import annotations

from typing import Any

from opsguide.broker import intent, opened
from opsguide.broker.intent import Case
from opsguide.broker.means import Asker, Means
from opsguide.broker.state import Hold, Settled, State
from opsguide.errors import InputError
from opsguide.guide import decision, editions, scopes
from opsguide.record import durable, seal, words
from opsguide.record.archive import Archive, RunFolder

FOUND = ("done", "not-done")


def resume(means: Means, request: dict[str, Any]) -> dict[str, Any]:
    """Release the holds of a run; {run, released: [elements]}. InputError when there is nothing to settle."""
    found, why = str(request.get("found") or ""), str(request.get("why") or "").strip()
    if found not in FOUND or not why:
        raise InputError("say what you found and how you know it", next='--found done|not-done --why "…"')
    state = means.state
    held = [h for h in state.holds() if h.run == request.get("run")]
    if not held:
        holding = ", ".join(sorted({h.run for h in state.holds()})) or "none"
        raise InputError(f"the run {request.get('run')} holds nothing", next=f"runs that hold an element: {holding}")
    run = ""
    for hold in held:
        run = _settle(means, hold, found, why)
    return {"run": run, "released": [h.element for h in held]}


def _settle(means: Means, hold: Hold, found: str, why: str) -> str:
    asker, platform, state = means.asker, means.platform, means.state
    edition = editions.load(platform.edition, platform.file.parent)
    activity = _activity(edition, hold)
    element = platform.element(hold.element)
    cell = decision.decide(edition, activity.slug, element.kind, "apply")
    case = Case(platform, edition, activity, scopes.load(activity.slug), element, cell, {"reason": why})
    facts = {**intent.of(case, asker, {}), "mode": "settle", "settles": hold.run}
    holder = {"run": f"settling of {hold.run}", "person": asker.person["name"], "since": durable.now()}
    locks = state.lock([hold.element], holder)
    try:
        if state.held([hold.element]) != hold:
            raise InputError(f"{hold.element} was settled by somebody else meanwhile", next="opsguide elements")
        folder = Archive(asker.records).start(means.hidden(facts))
        event = _recorded(asker, folder, hold, found, means.reach.redactor.text(why))
        state.settle(Settled(hold.run, hold.command, hold.element, found, why, asker.person["name"], durable.now()))
        _close(state, hold, activity, found)
        state.release(hold.element)
    finally:
        locks.free()
    means.say(words.lines(event, words.Context(intent=folder.intent)))
    return folder.run


def _recorded(asker: Asker, folder: RunFolder, hold: Hold, found: str, why: str) -> dict[str, Any]:
    try:
        event = folder.journal.append(
            "settled",
            element=hold.element,
            command=hold.command,
            found=found,
            why=why,
            person=asker.person,
            how="said by a person",
            run=hold.run,
        )
        free = f"{hold.element} is free: command {hold.command} of {hold.run} was found {found}"
        seal.seal(folder, "succeeded", 0, free)
        return event
    finally:
        folder.journal.close()


def _activity(edition: editions.Edition, hold: Hold) -> editions.Activity:
    """The activity of the hold's run, from the run's id."""
    rest = hold.run.partition("-")[2]
    fits = [one for one in edition.activities if rest.startswith(f"{one.slug}-")]
    if not fits:
        words = f"the hold on {hold.element} does not tell its activity"
        raise InputError(words, next=f"look for yourself, then remove holds/{hold.element}.json in the state folder")
    return max(fits, key=lambda one: len(one.slug))


def _close(state: State, hold: Hold, activity: editions.Activity, found: str) -> None:
    if found == "not-done":
        opened.never_was(state, hold.element, hold.run, hold.line)
    else:
        ended = opened.Ended(hold.element, hold.template, hold.change, hold.effect)
        opened.ended_well(state, scopes.load(activity.slug), ended)
