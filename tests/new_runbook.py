"""A runbook to fill in, made from the scope of its activity: `make runbook ACTIVITY=slug`.

Every cell that the form asks for is there, in order: the row of the table, the parameters, the commands of the scope.
TODO marks what is left to write. A runbook that is there is not touched. OPSGUIDE_PLATFORM names the platform, and with
it the edition.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tidy_notebooks
from opsguide import places
from opsguide.errors import InputError, OpsguideError
from opsguide.guide import editions, entries, kinds, scopes
from opsguide.guide.entries import Entry
from opsguide.guide.parameters import COMMON
from opsguide.guide.scopes import Scope
from opsguide.launch.setting import Setting

FACTS = ("What it changes", "Downtime", "Safe to run again", "Provenance")
LAST = ("mode", "follows", "reason")
Cell = dict[str, Any]


def text(name: str, words: str) -> Cell:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": words}


def code(name: str, source: str, **metadata: Any) -> Cell:
    return {"cell_type": "code", "id": name, "metadata": metadata, "source": source}


def facts(edition: editions.Edition, activity: editions.Activity) -> str:
    told = []
    for party in (kinds.PROVIDER, kinds.OPERATIONS):
        names = [f"{kinds.words(k)}s" for k in kinds.KINDS if edition.cells[activity.slug, k] == party]
        told += [f"{party} on {', '.join(names)}"] if names else []
    rows = [("Row of the table", f"{activity.number:02d} {activity.title}"), ("Who may", "; ".join(told))]
    rows += [(name, "TODO") for name in FACTS]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {words} |" for name, words in rows)])


def parameters(scope: Scope) -> str:
    known, common = scope.parameters.known, [p.name for p in COMMON]
    names = ["element", *[n for n in known if n not in common], *LAST]
    literal = {n: repr(known[n].default).replace("'", '"') for n in names}
    return "\n".join(f"{n}: {known[n].type} = {literal[n]}  # {known[n].help}" for n in names)


def call(verb: str, entry: Entry) -> str:
    if entry.args is None:
        return f'step.{verb}("{entry.template}")'
    args = "".join(f", {name}={value!r}".replace("'", '"') for name, value in entry.args.items())
    return f'step.{verb}(api("{entry.template}"{args}))'


def step(scope: Scope, slug: str, number: int) -> list[Cell]:
    own = [e for e in scope.entries if e not in entries.common_looks()]
    sent = [e for e in own if slug in e.steps]
    lines = [f'step = run.step("{slug}")', *(call("change", e) for e in sent)]
    lines += [call("look", e) for e in own if e.verb == "look" and number == 1]
    lines += [f'step.prove("{e.settle}")' for e in sent if e.settle]
    last = slug == scope.steps[-1]
    head = "Verify" if last else f"{number} {slug.replace('-', ' ').capitalize()}"
    prose = text("about-verify" if last else f"about-{slug}", f"## {head}\n\nTODO: why.\n\n**Expect** TODO.")
    return [prose, code(slug, "\n".join(lines))]


def sent(edition: editions.Edition, activity: editions.Activity) -> str:
    """How the request is sent, for a row with a cell of Jelastic Operations."""
    row = [edition.cells[activity.slug, kind] for kind in kinds.KINDS]
    return (kinds.OPERATIONS in row) * (
        '\n- **To send it**: `opsguide handoff send NUMBER --severity 3 -p contact="…"` mails the request, or with '
        "`--to-file FOLDER` leaves it for the support portal; the end of the run names its number. A `-p` answers each "
        "question at its top; the `request.md` in the record is sealed and not edited. When they say that it is done, "
        '`opsguide handoff confirm NUMBER --ticket T --what "…"` asks the acceptance test and compares.'
    )


def cells(edition: editions.Edition, activity: editions.Activity, scope: Scope) -> list[Cell]:
    """All cells, in the order of the form; the last step of the scope verifies."""
    steps = [cell for i, slug in enumerate(scope.steps) for cell in step(scope, slug, i + 1)]
    names = "api, begin" if any(e.args is not None for e in scope.entries) else "begin"
    return [
        text("title", f"# {activity.title}\n\nTODO: what it does, and when, in one paragraph."),
        text("facts", facts(edition, activity)),
        text("about-parameters", "## Parameters\n\nTODO: which to fill in."),
        code("parameters", parameters(scope), tags=["parameters"]),
        text("about-begin", "## Begin\n\nProve the element. Nothing is changed here.\n\n**Expect** `PROVEN`."),
        code("begin", f'from opsguide import {names}\n\nrun = begin("{activity.slug}", globals())'),
        *steps,
        text("if-it-goes-wrong", "## If it goes wrong\n\n- **TODO**: what to do next." + sent(edition, activity)),
        text("about-finish", "## Finish\n\nSeal the record."),
        code("finish", "run.finish()"),
    ]


def made(name: str) -> Path:
    """The file that was written; InputError for an activity without a row or a scope, or with a runbook."""
    edition = Setting().edition()
    activity = edition.activity(name)
    path, scope = places.runbooks() / activity.runbook, scopes.load(activity.slug)
    if scope is None:
        there = Path(scopes.__file__).parent / "scopes" / f"{activity.slug}.toml"
        raise InputError(f"{activity.title} has no scope", next=f"write {there} first: docs/scopes.md")
    if path.exists():
        raise InputError(f"{path} is there already", next="it is left as it is")
    book = {"cells": cells(edition, activity, scope), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(tidy_notebooks.text(tidy_notebooks.tidied(book)), "utf-8")
    return path


if __name__ == "__main__":
    try:
        print(f"{made(sys.argv[1] if len(sys.argv) > 1 else '')}: fill in what says TODO, then make tidy")
    except OpsguideError as error:
        sys.exit("\n".join(line for line in (f"{error.words}", f"  next: {error.next}" if error.next else "") if line))
