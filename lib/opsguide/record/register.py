"""The register of custom settings (the guide's note 2): `<records>/register/<name>/`, setting.json and a journal.

- What names a setting: platform, element and path. It is a history: every event is chained, and the ledger names it.
- Its events: `agreed` (ticket, with whom, what it is for, and the file as it was read), `found` (what a check saw, only
  where that is another than before), `retired`. After `retired` it may be agreed again.
- The file as it was read is digest, size, mode and owner; never a byte of its text.
- What differs is said in one word each: digest, size, mode, owner, gone, a link, no regular file. No name that a host
  gave can act on a screen.
- A setting whose history is not what was written is not believed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsguide.errors import TamperedError
from opsguide.record import chain
from opsguide.record.archive import REGISTER
from opsguide.record.history import Sort
from opsguide.record.journal import read
from opsguide.record.ledger import SETTING, SETTING_EVENT, Ledger
from opsguide.record.visible import one_line

FIRST = "setting.json"
HISTORY = Sort(
    REGISTER, re.compile(r"[a-z0-9][a-z0-9-]*-[0-9a-f]{8}"), FIRST, "setting", SETTING, SETTING_EVENT
)  # fmt: skip
AS_READ = ("sha256", "size", "mode", "owner")


@dataclass(frozen=True)
class Setting:
    """A custom setting: `state` is agreed, drifted or retired; `drift` as last found, `agreed` the last such event."""

    name: str
    platform: str
    element: str
    path: str
    agreed: dict[str, Any]
    state: str
    drift: str
    events: list[dict[str, Any]]

    def differs(self, seen: Mapping[str, Any]) -> str:
        """What is not as agreed in what was read of the file; empty when all is."""
        if seen.get("trouble"):
            return one_line(seen["trouble"])
        moved = [key for key in AS_READ if self.agreed[key] != seen[key]]
        return one_line("; ".join(f"{key} {str(self.agreed[key])[:12]} -> {str(seen[key])[:12]}" for key in moved))


def named(platform: str, element: str, path: str) -> str:
    """The name of a setting's folder."""
    whole = json.dumps([platform, element, path]).encode("utf-8", "backslashreplace")
    return f"{element}-{hashlib.sha256(whole).hexdigest()[:8]}"


def settings(root: Path, platform: str, element: str = "") -> list[Setting]:
    """The settings of a platform, or of one element; TamperedError where one is not what was written."""
    lines: dict[str, list[dict[str, Any]]] = {path.name: [] for path in HISTORY.folders(root)}
    for entry in Ledger(root).read().entries:
        if entry.get("type") in (SETTING, SETTING_EVENT):
            lines.setdefault(str(entry.get("run")), []).append(entry)
    found = [_tell(root / REGISTER / name, of_it) for name, of_it in sorted(lines.items())]
    return [s for s in found if s and s.platform == platform and element in ("", s.element)]


def _tell(path: Path, entries: list[dict[str, Any]]) -> Setting | None:
    found = HISTORY.check(path, entries)
    if found.bad:
        raise TamperedError(f"{found.first_bad}: {found.words}", where=path.name, next="opsguide verify --all")
    if not (path / FIRST).is_file():
        return None
    first, events = chain.parse((path / FIRST).read_bytes()) or {}, list(read(path, FIRST))
    agreed = next((e for e in reversed(events) if e["type"] == "agreed"), None)
    if agreed is None:
        return None
    last = events[-1]
    drift = str(last.get("words", "")) if last["type"] == "found" else ""
    state = "retired" if last["type"] == "retired" else "drifted" if drift else "agreed"
    return Setting(path.name, first["platform"], first["element"], first["path"], agreed, state, drift, events)


def agree(root: Path, platform: str, element: str, path: str, **fields: Any) -> None:
    """Keep a setting as it was read and agreed; new, or agreed again."""
    folder = _folder(root, platform, element, path)
    if not (folder / FIRST).is_file():
        HISTORY.begin(root, folder.name, {"platform": platform, "element": element, "path": path})
    HISTORY.append(folder, "agreed", **fields)


def add(root: Path, setting: Setting, kind: str, **fields: Any) -> None:
    """Add `found` or `retired` to a setting that is there."""
    HISTORY.append(_folder(root, setting.platform, setting.element, setting.path), kind, **fields)


def _folder(root: Path, platform: str, element: str, path: str) -> Path:
    return root / REGISTER / named(platform, element, path)
