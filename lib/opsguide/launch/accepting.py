"""The acceptance test of a hand-off: what the request's proves ask, and its evidence once more, before against after.

- Only looks are sent, in a run of their own. A prove with a hold is asked all through it, for a minute at most unless
  more is wanted; one that must hold longer is asked once, and told so.
- A row of each= that the request has is asked by itself; what holds a secret that the request hides is not asked.
- What the evidence asked of the service map is asked again, too; the common looks are looks of every scope.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

from opsguide.errors import InputError
from opsguide.guide.durations import duration
from opsguide.launch import prove
from opsguide.launch.setting import Setting, saying
from opsguide.record import journal, visible
from opsguide.record.redaction import has_hidden
from opsguide.record.verify import request_of

LONGEST_HOLD, SHOWN = 60.0, 6


def accepted(setting: Setting, path: Path, told: dict[str, Any], hold_all: bool, out: Any) -> dict[str, Any]:
    """Run the acceptance test: proves of the newest request as looks, then its evidence once more."""
    folder, slug = request_of(setting.records(), told), told["slug"]
    intent, request = (json.loads((folder / n).read_bytes()) for n in ("intent.json", "request.json"))
    before = journal.read(folder)
    asked = askable(request)
    once = [a for a in asked if not hold_all and duration(a["ask"].get("hold") or "1 s") > LONGEST_HOLD]
    tests = [a["ask"] | {"acceptance": True} | ({"hold": None} if a in once else {}) for a in asked]
    if not tests:
        then = f'look yourself; opsguide handoff withdraw {path.name} --why "what you saw" closes it'
        raise InputError("the request has no acceptance test that can be asked", where=folder.name, next=then)
    sent = [e for e in before if e["type"] == "send" and e["verb"] == "look"]
    looks = [prove.look(slug, e) | {"expect": None} for e in sent
             if prove.entry_of(slug, e["template"], e["kind_of"] == "api")]  # fmt: skip
    tested = {
        name for a in asked if a["ask"]["what"].get("services") for name in a["ask"].get("on") or [told["element"]]
    }
    mapped = list(dict.fromkeys(e["on"] for e in sent if str(e.get("note")).startswith("service map:")))
    mapped = [name for name in mapped if name not in tested]
    looks += [{"what": {"services": True}, "on": mapped}] if mapped else []
    why = f"acceptance test of hand-off {path.name}"

    own = {"confirms": path.name, "again": folder.name}
    outcome = prove.looked(setting, intent, [*tests, *looks], saying(out), why, "opsguide handoff confirm", **own)
    record = Path(outcome.record)
    return {"run": outcome.run, "exit": outcome.exit, "words": outcome.words, "record": outcome.record,
            "person": json.loads((record / "intent.json").read_bytes())["person"]["name"],
            "compared": _compared(before, journal.read(record)),
            "asked_once": [f"{a['check']}: {a['expect']}" for a in once],
            "not_asked": [a["check"] for a in request["acceptance"] if a not in asked]}  # fmt: skip


def askable(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The checks of a request that can be asked by themselves: known now, and not hidden in part."""
    return [one for one in request["acceptance"] if one.get("ask") and not has_hidden(one["ask"])]


def _compared(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each command of the evidence: its answer before and after; one that was asked twice counts with its last."""
    old, new = _answers(before), _answers(after)
    return [{"command": line, "same": old[line] == new[line], "before": old[line], "after": new[line]}
            for line in old if line in new]  # fmt: skip


def _answers(events: list[dict[str, Any]]) -> dict[str, str]:
    sent = {e["command"]: e["line"] for e in events if e["type"] == "send" and e["verb"] == "look"}
    return {sent[e["command"]]: e["out"] for e in events if e["type"] == "answer" and e["command"] in sent}


def differences(compared: list[dict[str, Any]]) -> list[str]:
    """Each command of the evidence, and the first lines that are other than before."""
    said = []
    for one in compared:
        said.append(f"{'same   ' if one['same'] else 'DIFFERS'}  {one['command']}")
        lines = list(difflib.unified_diff(visible.split(one["before"]), visible.split(one["after"]), n=0))[2:]
        changed = [visible.line(line) for line in lines if line[0] in "-+"]
        more = len(changed) - SHOWN
        said += [f"    {line}" for line in changed[:SHOWN]] + ([f"    … {more} lines more"] if more > 0 else [])
    return said
