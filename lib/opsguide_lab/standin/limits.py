"""What may be set of a container: how each tool counts it, where it is kept, and the cgroup in which it takes hold.

Rules:
- A property is kept in the configuration as Virtuozzo does: memory and swap in pages of 4 KiB, the disk in blocks of
  1 KiB, the limit of input and output in bytes a second. What lies between two pages is cut off.
- Without a suffix memory counts in MiB; `--iolimit` in bytes for vzctl and in megabytes for prlctl, the disk in blocks
  for vzctl and in megabytes for prlctl.
- Memory, swap, and the processor's limits and weight are written into the cgroup of a container that runs, v1 or v2,
  where the machine has the controller. The disk, the limits of input and output, and the guarantee are kept and nothing
  more: the lab's disk is a tmpfs.
- The smaller one of `cpus` and `cpulimit` wins.
- Guarantees over the host's memory are refused with 226, a disk that grows over the free room of /vz with 46, by prlctl
  with 255 as all that it refuses. A file `fail-set` in the private area, holding an exit code, makes every `set` fail.
"""

# ruff: noqa: PTH110, PTH123

from __future__ import annotations

import os

from opsguide_lab.standin import containers as ct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

REFUSED_BY_VCMMD, NO_SPACE = 226, 46
SIZES = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
PERIOD = 100_000  # microseconds in which a quota of the processor is counted
MOST_IO = 2 << 30
NAMES = {"memsize": "ram", "swappages": "swap", "diskspace": "disk"}


def size(text: str, without: str = "M") -> int:
    """Bytes; `without` is the suffix that a bare number stands for."""
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].isalpha() else (text, without)
    if not number.isdigit() or unit not in SIZES:
        raise ct.Refusal(ct.BAD_PARAMETER, f"Invalid size: {text}")
    return int(number) * SIZES[unit]


def _whole(text: str, low: int, high: int) -> str:
    if not text.isdigit() or not low <= int(text) <= high:
        raise ct.Refusal(ct.BAD_PARAMETER, f"Invalid value: {text} is no whole number from {low} to {high}")
    return text


def _pages(text: str) -> str:
    count = size(text) // ct.PAGE
    return f"{count}:{count}"


def _percent(text: str) -> str:
    return text if text == "auto" else _whole(text, 0, 100)


def _blocks(text: str, tool: str) -> str:
    count = size(text, "K" if tool == "vzctl" else "M") >> 10
    return f"{count}:{count}"


def _io(text: str, tool: str) -> str:
    found = size(text, "B" if tool == "vzctl" else "M")
    if found > MOST_IO:
        raise ct.Refusal(ct.BAD_PARAMETER, f"Invalid I/O limit: {text} is over 2G")
    return str(found)


PROPERTIES: dict[str, tuple[str, Callable[[str, str], str]]] = {
    "ram": ("PHYSPAGES", lambda text, tool: _pages(text)),
    "swap": ("SWAPPAGES", lambda text, tool: _pages(text)),
    "cpus": ("CPUS", lambda text, tool: text if text == "unlimited" else _whole(text, 1, os.cpu_count() or 1)),
    "cpulimit": ("CPULIMIT", lambda text, tool: _whole(text, 0, 100 * (os.cpu_count() or 1))),
    "cpuunits": ("CPUUNITS", lambda text, tool: _whole(text, 8, 500_000)),
    "memguarantee": ("MEMGUARANTEE", lambda text, tool: _percent(text)),
    "disk": ("DISKSPACE", _blocks),
    "iolimit": ("IOLIMIT", _io),
    "iopslimit": ("IOPSLIMIT", lambda text, tool: _whole(text, 0, 1 << 31)),
    "ioprio": ("IOPRIO", lambda text, tool: _whole(text, 0, 7)),
}


def known(option: str) -> bool:
    """Whether an option like `--cpus` sets a property."""
    return NAMES.get(option[2:], option[2:]) in PROPERTIES


def put(one: ct.Container, option: str, text: str, tool: str) -> None:
    """Set one property of a container, as `tool` counts it; Refusal where it may not be."""
    if (code := one.told("fail-set")) is not None:
        raise ct.Refusal(int(code), "the file fail-set tells it to fail")
    name = NAMES.get(option[2:], option[2:])
    key, read = PROPERTIES[name]
    new = ct.Container(one.ctid, {**one.settings, key: read(text, tool)})
    if name == "memguarantee" or name == "ram":
        _refuse_guarantees(new)
    if name == "disk":
        _refuse_disk(one, new)
    if new.running:
        hold(new)
    one.settings = new.settings
    one.save()


