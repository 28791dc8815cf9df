"""Every `opsguide …` that a runbook, a page or an error names is a command of this version, with options that it has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from desk import REPOSITORY
from opsguide.launch.cli import COMMANDS, cli

CONTEXT = click.Context(cli)
FILES = [*sorted((REPOSITORY / "runbooks").glob("*.ipynb")), REPOSITORY / "README.md", REPOSITORY / "docs/record.md",
         REPOSITORY / "docs/scopes.md", *sorted((REPOSITORY / "lib/opsguide").rglob("*.py"))]  # fmt: skip
SAID = re.compile(rf"opsguide ((?:{'|'.join(COMMANDS)})\b[^`\n]*)")
QUOTED = re.compile(r"`opsguide ([^`]*)`")


def text(path: Path) -> str:
    if path.suffix != ".ipynb":
        return path.read_text("utf-8")
    return "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"])


def wrong(said: str) -> Iterator[str]:
    """What of a command line there is not."""
    first, second = re.findall(r"^([a-z]*)\b(?: ([a-z]+)\b)?", said)[0] if said else ("", "")
    command = cli.get_command(CONTEXT, first)
    if isinstance(command, click.Group) and second:
        command = command.get_command(CONTEXT, second)
    if command is None:
        yield said
        return
    known = {name for parameter in (*command.params, *cli.params) for name in parameter.opts} | {"--help", "-h"}
    yield from (word for word in re.findall(r"(?<![\w-])--[a-z][a-z-]*", said) if word not in known)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_commands_that_are_named_are_there(path: Path) -> None:
    found = text(path)
    quoted = QUOTED.findall(found) if path.suffix != ".py" else []
    bad = [f"opsguide {said}: {what}" for said in {*SAID.findall(found), *quoted} for what in wrong(said)]
    assert not bad


@pytest.mark.parametrize("said", ["nonsense", "records --where uh-01", "handoff shout 3", "run --plan R --force"])
def test_one_that_is_not_there_is_noticed(said: str) -> None:
    assert list(wrong(said))
