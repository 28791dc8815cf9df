"""The containers of a host, as the stand-ins for vzctl, vzlist and prlctl see them.

A container is `/etc/vz/conf/<CTID>.conf` (a link to `/vz/private/<CTID>/ve.conf`, NAME="value" lines), its writable
files in `/vz/private/<CTID>/fs`, and while it runs the unit `vzct@<CTID>.service` with a systemd of its own. It is
suspended while it is down and `/vz/dump/Dump.<CTID>` stands; the lab keeps no memory, a resumed container boots anew.
A file in its private area tells it to fail: `fail-start` makes every start fail with 7, `hang-stop` (its text is how
many seconds, else 3) makes an orderly stop run into its timeout with 33.
Exit codes are those of the vzctl manual page. Imports are few: a stand-in starts for every command, and pathlib,
dataclasses, signal and subprocess take three times as long to import as Python does to start.
"""

# ruff: noqa: PTH104, PTH108, PTH110, PTH123, PTH208

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIGURATION = "/etc/vz/conf"
LOCKS = "/vz/lock"
PAGE = 4096
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

KILL, CONTINUE = 9, 18  # signals, as Linux numbers them

LOCKED = 9
CANNOT_START = 7
NO_CONFIGURATION = 14
CANNOT_SUSPEND = 16
CANNOT_RESUME = 17
BAD_PARAMETER = 20
NOT_RUNNING = 31
ALREADY_RUNNING = 32
CANNOT_STOP = 33


class Refusal(Exception):  # noqa: N818 - it carries an exit code, the stand-in prints it
    """Why a command was not done, with the exit code that the manual page gives for it."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def text_of(path: str) -> str:
    """A small file whole; OSError when it is not there."""
    with open(path) as file:
        return file.read()


def run(line: list[str], *, quiet: bool = False) -> int:
    """Run a command with the streams of this one and wait for it; ended by a signal is 128 and its number."""
    silence = [(os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)] if quiet else []
    pid = os.posix_spawn(line[0], line, os.environ, file_actions=silence)
    _, status = os.waitpid(pid, os.WUNTRACED)
    while os.WIFSTOPPED(status):
        # nsenter stops itself when its child is stopped, as a container's shutdown does to all, and nobody wakes it
        os.kill(pid, CONTINUE)
        _, status = os.waitpid(pid, os.WUNTRACED)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


class Container:
    """One configured container of this host."""

    def __init__(self, ctid: int, settings: dict[str, str]) -> None:
        self.ctid, self.settings = ctid, settings

    @property
    def file(self) -> str:
        """Its configuration file."""
        return f"{CONFIGURATION}/{self.ctid}.conf"

    @property
    def unit(self) -> str:
        """The unit that it runs as."""
        return f"vzct@{self.ctid}.service"

    @property
    def root(self) -> str:
        """Where its root is mounted while it runs."""
        return f"/vz/root/{self.ctid}"

    @property
    def init(self) -> int:
        """The process that is PID 1 inside, as the host numbers it; 0 when the container does not run."""
        try:
            wrapper = int(text_of(f"/run/vz/{self.ctid}.pid"))
            children = text_of(f"/proc/{wrapper}/task/{wrapper}/children").split()
            ours = text_of(f"/proc/{wrapper}/comm").startswith("systemd-nspawn")
            return int(children[0]) if ours and children else 0
        except (OSError, ValueError):
            return 0

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.init != 0

    @property
    def dump(self) -> str:
        """The file that keeps it while it is suspended."""
        return f"/vz/dump/Dump.{self.ctid}"

    @property
    def status(self) -> str:
        """In vzlist's words: running, suspended or stopped."""
        return "running" if self.running else "suspended" if os.path.exists(self.dump) else "stopped"

    def told(self, word: str) -> str | None:
        """The text of a file in its private area that tells it to fail; None when there is none."""
        path = f"/vz/private/{self.ctid}/{word}"
        return text_of(path) if os.path.exists(path) else None

    def save(self) -> None:
        """Write the configuration back, whole."""
        target = os.path.realpath(self.file)
        with open(f"{target}.new", "w") as draft:
            draft.writelines(f'{k}="{v}"\n' for k, v in self.settings.items())
        os.rename(f"{target}.new", target)


def all_containers() -> list[Container]:
    """All configured containers, by number."""
    names = [name.removesuffix(".conf") for name in os.listdir(CONFIGURATION)]
    return [read(ctid) for ctid in sorted(int(n) for n in names if n.isdigit() and n != "0")]


