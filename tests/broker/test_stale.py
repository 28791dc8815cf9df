"""Holds that a crash left: what the sealed record knows is freed, everything else stays held."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsguide.broker import stale
from opsguide.broker.state import Hold, State
from opsguide.record.orphans import close_orphan
from record import sample


def crashed(root: Path, state: State, written: str) -> Hold:
    """A run that held for its change and crashed once `written` was on the disk."""
    run = sample.begin(root)
    hold = Hold("uh-01", run.run, str(root), 1, sample.LINE, "now", "Anna Berg")
    state.hold(hold)
    if written != "hold":
        sample.send(run, 1, "change")
    if written not in ("hold", "send"):
        sample.answer(run, 1, state=written)
    run.journal.close()
    return hold


def closed(hold: Hold) -> None:
    folder = next(Path(hold.records).glob(f"*/*/{hold.run}-unfinished"))
    close_orphan(folder, "killed")


@pytest.mark.parametrize("written", ["hold", "ok", "failed", "not-run"])
def test_a_hold_on_what_is_known_goes_once_the_record_is_sealed(tmp_path: Path, written: str) -> None:
    state = State(tmp_path / "state")
    hold = crashed(tmp_path / "records", state, written)
    stale.free(state)
    assert state.held(["uh-01"]) == hold, "an unfinished record proves nothing"
    closed(hold)
    stale.free(state)
    assert state.held(["uh-01"]) is None


@pytest.mark.parametrize("written", ["send", "timeout", "lost", "unknown"])
def test_a_hold_on_what_is_unknown_stays(tmp_path: Path, written: str) -> None:
    state = State(tmp_path / "state")
    hold = crashed(tmp_path / "records", state, written)
    closed(hold)
    stale.free(state)
    assert state.held(["uh-01"]) == hold


def test_a_hold_whose_record_was_changed_or_is_gone_stays(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    hold = crashed(tmp_path / "records", state, "ok")
    closed(hold)
    events = next((tmp_path / "records").glob("*/*/*/events.jsonl"))
    events.chmod(0o600)
    events.write_bytes(events.read_bytes().replace(b'"exit": 0', b'"exit": 1'))
    stale.free(state)
    assert state.held(["uh-01"]) == hold
    (tmp_path / "records").rename(tmp_path / "elsewhere")
    stale.free(state)
    assert state.held(["uh-01"]) == hold


def test_a_hold_is_left_alone_while_somebody_has_the_elements_lock(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    hold = crashed(tmp_path / "records", state, "ok")
    closed(hold)
    locks = state.lock(["uh-01"], {"run": "another"})
    stale.free(state)
    locks.free()
    assert state.held(["uh-01"]) == hold
