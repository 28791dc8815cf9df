"""The rows of a batch as they were resolved: from a sheet, or again from the record of an earlier batch.

- Nothing runs before every row is checked.
- A retry takes the rows of the batch's own record that did not end well or were not run: same numbers, parameters,
  order and waves. The sheet is not read for that.
- The batch's record is verified first; one that was changed is not followed. A batch is retried once: its retry is what
  is retried then.
- What the sheet says differently by now is named, and is not used.
- A row with a value that records hide cannot be retried: the record does not have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsguide.errors import InputError, LockedError, OpsguideError, TamperedError
from opsguide.guide.parameters import Parameter
from opsguide.launch import shares, sheet
from opsguide.launch.asked import Asked, asked
from opsguide.launch.given import Given
from opsguide.launch.rows import WELL, Row
from opsguide.launch.setting import Setting, print_error
from opsguide.record import batches, chain, durable
from opsguide.record.verify import verify


@dataclass(frozen=True)
class Selection:
    """What a batch runs: `options` as they were given, `sheet` its path and sha256, `retry_of` the earlier batch."""

    name: str
    rows: list[Row]
    options: dict[str, Any]
    sheet: dict[str, str]
    retry_of: str = ""


def of_sheet(setting: Setting, path: Path, options: dict[str, Any]) -> Selection:
    """The rows of a sheet, all checked; InputError where one does not fit."""
    rows = sheet.rows(path)
    found = _checked(setting, rows, options)
    waves = shares.numbered(shares.waves(options["waves"], len(rows)))
    both = enumerate(zip(rows, found, waves, strict=True), 1)
    whole = [Row(number, wave, row.where, one) for number, (row, one, wave) in both]
    digest = durable.file_digest(path)
    return Selection(path.stem, whole, options, {"path": str(path.absolute()), "sha256": digest})


def _checked(setting: Setting, rows: list[sheet.Row], options: dict[str, Any]) -> list[Asked]:
    found, errors = [], []
    for row in rows:
        try:
            found.append(sheet.checked(setting, row, "plan" if options["plan"] else None, options["reason"]))
        except InputError as error:
            errors.append(error)
    for wrong in errors[:20]:
        print_error(wrong)
    if errors:
        raise InputError(f"{len(errors)} of {len(rows)} rows do not fit", next="mend them in the sheet; no row was run")
    return found


def of_record(setting: Setting, path: Path, given: dict[str, Any]) -> Selection:
    """The rows of an earlier batch that are to be run again; options that are `given` win over the earlier ones."""
    told = batches.tell(path)
    if told["state"] == "running":
        raise LockedError("this batch still goes on", where=path.name, next="opsguide batches tells when it has ended")
    _refuse_changed(setting, path)
    _refuse_retried(setting, path)
    intent = chain.parse((path / batches.FIRST).read_bytes()) or {}
    again = {row["row"] for row in told["rows"] if row["exit"] not in WELL}
    rows = [_row(setting, row) for row in intent["rows"] if row["row"] in again]
    options = {**intent["options"], **{name: value for name, value in given.items() if value is not None}}
    return Selection(str(intent["name"]), rows, options, intent["sheet"], path.name)


def _refuse_changed(setting: Setting, path: Path) -> None:
    bad = next((one for one in verify(setting.records(), path.name) if one.bad), None)
    if bad:
        words = f"{bad.run} is not what was written: {bad.words}"
        raise TamperedError(words, where=bad.first_bad, next="opsguide verify --all; run what is left from a sheet")


def _refuse_retried(setting: Setting, path: Path) -> None:
    for later in batches.folders(setting.records()):
        if (chain.parse((later / batches.FIRST).read_bytes()) or {}).get("retry_of") == path.name:
            words = f"{path.name} was retried already, by {later.name}"
            raise InputError(words, next=f"opsguide batch --retry {later.name}")


def _row(setting: Setting, row: dict[str, Any]) -> Row:
    if row["hidden"]:
        words = f"row {row['row']} has a value that records hide: {', '.join(row['hidden'])}"
        raise InputError(words, where=row["where"], next="run that row from a sheet")
    return Row(int(row["row"]), int(row["wave"]), str(row["where"]), _again(setting, row))


def _again(setting: Setting, row: dict[str, Any]) -> Asked:
    def kept(value: Any) -> Any:
        def read(declared: Parameter) -> Any:
            return value

        return read

    given = {name: Given(name, kept(value), row["where"]) for name, value in row["values"].items()}
    return asked(setting, str(row["activity"]), given)


def differences(setting: Setting, selection: Selection) -> list[str]:
    """What the sheet says of these rows by now, where it differs from what is run; nothing where it is as it was."""
    path = Path(selection.sheet["path"])
    try:
        if durable.file_digest(path) == selection.sheet["sha256"]:
            return []
        rows = sheet.rows(path)
    except (OSError, OpsguideError) as error:
        return [f"{path} cannot be read now: {error.args[-1] if error.args else error}"]
    found = [words for row in selection.rows for words in _differs(setting, row, rows, selection.options)]
    return [f"{path} has changed since: {words}" for words in found or ["not in the rows that are run"]]


def _differs(setting: Setting, row: Row, rows: list[sheet.Row], options: dict[str, Any]) -> list[str]:
    if row.number > len(rows):
        return [f"row {row.number} is gone"]
    try:
        now = sheet.checked(setting, rows[row.number - 1], "plan" if options["plan"] else None, options["reason"])
    except InputError as error:
        return [f"row {row.number} does not fit any more: {error.words}"]
    before, after = _said(row.asked), _said(now)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [f"row {row.number}: {name} {before.get(name)!r} is run, not {after.get(name)!r}" for name in names]


def _said(one: Asked) -> dict[str, Any]:
    return {"activity": one.activity.slug, **one.values}
