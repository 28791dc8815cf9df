"""The verdict on one run from its folder and its lines in the ledger.

- A sealed run is OK when its files are exactly those its seal names, byte for byte; when its journal is one
  unbroken chain from its intent to its `end`; when its seal says what that end says; and when the ledger
  names its intent and its seal once each, in this order.
- The first thing that does not fit is named: the file, and in the journal the line.
- A link, a device or a folder in a record is not a file of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsguide.record import chain, durable
from opsguide.record.archive import VERSION, RunRef
from opsguide.record.chain import Event
from opsguide.record.journal import EVENTS, INTENT, OUTPUT, SEAL
from opsguide.record.ledger import NAME as LEDGER

OK, UNFINISHED, TAMPERED, EXTRA = "OK", "UNFINISHED", "TAMPERED", "EXTRA"


@dataclass(frozen=True)
class Finding:
    """The verdict on one run, on the ledger, or on a stray file (`run` is then its name).

    `verdict` is OK, UNFINISHED, TAMPERED or EXTRA (a file that belongs to no record). `first_bad` names the
    file, and the line where there is one; `words` say what is wrong with it.
    """

    run: str
    verdict: str
    first_bad: str = ""
    words: str = ""

    @property
    def bad(self) -> bool:
        """Whether something was changed."""
        return self.verdict == TAMPERED


class DoesNotFitError(Exception):
    """The first thing of a run that does not fit; never leaves this module."""

    def __init__(self, first_bad: str, words: str) -> None:
        super().__init__(words)
        self.first_bad, self.words = first_bad, words


def check_run(run: str, folders: list[RunRef], entries: list[Event]) -> Finding:
    """The verdict on `run`; `folders` are those with its name, `entries` the ledger's lines that name it."""
    try:
        path = _folder(run, folders)
        intent, seal = _lines(entries)
        if seal is None and path.name == run:
            raise DoesNotFitError(LEDGER, "the run is sealed and the ledger names no seal of it")
        names = _names(path)
        if seal is None and SEAL not in names:
            return _unfinished(run, path, names, intent)
        _sealed(run, path, names, intent, seal)
    except DoesNotFitError as bad:
        return Finding(run, TAMPERED, bad.first_bad, bad.words)
    except OSError as error:
        name = Path(error.filename).name if error.filename else run
        return Finding(run, TAMPERED, name, f"{name} cannot be read: {error.strerror}")
    if path.name != run:
        return Finding(run, UNFINISHED, words="sealed, but its folder has not got its final name yet")
    return Finding(run, OK)


def _folder(run: str, folders: list[RunRef]) -> Path:
    if not folders:
        raise DoesNotFitError(run, "the ledger names this run and its folder is gone")
    if len(folders) > 1:
        raise DoesNotFitError(run, "there are several folders of this run")
    path = folders[0].path
    if path.is_symlink() or not path.is_dir():
        raise DoesNotFitError(run, "the run's folder is not a folder")
    if (path.parent.parent.name, path.parent.name) != (run[:4], run[4:6]):
        raise DoesNotFitError(run, "the run lies in another month's folder")
    return path


def _lines(entries: list[Event]) -> tuple[Event | None, Event | None]:
    kinds = [entry.get("type") for entry in entries]
    if kinds not in ([], ["intent"], ["intent", "seal"]):
        said = ", ".join(str(kind) for kind in kinds)
        raise DoesNotFitError(LEDGER, f"the ledger should name this run's intent, then its seal; it names: {said}")
    return (entries[0] if entries else None), (entries[1] if len(entries) > 1 else None)


def _names(path: Path) -> set[str]:
    found = set()
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name == OUTPUT and entry.is_dir(follow_symlinks=False):
                found |= {f"{OUTPUT}/{name}" for name in _files(entry.path)}
            elif entry.is_file(follow_symlinks=False):
                found.add(entry.name)
            else:
                raise DoesNotFitError(entry.name, f"{entry.name} is not a file")
    return found


def _files(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        for entry in (listed := list(entries)):
            if not entry.is_file(follow_symlinks=False):
                raise DoesNotFitError(f"{OUTPUT}/{entry.name}", f"{OUTPUT}/{entry.name} is not a file")
    return [entry.name for entry in listed]


def _intent(run: str, content: bytes, entry: Event | None) -> None:
    if entry and entry.get("digest") != durable.digest(content):
        raise DoesNotFitError(INTENT, "intent.json is not the one that the ledger names")
    if (chain.parse(content) or {}).get("run") != run:
        raise DoesNotFitError(INTENT, "intent.json is not this run's")


def _unfinished(run: str, path: Path, names: set[str], intent: Event | None) -> Finding:
    events = (path / EVENTS).read_bytes() if EVENTS in names else b""
    if intent is None and events:
        raise DoesNotFitError(LEDGER, "the run has begun and the ledger does not name it")
    if intent is None:
        return Finding(run, UNFINISHED, INTENT, "it has not begun: nothing was sent")
    content = (path / INTENT).read_bytes()
    _intent(run, content, intent)
    found = chain.check(events, durable.digest(content))
    if found.fault:
        raise DoesNotFitError(f"{EVENTS} line {found.line}", found.fault)
    return Finding(run, UNFINISHED, words=f"not sealed; its {len(found.entries)} events hold together")


def _sealed(run: str, path: Path, names: set[str], intent: Event | None, entry: Event | None) -> None:
    if intent is None:
        raise DoesNotFitError(LEDGER, "the ledger names no intent of this run")
    content = (path / SEAL).read_bytes()
    if entry and entry.get("digest") != durable.digest(content):
        raise DoesNotFitError(SEAL, "seal.json is not the one that the ledger names")
    said = chain.parse(content) or {}
    if said.get("run") != run or not isinstance(said.get("files"), dict):
        raise DoesNotFitError(SEAL, "seal.json is not this run's")
    if said.get("version") != VERSION:
        raise DoesNotFitError(SEAL, f"seal.json is of version {said.get('version')!r}, this program reads {VERSION}")
    first = (path / INTENT).read_bytes()
    _intent(run, first, intent)
    _journal(path, said, durable.digest(first))
    _sealed_files(path, names - {SEAL}, said["files"])


def _journal(path: Path, said: Mapping[str, Any], start: str) -> None:
    found = chain.check((path / EVENTS).read_bytes(), start)
    if found.fault:
        raise DoesNotFitError(f"{EVENTS} line {found.line}", found.fault)
    last = f"{EVENTS} line {len(found.entries)}"
    if found.torn or len(found.entries) != said.get("events") or found.last != said.get("last"):
        raise DoesNotFitError(last, "the journal does not end as it was sealed")
    end = found.entries[-1] if found.entries else {}
    if (end.get("type"), end.get("state"), end.get("exit")) != ("end", said.get("state"), said.get("exit")):
        raise DoesNotFitError(last, "the seal says another end than the journal")


def _sealed_files(path: Path, names: set[str], sealed: Mapping[str, Any]) -> None:
    if gone := sorted(sealed.keys() - names):
        raise DoesNotFitError(gone[0], f"{gone[0]} is missing")
    if more := sorted(names - sealed.keys()):
        raise DoesNotFitError(more[0], f"{more[0]} does not belong to the record")
    for name, digest in sealed.items():
        if durable.file_digest(path / name) != digest:
            raise DoesNotFitError(name, f"{name} is not as it was sealed")
