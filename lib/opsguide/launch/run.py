"""`opsguide run` and `opsguide plan`: one activity on one element."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from opsguide.errors import InputError, OpsguideError, StoreError, UnknownError
from opsguide.launch import asked as asking
from opsguide.launch import given as giving
from opsguide.launch.asked import Asked
from opsguide.launch.complete import activities, elements, parameters, runs
from opsguide.launch.outcome import APPEAR_SECONDS, FULL_SECONDS, SEAL_SECONDS, Outcome, find, of, sealed
from opsguide.launch.setting import Command, Setting, json_option, print_error, print_json, print_lines, saying
from opsguide.launch.verdict import verdict


def asking_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments that name activity, element, parameters and reason."""
    options = [
        click.argument("activity", required=False, shell_complete=activities),
        click.option("--on", metavar="ELEMENT", shell_complete=elements, help="The host or container."),
        click.option("-p", "words", metavar="NAME=VALUE", multiple=True, shell_complete=parameters,
                     help="A parameter; `opsguide show ACTIVITY` lists them. Lists: a,b,c."),
        click.option("-f", "file", metavar="FILE.yml", type=click.Path(path_type=Path), help="Parameters from YAML."),
        click.option("--reason", metavar="TEXT", help="Why; it stands in the record. Needed to apply."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def running_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """How a run is shown and kept."""
    options = [
        click.option(
            "--out", metavar="FILE.ipynb", type=click.Path(path_type=Path), help="Keep the notebook as it ran."
        ),
        click.option("--cell-timeout", metavar="SECONDS", type=click.IntRange(1), help="The longest time of one cell."),
        click.option("--quiet", is_flag=True, help="Only the verdict."),
        json_option,
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.command("run", cls=Command)
@asking_options
@click.option(
    "--plan", metavar="RUN", shell_complete=runs, help="Carry out this plan, exactly; RUN is its id, or `last` plan."
)
@running_options
@click.pass_context
def run_command(context: click.Context, /, plan: str | None, **options: Any) -> None:
    """Carry ACTIVITY out on ELEMENT: every command is shown, sent, checked and recorded.

    With --plan RUN the activity, the element and the parameters are the plan's. What is not in it is refused, and so is
    everything when the starting state that it found has moved.

    A cell of Jelastic Operations writes the request instead (exit 3); a cell that is N/A is refused (exit 4). Both
    leave a record. Ctrl-C ends a look at once and lets a change come to its end; the exit code is the record's.
    """
    setting = context.ensure_object(Setting)
    context.exit(_command(setting, "apply", options) if plan is None else _followed(setting, plan, options))


def _followed(setting: Setting, plan: str, options: dict[str, Any]) -> int:
    from opsguide.launch import follow

    for name, said in (("activity", "ACTIVITY"), ("on", "--on"), ("file", "-f")):
        if options[name]:
            raise InputError(f"{said} stands in the plan", next=f"opsguide run --plan {plan}, and nothing beside it")

    def whole() -> Asked:
        past = follow.plan(setting, plan)
        return follow.asked_of(setting, past, giving.pairs(options["words"]), options["reason"])

    return told(setting, whole, options)


@click.command("plan", cls=Command)
@asking_options
@click.option("--commands", is_flag=True, help="Print only the command lines, ready to be copied into a terminal.")
@running_options
@click.pass_context
def plan_command(context: click.Context, /, commands: bool, **options: Any) -> None:
    """Look at ELEMENT and list every change of ACTIVITY with its whole command line; nothing is changed."""
    setting = context.ensure_object(Setting)
    if not commands:
        context.exit(_command(setting, "plan", options))
    asked = _asked(setting, "plan", options)
    outcome, _ = _performed(setting, asked, {**options, "quiet": True, "as_json": False})
    lines = effective_lines(Path(outcome.record))
    print_json(lines) if options["as_json"] else print_lines(lines)
    context.exit(outcome.exit)


def _command(setting: Setting, mode: str, options: dict[str, Any]) -> int:
    return told(setting, lambda: _asked(setting, mode, options), options)


def told(setting: Setting, asked: Callable[[], Asked], options: dict[str, Any]) -> int:
    """Run what is asked and tell its verdict, as words or JSON; the exit code."""
    outcome, said = _performed(setting, asked(), options)
    if options["as_json"]:
        print_json(outcome.as_dict())
    else:
        print_lines(verdict(outcome, options["quiet"] or not said))
    return outcome.exit


def _asked(setting: Setting, mode: str, options: dict[str, Any]) -> Asked:
    if not options["activity"]:
        raise InputError("no activity", next="name one: `opsguide matrix` lists them")
    file: Path | None = options["file"]
    given = asking.merged(
        mode, giving.pairs(options["words"]), giving.from_file(file) if file else {}, options["on"], options["reason"]
    )
    return asking.asked(setting, options["activity"], given, str(file or ""))


def _performed(setting: Setting, asked: Asked, options: dict[str, Any]) -> tuple[Outcome, bool]:
    shown = None if options["quiet"] else sys.stderr if options["as_json"] else sys.stdout
    return perform(setting, asked, shown, options["out"], options["cell_timeout"])


def perform(
    setting: Setting, asked: Asked, shown: Any, out: Path | None = None, timeout: int | None = None
) -> tuple[Outcome, bool]:
    """Run what is asked: the outcome, which is the record's, and whether `shown` has got the verdict already.

    An OpsguideError where no record was begun.
    """
    launch, since, records = secrets.token_hex(16), datetime.now(UTC), setting.records()
    if asked.decision.exit == 4:
        return _refused(setting, asked, launch, since, shown), True
    from opsguide.launch.execution import execute, kernel_environment

    if shown:
        print(f"starting {asked.activity.runbook} …", file=sys.stderr, flush=True)
    ended = execute(asked, kernel_environment(setting.environment(), launch), out, shown, timeout)
    folder = find(records, launch, since, APPEAR_SECONDS if ended.exit == 5 else 0.0)
    if folder is None:
        words = ended.words or "the notebook began no run"
        return Outcome(None, "not-run", ended.exit or 1, words, activity=asked.activity.slug,
                       element=asked.element.name, mode=asked.mode), False  # fmt: skip
    if ended.error == "UnknownError":
        _closed_by_another(setting)
    try:
        outcome = of(sealed(folder, _waiting, FULL_SECONDS if ended.error == "StoreError" else SEAL_SECONDS))
    except UnknownError as error:
        if ended.error != "StoreError":
            raise
        then = "make room, then `opsguide verify last` closes the record with the truth"
        raise StoreError(ended.words, where=error.where, next=then) from None
    if ended.error == "StoreError" and outcome.exit == 0:
        raise StoreError(f"the run succeeded, but its output was not kept: {ended.words}", where=outcome.record)
    return outcome, not ended.error


def _refused(setting: Setting, asked: Asked, launch: str, since: datetime, shown: Any) -> Outcome:
    """Ask the broker for a cell that is N/A: it refuses, and the refusal gets its sealed record."""
    from opsguide.wire import Client

    request = {"do": "begin", "activity": asked.activity.slug, "parameters": asked.values, "launch": launch,
               "batch": os.environ.get("OPSGUIDE_BATCH", "")}  # fmt: skip
    client = Client(setting.platform_file(), setting.records(), "opsguide run")
    try:
        client.ask(request, saying(shown))
        raise OpsguideError("the broker did not refuse a cell that is N/A", where=asked.decision.words)
    except OpsguideError as error:
        folder = find(setting.records(), launch, since)
        if folder is None:
            raise
        if shown:
            print_error(error)
    finally:
        client.close()
    return of(sealed(folder, _waiting))


def _closed_by_another(setting: Setting) -> None:
    """The broker is gone: the next one, greeted, closes what it left behind with the truth."""
    from opsguide.wire import Client

    with contextlib.suppress(OpsguideError):
        Client(setting.platform_file(), setting.records(), "opsguide run").close()


def _waiting() -> None:
    print("waiting for the record to be sealed …", file=sys.stderr, flush=True)


def effective_lines(folder: Path) -> list[str]:
    """The whole command lines of a planned run, in order: looks as they were sent, changes and proves as listed."""
    if not folder.is_dir():
        return []
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]
    shown = [e for e in events if e["type"] == "planned" or (e["type"] == "send" and e["verb"] != "proof")]
    return [str(e["line"]) for e in shown if e.get("line")]
