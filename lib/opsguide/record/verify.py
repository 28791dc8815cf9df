"""Whether the records are what was written: every run and batch against the ledger, and the ledger against them.

- The ledger is one unbroken chain.
- A run that the ledger names and that is not there was tampered with; so was one that is there and is not
  named, unless nothing had been sent yet.
- A run without a seal is UNFINISHED when what there is of it holds together.
- A chain shows what was changed afterwards. It does not show that somebody wrote all of it anew
  (docs/record.md). A run that seems wrong is looked at again while no run can begin or be sealed, so that
  work in progress is not taken for tampering.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from opsguide.errors import InputError, TamperedError
from opsguide.record import batch_checks, batches, chain, checks, handoffs, register
from opsguide.record.archive import BATCHES, Archive, RunRef
from opsguide.record.chain import Event
from opsguide.record.checks import EXTRA, OK, TAMPERED, UNFINISHED, Finding
from opsguide.record.ledger import BATCH, BATCH_END
from opsguide.record.ledger import NAME as LEDGER

__all__ = ["EXTRA", "OK", "TAMPERED", "UNFINISHED", "Finding", "first_bad", "verify"]

LOOKS = 3
RUNS, OVER_RUNS, HISTORIES = ("intent", "seal"), (BATCH, BATCH_END), (handoffs.HISTORY, register.HISTORY)
OTHERS = (*OVER_RUNS, *(kind for sort in HISTORIES for kind in (sort.begun, sort.event)))


def verify(records: Path, run: str | None = None, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
    """Findings in the ledger's order, one for each run, then one for each batch; with `run` only that one (its id, its
    end, 'last', or the whole id of a batch).

    The ledger is always read whole and has a finding of its own, first, when something is wrong with it.
    Files that belong to no record come last. `progress(done, all)` is called every 200 runs. InputError
    when there is no record, StoreError or OSError when the records cannot be read.
    """
    archive = Archive(records)
    refs, stray = archive.walk()
    ledger = archive.ledger.read()
    folders, named = _by_run(refs), _by_name(ledger.entries, RUNS)
    names = [*named, *sorted(folders.keys() - named.keys())]
    over_runs = _batches(records, run, set(folders), ledger.entries) + _histories(records, run, ledger.entries)
    if not names and not over_runs and not ledger.torn:
        raise InputError("there is no record to verify", where=str(records), next="check --records")
    chosen = names if run is None else [] if over_runs else [run if run in names else archive.find(run).run]
    found = []
    for done, name in enumerate(chosen):
        if progress and done % 200 == 0:
            progress(done, len(chosen))
        found.append(checks.check_run(name, folders.get(name, []), named.get(name, [])))
    found = _second_look(archive, found)
    if any(finding.bad for finding in over_runs):
        with archive.ledger.still():
            known = {ref.run for ref in archive.runs()}
            entries = archive.ledger.read().entries
            over_runs = _batches(records, run, known, entries) + _histories(records, run, entries)
    stray += batches.stray(records)
    extra = [Finding(str(path.relative_to(records)), EXTRA, words="belongs to no record") for path in stray]
    begun = bool(refs or over_runs)
    return [*_of_ledger(ledger, begun, archive.ledger.path), *found, *over_runs, *(extra if run is None else [])]


def _batches(records: Path, wanted: str | None, runs: set[str], entries: list[Event]) -> list[Finding]:
    """The findings on all batches, or on the one with the id `wanted`."""
    named = _by_name(entries, OVER_RUNS)
    there = {path.name: path for path in batches.folders(records)}
    names = [*named, *sorted(there.keys() - named.keys())]
    chosen = [name for name in names if wanted is None or name == wanted]
    return [batch_checks.check_batch(records / BATCHES / name, named.get(name, []), runs) for name in chosen]


def _histories(records: Path, wanted: str | None, entries: list[Event]) -> list[Finding]:
    """The findings on all hand-offs and custom settings, or on the one of the name `wanted`."""
    found = []
    for sort in HISTORIES:
        named = _by_name(entries, (sort.begun, sort.event))
        names = [*named, *sorted({path.name for path in sort.folders(records)} - named.keys())]
        chosen = [name for name in names if wanted in (None, name)]
        found += [sort.check(records / sort.place / name, named.get(name, [])) for name in chosen]
    return found


def first_bad(findings: Iterable[Finding]) -> Finding | None:
    """The first finding of something that was changed."""
    return next((finding for finding in findings if finding.bad), None)


def _of_ledger(ledger: chain.Chain, runs: bool, path: Path) -> list[Finding]:
    if runs and not path.exists():
        return [Finding(LEDGER, TAMPERED, LEDGER, "the ledger is gone")]
    if ledger.fault:
        return [Finding(LEDGER, TAMPERED, f"{LEDGER} line {ledger.line}", ledger.fault)]
    if ledger.torn:
        line = f"{LEDGER} line {len(ledger.entries) + 1}"
        return [Finding(LEDGER, UNFINISHED, line, "the last line is torn, as a crash leaves it")]
    return []


def _second_look(archive: Archive, found: list[Finding]) -> list[Finding]:
    if not any(finding.bad for finding in found):
        return found
    with archive.ledger.still():
        named, before = _by_name(archive.ledger.read().entries, RUNS), None
        for _ in range(LOOKS):
            folders = _by_run(archive.runs())
            if folders == before or not any(finding.bad for finding in found):
                break
            before = folders
            found = [
                checks.check_run(one.run, folders.get(one.run, []), named.get(one.run, [])) if one.bad else one
                for one in found
            ]
    return found


def _by_run(refs: list[RunRef]) -> dict[str, list[RunRef]]:
    found: dict[str, list[RunRef]] = {}
    for ref in refs:
        found.setdefault(ref.run, []).append(ref)
    return found


def _by_name(entries: list[Event], types: tuple[str, ...]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for entry in entries:
        kind = entry.get("type")
        if kind in types or (types == RUNS and kind not in OTHERS):
            found.setdefault(str(entry.get("run")), []).append(entry)
    return found


def request_of(records: Path, told: dict[str, Any]) -> Path:
    """The newest run of a hand-off; InputError where its record is gone, TamperedError where it was changed."""
    bad = next((f for one in (told["handoff"], told["runs"][-1]) for f in verify(records, one) if f.bad), None)
    if bad:
        raise TamperedError(f"{bad.first_bad}: {bad.words}", where=bad.run, next="opsguide verify --all")
    return Archive(records).find(told["runs"][-1]).path
