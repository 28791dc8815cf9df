"""Whether this machine can carry the lab, found by doing each thing once in a scratch folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from opsguide_lab import base, cgroups, places

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "ssh-keyscan": "openssh-client",
    "openssl": "openssl",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
}
PACKAGES = tuple(dict.fromkeys(PROGRAMS.values()))
TRIED = """
mount -t tmpfs scratch "$1"; cd "$1"; mkdir lower upper work root
mount -t overlay scratch -o lowerdir=lower,upperdir=upper,workdir=work root && echo fine > root/file
ip link set lo up
"""


def missing() -> list[str]:
    """One sentence for each thing that is missing, with what to do about it."""
    if os.name != "posix" or not Path("/proc/self/ns").is_dir():
        return ["the lab needs Linux: run it on a Debian 12 machine"]
    if os.geteuid() != 0:
        return ["the lab needs root: run the same command as root (sudo)"]
    absent = [package for program, package in PROGRAMS.items() if not _program(program)]
    if absent and not base.base().is_dir():
        return [_install(absent)]
    absent = [p for p in absent if p != "mmdebstrap"]
    return [_install(absent)] if absent else [*_namespaces(), *_cgroups(), *_address(), *_release()]


def _install(packages: list[str]) -> str:
    names = " ".join(dict.fromkeys(packages))
    return f"programs of these packages are not installed: apt-get install -y --no-install-recommends {names}"


def _program(name: str) -> bool:
    return bool(shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"))


def _namespaces() -> list[str]:
    with tempfile.TemporaryDirectory(prefix="opsguide-lab-") as scratch:
        line = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-ec", TRIED, "try", scratch]
        tried = subprocess.run(line, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if tried.returncode == 0:
        return []
    why = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
    remedy = "run on a machine or in a virtual machine of your own, or start the container with --privileged"
    return [f"namespaces or overlay mounts are not allowed here ({why}): {remedy}"]


def _cgroups() -> list[str]:
    try:
        if not cgroups.hierarchies() or not (cgroups.unified() or (cgroups.TOP / "systemd").is_dir()):
            raise OSError("no systemd or unified hierarchy is mounted")
        cgroups.make("try")
        return [] if cgroups.remove("try") else ["a cgroup of the lab cannot be removed: end what runs in it"]
    except OSError as error:
        remedy = "mount -t cgroup2 none /sys/fs/cgroup, or start the container with --privileged --cgroupns=host"
        return [f"cgroups cannot be made here ({error}): {remedy}"]


def _address() -> list[str]:
    tried = subprocess.run(["ip", "-4", "route", "get", "127.0.64.1"], capture_output=True, text=True)
    return [] if "lo" in tried.stdout else ["127.0.64.1 is not on the loopback: ip link set lo up"]


def _release() -> list[str]:
    if base.base().is_dir():
        return []
    try:
        base.sources()
    except Exception as error:
        return [str(error)]
    room = shutil.disk_usage(places.CACHE.parent).free
    return [] if room > 1 << 30 else [f"{places.CACHE.parent} has less than 1 GiB free: make room there"]
