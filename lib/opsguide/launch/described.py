"""One activity as `show` tells it: data first, then its words."""

from __future__ import annotations

from typing import Any

from opsguide.guide import entries, invariants, scopes, services
from opsguide.guide.decision import decide
from opsguide.guide.editions import Activity, Edition
from opsguide.guide.entries import Entry
from opsguide.guide.kinds import KINDS, NOT_APPLICABLE, words
from opsguide.guide.parameters import Parameter
from opsguide.guide.scopes import Scope
from opsguide.launch.columns import aligned
from opsguide.launch.table import is_here


def described(edition: Edition, activity: Activity) -> dict[str, Any]:
    """Everything that is known of an activity before a run."""
    scope = scopes.load(activity.slug)
    verdicts = {kind: decide(edition, activity.slug, kind) for kind in KINDS}
    found: dict[str, Any] = {
        "number": activity.number, "note": activity.note, "slug": activity.slug, "title": activity.title,
        "edition": edition.name, "runbook": activity.runbook if is_here(activity) else None,
        "cells": {k: v.party for k, v in verdicts.items()},
        "next": {k: v.next for k, v in verdicts.items() if v.next},
        "parameters": [], "services": {}, "steps": [], "commands": {}, "related": {}, "files": [],
        "invariants": [],
    }  # fmt: skip
    if scope:
        found |= _of_scope(scope, [k for k, v in verdicts.items() if v.party != NOT_APPLICABLE])
    return found


def _of_scope(scope: Scope, kinds: list[str]) -> dict[str, Any]:
    own = [e for e in scope.entries if e not in entries.common_looks()]
    return {
        "parameters": [parameter(p) for p in scope.parameters.known.values()],
        "services": _services() if scope.service else {},
        "service": scope.service,
        "steps": list(scope.steps),
        "commands": {kind: [_entry(e) for e in own if kind in e.kinds] for kind in kinds},
        "related": {kind: list(names) for kind, names in scope.related.items()},
        "invariants": invariants.load().applying({e.effect for e in own}),
        "files": [{"path": f.path, "check": f.check, "create": f.create} for f in scope.files],
    }


def parameter(one: Parameter) -> dict[str, Any]:
    """A parameter as forms and listings need it."""
    return {
        "name": one.name, "type": one.type, "default": one.default, "help": one.help, "required": one.required,
        "choices": list(one.choices), "lines": one.lines, "minimum": one.minimum, "maximum": one.maximum,
    }  # fmt: skip


def _services() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for where, rows in services.load().items():
        allowed = sorted(name for name, row in rows.items() if not row.denied)
        denied = sorted(f"{name}: {row.denied}" for name, row in rows.items() if row.denied)
        found[where] = {"allowed": allowed, "denied": denied}
    return found


def _entry(entry: Entry) -> dict[str, Any]:
    return {"verb": entry.verb, "template": entry.template, "on": list(entry.on), "api": entry.args,
            "steps": list(entry.steps), "effect": entry.effect, "undo": entry.undo}  # fmt: skip


def lines(found: dict[str, Any]) -> list[str]:
    """The same in words."""
    runbook = found["runbook"] or "still to come"
    place = f"note {found['note']}" if found["note"] else f"{found['number']:02d}"
    title = f"{place} {found['title']} ({found['slug']}), edition {found['edition']}"
    said = [title, f"runbook: {runbook}", ""]
    said += aligned([(words(k), party, found["next"].get(k, "")) for k, party in found["cells"].items()], "  ")
    if not found["steps"]:
        return said
    said += ["", "Parameters"]
    said += aligned([(p["name"], p["type"], _default(p), _help(p)) for p in found["parameters"]], "  ")
    said += ["", f"Steps: {', '.join(found['steps'])}"]
    if found["services"]:
        said += ["", f"Services (parameter {found['service']})"]
        said += aligned([(where, ", ".join(rows["allowed"])) for where, rows in found["services"].items()], "  ")
        denied = [(where, text) for where, rows in found["services"].items() for text in rows["denied"]]
        said += ["  refused", *aligned(denied, "    ")]
    if found["files"]:
        made = [(f["path"], f["create"] and f"made as {f['create']}", f["check"]) for f in found["files"]]
        said += ["", "Files", *aligned(made, "  ")]
    said += ["", "Commands of the scope (beside the common looks)"]
    for kind, rows in found["commands"].items():
        said += [f"  on {words(kind)}" if rows else f"  on {words(kind)}: none"]
        said += aligned([(r["verb"], _command(r), _on(r)) for r in rows], "    ")
    if found["invariants"]:
        said += ["", "Invariants, checked before each change that could break them"]
        said += [f"  {sentence}" for sentence in found["invariants"]]
    related = [f"  {words(kind)}: {', '.join(names)}" for kind, names in found["related"].items()]
    return said + (["", "Related elements that a run may look at or change", *related] if related else [])


def _default(one: dict[str, Any]) -> str:
    if isinstance(one["required"], dict):
        when = [f"{name} is {' or '.join(values)}" for name, values in one["required"].items()]
        return f"required where {', or '.join(when)}"
    return "required" if one["required"] else repr(one["default"])


def _help(one: dict[str, Any]) -> str:
    return str(one["help"]) + (f" [{' | '.join(one['choices'])}]" if one["choices"] else "")


def _command(row: dict[str, Any]) -> str:
    args = row["api"]
    if args is None:
        return str(row["template"])
    return f"{row['template']}({', '.join(f'{name}={value}' for name, value in args.items())})"


def _on(row: dict[str, Any]) -> str:
    told = [f"in step {', '.join(row['steps'])}"] if row["steps"] else []
    told += [] if row["on"] == ["element"] else [f"on {', '.join(row['on'])}"]
    told += [row["effect"]] if row["effect"] else []
    return "; ".join(told + ([f"taken back by: {row['undo']}"] if row["undo"] else []))
