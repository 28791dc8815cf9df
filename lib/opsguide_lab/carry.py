"""Takes one container from one host to another: its private area, its configuration, its dump.

Rules:
- The number of the container stays; on the target it runs when it ran before, stays down when it was down.
- It is never in two places at once: it is down while it is copied. Real live migration keeps it running with a short
  freeze; here "online" is a stop at once instead of an orderly one, and the copy and the start are the freeze.
- The link to its configuration is written last on the target: with it the container belongs there, before it does not.
- What does not arrive stays where it was and runs there again.
- All work is done inside the two hosts, so that no link of theirs leads out of them.
"""

from __future__ import annotations

import shutil
import subprocess

from opsguide_lab import elements, hosts
from opsguide_lab.errors import LabError
from opsguide_lab.topology import Container

PACK = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "--exclude=private/*/work", "-C", "/vz"]
ALREADY_RUNNING = 32


def carry(one: Container, source: str, target: str, *, online: bool) -> None:
    """Move it; LabError says why it did not go, then it is where it was."""
    if source == target or has(target, one):
        raise LabError(f"{one.name}: container {one.ctid} is on {target} already")
    ran = hosts.container_leader(one) != 0
    if ran:
        _vzctl(source, "stop", one, *(["--fast"] if online else []))
    try:
        _copy(one, source, target)
        if ran:
            _vzctl(target, "start", one)
    except LabError:
        drop(target, one)
        if ran:
            _vzctl(source, "start", one)
        raise
    drop(source, one)


def settle(one: Container, source: str, target: str) -> str:
    """Finish or take back a move whose process died, start the container, and say on which host it is now."""
    if not has(target, one):
        drop(target, one)
        _vzctl(source, "start", one)
        return source
    _vzctl(target, "start", one)
    drop(source, one)
    return target


def has(host: str, one: Container) -> bool:
    """Whether the container belongs to that host: it has a configuration there."""
    return _inside(host, ["test", "-e", f"/etc/vz/conf/{one.ctid}.conf"]).returncode == 0


def drop(host: str, one: Container) -> None:
    """Remove all of a container that is down from a host."""
    number = one.ctid
    script = f"""
        rm -f /etc/vz/conf/{number}.conf /vz/dump/Dump.{number}
        rm -rf /vz/private/{number}
        if mountpoint -q /vz/root/{number}; then umount -l /vz/root/{number}; fi
        if [ -d /vz/root/{number} ]; then rmdir /vz/root/{number}; fi
    """
    _done(host, _inside(host, ["bash", "-ec", script]))


def _copy(one: Container, source: str, target: str) -> None:
    """The bytes pass through this process: when it dies, both ends of the pipe break."""
    number = one.ctid
    there = f"shopt -s nullglob; cd /vz; tar -c {' '.join(PACK)} private/{number} dump/Dump.{number}*"
    unpack = elements.entering(target, ["tar", "-x", *PACK])
    with (
        subprocess.Popen(elements.entering(source, ["bash", "-ec", there]), stdout=subprocess.PIPE) as out,
        subprocess.Popen(unpack, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as into,
    ):
        assert out.stdout
        assert into.stdin
        assert into.stderr
        try:
            shutil.copyfileobj(out.stdout, into.stdin)
            into.stdin.close()
        except BrokenPipeError:
            out.stdout.close()
        words = into.stderr.read().decode(errors="replace").strip()
    if out.returncode or into.returncode:
        raise LabError(f"{one.name} cannot be copied to {target}: {(words or 'the copy broke').splitlines()[0]}")
    link = ["ln", "-s", f"/vz/private/{number}/ve.conf", f"/etc/vz/conf/{number}.conf"]
    _done(target, _inside(target, link))


def _vzctl(host: str, verb: str, one: Container, *words: str) -> None:
    done = _inside(host, ["vzctl", verb, str(one.ctid), *words])
    if done.returncode and not (verb == "start" and done.returncode == ALREADY_RUNNING):
        raise LabError(f"{one.name}: vzctl {verb} exits {done.returncode} on {host}: {done.stderr.strip()}")


def _inside(host: str, argv: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return elements.inside(host, argv)
    except subprocess.TimeoutExpired:
        raise LabError(f"{host}: no answer to {argv[0]} {argv[1]}") from None


def _done(host: str, result: subprocess.CompletedProcess[str]) -> None:
    if result.returncode:
        raise LabError(f"{host}: {result.stderr.strip() or result.args}")
