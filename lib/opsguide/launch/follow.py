"""What `run --plan RUN` and `resume RUN` ask: the activity, element and parameters of that run, and nothing else.

- The run's record is read back and verified first.
- Parameters are the record's own; only a confirmation may be given beside them, and a reason of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opsguide.errors import InputError
from opsguide.guide import scopes
from opsguide.launch.asked import Asked, asked
from opsguide.launch.given import Given
from opsguide.launch.setting import Setting, edition_of
from opsguide.record.archive import Archive
from opsguide.record.journal import INTENT
from opsguide.record.lineage import Past, read_back

OWN = ("element", "mode", "reason", "follows")


def plan(setting: Setting, run: str) -> Past:
    """The plan of that id, a part of it, or the `last` plan; InputError for a run that is none."""
    archive = Archive(setting.records())
    past = read_back(archive, _last_plan(archive) if run == "last" else run)
    if past.intent.get("mode") != "plan":
        words = f"{past.run} is no plan, its mode was {past.intent.get('mode')}"
        if run == "last":
            raise InputError("there is no plan on record yet", where=str(archive.root), next="opsguide plan makes one")
        raise InputError(words, next=f"opsguide resume {past.run} goes on from a run that did not end well")
    return past


def _last_plan(archive: Archive) -> str:
    """The newest run that is a plan; `last` where there is none."""
    return next((ref.run for ref in reversed(archive.runs()) if _is_plan(ref.path)), "last")


def _is_plan(folder: Path) -> bool:
    """Whether the intent says so; what `opsguide prove` asks again is no plan of anything."""
    try:
        intent = json.loads((folder / INTENT).read_bytes())
        return bool(intent.get("mode") == "plan" and intent.get("frontend") != "opsguide prove")
    except (OSError, ValueError, AttributeError):
        return False


def earlier(setting: Setting, run: str) -> Past:
    """A run to go on from; InputError for one that did not apply. The rest the broker says."""
    past = read_back(Archive(setting.records()), run)
    mode = past.intent.get("mode")
    if settled := past.intent.get("settles"):
        raise InputError(f"{past.run} only settled a change of {settled}", next=f"opsguide resume {settled}")
    if mode != "apply":
        words = f"there is nothing to go on from: {past.run} did not apply, its mode was {mode}"
        plan = f"to carry it out: opsguide run --plan {past.run}" if mode == "plan" else ""
        raise InputError(words, next=plan or "opsguide records lists the runs; name the one that you mean")
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
