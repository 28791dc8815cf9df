"""What a container may be given: how a value of it is read, measured against what there is, and recognised again.

- Memory, swap, disk and the limit of input and output are written with their suffix, K, M or G: without one, vzctl's
  `--iolimit` counts bytes and prlctl's megabytes, so a bare number would mean two things.
- All others are whole numbers: `cpus` cores, `cpulimit` percent of one core, `cpuunits` 8 to 500000, `ioprio` 0 to 7,
  `memguarantee` a percentage of the container's memory, or `auto`. A limit of 0 is none.
- The configuration keeps memory and swap in pages of 4 KiB and the disk in blocks of 1 KiB; the rest is cut off.
- What stands in no configuration is at its default.
- A step is as large as the greater of old and new over the smaller; from or to nothing it has no size, but for the
  processor: no limit there is the whole host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from opsguide.errors import InputError
from opsguide.notebook.expect import exits, lacks, says

SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
PAGE, PERIOD = 4096, 100_000


@dataclass(frozen=True)
class Kind:
    """One resource: its key in the configuration, what 1 means there, its range, and its default without the key."""

    key: str
    unit: int = 1
    sized: bool = False
    least: int = 0
    most: int = 1 << 50
    default: int = 0
    none: str = ""


KINDS = {
    "ram": Kind("PHYSPAGES", PAGE, sized=True, least=PAGE),
    "swap": Kind("SWAPPAGES", PAGE, sized=True),
    "cpus": Kind("CPUS", least=1, most=1024, none="unlimited"),
    "cpulimit": Kind("CPULIMIT", most=102_400),
    "cpuunits": Kind("CPUUNITS", least=8, most=500_000, default=1000),
    "memguarantee": Kind("MEMGUARANTEE", most=100, none="auto"),
    "disk": Kind("DISKSPACE", 1024, sized=True, least=1024),
    "iolimit": Kind("IOLIMIT", sized=True, most=2 << 30),
    "iopslimit": Kind("IOPSLIMIT", most=1 << 31),
    "ioprio": Kind("IOPRIO", most=7, default=4),
}
"""By name, as the runbook's parameter has it. Source V: the manual pages of the tools."""


