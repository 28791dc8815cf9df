"""What `run --plan RUN` and `resume RUN` ask: the activity, element and parameters of that run, and nothing else.

- The run's record is read back and verified first.
- Parameters are the record's own; only a confirmation may be given beside them, and a reason of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsguide.errors import InputError
from opsguide.guide import scopes
from opsguide.launch.asked import Asked, asked
from opsguide.launch.given import Given
from opsguide.launch.setting import Setting, edition_of
from opsguide.record.archive import Archive
from opsguide.record.lineage import Past, read_back

OWN = ("element", "mode", "reason", "follows")


def plan(setting: Setting, run: str) -> Past:
    """The plan of that id, a part of it, or `last`; InputError for a run that is none."""
    past = read_back(Archive(setting.records()), run)
    if past.intent.get("mode") != "plan":
        words = f"{past.run} is no plan, it was asked to {past.intent.get('mode')}"
        raise InputError(words, next=f"opsguide resume {past.run} goes on from a run that did not end well")
    return past


def earlier(setting: Setting, run: str) -> Past:
    """A run to go on from; whether it can be is the broker's to say. InputError for a settling, which is none."""
    past = read_back(Archive(setting.records()), run)
    if settled := past.intent.get("settles"):
        raise InputError(f"{past.run} only settled a change of {settled}", next=f"opsguide resume {settled}")
    return past


def asked_of(setting: Setting, past: Past, given: Mapping[str, Given], reason: str | None) -> Asked:
    """The run that follows `past`; `given` may hold a confirmation. InputError for anything else."""
    scope = scopes.load(edition_of(setting.platform()).activity(past.intent["activity"]["slug"]).slug)
    known = scope.parameters.known if scope else {}
    for name in given:
        if name not in known or not known[name].confirms:
            words = f"-p {name}: {past.run} fixes its parameters"
            raise InputError(words, next="plan again with other parameters, or begin a run of its own")
    values = {n: v for n, v in past.intent["parameters"].items() if n not in OWN}
    fixed = {n: _fixed(n, v) for n, v in values.items() if not (n in given and known[n].confirms)}
    own = {
        "element": past.intent["element"]["name"],
        "mode": "apply",
        "reason": reason or past.intent.get("reason") or "",
        "follows": past.run,
    }
    whole = {**fixed, **given, **{n: _fixed(n, v) for n, v in own.items()}}
    return asked(setting, past.intent["activity"]["slug"], whole)


def _fixed(name: str, value: Any) -> Given:
    return Given(name, lambda declared: value)
