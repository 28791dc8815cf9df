"""The practice platform: real parts in namespaces, named stand-ins for what only a Virtuozzo kernel can do.

`up`, `down`, `status`, `reset`, `restore`, `missing` are the lab; `fault` and its kin break it; the rest looks in from
outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opsguide_lab.elements import (
    api_fault,
    api_requests,
    change_host_key,
    container_root,
    fault,
    faults,
    fill_disk,
    free_disk,
    host_root,
    inside,
    panel,
    restore_certificates,
    restore_host_key,
    sshd_logins,
    sshd_sessions,
)
from opsguide_lab.errors import LabError
from opsguide_lab.lab import HostState, status

__all__ = [
    "HostState", "LabError", "api_fault", "api_requests", "change_host_key", "container_root", "down", "fault",
    "faults", "fill_disk", "free_disk", "host_root", "inside", "missing", "panel", "reset", "restore",
    "restore_certificates", "restore_host_key", "sshd_logins", "sshd_sessions", "status", "up",
]  # fmt: skip


def _silent(words: str) -> None:
    return None


def up(say: Callable[[str], None] = _silent, hosts: Sequence[str] | None = None) -> None:
    """Bring the named hosts, or the whole lab, up; heals what is down. LabError says what does not come up and why."""
    from opsguide_lab import lab

    lab.up(say, hosts)


def down(say: Callable[[str], None] = _silent, hosts: Sequence[str] | None = None) -> None:
    """Take the named hosts, or the whole lab, down; nothing of it stays but its keys, logs and cached base."""
    from opsguide_lab import lab

    lab.down(say, hosts)


def reset(say: Callable[[str], None] = _silent) -> None:
    """A lab as new: other keys, an empty state folder, hosts as they were built."""
    from opsguide_lab import lab

    lab.reset(say)


def restore() -> None:
    """Everything back where the topology says, after moves, removals and edits: the same as `up` of the whole lab.

    Host records and nodes of the platform API are as new; only hosts that differ are built anew (about two seconds).
    """
    up()


def missing() -> list[str]:
    """What this machine lacks for the lab, each with its one-line remedy; found by trying. Empty: the lab can run."""
    from opsguide_lab.needs import missing as tried

    return tried()
