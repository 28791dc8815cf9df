"""`opsguide batch`: the rows of a sheet, one after another or some at a time.

- Nothing runs before every row is checked.
- Each row is an `opsguide run` of its own, with a record of its own.
- A row waits while a running one has its element, its peer, or a container of its host.
- After the first row that fails no other starts; those that run come to their end, the rest are `not-run`.
- A request that was written (exit 3) is not a failure. Ctrl-C interrupts the running rows and starts no more.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from opsguide.errors import InputError
from opsguide.launch import sheet
from opsguide.launch.asked import Asked
from opsguide.launch.columns import aligned
from opsguide.launch.rows import Line
from opsguide.launch.setting import Command, Setting, json_option, pass_setting, print_error, print_json

PAUSE = 0.05


@click.command("batch", cls=Command)
@click.argument("path", metavar="SHEET", type=click.Path(path_type=Path))
@click.option("--reason", metavar="TEXT", help="The reason of rows that have none.")
@click.option("--plan", is_flag=True, help="Plan every row, whatever the sheet says.")
@click.option(
    "--at-a-time", type=click.IntRange(1, 64), default=1, metavar="N", show_default=True, help="Rows at once."
)
@json_option
@pass_setting
@click.pass_context
def batch_command(
    context: click.Context, setting: Setting, path: Path, reason: str | None, plan: bool, at_a_time: int, as_json: bool
) -> None:
    """Run the rows of SHEET, a .csv or .yml with the columns activity, element, reason, mode and parameters.

    The exit code is 0, or that of the first row that failed, 3 where requests were written, 5 after Ctrl-C.
    """
    asked = _checked(setting, sheet.rows(path), "plan" if plan else None, reason)
    batch = Batch(setting, asked, at_a_time, _show if sys.stderr.isatty() else _tell)
    batch.run()
    code = batch.exit()
    if as_json:
        print_json({"exit": code, "rows": [line.as_dict() for line in batch.lines]})
    else:
        table = [("row", "activity", "element", "state", "exit", "record")]
        click.echo("\n".join(aligned([*table, *(line.columns() for line in batch.lines)])))
    context.exit(code)


def _checked(setting: Setting, rows: list[sheet.Row], mode: str | None, reason: str | None) -> list[Asked]:
    asked, errors = [], []
    for row in rows:
        try:
            asked.append(sheet.checked(setting, row, mode, reason))
        except InputError as error:
            errors.append(error)
    for wrong in errors[:20]:
        print_error(wrong)
    if errors:
        raise InputError(f"{len(errors)} of {len(rows)} rows do not fit; nothing was run")
    return asked


class Batch:
    """The rows and how far they are; `tell` is given the progress in words."""

    def __init__(self, setting: Setting, asked: list[Asked], at_a_time: int, tell: Callable[[str, bool], None]) -> None:
        environment, platform = setting.environment(), setting.platform()
        self.lines = [Line(number, one, environment, platform) for number, one in enumerate(asked, 1)]
        self._at_a_time, self._tell, self._stopped = at_a_time, tell, ""

    def run(self) -> None:
        """Run until every row has ended or none may start."""
        before = {
            number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            while self._step():
                time.sleep(PAUSE)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def exit(self) -> int:
        """The batch's exit code."""
        failed = [line for line in self.lines if line.failed]
        if failed:
            return min(failed, key=lambda line: line.ended).code or 1
        if self._stopped:
            return 5
        return 3 if any(line.code == 3 for line in self.lines) else 0

    def _step(self) -> bool:
        moved = [line for line in self.lines if line.running and line.poll()]
        running = [line for line in self.lines if line.running]
        if not self._stopped and not any(line.failed for line in self.lines):
            for line in (line for line in self.lines if line.waiting):
                if len(running) >= self._at_a_time or any(line.touches(other) for other in running):
                    break
                line.start()
                running.append(line)
                moved.append(line)
        if moved or running:
            self._tell(self._progress(), bool(moved))
        return bool(running)

    def _stop(self, number: int, frame: Any) -> None:
        first, self._stopped = not self._stopped, "stopped"
        for line in self.lines:
            line.signal(signal.SIGINT if first and number == signal.SIGINT else signal.SIGTERM)

    def _progress(self) -> str:
        running = [f"{line.asked.activity.slug} on {line.asked.element.name}" for line in self.lines if line.running]
        done = sum(line.code is not None for line in self.lines)
        failed = sum(line.failed for line in self.lines)
        said = [f"{done} of {len(self.lines)} done", *([f"{failed} failed"] if failed else [])]
        return ", ".join([*said, *([f"running: {'; '.join(running)}"] if running else [])])


def _show(words: str, lasting: bool) -> None:
    """On a terminal: one line, written over."""
    print(
        f"\r\x1b[2K{words[:118]}", end="\n" if lasting and "running" not in words else "", file=sys.stderr, flush=True
    )


def _tell(words: str, lasting: bool) -> None:
    """Elsewhere: a line whenever a row starts or ends."""
    if lasting:
        print(words, file=sys.stderr, flush=True)
