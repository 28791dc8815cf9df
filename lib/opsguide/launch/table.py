"""The guide's table in its three forms: text for a terminal, markdown for README and start-here, JSON for machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opsguide import places
from opsguide.guide import kinds
from opsguide.guide.editions import Activity, Edition, moved
from opsguide.guide.kinds import KINDS
from opsguide.launch.columns import aligned

LOOKS = {
    kinds.PROVIDER: "background-color:#d3f0dc;color:#0b4a1e",
    kinds.OPERATIONS: "background-color:#fde2c4;color:#6b3a00",
    kinds.NOT_APPLICABLE: "color:#767e88",
}
HEADS = ("User Host", "Infrastructure Host", "Infrastructure Container", "End-User Container")


def is_here(activity: Activity) -> bool:
    """Whether the activity's runbook is in the repository; a test holds that its scope then is as well."""
    return (places.runbooks() / activity.runbook).is_file()


def as_json(edition: Edition) -> dict[str, Any]:
    """The table as data."""
    rows = [
        {
            "number": a.number,
            "slug": a.slug,
            "title": a.title,
            "cells": {kind: edition.cells[a.slug, kind] for kind in KINDS},
        }
        for a in edition.activities
    ]
    return {"edition": edition.name, "digest": edition.digest, "activities": rows}


def as_text(edition: Edition, here: Callable[[Activity], bool] = is_here) -> list[str]:
    """The table for a terminal; a star marks an activity whose runbook is here."""
    rows: list[list[object]] = [["", "", "Activity", *HEADS]]
    rows += [[f"{a.number:02d}", "*" if here(a) else "", a.slug, *_cells(edition, a)] for a in edition.activities]
    count = [sum(party == p for party in edition.cells.values()) for p in kinds.PARTIES]
    said = ", ".join(f"{n} {p}" for n, p in zip(count, kinds.PARTIES, strict=True))
    notes = [
        "",
        f"edition {edition.name}, sha256 {edition.digest[:16]}…: {said}",
        "*  its runbook is here" + ("" if all(map(here, edition.activities)) else "; the others are still to come"),
        f"{kinds.OPERATIONS}: contact {kinds.SUPPORT}; `opsguide run` writes the request",
        f"note 1: {kinds.NOTE_1}",
        f"note 2: {kinds.NOTE_2}",
    ]
    return aligned(rows) + notes


def as_markdown(edition: Edition, links: str = "runbooks/", here: Callable[[Activity], bool] = is_here) -> list[str]:
    """The table for README and start-here: each row links to its notebook below `links`, or says that it comes."""
    rows = [
        f"| {' | '.join(('', 'Activity', *HEADS))} |".replace("|  |", "| |"),
        "|---|---|---|---|---|---|",
    ]
    for a in edition.activities:
        name = f"[{a.title}]({links}{a.runbook})" if here(a) else f"{a.title} (comes later)"
        rows.append(f"| {a.number:02d} | {name} | {' | '.join(_cells(edition, a))} |")
    return rows


def coloured(lines: list[str]) -> list[str]:
    """The markdown table with each party in its colour, for JupyterLab; where styles are dropped it reads the same."""
    for party, look in LOOKS.items():
        lines = [line.replace(f"| {party} ", f'| <span style="{look}">{party}</span> ') for line in lines]
    return lines


def differences(old: Edition, new: Edition) -> list[dict[str, str]]:
    """What moves from one edition to another: a row for every cell that differs."""
    return [{"slug": s, "kind": k, "old": a, "new": b} for s, k, a, b in moved(old, new)]


def _cells(edition: Edition, activity: Activity) -> list[str]:
    return [edition.cells[activity.slug, kind] for kind in KINDS]
