"""`opsguide lab`: the practice platform, up and down."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import click

from opsguide.errors import InputError
from opsguide.launch.columns import aligned
from opsguide.launch.setting import Command, Group, json_option, print_json, print_lines


@click.group("lab", cls=Group)
def lab_command() -> None:
    """The practice platform: hosts and containers on this machine, on loopback only."""


@lab_command.command("up", cls=Command)
def up() -> None:
    """Bring it up; the first time it builds its base, which takes a few minutes."""
    _refuse_missing()
    _timed("up", _lab().up)


@lab_command.command("down", cls=Command)
def down() -> None:
    """Take it down; nothing of it stays behind but its cached base."""
    if os.geteuid() != 0:
        raise InputError("the lab is root's", next="run the same command as root (sudo)")
    _timed("down", _lab().down)


@lab_command.command("reset", cls=Command)
def reset() -> None:
    """Back to how it is when it is new."""
    _refuse_missing()
    _timed("reset", _lab().reset)


@lab_command.command("panel", cls=Command)
@click.argument("action", type=click.Choice(["add", "change-role", "remove"]))
@click.argument("login")
@click.argument("role", default="")
def panel(action: str, login: str, role: str) -> None:
    """Do what an operator does by hand in the admin panel, under Access Control."""
    from opsguide_lab import LabError

    try:
        _lab().panel(action, login, role)
    except LabError as error:
        raise InputError(str(error)) from None
    click.echo(f"the panel: {action} {login} {role}".rstrip())


@lab_command.command("status", cls=Command)
@json_option
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """What of it is up. Exit 0 only when all of it is."""
    hosts = _lab().status()
    whole = bool(hosts) and all(host.up and all(host.containers.values()) for host in hosts)
    if as_json:
        print_json([
            {name: getattr(host, name) for name in ("name", "up", "address", "port", "detail", "containers")}
            for host in hosts
        ])  # fmt: skip
    else:
        rows = [(h.name, "up" if h.up else "down", f"{h.address}:{h.port}", _containers(h), h.detail) for h in hosts]
        print_lines([*aligned(rows), "all of it is up" if whole else "not all of it is up: opsguide lab up"])
    context.exit(0 if whole else 1)


def _containers(host: Any) -> str:
    return " ".join(name if is_up else f"{name}(down)" for name, is_up in host.containers.items())


def _lab() -> Any:
    import opsguide_lab

    return opsguide_lab


def _refuse_missing() -> None:
    missing = _lab().missing()
    if missing:
        raise InputError(f"the lab cannot run here: {missing[0]}", answer="; ".join(missing[1:]))


def _timed(what: str, deed: Callable[[Callable[[str], None]], Any]) -> None:
    start = time.monotonic()
    deed(lambda words: print(f"  {words}", file=sys.stderr, flush=True))
    click.echo(f"lab {what} in {time.monotonic() - start:.1f} s")
