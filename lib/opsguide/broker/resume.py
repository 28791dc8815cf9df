"""Settling what is unknown: a person says what they found, and that is believed and recorded.

- The run must be one whose change holds an element now.
- `found` is `done` or `not-done`, with a reason; both are kept in a record of their own that names the old run.
- Settling sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from opsguide.broker.run import Asker, intent_of
from opsguide.broker.state import Hold, State
from opsguide.errors import InputError
from opsguide.guide import decision, editions, scopes
from opsguide.reach.inventory import Platform
from opsguide.record import chain, seal, words
from opsguide.record.archive import Archive

FOUND = ("done", "not-done")


def resume(
    asker: Asker,
    platform: Platform,
    state: State,
    reach: Any,
    request: dict[str, Any],
    say: Callable[[list[str]], None],
) -> dict[str, Any]:
    """Release the holds of a run; {run, released: [elements]}. InputError when there is nothing to settle."""
    found, why = str(request.get("found") or ""), str(request.get("why") or "").strip()
    if found not in FOUND or not why:
        raise InputError("say what you found and how you know it", next='--found done|not-done --why "…"')
    held = [h for h in state.holds() if h.run == request.get("run")]
    if not held:
        holding = ", ".join(sorted({h.run for h in state.holds()})) or "none"
        raise InputError(f"the run {request.get('run')} holds nothing", next=f"runs that hold an element: {holding}")
    run = ""
    for hold in held:
        run = _settle(asker, platform, state, hold, found, why, reach, say)
    return {"run": run, "released": [h.element for h in held]}


def _settle(
    asker: Asker,
    platform: Platform,
    state: State,
    hold: Hold,
    found: str,
    why: str,
    reach: Any,
    say: Callable[[list[str]], None],
) -> str:
    old = _intent_of_run(Path(hold.records), hold.run)
    edition = editions.load(platform.edition, platform.file.parent)
    activity = edition.activity(old["activity"]["slug"])
    element = platform.element(hold.element)
    cell = decision.decide(edition, activity.slug, element.kind, "apply")
    intent = intent_of(
        asker, platform, edition, activity, scopes.load(activity.slug), element, cell, {"reason": why}, {}
    )
    folder = Archive(asker.records).start(reach.redactor.value({**intent, "mode": "settle", "settles": hold.run}))
    locks = state.lock(
        [hold.element], {"run": folder.run, "person": asker.person["name"], "since": folder.intent["at"]}
    )
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
        seal.seal(
            folder, "succeeded", 0, f"{hold.element} is free: command {hold.command} of {hold.run} was found {found}"
        )
        state.release(hold.element)
    finally:
        locks.free()
        folder.journal.close()
    say(words.lines(event, words.Context(intent=folder.intent)))
    return folder.run


def _intent_of_run(records: Path, run: str) -> dict[str, Any]:
    ref = Archive(records).find(run)
    found = chain.parse((ref.path / "intent.json").read_bytes())
    if found is None:
        raise InputError(f"the intent of {run} cannot be read", where=str(ref.path))
    return dict(found)
