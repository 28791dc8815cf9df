"""`opsguide batch`: the rows of a sheet in waves, with a record over their runs.

- Each row is an `opsguide run` of its own, with a record of its own; the batch's record names them.
- How it goes and when it stops: course.py. Which rows: selection.py. What a share is: shares.py.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from opsguide import __version__
from opsguide.errors import InputError
from opsguide.guide.durations import duration
from opsguide.harmless import one_line
from opsguide.launch import complete, shares
from opsguide.launch import selection as selecting
from opsguide.launch.columns import aligned
from opsguide.launch.course import Course, Limits
from opsguide.launch.holding import holds
from opsguide.launch.progress import Lines, Screen
from opsguide.launch.records import close_left_batches
from opsguide.launch.rows import Line, Row, locked
from opsguide.launch.selection import Selection
from opsguide.launch.setting import (
    Command,
    Setting,
    account,
    edition_of,
    json_option,
    pass_setting,
    print_json,
    print_lines,
)
from opsguide.reach import secrets
from opsguide.record import batches
from opsguide.record.redaction import Redactor

DEFAULTS = {"waves": "100%", "at_a_time": "1", "max_errors": "0", "gate": False, "pause": "", "ask": False,
            "plan": False, "reason": None}  # fmt: skip


@click.command("batch", cls=Command)
@click.argument("path", metavar="[SHEET]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--retry",
    metavar="BATCH",
    shell_complete=complete.batches,
    help="The rows of BATCH that did not end well or were not run.",
)
@click.option("--waves", metavar="SIZES", help="Sizes of the waves, the last one repeated: 1,10%,25% [default: 100%].")
@click.option("--at-a-time", metavar="N|P%", help="Rows at once within a wave [default: 1].")
@click.option("--max-errors", metavar="N|P%", help="Errors that are borne [default: 0].")
@click.option("--gate/--no-gate", default=None, help="After each wave, prove again what its runs proved.")
@click.option("--pause", metavar="DURATION", help='Wait after each wave, before its gate: "2 min".')
@click.option("--ask/--no-ask", default=None, help="Ask before each further wave; needs a terminal.")
@click.option("--plan", is_flag=True, default=None, help="Plan every row, whatever the sheet says.")
@click.option("--reason", metavar="TEXT", help="The reason of rows that have none.")
@json_option
@pass_setting
@click.pass_context
def batch_command(
    context: click.Context, setting: Setting, /, path: Path | None, retry: str | None, as_json: bool, **given: Any
) -> None:
    """Run the rows of SHEET, a .csv or .yml with the columns activity, element, reason, mode and parameters.

    Every row is checked before the first one runs. Rows start in order, and never two that may touch the same element.

    \b
    Errors: rows that end with another code than 0 or 3. With more errors than
    --max-errors no further row starts; rows that run come to their end, so only
    --at-a-time 1 keeps errors to one over the budget. P% is of all rows: rounded
    down for errors and at a time (at least 1), up for waves (at least 1).
    Waves: the next one starts when all rows of the last have ended, --pause is
    over and --gate is passed; a gate that is not passed stops the batch, exit 1.
    Ctrl-C: no more rows start, a change comes to its end, the record is closed.
    Retry: rows, parameters, order, waves and options are the batch's own, not the
    sheet's. A row whose element is held is refused until somebody has settled it.
    Record: records/batches/BATCH; see `opsguide batches`.
    Exit code: 0, that of the first error, 1 at a gate, 3 where requests were
    written, 5 after Ctrl-C or an answer of no.
    """
    close_left_batches(setting)
    chosen = _selection(setting, path, retry, given)
    if not chosen.rows:
        click.echo(f"every row of {chosen.retry_of} ended well; nothing is run again", err=True)
        return
    course = _through(setting, chosen, as_json)
    context.exit(course.exit())


def _selection(setting: Setting, path: Path | None, retry: str | None, given: dict[str, Any]) -> Selection:
    if (path is None) == (retry is None):
        raise InputError("give a sheet, or --retry BATCH", next="opsguide batch --help")
    if path is not None:
        options = {**DEFAULTS, **{name: value for name, value in given.items() if value is not None}}
        return selecting.of_sheet(setting, path, options)
    for name in ("waves", "plan", "reason"):
        if given[name] is not None:
            raise InputError(f"--retry keeps the batch's own {name}", next="leave the option out, or run a sheet")
    chosen = selecting.of_record(setting, batches.find(setting.records(), str(retry)), given)
    for words in selecting.differences(setting, chosen):
        click.echo(f"note: {one_line(words)}", err=True)
    return chosen


def limits(options: dict[str, Any], rows: int) -> Limits:
    """The options in numbers; InputError for what is none."""
    if options["ask"] and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InputError("--ask needs a terminal", next="--no-ask, or --pause and --gate")
    try:
        pause = duration(options["pause"]) if options["pause"] else 0.0
    except ValueError as error:
        raise InputError(f"--pause: {error}") from None
    at_a_time = max(1, shares.share(options["at_a_time"], 1, "--at-a-time").down(rows))
    errors = shares.share(options["max_errors"], option="--max-errors").down(rows)
    return Limits(at_a_time, errors, pause, bool(options["gate"]), _answer if options["ask"] else None)


def _answer(question: str, given_up: Callable[[], bool]) -> bool:
    """Whether the operator says yes; no at the end of the input, or when the batch is stopped meanwhile."""
    print(question, end="", file=sys.stderr, flush=True)
    while not given_up():
        if select.select([sys.stdin], [], [], 0.1)[0]:
            return sys.stdin.readline().strip().lower() in ("y", "yes")
    return False


def _through(setting: Setting, chosen: Selection, as_json: bool) -> Course:
    platform, within = setting.platform(), limits(chosen.options, len(chosen.rows))
    redactor = Redactor({"platform API token": secrets.resolve(platform.api.token)} if platform.api else {})
    folder = batches.start(setting.records(), chosen.name, _intent(setting, chosen, within, redactor), redactor)
    lines = [Line(row, locked=locked(platform, row.asked.element)) for row in chosen.rows]
    progress = Screen() if sys.stderr.isatty() else Lines()
    progress.event(f"batch {folder.batch}: {len(lines)} rows")
    course = Course(lines, within, folder, setting.environment(), progress)
    course.run()
    if course.trouble:
        raise course.trouble
    folder.end(course.state(), course.exit(), course.words())
    _say(setting, course, folder, as_json)
    return course


def _say(setting: Setting, course: Course, folder: batches.BatchFolder, as_json: bool) -> None:
    rows = [line.as_dict() for line in course.lines]
    if as_json:
        print_json({"batch": folder.batch, "state": course.state(), "exit": course.exit(), "words": course.words(),
                    "stopped": course.stopped, "record": str(folder.path), "rows": rows})  # fmt: skip
        return
    table = [("row", "wave", "activity", "element", "state", "exit", "record")]
    said = aligned([*table, *(line.columns() for line in course.lines)])
    said.append(f"{course.state().upper()}  {course.words()} (exit {course.exit()})")
    print_lines([*said, *_next(setting, course, folder.batch), f"record:   {folder.path}"])


def _next(setting: Setting, course: Course, batch: str) -> list[str]:
    """What to do next: settle what is held, then retry."""
    held = holds(setting.platform().state)
    touched = {name for line in course.lines if line.code == 5 for name in line.locked}
    settle = {h.run: h.element for name, h in held.items() if name in touched}
    said = [f'next:     {name} is held; look at it, then opsguide resume {run} --found done|not-done --why "…"'
            for run, name in settle.items()]  # fmt: skip
    again = any(line.failed or line.code is None for line in course.lines)
    return [*said, *([f"next:     opsguide batch --retry {batch}"] if again else [])]


def _intent(setting: Setting, chosen: Selection, within: Limits, redactor: Redactor) -> dict[str, Any]:
    platform = setting.platform()
    edition, uid = edition_of(platform), os.getuid()
    person = {"user": account(), "uid": uid, "how": "the account that started the batch"}
    return {
        "name": chosen.name,
        "platform": {"name": platform.name, "practice": platform.practice, "digest": platform.digest},
        "edition": {"name": edition.name, "digest": edition.digest},
        "sheet": chosen.sheet, "retry_of": chosen.retry_of, "options": chosen.options,
        "limits": {"at_a_time": within.at_a_time, "max_errors": within.max_errors, "pause": within.pause},
        "reason": chosen.options["reason"] or "; ".join(dict.fromkeys(_reason(row) for row in chosen.rows))[:400],
        "person": person, "client": {"pid": os.getpid(), "version": __version__, "host": socket.gethostname()},
        "rows": [_kept(row, redactor) for row in chosen.rows],
    }  # fmt: skip


def _reason(row: Row) -> str:
    return str(row.asked.values.get("reason", ""))


def _kept(row: Row, redactor: Redactor) -> dict[str, Any]:
    values = row.asked.values
    hidden = [name for name, value in values.items() if redactor.value(value) != value]
    return {"row": row.number, "wave": row.wave, "where": row.where, "activity": row.asked.activity.slug,
            "element": row.asked.element.name, "mode": row.asked.mode, "values": values, "hidden": hidden}  # fmt: skip