def number(one: ct.Container, key: str) -> int:
    """What is kept under a key, 0 where nothing or a word is."""
    text = one.settings.get(key, "0").split(":")[-1]
    return int(text) if text.isdigit() else 0


def guaranteed(one: ct.Container) -> int:
    """Bytes of memory that are kept free for a container."""
    return number(one, "PHYSPAGES") * ct.PAGE * number(one, "MEMGUARANTEE") // 100


def _refuse_guarantees(new: ct.Container) -> None:
    others = sum(guaranteed(c) for c in ct.all_containers() if c.ctid != new.ctid)
    host = next(int(line.split()[1]) << 10 for line in ct.text_of("/proc/meminfo").splitlines() if "MemTotal" in line)
    if others + guaranteed(new) > host:
        raise ct.Refusal(REFUSED_BY_VCMMD, "vcmmd: memory guarantees are over the host's memory")


def _refuse_disk(old: ct.Container, new: ct.Container) -> None:
    room = os.statvfs("/vz")
    grown = number(new, "DISKSPACE") - number(old, "DISKSPACE")
    if grown > room.f_bavail * room.f_frsize >> 10:
        raise ct.Refusal(NO_SPACE, f"Not enough disk space: {grown} blocks of 1 KiB are not free on /vz")


def hold(one: ct.Container) -> None:
    """Write its limits into its cgroup, where the machine has the controller."""
    memory, swap = number(one, "PHYSPAGES") * ct.PAGE, number(one, "SWAPPAGES") * ct.PAGE
    quota, units = _quota(one), number(one, "CPUUNITS") or 1000
    v1, v2 = f"memory/ct{one.ctid}", f"vz.slice/{one.unit}"
    both = f"{v1}/memory.memsw.limit_in_bytes"  # memory and swap together; never less than memory alone
    if "SWAPPAGES" in one.settings:
        _write(both, "-1")
    _write(f"{v1}/memory.limit_in_bytes", str(memory))
    _write(f"{v2}/memory.max", str(memory))
    if "SWAPPAGES" in one.settings:
        _write(both, str(memory + swap))
        _write(f"{v2}/memory.swap.max", str(swap))
    _write(f"cpu/ct{one.ctid}/cpu.cfs_quota_us", str(quota or -1))
    _write(f"cpu/ct{one.ctid}/cpu.shares", str(max(2, units * 1024 // 1000)))
    _write(f"{v2}/cpu.max", f"{quota or 'max'} {PERIOD}")
    _write(f"{v2}/cpu.weight", str(min(10_000, max(1, units // 10))))


def _quota(one: ct.Container) -> int:
    """Microseconds of the processor in a period, 0 without a limit."""
    wanted = [number(one, "CPULIMIT"), 100 * number(one, "CPUS")]
    return min((percent for percent in wanted if percent), default=0) * PERIOD // 100


def _write(path: str, text: str) -> None:
    if os.path.exists(f"/sys/fs/cgroup/{path}"):
        with open(f"/sys/fs/cgroup/{path}", "w") as file:
            file.write(text)


def hardware(one: ct.Container) -> dict[str, object]:
    """As `prlctl list -i -j` shows it: no swap, and no limit of 0 (names of the fields: source of prlctl)."""
    guarantee, priority = one.settings.get("MEMGUARANTEE", "auto"), int(one.settings.get("IOPRIO", "4"))
    cpulimit, iopslimit = number(one, "CPULIMIT"), number(one, "IOPSLIMIT")
    return {
        "cpu": {
            "sockets": 1, "cpus": number(one, "CPUS") or "unlimited", "cpuunits": number(one, "CPUUNITS") or 1000,
            **({"cpulimit": f"{cpulimit}%"} if cpulimit else {}), "ioprio": priority,
            "iolimit": str(number(one, "IOLIMIT")), **({"iopslimit": iopslimit} if iopslimit else {}),
        },
        "memory": {"size": _shown(number(one, "PHYSPAGES") * ct.PAGE)},
        "memory_guarantee": {"auto": True} if guarantee == "auto" else {"value": f"{guarantee}%"},
        "hdd0": {"type": "expanded", "size": _shown(number(one, "DISKSPACE") << 10), "mnt": "/"},
    }  # fmt: skip


def _shown(count: int) -> str:
    return f"{count >> 20}Mb"
