"""The counters of a container: what it uses now, the most that it held, and how often a limit was met.

Rules:
- Memory's peak and failures come from its cgroup, v1 or v2, where the machine counts them.
- Processes and open files are counted from its processes; their peak is the most that any vzlist has seen so far.
- A file `failcnt-NAME` in the private area holds how often limit NAME was met beside what the cgroup says: the lab
  holds memory and nothing else to its limit.
- What Virtuozzo 7 does not limit by default has 9223372036854775807 as its limit.
"""

# ruff: noqa: PTH110, PTH123, PTH208

from __future__ import annotations

import os

from opsguide_lab.standin import containers as ct
from opsguide_lab.standin import usage

UNLIMITED = str((1 << 63) - 1)
KEYS = {"physpages": "PHYSPAGES", "swappages": "SWAPPAGES", "numproc": "NUMPROC", "numfile": "NUMFILE",
        "numtcpsock": "NUMTCPSOCK", "numiptent": "NUMIPTENT"}  # fmt: skip


def field(one: ct.Container, name: str, suffix: str) -> str:
    """What vzlist prints for NAME, NAME.m, NAME.b, NAME.l or NAME.f; a dash for what only a running container has."""
    if suffix in ("b", "l"):
        kept = one.settings.get(KEYS[name], UNLIMITED).split(":")
        return kept[0 if suffix == "b" else -1]
    if not one.running:
        return "-"
    return str({"": _held, "m": _most, "f": _failed}[suffix](one, name))


def _held(one: ct.Container, name: str) -> int:
    if name == "physpages":
        return usage.pages(one)
    if name == "numproc":
        return len(usage.processes(one))
    return _files(one) if name == "numfile" else 0


def _files(one: ct.Container) -> int:
    total = 0
    for pid in usage.processes(one):
        try:
            total += len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            continue  # it ended while we looked
    return total


def _most(one: ct.Container, name: str) -> int:
    if name == "physpages":
        files = (f"memory/ct{one.ctid}/memory.max_usage_in_bytes", f"vz.slice/{one.unit}/memory.peak")
        return max(_held(one, name), _group(files) // ct.PAGE)
    note = f"/run/vz/{one.ctid}.most-{name}"
    seen = int(ct.text_of(note)) if os.path.exists(note) else 0
    most = max(seen, _held(one, name))
    with open(note, "w") as file:
        file.write(str(most))
    return most


def _failed(one: ct.Container, name: str) -> int:
    told = int((one.told(f"failcnt-{name}") or "0").strip() or 0)
    if name != "physpages":
        return told
    events = f"/sys/fs/cgroup/vz.slice/{one.unit}/memory.events"
    lines = ct.text_of(events).splitlines() if os.path.exists(events) else []
    met = next((int(line.split()[1]) for line in lines if line.startswith("max ")), 0)
    return told + met + _group((f"memory/ct{one.ctid}/memory.failcnt",))


def _group(files: tuple[str, ...]) -> int:
    there = [f"/sys/fs/cgroup/{name}" for name in files if os.path.exists(f"/sys/fs/cgroup/{name}")]
    return int(ct.text_of(there[0])) if there else 0
