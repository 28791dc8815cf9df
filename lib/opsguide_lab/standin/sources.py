"""What a host runs and a backup can save, as the stand-ins for prlctl and prlsrvctl see it: containers and machines.

A virtual machine is a folder in `/vz/vmprivate` with its record, `vm.json`.
"""

# ruff: noqa: PTH110, PTH112, PTH208

from __future__ import annotations

import json
import os

from opsguide_lab.standin import containers as ct

MACHINES = "/vz/vmprivate"
FAILED = 255  # how prlctl and prlsrvctl end when they refuse


class Source:
    """What can be saved: a container, or a virtual machine by its record."""

    def __init__(self, number: str, name: str, home: str, content: str, one: ct.Container | None) -> None:
        self.uuid, self.name, self.home, self.content, self.one = number, name, home, content, one

    @property
    def kind(self) -> str:
        """CT or VM."""
        return "CT" if self.one else "VM"

    @property
    def runs(self) -> bool:
        """Whether it is anything but stopped."""
        if self.one:
            return self.one.status != "stopped"
        return bool(json.loads(ct.text_of(f"{self.home}/vm.json"))["status"] != "stopped")


def sources() -> list[Source]:
    """All containers and virtual machines of this host."""
    found = [
        Source(c.settings.get("UUID", ""), c.settings.get("NAME", ""), f"/vz/private/{c.ctid}", "fs", c)
        for c in ct.all_containers()
    ]
    for name in sorted(os.listdir(MACHINES)) if os.path.isdir(MACHINES) else []:
        if os.path.exists(f"{MACHINES}/{name}/vm.json"):
            number = json.loads(ct.text_of(f"{MACHINES}/{name}/vm.json"))["uuid"].strip("{}")
            found.append(Source(number, name, f"{MACHINES}/{name}", "vm.json", None))
    return found


def find(key: str) -> Source:
    """By identifier, name or number."""
    key = key.strip("{}")
    for one in sources():
        if key in (one.uuid, one.name) or (one.one and key == str(one.one.ctid)):
            return one
    raise ct.Refusal(FAILED, f"Failed to get VM config: The virtual machine could not be found: {key}")
