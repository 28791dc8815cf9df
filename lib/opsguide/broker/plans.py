"""A plan: sealed into the record of the run that made it, and what binds the run that carries it out.

- A run that follows a plan sends no change that is not in it.
- Rows that are known only in apply stand in a plan as a rule, with the rows among which they are: no other is changed,
  whatever the notebook says then.
- The end of that run compares what was planned with what was made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opsguide.broker.targets import Target
from opsguide.errors import InputError, RefusedError
from opsguide.record import answers, durable
from opsguide.record.archive import RunFolder
from opsguide.record.lineage import Past

FILE = "plan.json"
INTENT = ("activity", "element", "edition", "platform", "runbook", "parameters")
CHANGE = ("step", "verb", "on", "key", "line", "words", "later", "among", "pin", "old", "new", "path", "what", "slots")


@dataclass(frozen=True)
class Plan:
    """A sealed plan: its changes and edits by step, and its pins; `digest` is that of plan.json."""

    run: str
    digest: str
    changes: list[dict[str, Any]]
    pins: list[dict[str, Any]]

    def named(self, step: str, key: str) -> dict[str, Any] | None:
        """The planned change of that step and key."""
        return next((c for c in self.changes if c["step"] == step and c["key"] == key), None)

    def pin(self, step: str, key: str) -> dict[str, Any] | None:
        """The starting state that a look of that step found."""
        return next((p for p in self.pins if p["step"] == step and p["key"] == key), None)

    def _rules(self, step: str, template: str) -> list[dict[str, Any]]:
        """The planned rules `for each row that the look returns` of that step and template."""
        return [c for c in self.changes if c["step"] == step and c.get("later") == template]

    def refuse_beyond(self, step: str, target: Target) -> None:
        """RefusedError for a change that the plan does not have."""
        ruled = any(rule["on"] == target.element.name for rule in self._rules(step, target.template))
        if not ruled and not self.named(step, target.key):
            raise RefusedError(
                f"the plan {self.run} does not have this change",
                where=target.element.name,
                command=target.shown,
                next="make a new plan, and read it before you carry it out",
            )

    def refuse_rows(self, step: str, template: str, rows: Sequence[Mapping[str, str]]) -> None:
        """RefusedError for a row that is none of those among which a rule has its rows."""
        for rule in self._rules(step, template):
            among = set(map(str, rule["among"])) if rule.get("among") is not None else None
            other = next((row for row in rows if among is not None and not among & set(row.values())), None)
            if other is not None:
                words = f"the plan {self.run} did not see the row {' '.join(other.values())[:100]}"
                raise RefusedError(words, command=template, next="make a new plan")

    def compared(self, made: Sequence[tuple[str, str]], done: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """The fields of a `compared` event: the plan against what this run made, and what was done before it."""
        keys = {*made, *done}
        left = [c for c in self.changes if not c.get("later") and (c["step"], c["key"]) not in keys]
        return {
            "plan": self.run,
            "digest": self.digest,
            "made": len(made),
            "not_made": [{"step": c["step"], "line": c["line"] or c["words"]} for c in left],
        }


def write(folder: RunFolder, listed: list[dict[str, Any]], pins: list[dict[str, Any]]) -> str:
    """Write plan.json into the record of a plan; its digest."""
    body = {
        "version": 1,
        "run": folder.run,
        **{name: folder.intent[name] for name in INTENT},
        "changes": [{k: e[k] for k in CHANGE if k in e} for e in listed if e["verb"] in answers.CHANGING],
        "pins": pins,
    }
    content = durable.json_file(body)
    durable.write_file(folder.path / FILE, content)
    return hashlib.sha256(content).hexdigest()


def read(past: Past) -> Plan:
    """The plan that a sealed record holds; InputError where it holds none."""
    try:
        content = (past.path / FILE).read_bytes()
        body = json.loads(content)
        return Plan(past.run, hashlib.sha256(content).hexdigest(), body["changes"], body["pins"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{past.run} holds no plan that this version can read", next="plan again") from None
