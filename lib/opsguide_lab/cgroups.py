"""The cgroups of the lab: every process of it is born in one, so that `down` finds all of them and nobody else's.

Rules:
- A process belongs to the lab when it is in a cgroup below `opsguide-lab`; nothing else is ever killed.
- A process is signalled through a pidfd that was checked after it was opened, so a reused number is never hit.
- On cgroup v2 a wrapper lives in `sup/` and the host itself in `run/`, else a limit on the host has no effect.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from opsguide_lab.places import GROUP

TOP = Path("/sys/fs/cgroup")
WANTED_V1 = ("systemd", "unified", "memory", "cpu", "pids")


def unified() -> bool:
    """Whether the machine has cgroup v2 only."""
    return (TOP / "cgroup.controllers").exists()


def hierarchies() -> list[Path]:
    """The mounted hierarchies that the lab uses; the first one is where processes are looked up."""
    return [TOP] if unified() else [TOP / name for name in WANTED_V1 if (TOP / name / "cgroup.procs").exists()]


def primary(part: str = "") -> Path:
    """The folder of one part of the lab (a host, `services`) where its processes are listed."""
    return next(iter(hierarchies()), TOP) / GROUP / part


def payload(host: str) -> Path:
    """The folder that a host sees as its own root cgroup."""
    return primary(host) / ("run/payload" if unified() else "payload")


def make(part: str) -> list[Path]:
    """Create the cgroups of a part; the answer is every `cgroup.procs` that its first process must enter."""
    entries = []
    for hierarchy in hierarchies():
        group = hierarchy / GROUP / part
        for leaf in (group / "sup", group / "run") if unified() else (group,):
            leaf.mkdir(parents=True, exist_ok=True)
        if unified():
            _delegate(hierarchy, part)
        entries.append(group / ("sup/cgroup.procs" if unified() else "cgroup.procs"))
    return entries


def _delegate(hierarchy: Path, part: str) -> None:
    for group in (hierarchy, hierarchy / GROUP, hierarchy / GROUP / part):
        for controller in ("cpu", "memory", "pids", "io"):
            try:
                (group / "cgroup.subtree_control").write_text(f"+{controller}")
            except OSError:
                continue  # not offered by this machine


def limit(part: str, size: int) -> None:
    """The most memory, in bytes, that a host and all in it may use."""
    file = primary(part) / "run/memory.max" if unified() else TOP / "memory" / GROUP / part / "memory.limit_in_bytes"
    if file.exists():
        file.write_text(str(size))


def processes(part: str = "") -> list[int]:
    """All processes of a part, those of its containers included, in the machine's own numbering."""
    found: list[int] = []
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy / GROUP / part):
            try:
                found += map(int, (Path(folder) / "cgroup.procs").read_text().split())
            except OSError:
                continue  # it went while we looked
    return [pid for pid in dict.fromkeys(found) if pid > 0]


def first_process(group: Path) -> int:
    """The lowest process of one cgroup, 0 when it has none."""
    try:
        return min(map(int, (group / "cgroup.procs").read_text().split()), default=0)
    except OSError:
        return 0


def kill(part: str = "", patience: float = 60.0) -> bool:
    """Kill all processes of a part and wait until they are gone, `patience` seconds at most."""
    deadline = time.monotonic() + patience
    while (alive := processes(part)) and time.monotonic() < deadline:
        for pid in alive:
            end(pid)
        time.sleep(0.02)
    return not processes(part)


def end(pid: int) -> None:
    """Kill one process if it is the lab's."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if f"/{GROUP}/" in Path(f"/proc/{pid}/cgroup").read_text():
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return
    finally:
        os.close(handle)


def remove(part: str = "", patience: float = 30.0) -> bool:
    """Take the cgroups of a part away, deepest first; false when one of them is still in use."""
    deadline = time.monotonic() + patience
    while True:
        tops = [h / GROUP / part for h in hierarchies() if (h / GROUP / part).is_dir()]
        if not tops:
            return True
        for top in tops:
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)  # noqa: PTH106 - a cgroup is removed by rmdir while files show in it
                except OSError:
                    continue
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
