"""What a host of the lab did, seen from outside: its boots, its containers, its vzctl.log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def boot_ids(lab: Any, *names: str) -> dict[str, str]:
    """The boot id of each element; empty: it does not answer."""
    return {name: lab.inside(name, ["cat", "/proc/sys/kernel/random/boot_id"]).stdout.strip() for name in names}


def moved(before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether each of them has another boot id."""
    return all(after[name] not in ("", before[name]) for name in before)


def running(lab: Any, host: str) -> set[str]:
    """The CTIDs that run."""
    return set(lab.inside(host, ["vzlist", "-H", "-1"]).stdout.split())


def vzctl_log(lab: Any, host: str) -> Callable[[], str]:
    """What /var/log/vzctl.log says from now on; what tests before wrote there is left out."""

    def whole() -> str:
        return str(lab.inside(host, ["cat", "/var/log/vzctl.log"]).stdout)

    begun = len(whole())
    return lambda: whole()[begun:]
