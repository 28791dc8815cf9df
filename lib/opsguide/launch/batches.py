"""`opsguide batches`: the batches on record, and how each row of one ended."""

from __future__ import annotations

from typing import Any

import click

from opsguide.launch import complete
from opsguide.launch.columns import aligned
from opsguide.launch.records import close_left_batches
from opsguide.launch.rows import WELL
from opsguide.launch.setting import Command, Setting, json_option, pass_setting, print_json, print_lines
from opsguide.record import batches


@click.command("batches", cls=Command)
@click.argument("batch", required=False, shell_complete=complete.batches)
@json_option
@pass_setting
def batches_command(setting: Setting, batch: str | None, as_json: bool) -> None:
    """The batches on record, newest first; with BATCH (its id, its end, or `last`) how each of its rows ended.

    A batch whose launcher was killed is closed first, with what the runs of its rows say.
    """
    close_left_batches(setting)
    records = setting.records()
    paths = [batches.find(records, batch)] if batch else list(reversed(batches.folders(records)))
    told = [batches.tell(path) for path in paths]
    if as_json:
        print_json(told[0] if batch else told)
    elif batch:
        print_lines(shown(told[0]))
    else:
        rows = [("when", "state", "rows", "sheet", "who", "batch"), *map(_line, told)]
        print_lines(aligned(rows) if told else [f"no batch in {records}"])


def _line(told: dict[str, Any]) -> tuple[str, ...]:
    well = sum(row["exit"] in WELL for row in told["rows"])
    sheet = (told["sheet"] or {}).get("path", "").rpartition("/")[2]
    whole = f"{well} of {len(told['rows'])} well"
    return str(told["at"]), str(told["state"]), whole, sheet, str(told["person"]), str(told["batch"])


def shown(told: dict[str, Any]) -> list[str]:
    """One batch in words."""
    rows: list[tuple[object, ...]] = [("row", "wave", "activity", "element", "state", "exit", "run or reason")]
    rows += [(r["row"], r["wave"], r["activity"], r["element"], r["state"], _code(r), r["run"] or r["words"] or "")
             for r in told["rows"]]  # fmt: skip
    retry = [("retry of:", told["retry_of"])] if told["retry_of"] else []
    facts = [
        ("when:", told["at"]),
        ("who:", told["person"]),
        ("why:", told["reason"]),
        *retry,
        ("record:", told["record"]),
    ]
    return [f"{str(told['state']).upper()}  {told['words']}", *aligned(facts, "  "), *aligned(rows)]


def _code(row: dict[str, Any]) -> str:
    return "" if row["exit"] is None else str(row["exit"])
