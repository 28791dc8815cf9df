"""Whether the records are what was written: each run against its seal, every seal against the ledger, both ways.

- A run is OK when its files are exactly those its seal names, byte for byte, its journal is one unbroken chain from its
  intent to its `end`, its seal says the same as that end, and the ledger names its intent and its seal once each.
- A run that the ledger names and that is not there is tampered with; so is one that is there and not named, unless
  nothing had been sent yet.
- A run without a seal is UNFINISHED when what there is of it holds together.
- A chain shows what was changed afterwards. It does not show that somebody wrote all of it anew: docs/record.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsguide.errors import InputError
from opsguide.record import chain, durable
from opsguide.record.archive import UNFINISHED, VERSION, Archive, RunRef
from opsguide.record.chain import Event
from opsguide.record.journal import EVENTS, INTENT, OUTPUT, SEAL
from opsguide.record.ledger import NAME as LEDGER

OK, UNFINISHED_RUN, TAMPERED, EXTRA = "OK", "UNFINISHED", "TAMPERED", "EXTRA"


@dataclass(frozen=True)
class Finding:
    """The verdict on one run, or on the ledger (`run` is then its file's name).

    `verdict` is OK, UNFINISHED, TAMPERED or EXTRA (a stray file that is no record); `first_bad` names the file, and
    the line where there is one.
    """

    run: str
    verdict: str
    first_bad: str = ""
    words: str = ""

    @property
    def bad(self) -> bool:
        """Whether somebody changed something."""
        return self.verdict == TAMPERED


class _Bad(Exception):
    def __init__(self, first_bad: str, words: str) -> None:
        super().__init__(words)
        self.first_bad, self.words = first_bad, words


def verify(
    records: Path, run: str | None = None, progress: Callable[[int, int], None] | None = None
) -> list[Finding]:
    """Findings in the ledger's order, one for each run; with `run` only that one (an id, its end, 'last').

    The ledger itself is always read whole and has a finding of its own, first, when something is wrong with it.
    `progress(done, all)` is called every 200 runs. InputError when there is no record at all.
    """
    archive = Archive(records)
    ledger = archive.ledger.read()
    folders = _folders(archive)
    named = _named(ledger.entries)
    names = [*named, *sorted(folders.keys() - named.keys())]
    if not names and not ledger.torn:
        raise InputError("there is no record to verify", where=str(records))
    found = _ledger(ledger, archive.ledger.path.exists())
    chosen = names if run is None else [_chosen(archive, names, run)]
    for done, name in enumerate(chosen):
        if progress and done % 200 == 0:
            progress(done, len(chosen))
        found.append(check_run(name, folders.get(name, []), named.get(name, [])))
    return found


def first_bad(findings: list[Finding]) -> Finding | None:
    """The first finding that is not OK because somebody changed something."""
    return next((finding for finding in findings if finding.bad), None)


def check_run(run: str, folders: list[RunRef], entries: list[Event]) -> Finding:
    """The verdict on one run from its folders and its lines in the ledger."""
    try:
        path = _only_folder(run, folders)
        intent, seal = _lines(entries)
        if seal is None and path.name == run:
            raise _Bad(LEDGER, "the run is sealed and the ledger names no seal of it")
        if seal is None and not (path / SEAL).exists():
            return _unfinished(run, path, intent)
        _sealed(run, path, intent, seal)
    except _Bad as bad:
        return Finding(run, TAMPERED, bad.first_bad, bad.words)
    except OSError as error:
        return Finding(run, TAMPERED, Path(error.filename or "").name, f"cannot be read: {error.strerror}")
    if path.name != run:
        return Finding(run, UNFINISHED_RUN, "", "sealed, but its folder has not got its final name yet")
    return Finding(run, OK)


def _ledger(ledger: chain.Chain, exists: bool) -> list[Finding]:
    if not exists:
        return [Finding(LEDGER, TAMPERED, LEDGER, "the ledger is gone")]
    if ledger.fault:
        return [Finding(LEDGER, TAMPERED, f"{LEDGER} line {ledger.line}", ledger.fault)]
    if ledger.torn:
        line = f"{LEDGER} line {len(ledger.entries) + 1}"
        return [Finding(LEDGER, UNFINISHED_RUN, line, "the last line is torn, as a crash leaves it")]
    return []


def _folders(archive: Archive) -> dict[str, list[RunRef]]:
    found: dict[str, list[RunRef]] = {}
    for ref in archive.runs():
        found.setdefault(ref.run, []).append(ref)
    return found


def _named(entries: list[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for entry in entries:
        found.setdefault(str(entry.get("run")), []).append(entry)
    return found


def _chosen(archive: Archive, names: list[str], run: str) -> str:
    return run if run in names else archive.find(run).run


def _only_folder(run: str, folders: list[RunRef]) -> Path:
    if not folders:
        raise _Bad(run, "the ledger names this run and its folder is gone")
    if len(folders) > 1:
        raise _Bad(run, "there are several folders with this run's id")
    path = folders[0].path
    if path.is_symlink() or not path.is_dir():
        raise _Bad(run, "the run's folder is not a folder")
    if (path.parent.parent.name, path.parent.name) != (run[:4], run[4:6]):
        raise _Bad(run, "the run lies in another month's folder")
    return path


def _lines(entries: list[Event]) -> tuple[Event | None, Event | None]:
    intents = [entry for entry in entries if entry.get("type") == "intent"]
    seals = [entry for entry in entries if entry.get("type") == "seal"]
    if len(intents) > 1 or len(seals) > 1 or len(intents) + len(seals) != len(entries):
        raise _Bad(LEDGER, "the ledger names this run more often than once")
    if seals and (not intents or intents[0]["seq"] > seals[0]["seq"]):
        raise _Bad(LEDGER, "the ledger names this run's seal before its intent")
    return (intents[0] if intents else None), (seals[0] if seals else None)


def _intent(run: str, content: bytes, entry: Event | None) -> None:
    said = chain.parse(content)
    if said is None or said.get("run") != run:
        raise _Bad(INTENT, "intent.json is not this run's")
    if entry and entry.get("digest") != durable.digest(content):
        raise _Bad(INTENT, "intent.json is not the one that the ledger names")


def _unfinished(run: str, path: Path, intent: Event | None) -> Finding:
    events = (path / EVENTS).read_bytes() if (path / EVENTS).exists() else b""
    if intent is None and events:
        raise _Bad(LEDGER, "the run has begun and the ledger does not name it")
    if intent is None and not (path / INTENT).exists():
        return Finding(
            run, UNFINISHED_RUN, INTENT, "never began: its intent was not finished, nothing was sent"
        )
    content = (path / INTENT).read_bytes()
    if intent is None and chain.parse(content) is None:
        return Finding(
            run, UNFINISHED_RUN, INTENT, "never began: its intent was not finished, nothing was sent"
        )
    _intent(run, content, intent)
    found = chain.check(events, durable.digest(content))
    if found.fault:
        raise _Bad(f"{EVENTS} line {found.line}", found.fault)
    return Finding(run, UNFINISHED_RUN, "", f"not sealed; {len(found.entries)} events hold together")


def _sealed(run: str, path: Path, intent: Event | None, entry: Event | None) -> None:
    if intent is None:
        raise _Bad(LEDGER, "the ledger names no intent of this run")
    content = (path / SEAL).read_bytes()
    said = chain.parse(content)
    if entry and entry.get("digest") != durable.digest(content):
        raise _Bad(SEAL, "seal.json is not the one that the ledger names")
    if said is None or said.get("run") != run or not isinstance(said.get("files"), dict):
        raise _Bad(SEAL, "seal.json is not this run's")
    if said.get("version") != VERSION:
        raise _Bad(SEAL, f"seal.json is of version {said.get('version')!r}, this program reads {VERSION}")
    _files(path, said["files"])
    first = (path / INTENT).read_bytes()
    _intent(run, first, intent)
    _journal(path, said, durable.digest(first))


def _files(path: Path, sealed: dict[str, Any]) -> None:
    there = {name for name in _names(path) if name != SEAL}
    if gone := sorted(sealed.keys() - there):
        raise _Bad(gone[0], f"{gone[0]} is missing")
    if more := sorted(there - sealed.keys()):
        raise _Bad(more[0], f"{more[0]} does not belong to the record")
    for name, wanted in sealed.items():
        if name != EVENTS and durable.digest((path / name).read_bytes()) != wanted:
            raise _Bad(name, f"{name} is not as it was sealed")


def _names(path: Path) -> list[str]:
    found = []
    for item in path.iterdir():
        if item.name == OUTPUT and item.is_dir() and not item.is_symlink():
            found += [f"{OUTPUT}/{one.name}" for one in item.iterdir()]
        else:
            found.append(item.name)
    return found


def _journal(path: Path, said: dict[str, Any], start: str) -> None:
    content = (path / EVENTS).read_bytes()
    found = chain.check(content, start)
    if found.fault:
        raise _Bad(f"{EVENTS} line {found.line}", found.fault)
    last = f"{EVENTS} line {len(found.entries)}"
    if found.torn or len(found.entries) != said.get("events") or found.last != said.get("last"):
        raise _Bad(last, "the journal does not end as it was sealed")
    if said["files"].get(EVENTS) != durable.digest(content):
        raise _Bad(EVENTS, "events.jsonl is not as it was sealed")
    end = found.entries[-1] if found.entries else {}
    if (end.get("type"), end.get("state"), end.get("exit")) != ("end", said.get("state"), said.get("exit")):
        raise _Bad(last, "the seal says another end than the journal")
