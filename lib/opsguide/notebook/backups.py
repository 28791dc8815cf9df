"""Backups as `prlctl backup-list` lists them: how old they are, which may go, and how a new one is told from the old.

- A backup is usable when it has a size, and the full one that its chain begins with is there and has one.
- A container is covered when its latest usable backup is at most so many hours old.
- The chain with the latest usable full backup of a container is never expired, however old it is.
- Another chain is expired when the last backup in it is older than the days that are kept. The oldest chain goes first,
  and each from its end, so that nothing stands that cannot be restored.
- The latest backup is one only when no other has its second: in doubt both are given.
- The latest archive of a host's configuration is never outdated, however old it is.
- Rows have the columns uuid, backup, node, day, time, kind, size, without braces; times are the host's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from opsguide.errors import InputError
from opsguide.notebook.readings import Later


@dataclass(frozen=True)
class Coverage:
    """A line for each of what should have a backup; `missing` are the names of those without a fresh one."""

    lines: list[str]
    missing: list[str]

    def __repr__(self) -> str:
        return "\n".join(self.lines)


def coverage(sources: list[Any], backups: list[Any], now: str, hours: float) -> Coverage:
    """Rows (uuid, …, name) against their backups at the time `now`, as `date '+%F %T'` says it."""
    moment, lines, missing = _moment(now), [f"{'name':32} {'latest':19} {'age':>8} {'latest full':19} backups"], []
    for one in sources:
        mine = [b for b in usable(backups) if b.uuid == one.uuid]
        last, full = (max(map(_at, some), default="none") for some in (mine, [b for b in mine if b.kind == "f"]))
        age = (moment - _moment(last)) / timedelta(hours=1) if mine else float("inf")
        if not age <= hours:
            missing.append(one.name)
        lines.append(f"{one.name:32} {last:19} {f'{age:.1f} h' if mine else '-':>8} {full:19} {len(mine)}")
    return Coverage(lines, missing)


def usable(backups: list[Any]) -> list[Any]:
    """Those that can be restored."""
    whole = {_chain(b) for b in backups if b.kind == "f" and _size(b)}
    return [b for b in backups if _size(b) and _chain(b) in whole]


def latest(backups: Any, sources: list[Any], named: str = "") -> Any:
    """The latest usable backups of each source, or those that are so `named`; a later reading stays one."""
    if isinstance(backups, Later):
        return backups
    found = []
    for one in sources:
        mine = [b for b in usable(backups) if b.uuid == one.uuid and named in ("", b.backup)]
        found += [b for b in mine if _at(b) == newest(mine)]
    return found


def expired(backups: list[Any], now: str, days: int) -> list[Any]:
    """What may be deleted, in the order in which it is."""
    keep = {_chain(b) for b in _latest_full(backups)}
    chains: dict[str, list[Any]] = {}
    for one in sorted(backups, key=_at):
        chains.setdefault(_chain(one), []).append(one)
    limit = _moment(now) - timedelta(days=days)
    old = [c for name, c in chains.items() if name not in keep and _moment(_at(c[-1])) < limit]
    return [one for chain in sorted(old, key=lambda c: _at(c[0])) for one in reversed(chain)]


def outdated(archives: list[Any], now: str, days: int) -> tuple[list[Any], list[Any]]:
    """Rows (archive, …, day, time): those made over `days` before `now`, oldest first, and the latest, which stays."""
    made, limit = sorted(archives, key=_at), _moment(now) - timedelta(days=days)
    return [a for a in made[:-1] if _moment(_at(a)[:19]) < limit], made[-1:]


def _latest_full(backups: list[Any]) -> list[Any]:
    fulls = sorted((b for b in usable(backups) if b.kind == "f"), key=_at)
    return list({b.uuid: b for b in fulls}.values())


def newest(backups: list[Any]) -> str:
    """The day and time of the youngest of these: what is younger is new. 0 when there are none."""
    return max(map(_at, backups), default="0")


def _at(backup: Any) -> str:
    return f"{backup.day} {backup.time}"


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S")
    except ValueError:
        raise InputError(f"{text[:40]!r} is no date and time of a backup", next="see the list above") from None


def _chain(backup: Any) -> str:
    return f"{backup.uuid}/{backup.backup.partition('.')[0]}"


def _size(backup: Any) -> int:
    return int(backup.size) if str(backup.size).isdigit() else 0
