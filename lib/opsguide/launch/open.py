"""`opsguide open`: a filled copy of a runbook, in JupyterLab.

- JupyterLab listens on loopback, with a token that stands on no command line; kernels are on Unix sockets.
- It asks nobody on the network for news or updates, and nobody at the desk whether it should.
- What the user has configured for JupyterLab otherwise stays; these settings win over it.
- Long lines of a cell are wrapped, so that a command is seen whole, and a dark desktop gets a dark JupyterLab; what the
  user has chosen in JupyterLab's settings wins over both.
- It serves the folder that holds both the copy and the runbooks, so that the links between them work; where only the
  machine's root holds both, it serves the copy's folder alone.
- It opens this copy and no tab of an earlier time, each of which would start a kernel.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from opsguide import places, wire
from opsguide.errors import InputError
from opsguide.guide import scopes
from opsguide.launch import copies
from opsguide.launch import given as giving
from opsguide.launch.complete import activities, elements, parameters
from opsguide.launch.setting import Command, Setting, edition_of, pass_setting
from opsguide.launch.table import is_here

START = "start-here.ipynb"
VIEW = {
    "@jupyterlab/notebook-extension:tracker": {"codeCellConfig": {"lineWrap": True}},
    "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}


@click.command("open", cls=Command)
@click.argument("activity", required=False, shell_complete=activities)
@click.option("--on", metavar="ELEMENT", shell_complete=elements, help="The host or container.")
@click.option("-p", "words", metavar="NAME=VALUE", multiple=True, shell_complete=parameters, help="A parameter.")
@click.option("-f", "file", metavar="FILE.yml", type=click.Path(path_type=Path), help="Parameters from YAML.")
@click.option("--reason", metavar="TEXT", help="Why; it stands in the record.")
@click.option("--work", metavar="FOLDER", type=click.Path(path_type=Path), help="Where the copy goes [default: work/].")
@click.option("--only-copy", is_flag=True, help="Make the copy, print its path, start nothing.")
@click.option("--no-browser", is_flag=True, help="Start JupyterLab without a browser; it prints its address.")
@pass_setting
def open_command(
    setting: Setting, activity: str | None, on: str | None, words: tuple[str, ...], file: Path | None,
    reason: str | None, work: Path | None, only_copy: bool, no_browser: bool,
) -> None:  # fmt: skip
    """Open a filled copy of ACTIVITY's runbook in JupyterLab; without ACTIVITY, of start-here.

    The copy lies in work/, so that the sources stay clean. What you run in it is recorded as it is headless.
    """
    said = {"element": on, "reason": reason}
    given = {**(giving.from_file(file) if file else {}), **giving.pairs(words)}
    given |= {name: giving.text(name, value) for name, value in said.items() if value is not None}
    copy = made(setting, activity, given, work)
    if only_copy:
        return click.echo(copy)
    click.echo(f"copy: {copy}", err=True)
    start(setting, copy, no_browser)
    return None


def made(setting: Setting, activity: str | None, given: dict[str, giving.Given], work: Path | None) -> Path:
    """The filled copy; InputError for parameters that do not fit."""
    folder = work.expanduser().absolute() if work else copies.work_folder()
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}", next="make it, or name another: --work FOLDER")
    if activity is None or activity == "start-here":
        if given:
            raise InputError("start-here has no parameters", next="name an activity: opsguide open ACTIVITY …")
        return copies.filled(places.runbooks() / START, {}, folder / START)
    platform = setting.platform()
    row = edition_of(platform).activity(activity)
    scope = scopes.load(row.slug) if is_here(row) else None
    if scope is None:
        raise InputError(f"the runbook of {row.title} is still to come", next="`opsguide matrix` shows which are here")
    values: dict[str, Any] = {name: one.checked(scope.parameters) for name, one in given.items()}
    if "element" in values:
        try:
            platform.element(values["element"])
        except InputError as error:
            raise giving.placed(error, given["element"].where) from None
    stem = "-".join([row.runbook.removesuffix(".ipynb"), *([values["element"]] if "element" in values else [])])
    return copies.filled(places.runbooks() / row.runbook, values, folder / f"{stem}.ipynb")


def start(setting: Setting, copy: Path, no_browser: bool) -> None:
    """Become JupyterLab, on this copy; does not return."""
    copy = copy.absolute()
    root = served(places.home().absolute(), copy.parent)
    port, token = _free_port(), secrets.token_urlsafe(32)
    settings = _settings(root, port, token)
    where = quote(str(copy.relative_to(root)))
    click.echo(f"address: http://127.0.0.1:{port}/lab/tree/{where}?token={token}", err=True)
    words = [sys.executable, "-m", "jupyterlab", f"--config={settings}", str(copy)]
    runtime = _runtime()
    config = os.pathsep.join(filter(None, [str(_view(runtime)), os.environ.get("JUPYTER_CONFIG_PATH")]))
    environment = {**setting.environment(), "JUPYTER_RUNTIME_DIR": str(runtime), "JUPYTER_CONFIG_PATH": config}
    sys.stdout.flush()
    os.execve(sys.executable, [*words, *(["--no-browser"] if no_browser else [])], environment)


def served(home: Path, folder: Path) -> Path:
    """The folder that JupyterLab serves for a copy in `folder` of a runbook in `home`."""
    both = Path(os.path.commonpath([home, folder]))
    return folder if both == Path(both.anchor) else both


def _runtime() -> Path:
    """A short path: Unix sockets lie in it, and their paths may not be longer than 107 bytes."""
    folder = wire.folder() / "jupyter"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _view(folder: Path) -> Path:
    """A folder on JupyterLab's path of settings, with our defaults of how it looks."""
    place = folder / "labconfig" / "default_setting_overrides.json"
    place.parent.mkdir(mode=0o700, exist_ok=True)
    place.write_text(json.dumps(VIEW), "utf-8")
    return folder


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _settings(root: Path, port: int, token: str) -> Path:
    """JupyterLab's settings, in a file that only the user reads; the process id stays the same over exec."""
    for old in wire.folder().glob("lab-*.json"):
        if not Path("/proc", old.stem.removeprefix("lab-")).exists():
            old.unlink(missing_ok=True)
            shutil.rmtree(old.with_suffix(""), ignore_errors=True)
    place = wire.folder() / f"lab-{os.getpid()}.json"
    tabs = place.with_suffix("")
    tabs.mkdir(mode=0o700, exist_ok=True)
    content = {
        "ServerApp": {
            "ip": "127.0.0.1", "port": port, "port_retries": 0, "allow_remote_access": False,
            "allow_root": os.getuid() == 0, "root_dir": str(root),
        },
        "IdentityProvider": {"token": token},
        "KernelManager": {"transport": "ipc"},
        "LabApp": {"news_url": None, "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
                   "workspaces_dir": str(tabs)},
    }  # fmt: skip
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(content, out)
    return place