def read(ctid: int) -> Container:
    """The container of that number; Refusal 14 without a configuration."""
    try:
        lines = text_of(f"{CONFIGURATION}/{ctid}.conf").splitlines()
    except OSError:
        raise Refusal(NO_CONFIGURATION, f"Container configuration file does not exist: {ctid}") from None
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return Container(ctid, {k: v.strip().strip('"') for k, v in pairs})


def find(key: str) -> Container:
    """By number, name or identifier."""
    if key.isdigit():
        return read(int(key))
    for one in all_containers():
        if key.strip("{}") in (one.settings.get("NAME"), one.settings.get("UUID")):
            return one
    raise Refusal(NO_CONFIGURATION, f"Container configuration file does not exist: {key}")


def refuse_locked(one: Container) -> None:
    """Refusal 9 while somebody's lock file stands."""
    if os.path.exists(f"{LOCKS}/{one.ctid}.lck"):
        raise Refusal(LOCKED, "Container already locked")


def start(one: Container) -> None:
    """Start it, also a suspended one, and return when its systemd has reached its target."""
    if one.running:
        raise Refusal(ALREADY_RUNNING, "Container is already running")
    if one.told("fail-start") is not None:
        raise Refusal(CANNOT_START, "Unable to start init: the file fail-start tells it to fail")
    if systemctl("start", one.unit) != 0:
        raise Refusal(CANNOT_START, f"Unable to start container; see journalctl -u {one.unit}")
    if os.path.exists(one.dump):
        os.unlink(one.dump)


def stop(one: Container, *, fast: bool = False) -> None:
    """Stop it as a shutdown, or with `fast` at once."""
    if not one.running:
        raise Refusal(NOT_RUNNING, "Container is not running")
    if not fast and (text := one.told("hang-stop")) is not None:
        time.sleep(float(text.strip() or 3))
        raise Refusal(CANNOT_STOP, "Unable to stop container: operation timed out")
    if fast:
        os.kill(one.init, KILL)
    if systemctl("stop", one.unit) != 0 or one.running:
        raise Refusal(CANNOT_STOP, "Unable to stop container: operation timed out")


def suspend(one: Container) -> None:
    """Write its dump and take it down."""
    if not one.running:
        raise Refusal(NOT_RUNNING, "Container is not running")
    try:
        with open(one.dump, "w") as dump:
            dump.write(f"stand-in: the processes of container {one.ctid} are not in here\n")
    except OSError as error:
        if os.path.exists(one.dump):
            os.unlink(one.dump)
        raise Refusal(CANNOT_SUSPEND, f"Can not dump container: {error}") from None
    stop(one, fast=True)


def resume(one: Container) -> None:
    """Bring a suspended one up again."""
    if not one.running and not os.path.exists(one.dump):
        raise Refusal(CANNOT_RESUME, f"Unable to open {one.dump}: No such file or directory")
    start(one)


def enter(one: Container, argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` inside a running container; Refusal 31 when it does not run."""
    inside = one.init
    if not inside:
        raise Refusal(NOT_RUNNING, "Container is not running")
    _share_limits(one)
    settings = {"PATH": PATH, "HOME": "/root", "SHELL": "/bin/bash", "TERM": os.environ.get("TERM", "dumb")}
    clean = ["/usr/bin/env", "-i", *(f"{k}={v}" for k, v in settings.items())]
    return ["/usr/bin/nsenter", "-t", str(inside), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", *clean, *argv]


def _share_limits(one: Container) -> None:
    """What runs inside counts against the container's limits: cgroup v2, else the v1 groups beside the host's."""
    for group in (f"vz.slice/{one.unit}/payload/init.scope", f"memory/ct{one.ctid}", f"cpu/ct{one.ctid}"):
        try:
            with open(f"/sys/fs/cgroup/{group}/cgroup.procs", "w") as entry:
                entry.write("0")
        except OSError:
            continue


def systemctl(*words: str, quiet: bool = False) -> int:
    """Ask the host's own systemd."""
    return run(["/bin/systemctl", *words], quiet=quiet)


def log(words: str) -> None:
    """A line in /var/log/vzctl.log, as the real one writes them."""
    try:
        with open("/var/log/vzctl.log", "a") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} vzctl : {words}\n")
    except OSError:
        sys.stderr.write("vzctl.log cannot be written\n")
