"""What every command shares: which platform, where the records are, how errors and JSON are printed.

`--platform` and `--records` may stand before or after the command's name; the later one counts.
"""

from __future__ import annotations

import codecs
import glob
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from opsguide import harmless, places
from opsguide.errors import InputError, OpsguideError
from opsguide.guide import editions
from opsguide.guide.editions import Edition
from opsguide.reach import inventory, people
from opsguide.reach.inventory import Platform


@dataclass
class Setting:
    """The platform and the records root that the command line names; empty: environment or default."""

    platform_name: str | None = None
    records_name: str | None = None
    _platform: Platform | None = None

    def platform_file(self) -> Path:
        """The platform's file; InputError where there is none."""
        return places.platform_file(self.platform_name)

    def platform(self) -> Platform:
        """The inventory, read and checked once."""
        if self._platform is None:
            self._platform = inventory.load(self.platform_file())
        return self._platform

    def records(self) -> Path:
        """The records root; it need not exist yet."""
        return places.records_root(self.records_name)

    def edition(self, name: str | None = None) -> Edition:
        """The named edition, or the one that the platform follows; `seed` where the default platform is not set up."""
        if name:
            return editions.load(name)
        if not (self.platform_name or os.environ.get("OPSGUIDE_PLATFORM")) and not self._default_is_there():
            return editions.load("seed")
        return edition_of(self.platform())

    def environment(self) -> dict[str, str]:
        """The environment of a kernel or a child process: this setting spelt out."""
        named = {"OPSGUIDE_PLATFORM": str(self.platform_file()), "OPSGUIDE_RECORDS": str(self.records())}
        return {**os.environ, **named}

    @staticmethod
    def _default_is_there() -> bool:
        try:
            places.platform_file("lab")
        except InputError:
            return False
        return True


def edition_of(platform: Platform) -> Edition:
    """The edition of the table that a platform follows."""
    try:
        return editions.load(platform.edition, platform.file.parent)
    except InputError as error:
        if error.key:
            error.words = f"{platform.file.name}: {error.key}: {error.words}"
            error.where = str(platform.file)
        raise


def _platforms(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The platforms by name, for the shell."""
    try:
        found = (places.home() / "parameters" / "platforms").glob(f"{glob.escape(incomplete)}*.yml")
        return sorted(path.stem for path in found)
    except InputError:
        return []


def _keep(attribute: str) -> Any:
    def callback(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is None:
            return
        setting = context.ensure_object(Setting)
        if not value or getattr(setting, attribute) not in (None, value):
            said = "stands twice" if value else "is empty"
            raise InputError(f"{parameter.opts[0]} {said}", next="name one, or leave the option out")
        setattr(setting, attribute, value)

    return callback


def shared_options() -> list[click.Option]:
    """`--platform` and `--records`, as options of a group or a command."""
    platform = click.Option(
        ["--platform"], expose_value=False, callback=_keep("platform_name"), metavar="NAME", shell_complete=_platforms,
        help="Platform by name or file [default: $OPSGUIDE_PLATFORM, or lab].",
    )  # fmt: skip
    records = click.Option(
        ["--records"], expose_value=False, callback=_keep("records_name"), metavar="FOLDER",
        help="Records root [default: $OPSGUIDE_RECORDS, or records/].",
    )  # fmt: skip
    return [platform, records]


def refuse_twice(command: click.Command, context: click.Context, args: list[str]) -> None:
    """InputError for an option that stands twice: the first of two elements would be passed over without a word."""
    _, _, order = command.make_parser(context).parse_args(list(args))
    for option in order:
        single = isinstance(option, click.Option) and not option.multiple and not option.is_flag
        if single and order.count(option) > 1 and not context.resilient_parsing:
            raise InputError(f"{option.opts[0]} stands twice", next="leave one out")


class Command(click.Command):
    """A command that also takes the shared options, and each option once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += shared_options()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the line."""
        refuse_twice(self, ctx, args)
        return super().parse_args(ctx, args)


class Group(click.Group):
    """A group whose commands take the shared options."""

    command_class = Command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What each command does, as its own help begins: whole, on as many lines as it needs."""
        begins = ((name, (one.help or "").split("\n\n")[0]) for name, one in sorted(self.commands.items()))
        with formatter.section("Commands"):
            formatter.write_dl([(name, " ".join(words.split())) for name, words in begins])


def account() -> str:
    """Whose account this is; never $USER."""
    return people.account(os.getuid())


def worded(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """An option that takes words, and gets some."""
    if not value.strip():
        raise InputError(f"{parameter.opts[0]} is empty", next="it stands in the history: say it in words")
    return value


pass_setting = click.make_pass_decorator(Setting, ensure=True)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: Any) -> None:
    """JSON for machines, on standard output: true values, and nothing in it acts on a terminal."""
    plain = codecs.lookup(sys.stdout.encoding).name != "utf-8"
    click.echo(harmless.in_json(json.dumps(value, ensure_ascii=plain, indent=2)))


def print_lines(lines: Iterable[str]) -> None:
    """Lines for an operator, on standard output; none of them becomes two."""
    click.echo("\n".join(map(harmless.line, lines)))


def saying(out: Any) -> Callable[[list[str]], None]:
    """What prints the broker's lines as they come; nothing where `out` is None."""

    def say(lines: list[str]) -> None:
        if out:
            print("\n".join(lines), file=out, flush=True)

    return say


def print_error(error: OpsguideError) -> None:
    """The error's lines, on standard error."""
    for line in error.lines():
        click.echo(line, err=True)
