"""The root file system that all hosts and containers share, read-only: a small Debian, built once and cached.

Rules:
- It comes from where the machine's own apt takes its packages, with the machine's own proxy, certificate and
  credential settings; no mirror is named here.
- Its folder is named by a hash of what goes into it, so a changed package list makes a new base.
- It is built under a temporary name and renamed when whole; a broken build leaves no base.
- It is a plain Debian: everything that makes a host or a container of it lies in the layers above.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from opsguide_lab.errors import LabError
from opsguide_lab.places import CACHE, write

Say = Callable[[str], None]

PACKAGES = (
    "acl", "at", "attr", "cron", "curl", "dbus", "e2fsprogs", "iproute2", "ipset", "iptables", "iputils-ping", "less",
    "logrotate", "lsof", "mariadb-client-core", "mariadb-server-core", "nginx-light", "openssh-server", "openssl",
    "procps", "psmisc", "python3-minimal", "libpython3-stdlib", "rsync", "rsyslog", "sudo", "systemd",
    "systemd-container", "systemd-sysv", "zabbix-agent",
)  # fmt: skip
LEFT_OUT = (
    "/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*",
    "/usr/share/i18n/*",
)  # fmt: skip


def base() -> Path:
    """Where the base is, or will be once built."""
    recipe = "\n".join([*sorted(PACKAGES), *LEFT_OUT, release()])
    return CACHE / hashlib.sha256(recipe.encode()).hexdigest()[:16]


def release() -> str:
    """The machine's own Debian release, for example `bookworm`."""
    fields = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines() if "=" in line
    )
    return fields.get("VERSION_CODENAME", "").strip('"')


def ensure(say: Say) -> Path:
    """The base, built first when it is not there yet. LabError says why it cannot be built."""
    place = base()
    if place.is_dir():
        return place
    CACHE.mkdir(parents=True, exist_ok=True)
    say(f"building the base of the lab, once, in {place} (about a minute)")
    draft = Path(tempfile.mkdtemp(prefix="building-", dir=CACHE))
    try:
        _build(draft, say)
        if not place.is_dir():
            (draft / "root").rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return place


def sources() -> list[str]:
    """One-line apt sources of the machine's Debian archive; apt itself reads whatever format they are written in."""
    form = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"
    out = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"], capture_output=True, text=True
    ).stdout
    rows = [line.split() for line in out.splitlines()]
    found = [f"deb {r[0]} {r[1]} {r[2]}" for r in rows if len(r) == 4 and r[3] == "Debian" and r[2] == "main"]
    if not found:
        raise LabError("apt knows no Debian archive on this machine; run `apt-get update`, then again")
    return sorted(set(found), key=found.index)


def _build(draft: Path, say: Say) -> None:
    write(draft / "apt.conf", _apt_settings())
    write(draft / "sources.list", "".join(f"{line}\n" for line in sources()))
    line = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", f"--aptopt={draft}/apt.conf"]
    line += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    line += [release(), str(draft / "root"), str(draft / "sources.list")]
    begun, last = time.monotonic(), ""
    with subprocess.Popen(
        line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as builder:
        tail: list[str] = []
        for text in builder.stdout or ():
            tail = [*tail[-30:], text.rstrip()]
            if text.startswith("I: ") and text != last:
                last = text
                say(f"  {time.monotonic() - begun:4.0f} s  {text[3:].strip()}")
    if builder.returncode != 0:
        raise LabError("the base could not be built:\n" + "\n".join(tail[-12:]))
    for leftover in ("var/cache/ldconfig", "var/log/apt"):
        shutil.rmtree(draft / "root" / leftover, ignore_errors=True)


def _apt_settings() -> str:
    """The machine's transport settings (proxy, certificates, timeouts) as an apt configuration of their own."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    kept = [line for line in dump.splitlines() if line.startswith("Acquire::") and not line.endswith('"";')]
    return "\n".join([*kept, *_credentials()]) + "\n"


def _credentials() -> Iterator[str]:
    for key, name in (("netrc", "auth.conf"), ("netrcparts", "auth.conf.d")):
        place = Path("/etc/apt") / name
        if place.exists() and os.access(place, os.R_OK):
            yield f'Dir::Etc::{key} "{place}";'
