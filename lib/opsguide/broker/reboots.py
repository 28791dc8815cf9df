"""Reboots: a change whose end is seen by another boot id.

- Before a change that reboots is sent, the broker itself reads the boot id on the element.
- Whatever such a change answers (ok, lost, timeout), its element stays held; only failed and not-run are an end.
- It ends when the step's prove of the boot id is met: the boot id is another than the one that was read.
- A boot id that is not seen in time, or never asked for, leaves the change unknown and the element held.
- An element that does not tell its boot id, and nothing else, is not rebooted from here: nobody could see that it was.
- An empty answer is no other boot id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from opsguide.broker.commands import Commands
from opsguide.broker.targets import Target, own
from opsguide.broker.transit import REBOOTING, Command, Seen
from opsguide.errors import FailedError, UnknownError
from opsguide.reach.inventory import Platform

BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
TOLD = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
PATIENCE = 20.0


@dataclass(frozen=True)
class Reboot:
    """A reboot that was sent and not yet seen; `before` is the boot id that was read."""

    target: Target
    before: str
    command: int


class Reboots:
    """The reboots of one run, by element."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}
        self._under_way: dict[str, Reboot] = {}

    def read(self, commands: Commands, platform: Platform, target: Target, step: str) -> None:
        """Read the boot id before the reboot; FailedError when the element does not tell it."""
        element = target.element
        ask = own(platform, element, BOOT_ID.split())
        seen = commands.send(Command(ask, "look", step, PATIENCE, screen="failure", judged=False))
        told = seen.text.strip() if seen.state == "ok" and seen.exit == 0 else ""
        if not TOLD.fullmatch(told):
            words = f"{element.name} does not tell its boot id, so its reboot could not be seen: nothing was sent"
            raise FailedError(words, where=element.name, command=ask.shown, next="look at it from its console or host")
        self._before[element.name] = told

    def sent(self, target: Target, seen: Seen) -> bool:
        """Whether what was sent is a reboot that now has to be seen."""
        if target.entry.effect != "reboots" or seen.state not in REBOOTING:
            return False
        name = target.element.name
        self._under_way[name] = Reboot(target, self._before.pop(name, ""), int(seen.sent["command"]))
        return True

    def awaited(self, target: Target) -> Reboot | None:
        """The reboot that this prove has to see, if it is the one that settles it."""
        found = self._under_way.get(target.element.name)
        return found if found and found.target.entry.settle == target.template else None

    def expected(self, target: Target) -> dict[str, Any] | None:
        """What the prove has to see: another boot id than the broker read."""
        found = self.awaited(target)
        return {"name": "differs_from", "args": [found.before, ""]} if found else None

    def settle(self, commands: Commands, target: Target) -> bool:
        """The prove was met: write it down and let go of the element. Whether there was something to settle."""
        found = self.awaited(target)
        if found is None:
            return False
        self._under_way.pop(target.element.name)
        commands.settle(target.element.name, found.command, "seen: another boot id")
        return True

    def leave(self, commands: Commands) -> None:
        """The run ends before these were seen: their elements stay held, and the record says so."""
        for found in self._under_way.values():
            commands.held(found.target, found.command, "its reboot was sent and no other boot id was seen")
        self._under_way.clear()

    def unseen(self, target: Target, run: str) -> UnknownError:
        """What an operator reads when no other boot id came in time."""
        name = target.element.name
        return UnknownError(
            f"no other boot id was seen on {name} in time: nobody knows whether it reboots, and it is held",
            where=name,
            command=target.shown,
            next=f"look at its console; when it is up and its boot id is another one: "
            f'opsguide resume {run} --found done --why "…"',
        )
