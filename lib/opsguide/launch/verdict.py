"""The last lines of a run: its verdict, what was changed, what is open, the next step, where its record is."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from opsguide.guide import scopes
from opsguide.launch.outcome import Outcome


def verdict(outcome: Outcome, whole: bool = True) -> list[str]:
    """The lines; without `whole` the verdict itself is left out, it has been shown."""
    if outcome.run is None:
        return [f"NOT RUN  {outcome.words} (exit {outcome.exit})", "nothing was sent, and there is no record"]
    said = [f"{outcome.state.upper()}  {outcome.words} (exit {outcome.exit})"] if whole else []
    if outcome.mode == "apply" and outcome.changed:
        said.append(f"changed:  {outcome.changed}")
    said += [f"still open: {text}" for text in outcome.open]
    if then := _then(outcome):
        said.append(f"next:     {then}")
    if outcome.request:
        said.append(f"request:  {outcome.request}")
    return [*said, f"record:   {outcome.record}"]


def _then(outcome: Outcome) -> str:
    """The next step to take."""
    if outcome.mode == "plan" and outcome.state == "succeeded":
        return f'to carry it out: opsguide run --plan {outcome.run}{_confirmation(outcome)} --reason "…"'
    if outcome.state == "unknown":
        return f'look at the element, then opsguide resume {outcome.run} --found done|not-done --why "…"'
    if outcome.mode == "apply" and outcome.state in ("interrupted", "failed"):
        doubt = "no change is in doubt; " if outcome.state == "interrupted" else ""
        return f"{doubt}once the cause is mended: opsguide resume {outcome.run}"
    return ""


def _confirmation(outcome: Outcome) -> str:
    """What is still to be confirmed before this plan is carried out, as it stands on the command line."""
    intent = json.loads((Path(outcome.record) / "intent.json").read_bytes())
    scope = scopes.load(outcome.activity)
    asked_for = [p for p in scope.parameters.known.values() if p.confirms] if scope else []
    given = {"element": outcome.element, **intent.get("parameters", {})}
    missing = [p for p in asked_for if given.get(p.name) != given[p.confirms]]
    return "".join(f" -p {p.name}={shlex.quote(str(given[p.confirms]))}" for p in missing)
