"""Rooms: test processes side by side, each with loopback, lab folder and cgroups of its own, so that labs never meet.

The mount and network namespaces of a room end with its process. The limit on inotify instances is the machine's: it is
raised by what several rooms need while they run, and lowered by as much afterwards: another run may have raised it, too.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LAB = Path("/var/lib/opsguide-lab")
INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
NEEDED = 96  # of one lab, and a few to spare
MOST = 4
NEW_MOUNTS, NEW_NETWORK = 0x00020000, 0x40000000
PRIVATE, BIND = 0x40000 | 0x4000, 0x1000


def possible() -> int:
    """How many rooms this machine carries: one for each core, 2 GiB for each; 0 where tests run one after another."""
    import opsguide_lab

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    rooms = min(os.cpu_count() or 1, MOST, memory >> 31)
    return (
        rooms if rooms > 1 and os.geteuid() == 0 and not opsguide_lab.missing() and os.access(INSTANCES, os.W_OK) else 0
    )


def prepare(rooms: int) -> int:
    """What all rooms share is made before they are entered: the lab's base and enough instances; by how many more."""
    from opsguide_lab import base

    base.ensure(lambda words: print(f"  lab: {words}", flush=True))
    more_instances(rooms * NEEDED)  # what runs already, a lab of the demo's too, keeps its own
    return rooms * NEEDED


def more_instances(count: int) -> None:
    """Raise the limit, or lower it where `count` is negative."""
    INSTANCES.write_text(str(int(INSTANCES.read_text()) + count))


def enter(name: str) -> Path:
    """Take this process into a room; the folder that it sees as the lab's, to be removed at its end."""
    if "opsguide_lab.places" in sys.modules:
        raise RuntimeError("the lab was imported before its room was entered: it would kill the neighbour's")
    LAB.mkdir(parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(prefix=f"opsguide-room-{name}-", dir=LAB.parent))
    own.chmod(0o755)
    libc = ctypes.CDLL(None, use_errno=True)
    _done(libc.unshare(NEW_MOUNTS | NEW_NETWORK), "unshare")
    _done(libc.mount(b"none", b"/", None, PRIVATE, None), "private mounts")
    _done(libc.mount(bytes(own), bytes(LAB), None, BIND, None), "the lab's folder")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.environ["OPSGUIDE_LAB_GROUP"] = f"opsguide-lab-{name}"
    return own


def leave(own: Path) -> None:
    """Remove the folder; its mount goes with the process."""
    shutil.rmtree(own, ignore_errors=True)


def _done(status: int, what: str) -> None:
    if status != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
