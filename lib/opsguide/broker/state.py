"""Locks, holds and settlements of a platform, in one folder that all users and records roots of the machine share.

- A lock belongs to a process: a crash frees it. It is a file lock; the file tells who has it.
- All elements are locked or none; whoever is in the folder's group can lock after somebody else.
- A hold is a file: it is written before a change is sent and taken away when its end is known. A crash leaves it.
- A hold that cannot be read holds.
- No change is sent to an element that is held, by anybody, until somebody settles it.
- What was found of an unknown change is kept, by run and command: a change that was settled is not held again.
- Who changed an element last is kept too, written before the change is sent. What cannot be read counts as a change
  by somebody, now.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from opsguide.broker.state_files import opener, remove, shared, write
from opsguide.errors import HeldError, LockedError, StoreError
from opsguide.record import durable

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,199}")
FOUND = ("done", "not-done")
BLINK = 0.02
"""Seconds; a reader of locks has one for less than that."""


@dataclass(frozen=True)
class Hold:
    """Why an element is held: the run and its change, since when, and the look that may settle it.

    `settle` is the look's template, `look` the same as a line for a terminal; `template` is the change's, `change` the
    same with its slots filled, and `effect` what it does to the element, as its scope says.
    """

    element: str
    run: str
    records: str
    command: int
    line: str
    since: str
    person: str
    settle: str = ""
    look: str = ""
    template: str = ""
    change: str = ""
    effect: str = ""


@dataclass(frozen=True)
class Settled:
    """What was found of an unknown change: `found` is done or not-done, `person` who said so, `at` when."""

    run: str
    command: int
    element: str
    found: str
    why: str
    person: str
    at: str


@dataclass(frozen=True)
class Changed:
    """The last run that sent a change to an element, and when."""

    element: str
    run: str
    at: str


class State:
    """The state folder of one platform; StoreError when it cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            for name in ("locks", "holds", "open", "settled", "changed"):
                shared(folder / name)
        except OSError as error:
            remedy = f"install -d -m 2770 {folder}, owned by the operators' group"
            raise StoreError(
                f"the state folder cannot be made: {error.strerror}", where=str(folder), next=remedy
            ) from None

    def holds(self) -> list[Hold]:
        """All holds, by element."""
        return [hold for path in sorted((self.folder / "holds").glob("*.json")) if (hold := _read(path))]

    def held(self, elements: Iterable[str]) -> Hold | None:
        """The first hold on one of the elements."""
        return next((h for name in elements if (h := _read(self._hold(name)))), None)

    def refuse_held(self, elements: Iterable[str]) -> None:
        """HeldError when one of the elements is held."""
        hold = self.held(elements)
        if hold:
            look = hold.look or hold.settle or "look for yourself"
            raise HeldError(
                f"{hold.element} is held: nobody knows whether a change took effect",
                where=f"{hold.element}, since {hold.since} by {hold.person}, run {hold.run}",
                command=hold.line,
                next=f'{look}, then: opsguide resume {hold.run} --found done|not-done --why "…"',
            )

    def hold(self, hold: Hold) -> None:
        """Hold an element; on the disk before this returns."""
        write(self._hold(hold.element), asdict(hold), "the hold")

    def release(self, element: str) -> None:
        """Take the hold of an element away."""
        remove(self._hold(element), "the hold")

    def settle(self, found: Settled) -> None:
        """Keep what was found of a change; on the disk before this returns."""
        write(self._settled(found.run, found.command), asdict(found), "the settlement")

    def settled(self, run: str, command: int) -> str:
        """What a person said of an unknown change, `done` or `not-done`; empty where nobody has."""
        try:
            found = json.loads(self._settled(run, command).read_text("utf-8")).get("found")
        except (OSError, ValueError, AttributeError, RecursionError):
            return ""
        return str(found) if found in FOUND else ""

    def changes(self, by: Changed) -> None:
        """Keep who changes an element; on the disk before this returns."""
        write(self._path("changed", by.element, ".json"), asdict(by), "the note of a change")

    def changed(self, element: str) -> Changed | None:
        """Who changed an element last, None where nobody has."""
        try:
            found = json.loads(self._path("changed", element, ".json").read_text("utf-8"))
            return Changed(element, str(found["run"]), str(found["at"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return Changed(element, "a run whose note cannot be read", durable.now())

    def lock(self, elements: Iterable[str], holder: dict[str, Any]) -> Locks:
        """Lock all elements or none, the run's own (the first) first; LockedError says who has what is taken."""
        own, *rest = dict.fromkeys(elements)
        locks = Locks()
        try:
            for name in (own, *sorted(rest)):
                what = name if name == own else f"{name}, which a change of {own} may touch,"
                locks.take(self._path("locks", name, ".lock"), what, holder)
        except BaseException:
            locks.free()
            raise
        return locks

    def _hold(self, element: str) -> Path:
        return self._path("holds", element, ".json")

    def _settled(self, run: str, command: int) -> Path:
        if not RUN.fullmatch(run):
            raise StoreError(f"{run!r} is not the id of a run")
        return self.folder / "settled" / f"{run}.{int(command)}.json"

    def _path(self, kind: str, element: str, suffix: str) -> Path:
        if not NAME.fullmatch(element):
            raise StoreError(f"{element!r} is not the name of an element")
        return self.folder / kind / f"{element}{suffix}"


class Locks:
    """Locks that a run has; freed by `free` or by the end of the process."""

    def __init__(self) -> None:
        self._files: list[Any] = []

    def take(self, path: Path, element: str, holder: dict[str, Any]) -> None:
        """Lock one file and write the holder into it."""
        try:
            file = open(path, "a+", encoding="utf-8", opener=opener)  # noqa: SIM115
        except OSError as error:
            raise StoreError(f"the lock cannot be opened: {error.strerror}", where=str(path)) from None
        if not _taken(file):
            file.close()
            has = _holder(path)
            since = f", since {has['since']}" if has.get("since") else ""
            raise LockedError(
                f"{element} is locked by another run",
                where=f"{has.get('run', '?')}, by {has.get('person', '?')}{since}",
                next="wait until that run has ended: `opsguide elements` shows who has what",
            )
        self._files.append(file)
        try:
            file.truncate(0)
            json.dump(holder, file)
            file.flush()
        except OSError as error:
            raise StoreError(f"the lock cannot be written: {error.strerror}", where=str(path)) from None

    @property
    def names(self) -> set[str]:
        """The elements that are locked."""
        return {Path(file.name).stem for file in self._files}

    def join(self, others: Locks) -> None:
        """Have the locks of `others` too."""
        self._files += others._files

    def free(self) -> None:
        """Free them all."""
        files, self._files = self._files, []
        for file in files:
            with contextlib.suppress(OSError):
                file.close()


def _taken(file: Any) -> bool:
    for _ in range(5):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(BLINK)
    return False


def _read(path: Path) -> Hold | None:
    try:
        found = Hold(**json.loads(path.read_text("utf-8")))
        return replace(found, element=path.stem)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError):
        return Hold(path.stem, "?", "?", 0, "the hold's file cannot be read", "?", "?", effect="?")


def _holder(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text("utf-8"))
        if isinstance(found, dict):
            return found
    return {}
