"""`opsguide completion`: the script that makes a shell complete commands, activities, elements and parameters."""

from __future__ import annotations

import click

from opsguide.launch.setting import Command


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion_command(shell: str) -> None:
    """Print the completion of a shell; for bash: `eval "$(opsguide completion bash)"` in ~/.bashrc."""
    from click.shell_completion import get_completion_class

    from opsguide.launch.cli import cli

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "opsguide", "_OPSGUIDE_COMPLETE").source())
