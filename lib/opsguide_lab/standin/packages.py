"""What the stand-ins for yum, rpm and grubby know of a host's packages: NOT a real package data base.

Rules:
- A new host has the INSTALLED versions; its one repository offers the OFFERED ones. All versions are the lab's own.
- Packages of the kernel are installed beside the old ones, all others replace them; a new kernel becomes the default
  one unless /etc/sysconfig/kernel says UPDATEDEFAULT=no.
- A repository whose address ends in .invalid does not answer.
- /var/lib/rpm/fail-after holds how many packages a transaction handles until it fails; the history keeps it so.
- Which kernel runs is decided when the host boots: the default one, or the oldest when /boot/broken-VERSION stands.
"""

# Imports are few for the reason that containers.py gives.
# ruff: noqa: PTH103, PTH104, PTH110, PTH116, PTH120, PTH123

from __future__ import annotations

import json
import os
import time

STATE = "/var/lib/yum/lab.json"
FAIL_AFTER = "/var/lib/rpm/fail-after"
REPOSITORY = "/etc/yum.repos.d/virtuozzo.repo"
KERNEL_SETTINGS = "/etc/sysconfig/kernel"
BOOTED = "/run/opsguide-lab/kernel"
OLD, NEW = "3.10.0-1160.80.1.vz7.191.4", "3.10.0-1160.105.1.vz7.214.3"
KERNELS = ("vzkernel", "vzkernel-devel")
INSTALLED = {
    "criu": "3.15.4-1.vz7", "libvzctl": "7.0.780-1.vz7", "prlctl": "7.0.203-1.vz7", "vzctl": "7.0.256-1.vz7",
    "vzkernel": OLD, "vzkernel-devel": OLD, "vzpkg": "7.0.10-1.vz7",
}  # fmt: skip
OFFERED = {"libvzctl": "7.0.781-1.vz7", "vzctl": "7.0.257-1.vz7", "vzkernel": NEW, "vzkernel-devel": NEW}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Packages:
    """Installed versions by name, the kernel that boots by default, and the transactions; `save` after a change."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.installed: dict[str, list[str]] = state["installed"]
        self.default: str = state["default"]
        self.history: list[dict[str, Any]] = state["history"]

    def save(self) -> None:
        """Write the file whole."""
        os.makedirs(os.path.dirname(STATE), exist_ok=True)
        with open(f"{STATE}.new", "w") as draft:
            json.dump(vars(self), draft, indent=1)
        os.rename(f"{STATE}.new", STATE)

    def updates(self, leave: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> dict[str, str]:
        """What the repository offers and is not installed; without those that fit a pattern, or only those names."""
        from fnmatch import fnmatchcase

        return {
            name: version for name, version in OFFERED.items()
            if version not in self.installed.get(name, []) and (not names or name in names)
            and not any(fnmatchcase(name, pattern) for pattern in leave)
        }  # fmt: skip

    def put(self, name: str, version: str) -> str:
        """Install one version, and return the one that it follows."""
        old = self.installed[name][-1]
        self.installed[name] = [*self.installed[name], version] if name in KERNELS else [version]
        if name == "vzkernel" and "UPDATEDEFAULT=no" not in text_of(KERNEL_SETTINGS):
            self.default = version
        return old

    def take_back(self, name: str, old: str, new: str) -> str:
        """The old version again; a kernel that runs stays, and the words say so."""
        if name in KERNELS and new == booted():
            return f"Skipping the running kernel: {name}-{new}"
        self.installed[name] = [v for v in self.installed[name] if v != new] if name in KERNELS else [old]
        self.default = self.installed["vzkernel"][-1] if self.default == new else self.default
        return f"  {name}.x86_64 {new} -> {old}"


def load() -> Packages:
    """The packages as the last command left them, or those of a new host."""
    if text := text_of(STATE):
        return Packages(json.loads(text))
    first = {"id": 1, "command": "install", "when": 0, "altered": [], "failed": False}
    return Packages({"installed": {n: [v] for n, v in INSTALLED.items()}, "default": OLD, "history": [first]})


def boot() -> None:
    """Decide which kernel runs from now on."""
    packages = load()
    broken = os.path.exists(f"/boot/broken-{packages.default}")
    os.makedirs(os.path.dirname(BOOTED), exist_ok=True)
    with open(BOOTED, "w") as file:
        file.write(f"{packages.installed['vzkernel'][0] if broken else packages.default}\n")


def booted() -> str:
    """The kernel that runs."""
    return text_of(BOOTED).strip() or OLD


def changed_at() -> float:
    """When packages were changed last, in seconds since 1970."""
    return os.stat(STATE).st_mtime if os.path.exists(STATE) else born_at()


def born_at() -> float:
    """When the host got what dpkg knows."""
    return os.stat("/var/lib/dpkg/status").st_mtime


def day(at: float) -> str:
    """A time as rpm and yum print it, in UTC."""
    return time.strftime("%a %d %b %Y %H:%M:%S", time.gmtime(at))


def text_of(path: str) -> str:
    """A small file whole, or nothing."""
    if not os.path.exists(path):
        return ""
    with open(path) as file:
        return file.read()
