"""`opsguide`: the command line. A command's module is imported when the command is called, not before.

Exit codes: 0 succeeded, 1 failed, 2 bad input or set-up, 3 belongs to Jelastic Operations, 4 not applicable,
5 unknown, interrupted or held, 7 locked or against an invariant, 8 tampered.
"""

from __future__ import annotations

import errno
import signal
import sys
from importlib import import_module

import click

from opsguide import __version__
from opsguide.errors import NOTHING, InputError, OpsguideError, StoreError
from opsguide.launch.setting import print_error, print_json, refuse_twice, shared_options
from opsguide.launch.stopping import raising
from opsguide.launch.terminal import Lasting, ended, opened
from opsguide.reach.lined import close_matches

COMMANDS = {
    "matrix": ("look_up", "The table: who may do what, on which kind of element."),
    "may": ("look_up", "May I? 0 yes, 3 Jelastic Operations, 4 not applicable."),
    "show": ("look_up", "One activity: its row, parameters, services, steps and commands."),
    "elements": ("look_up", "The hosts and containers: what is held, locked or out, and what ends that."),
    "plan": ("run", "Look, and list every change with its whole command line."),
    "run": ("run", "Carry an activity out on one element, or a plan of it; leaves a record."),
    "open": ("open", "Open a filled copy of a runbook in JupyterLab."),
    "prove": ("prove", "Prove again what a run proved; nothing is changed."),
    "handoff": ("handoff", "Requests to Jelastic Operations: list, show, send, confirm, withdraw."),
    "custom": ("custom", "Custom settings that were agreed: list, check, retire."),
    "batch": ("batch", "Run the rows of a sheet: in waves, with gates, an error budget, and retry."),
    "batches": ("batches", "The batches on record, and how each row ended."),
    "records": ("records", "The runs on record, newest first."),
    "verify": ("records", "Check that records are what was written."),
    "resume": ("records", "Go on from a run that did not end well; settle a change that is unknown."),
    "lab": ("lab", "The practice platform: up, down, status, reset."),
    "doctor": ("doctor", "What is missing here, and what the set-up protects."),
    "completion": ("completion", "Shell completion for bash, zsh or fish."),
}

MEND = {
    errno.ENOENT: "is it there? opsguide doctor, from another folder",
    errno.EACCES: "mend its rights, or be who it belongs to",
    errno.ENOSPC: "make room",
    errno.EROFS: "it is read-only: name another place",
}


class Late(click.Group):
    """A group that imports a command's module when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which an operator needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        found = getattr(import_module(f"opsguide.launch.{COMMANDS[cmd_name][0]}"), f"{cmd_name}_command")
        assert isinstance(found, click.Command)
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the line up to the command."""
        refuse_twice(self, ctx, args)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called; a misspelt one is told with those that are close."""
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0][:40]!r}{close_matches(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


cli = Late(
    name="opsguide",
    params=shared_options(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help="The Operations Guide as runbooks that run. Start with `opsguide matrix` and `opsguide elements`.",
    epilog="Exit codes: 0 succeeded, 1 failed, 2 bad input or set-up, 3 belongs to Jelastic Operations, "
    "4 not applicable, 5 unknown, interrupted or held, 7 locked or against an invariant, 8 tampered.",
)
click.version_option(__version__, prog_name="opsguide", message="%(prog)s %(version)s")(cli)


def main() -> None:
    """The entry point; errors of opsguide end in their five lines and their exit code, a bug keeps its traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # what no run and no `raising` hears ends us without a traceback
    outs = opened()
    sys.exit(ended(outs, _run(outs[0])))


def _run(out: Lasting) -> int:
    """What was asked, told in words; with --json its error is JSON, too, where nothing else was printed."""
    try:
        with raising():
            return int(cli(prog_name="opsguide", standalone_mode=False) or 0)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except click.exceptions.NoArgsIsHelpError as help:
        help.show()
        return help.exit_code
    except (OpsguideError, OSError, RuntimeError, click.ClickException) as error:
        wrong = _said(error)
        if isinstance(wrong, InputError):
            wrong.sent = wrong.sent or NOTHING
        print_error(wrong)
        if "--json" in sys.argv and not out.used:
            state = "not-run" if wrong.sent == NOTHING else "error"
            print_json({"run": None, "state": state, **wrong.as_dict()})
        return wrong.exit_code


def _said(error: Exception) -> OpsguideError:
    """What an operator reads of it: of a place or a disk that will not do, of a stop in the midst of an import."""
    if isinstance(error, click.ClickException):
        asked = getattr(error, "ctx", None)
        usage = f"{asked.get_usage().removeprefix('Usage: ')}; {asked.command_path}" if asked else "opsguide"
        return InputError(" ".join(error.format_message().split()), next=f"{' '.join(usage.split())} --help")
    if isinstance(error, OSError) and (error.filename or error.errno in MEND):
        place = error.filename or "the folder that we are in, or a disk,"
        then = MEND.get(error.errno or 0, "opsguide doctor")
        return StoreError(f"{place} cannot be used: {error.strerror or error}", next=then)
    found = error if isinstance(error, OpsguideError) else error.__cause__
    if isinstance(found, OpsguideError):
        return found
    raise error
