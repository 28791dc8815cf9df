"""`opsguide doctor`: what is missing here, and what the set-up protects."""

from __future__ import annotations

from dataclasses import asdict

import click

from opsguide.launch import checks
from opsguide.launch.check import WRONG
from opsguide.launch.setting import Command, Setting, json_option, pass_setting, print_json, print_lines


@click.command("doctor", cls=Command)
@json_option
@pass_setting
@click.pass_context
def doctor_command(context: click.Context, setting: Setting, as_json: bool) -> None:
    """Check this machine and the platform's set-up. Exit 2 when something is wrong.

    It also says what the set-up prevents and what it only discourages.
    """
    found = []
    for check in checks.everything(setting):
        found.append(check)
        if not as_json:
            then = [f"       next: {check.next}"] if check.next else []
            print_lines([f"{check.state.upper():6} {check.name}: {check.words}", *then])
    if as_json:
        print_json([asdict(check) for check in found])
    context.exit(2 if any(check.state == WRONG for check in found) else 0)
