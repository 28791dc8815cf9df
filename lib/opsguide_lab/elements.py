"""What a test may see of an element from outside, and how it breaks one: by other means than ssh and the runbooks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opsguide_lab import certificates, control, hosts, places, topology
from opsguide_lab.errors import LabError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SESSION = "Starting session:"
LOGIN = "Accepted "


def _leader(name: str) -> int:
    """PID 1 of a host or a container, waited for while it boots."""
    is_host = any(h.name == name for h in topology.HOSTS)
    one = None if is_host else topology.container(name)
    found = [0]

    def there() -> bool:
        found[0] = hosts.leader(name) if one is None else hosts.container_leader(one)
        return found[0] != 0

    if not hosts.wait(there, 60):
        raise LabError(f"{name} does not run")
    return found[0]


def host_root(host: str) -> Path:
    """The root of a running host as its own processes see it, /run and /vz included; valid until it reboots.

    It is the process's own root: an absolute symbolic link in it leads out of it, so read files, not links.
    """
    topology.host(host)
    return Path(f"/proc/{_leader(host)}/root")


def container_root(name: str) -> Path:
    """The root of a running container; valid until the container stops."""
    topology.container(name)
    return Path(f"/proc/{_leader(name)}/root")


def inside(name: str, argv: Sequence[str], stdin: str = "", timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """Run a command in a host or a container without ssh and without vzctl; nothing of it shows in the sshd log."""
    return subprocess.run(entering(name, argv), input=stdin, capture_output=True, text=True, timeout=timeout)


def entering(name: str, argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` in a host or a container; LabError when it does not run."""
    enter = ["nsenter", "-t", str(_leader(name)), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w"]
    return [*enter, "/usr/bin/env", "-i", f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8", *argv]


def sshd_sessions(host: str) -> int:
    """How many commands, shells and transfers the host's sshd has started since the lab was built."""
    return _count(host, SESSION)


def sshd_logins(host: str) -> int:
    """How many logins it has accepted: one a connection, however many commands follow on it."""
    return _count(host, f"{LOGIN}publickey") + _count(host, f"{LOGIN}password")


def _count(host: str, words: str) -> int:
    topology.host(host)
    log = places.host_folder(host) / "sshd.log"
    return sum(line.startswith(words) for line in log.read_text(errors="replace").splitlines()) if log.exists() else 0


def fault(host: str, word: str) -> None:
    """Break the wire to a host: refuse, reset, hang, delay=SECONDS, freeze, cut; the empty word mends it."""
    topology.host(host)
    control.ask(places.RELAY_SOCKET, do="fault", host=host, word=word)


def faults() -> dict[str, str]:
    """The faults that are in force now, by host."""
    wires: dict[str, dict[str, Any]] = control.ask(places.RELAY_SOCKET, do="list")["wires"]
    return {name: str(wire["word"]) for name, wire in wires.items() if wire["word"]}


def api_fault(word: str) -> None:
    """Break the platform API by a word, the empty one mends it: see `platform_faults` for all of them."""
    control.ask(places.API_SOCKET, do="fault", word=word)


def panel(action: str, login: str, role: str = "") -> None:
    """What an operator does in the admin panel, under Access Control: add, change-role or remove."""
    control.ask(places.API_SOCKET, do="panel", action=action, login=login, role=role)


def api_requests() -> list[dict[str, Any]]:
    """Every call that reached the platform API, oldest first: at, method, args (no session), session, result."""
    log = places.API / "requests.jsonl"
    return [json.loads(line) for line in log.read_bytes().split(b"\n")[:-1]] if log.exists() else []


def change_host_key(host: str) -> None:
    """Give a host another key than the one in known_hosts; `restore_host_key` or `up` puts the old one back."""
    key = f"/{hosts.HOST_KEY}"
    script = f"rm -f {key} {key}.pub; ssh-keygen -q -t ed25519 -N '' -f {key}; systemctl restart sshd"
    _done(host, inside(host, ["bash", "-ec", script]))


def restore_host_key(host: str) -> None:
    """Put the host's own key back."""
    born = places.host_folder(host) / "layer" / hosts.HOST_KEY
    for suffix in ("", ".pub"):
        text = Path(f"{born}{suffix}").read_text()
        _done(host, inside(host, ["bash", "-ec", f"cat > /{hosts.HOST_KEY}{suffix}"], stdin=text))
    _done(host, inside(host, ["systemctl", "restart", "sshd"]))


def restore_certificates(name: str) -> None:
    """Give a resolver the certificates that it was built with, and have nginx read them."""
    root = container_root(name)
    for path in (root / certificates.FOLDER).iterdir():
        path.unlink()
    certificates.place(root)
    _done(name, inside(name, ["systemctl", "reload-or-restart", "nginx"]))


def fill_disk(host: str) -> None:
    """Leave no free block on the host's disk, which its containers share; `free_disk` gives the room back."""
    _resize(host, "used")


def free_disk(host: str) -> None:
    """Give the host its room back."""
    _resize(host, hosts.DISK)


def _resize(host: str, size: str) -> None:
    """The disk is a tmpfs: it is full when its size is what is used, and no memory is spent on filling it."""
    pid = hosts.wrapper_pid(topology.host(host).name)
    if not pid:
        raise LabError(f"{host} does not run")
    disk = places.host_folder(host) / "disk"
    enter = ["nsenter", "-t", str(pid), "-m"]
    if size == "used":
        line = [*enter, "df", "-B1024", "--output=used", str(disk)]
        size = subprocess.run(line, check=True, capture_output=True, text=True).stdout.split()[-1] + "k"
    line = [*enter, "mount", "-o", f"remount,size={size}", str(disk)]
    _done(host, subprocess.run(line, capture_output=True, text=True))


def _done(host: str, result: subprocess.CompletedProcess[str]) -> None:
    if result.returncode:
        raise LabError(f"{host}: {result.stderr.strip() or result.args}")
