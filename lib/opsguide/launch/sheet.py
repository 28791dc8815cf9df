"""A batch sheet: a CSV or YAML file whose rows are runs.

- Columns: activity, element, then as wanted reason, mode and the parameters of the activities. An empty CSV cell is
  not given.
- A YAML sheet is a list of such rows.
- All rows are checked before the first one runs; an error names file, line and key.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from opsguide.errors import InputError
from opsguide.guide.parameters import Parameter
from opsguide.launch import given as giving
from opsguide.launch.asked import Asked, asked
from opsguide.launch.given import Given
from opsguide.launch.setting import Setting

ACTIVITY = Parameter("activity", "str", "", "an activity, as `opsguide matrix` lists it", required=True)


@dataclass(frozen=True)
class Row:
    """One row as it stands in the sheet; `where` is `file:line`."""

    where: str
    given: dict[str, Given]


def rows(path: Path) -> list[Row]:
    """The rows of a sheet; InputError for what is not one, or empty."""
    if path.suffix not in (".csv", ".yml", ".yaml"):
        raise InputError(f"{path} is not a sheet", next="a sheet is a .csv or .yml file")
    found = list(_csv(path) if path.suffix == ".csv" else _yaml(path))
    if not found:
        raise InputError(f"{path} has no rows")
    return found


def checked(setting: Setting, row: Row, mode: str | None, reason: str | None) -> Asked:
    """What a row asks; `mode` wins over the row's, `reason` stands where the row has none."""
    given = dict(row.given)
    activity = given.pop("activity", None)
    try:
        if activity is None:
            raise InputError("activity is missing")
        defaults = {"mode": giving.text("mode", mode or "apply")}
        if reason is not None:
            defaults["reason"] = giving.text("reason", reason)
        whole = {**defaults, **given, **({"mode": defaults["mode"]} if mode else {})}
        name = ACTIVITY.check(activity.read(ACTIVITY))
        return asked(setting, name, whole, row.where)
    except InputError as error:
        raise giving.placed(error, row.where) from None


def _csv(path: Path) -> Iterator[Row]:
    content = giving.content_of(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: not UTF-8", next="save the file as UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = next(reader, [])
        _check_columns(path, columns)
        for cells in reader:
            where = f"{path}:{reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                raise InputError(f"{where}: {len(cells)} cells under {len(columns)} columns")
            pairs = zip(columns, cells, strict=True)
            yield Row(where, {name: giving.text(name, cell, where) for name, cell in pairs if cell != ""})
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not CSV: {error}") from None


def _check_columns(path: Path, columns: list[str]) -> None:
    for name in ("activity", "element"):
        if name not in columns:
            raise InputError(f"{path}:1: no column {name}", next="columns: activity,element,reason,mode and parameters")
    for name in columns:
        if not giving.NAME.fullmatch(name) or columns.count(name) > 1:
            raise InputError(f"{path}:1: {name[:60]!r} is not the name of a parameter, or stands twice")


def _yaml(path: Path) -> Iterator[Row]:
    node = giving.composed(path)
    if not isinstance(node, yaml.SequenceNode):
        raise InputError(f"{path}:1: expected a list of rows, each beginning with `- activity: …`")
    for row in node.value:
        yield Row(giving.place(path, row), giving.mapping(row, path))
