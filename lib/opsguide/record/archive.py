"""The records folder: `<records>/<yyyy>/<mm>/<run id>[-unfinished]/`, and beside the years the ledger and batches/.

- A run id is `<utc>-<activity>-<element>-<8 hex>`; the folder's name ends in `-unfinished` until it is
  sealed.
- A run has begun when its intent.json is synced and the ledger names it; before that nothing may be sent.
- A run that cannot begin leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opsguide.errors import InputError, OpsguideError, TamperedError
from opsguide.record import chain, durable, ledger
from opsguide.record.journal import EVENTS, INTENT, Journal

UNFINISHED = "-unfinished"
BATCHES = "batches"
HANDOFFS = "handoffs"
REGISTER = "register"
VERSION = 1
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
RUN = re.compile(r"\d{8}T\d{6}Z-[a-z0-9][a-z0-9-]*-[0-9a-f]{8}", re.ASCII)


@dataclass(frozen=True)
class RunRef:
    """A run as it lies in the archive; `path` is its folder now."""

    run: str
    path: Path
    sealed: bool


@dataclass(frozen=True)
class RunFolder:
    """A run that is being written: its folder, its intent, and its open journal, which holds the lock."""

    root: Path
    path: Path
    run: str
    intent: dict[str, Any]
    journal: Journal


class Archive:
    """The records below `root`."""

    def __init__(self, root: Path) -> None:
        self.root, self.ledger = root, ledger.Ledger(root)

    def start(self, intent: Mapping[str, Any]) -> RunFolder:
        """Begins a run: folder, intent.json and the ledger's line, all synced.

        `version`, `run` and `at` are set here. InputError for names that cannot be in a run id; StoreError
        when the disk refuses, and then nothing is left behind.
        """
        at = datetime.now(UTC)
        run = _run_id(at, intent)
        own: dict[str, Any] = {"version": VERSION, "run": run, "at": durable.utc(at)}
        whole = own | {key: value for key, value in intent.items() if key not in own}
        content = durable.json_file(whole)
        path = self.root / f"{at:%Y}" / f"{at:%m}" / (run + UNFINISHED)
        with durable.storing(path):
            durable.make_folders(path.parent, self.root)
        with self.ledger.turn() as turn, _all_or_nothing(path):
            with durable.storing(path):
                durable.make_folders(path, self.root)
            durable.write_file(path / INTENT, content)
            journal = Journal(path)
            try:
                turn.append("intent", run, durable.digest(content))
            except BaseException:
                journal.close()
                raise
        return RunFolder(self.root, path, run, whole, journal)

    def reopen(self, path: Path) -> RunFolder:
        """An unfinished run for writing again.

        LockedError while its writer lives, TamperedError if it is broken, FileNotFoundError if it is not
        there.
        """
        intent = chain.parse((path / INTENT).read_bytes())
        run = path.name.removesuffix(UNFINISHED)
        if intent is None or intent.get("run") != run:
            raise TamperedError("intent.json does not belong to this run", where=str(path))
        _open_again(path / EVENTS)
        return RunFolder(self.root, path, run, intent, Journal(path))

    def runs(self) -> list[RunRef]:
        """All runs, oldest first."""
        return self.walk()[0]

    def unfinished(self) -> list[RunRef]:
        """The runs that are not sealed: still going, or orphans of a crash."""
        return [ref for ref in self.runs() if not ref.sealed]

    def find(self, text: str) -> RunRef:
        """The run with this id, a unique beginning or end of it, or 'last'; InputError otherwise."""
        runs, text = self.runs(), text.removesuffix(UNFINISHED)
        if not runs:
            raise InputError("there is no record yet", where=str(self.root), next="check --records; a run leaves one")
        if text == "last":
            return runs[-1]
        for fits in (str.__eq__, str.startswith, str.endswith):
            if found := [ref for ref in runs if text and fits(ref.run, text)]:
                return _only(found, text)
        next = "opsguide records lists them: give the run's id, its end, or last"
        raise InputError(f"no run is called {text!r}", where=str(self.root), next=next)

    def walk(self) -> tuple[list[RunRef], list[Path]]:
        """All runs, oldest first, and whatever else lies in the records folder but the ledger and batches/."""
        runs: list[RunRef] = []
        stray = [
            path for path in _folder(self.root, rf"\d{{4}}|{BATCHES}|{HANDOFFS}|{REGISTER}") if path.name != ledger.NAME
        ]
        for year in _folders(self.root, r"\d{4}"):
            stray += _folder(year, r"\d\d")
            for month in _folders(year, r"\d\d"):
                for path in map(Path, sorted(entry.path for entry in os.scandir(month))):
                    run = path.name.removesuffix(UNFINISHED)
                    if RUN.fullmatch(run):
                        runs.append(RunRef(run, path, run == path.name))
                    else:
                        stray.append(path)
        return sorted(runs, key=lambda ref: (ref.run, ref.sealed)), sorted(stray)


def _folders(folder: Path, pattern: str) -> list[Path]:
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        return sorted(
            Path(entry.path)
            for entry in entries
            if re.fullmatch(pattern, entry.name, re.ASCII) and entry.is_dir(follow_symlinks=False)
        )
    return []


def _folder(folder: Path, pattern: str) -> list[Path]:
    kept = _folders(folder, pattern)
    with contextlib.suppress(FileNotFoundError):
        return [path for path in folder.iterdir() if path not in kept]
    return []


@contextlib.contextmanager
def _all_or_nothing(path: Path) -> Iterator[None]:
    try:
        yield
    except OpsguideError:
        shutil.rmtree(path, ignore_errors=True)
        raise


def _only(found: list[RunRef], text: str) -> RunRef:
    if len(found) > 1:
        some = ", ".join(ref.run for ref in found[-3:])
        raise InputError(f"{len(found)} runs fit {text!r}", answer=some, next="give more of the run's id")
    return found[0]


def _run_id(at: datetime, intent: Mapping[str, Any]) -> str:
    names = [str((intent.get(key) or {}).get(name, "")) for key, name in (("activity", "slug"), ("element", "name"))]
    for name in names:
        if not NAME.fullmatch(name):
            words = f"{name!r} cannot be part of a run's id: names are lower-case letters, digits and '-'"
            raise InputError(words)
    return f"{at:%Y%m%dT%H%M%SZ}-{'-'.join(names)}-{secrets.token_hex(4)}"


def _open_again(journal: Path) -> None:
    """A crash while the run was sealed leaves its journal write-protected, for all but root."""
    if journal.is_file() and not journal.is_symlink() and not os.access(journal, os.W_OK, effective_ids=True):
        with durable.storing(journal):
            journal.chmod(0o640)