@dataclass(frozen=True)
class Value:
    """A resource and how much of it: `amount` in bytes, percent or pieces, as the configuration can keep it."""

    resource: str
    amount: int
    text: str

    @property
    def kind(self) -> Kind:
        """Its row of KINDS."""
        return KINDS[self.resource]

    def now(self, configuration: str) -> Value:
        """The value that a container's configuration file holds."""
        kept = re.search(rf'^{self.kind.key}="?(?:\d+:)?([^":\n]*)"?$', configuration, re.MULTILINE)
        word = kept[1] if kept else ""
        amount = int(word) * self.kind.unit if word.isdigit() else self.kind.default
        text = _written(self.kind, amount) if word.isdigit() or not self.kind.none else self.kind.none
        return Value(self.resource, amount, text)

    def step(self, old: Value, cores: float) -> float:
        """How many times the greater value is the smaller; 1 where one of them is nothing."""
        whole = {"cpus": cores, "cpulimit": 100 * cores}.get(self.resource, 0)
        low, high = sorted((self.amount or whole, old.amount or whole))
        return high / low if low else 1.0

    @property
    def cores(self) -> float:
        """How many cores of a host it needs to have a meaning."""
        return {"cpus": self.amount, "cpulimit": self.amount / 100}.get(self.resource, 0)

    def beside(self, resource: str, configuration: str) -> int:
        """The amount of any resource there once this value is set."""
        return self.amount if resource == self.resource else Value(resource, 0, "").now(configuration).amount

    @property
    def kept(self) -> str:
        """A pattern for its line in the configuration file."""
        word = "auto" if self.text == "auto" else str(self.amount // self.kind.unit)
        return rf'^{self.kind.key}="?([0-9]+:)?{word}"?$'

    @property
    def told(self) -> dict[str, Any]:
        """What prlctl's JSON must say of it: of swap and of a limit of 0 it says nothing (source of prlctl)."""
        if self.resource == "swap":
            return exits(0)
        if self.resource in ("cpulimit", "iopslimit") and not self.amount:
            return lacks(f'"{self.resource}"')
        if self.resource in ("ram", "disk"):
            return says(f'"size": "{self.amount >> 20}Mb"')
        if self.resource == "memguarantee":
            return says('"auto": true' if self.text == "auto" else f'"value": "{self.amount}%"')
        shown = {"cpulimit": f'"{self.amount}%"', "iolimit": f'"{self.amount}"'}.get(self.resource, self.amount)
        return says(f'"{self.resource}": {shown}')

    def held(self, configuration: str) -> str:
        """A pattern for what the container's cgroup holds, v1 or v2; empty where it holds nothing of it."""
        ram, cpus, cpulimit = (self.beside(name, configuration) for name in ("ram", "cpus", "cpulimit"))
        quota = min((percent for percent in (100 * cpus, cpulimit) if percent), default=0) * PERIOD // 100
        files = {
            "ram": rf"memory\.(limit_in_bytes|max):{self.amount}$",
            "swap": rf"memory\.(memsw\.limit_in_bytes:{ram + self.amount}|swap\.max:{self.amount})$",
            "cpuunits": rf"cpu\.(shares:{self.amount * 1024 // 1000}|weight:{self.amount // 10})$",
            **dict.fromkeys(("cpus", "cpulimit"), rf"cpu\.(cfs_quota_us:{quota or -1}|max:{quota or 'max'} {PERIOD})$"),
        }
        return files.get(self.resource, "")


NOTHING = Value("", 0, "")


def memory_given(configurations: str, new: Value = NOTHING, ctid: int = 0) -> tuple[int, int]:
    """Bytes of memory given to all containers of a host, and guaranteed to them, once `ctid` has its `new` value.

    `configurations` are lines `FILE:KEY="VALUE"` of all of them, as `grep -H` prints them.
    """
    given = guaranteed = 0
    for file in dict.fromkeys(re.findall(r"^([^:\n]+\.conf):", configurations, re.MULTILINE)):
        lines = "\n".join(re.findall(rf"^{re.escape(file)}:(.*)$", configurations, re.MULTILINE))
        mine = new if file.rpartition("/")[2] == f"{ctid}.conf" else NOTHING
        ram = mine.beside("ram", lines)
        given += ram
        guaranteed += ram * mine.beside("memguarantee", lines) // 100
    return given, guaranteed


def resource_value(resource: str, value: str) -> Value:
    """A value as it is written in a parameter; InputError for one without its suffix, and for one out of range."""
    kind = KINDS.get(resource)
    if kind is None:
        raise InputError(f"no resource {resource[:40]!r}", next=f"one of {', '.join(KINDS)}")
    if value == "auto" and resource == "memguarantee":
        return Value(resource, 0, value)
    found = re.fullmatch(r"([0-9]{1,12})([KMG]?)", value)
    if not found or bool(found[2]) != kind.sized:
        hint = "the tools count a bare number each in a unit of its own"
        raise InputError(f"value {value[:40]!r} is not {_form(resource)}", next=hint)
    amount = int(found[1]) * SUFFIXES.get(found[2], 1) // kind.unit * kind.unit
    if not kind.least <= amount <= kind.most:
        raise InputError(f"value {value[:40]!r} of {resource} is outside {kind.least} to {kind.most}")
    return Value(resource, amount, value)


def _form(resource: str) -> str:
    if KINDS[resource].sized:
        return f"a size of {resource} with its suffix, like 600M or 2G"
    return f"a whole number for {resource}" + (", or auto" if resource == "memguarantee" else "")


def _written(kind: Kind, amount: int) -> str:
    if not kind.sized:
        return str(amount)
    suffix = next((s for s in "GM" if amount and amount % SUFFIXES[s] == 0), "M" if not amount else "K")
    return f"{amount // SUFFIXES[suffix]}{suffix}"
