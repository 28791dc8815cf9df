"""What a run goes on from: only what was written, once, with the same inputs, and never past what nobody knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opsguide.broker import following
from opsguide.broker.following import Following
from opsguide.broker.state import Changed, Settled, State
from opsguide.errors import HeldError, InputError, RefusedError
from opsguide.record import durable
from opsguide.record.archive import Archive
from opsguide.record.seal import seal
from record import sample

CHANGE = ("restart", "the key")
ACTIVITY = {**sample.intent()["activity"], "scope_digest": "s"}
PLAN = durable.json_file({"changes": [], "pins": []})


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "records")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


def ended(
    archive: Archive,
    answer: str = "failed",
    state: str = "failed",
    files: dict[str, bytes] | None = None,
    **fields: Any,
) -> str:
    """A sealed run with one change that was answered so; without an answer for an empty one."""
    more = {"effect": fields.pop("effect")} if "effect" in fields else {}
    run = sample.begin(archive.root, **{"activity": ACTIVITY, **fields})
    sample.send(run, 1, "look" if fields.get("mode") == "plan" else "change", key=CHANGE[1], **more)
    if answer:
        sample.answer(run, 1, state=answer)
    for name, content in (files or {}).items():
        durable.write_file(run.path / name, content)
    seal(run, state, 1, "")
    return run.run


def follow(archive: Archive, state: State, run: str, **fields: Any) -> Following:
    intent = sample.intent(**{"activity": ACTIVITY, **fields})
    return following.load(archive, {**intent, "parameters": {**intent["parameters"], "follows": run}}, state)


def test_what_ended_well_is_done_and_what_failed_or_never_left_is_not(archive: Archive, state: State) -> None:
    for answer in ("failed", "not-run", "refused"):
        root = Archive(archive.root / answer)
        assert follow(root, state, ended(root, answer)).done == {}
    run = ended(archive, "ok")
    assert follow(archive, state, run).done == {CHANGE: run}


@pytest.mark.parametrize("answer", ["timeout", "lost", "unknown", ""])
def test_what_nobody_knows_is_neither_repeated_nor_passed_over_until_somebody_says(
    archive: Archive, state: State, answer: str
) -> None:
    run = ended(archive, answer, "unknown")
    with pytest.raises(HeldError, match="nobody has said whether command 1"):
        follow(archive, state, run)
    state.settle(Settled(run, 1, "uh-01", "not-done", "looked", "Ada", "t"))
    assert follow(archive, state, run).done == {}
    state.settle(Settled(run, 1, "uh-01", "done", "looked", "Ada", "t"))
    assert follow(archive, state, run).done == {CHANGE: run}


def test_what_was_sent_once_more_counts_as_it_ended_then(archive: Archive, state: State) -> None:
    first = ended(archive, "ok")
    second = ended(archive, "failed", follows={"run": first})
    assert follow(archive, state, second).done == {}


def test_a_reboot_that_answered_well_is_not_known_to_have_happened(archive: Archive, state: State) -> None:
    run = ended(archive, "ok", effect="reboots")
    with pytest.raises(HeldError, match="nobody has said"):
        follow(archive, state, run)


@pytest.mark.parametrize(("name", "fields"), [
    ("platform", {"platform": {"name": "other"}}), ("version", {"broker": {"version": "9"}}),
    ("activity", {"activity": {"slug": "other", "scope_digest": None}}), ("edition", {"edition": {"digest": "0"}}),
    ("scope", {"activity": {"slug": "restarting-processes", "scope_digest": "0"}}),
    ("runbook", {"runbook": {"sha256": "0"}}), ("element", {"element": {"name": "uh-02"}}),
    ("parameter service", {"parameters": {"element": "uh-01", "service": "rsyslog"}}),
    ("parameter service", {"parameters": {"element": "uh-01"}}),
    ("parameter more", {"parameters": {"element": "uh-01", "service": "nginx", "more": "x"}}),
])  # fmt: skip
def test_nothing_is_followed_with_other_inputs(
    archive: Archive, state: State, name: str, fields: dict[str, Any]
) -> None:
    run = ended(archive)
    assert follow(archive, state, run).run == run
    with pytest.raises(InputError, match=f"this is not what .* was about: .*{name}"):
        follow(archive, state, run, **fields)


def test_only_a_run_that_applies_follows_another(archive: Archive, state: State) -> None:
    run = ended(archive)
    for mode in ("plan", "request"):
        with pytest.raises(InputError, match="only a run that applies"):
            follow(archive, state, run, mode=mode)


def test_there_is_nothing_to_go_on_from_after_a_success_or_a_request(archive: Archive, state: State) -> None:
    hows: list[dict[str, Any]] = [{"state": "succeeded"}, {"state": "requested"}, {"mode": "request"}]
    for number, how in enumerate(hows):
        root = Archive(archive.root / str(number))
        run = ended(root, "ok", **how)
        with pytest.raises(InputError, match="nothing to go on from"):
            follow(root, state, run)


def test_a_run_is_gone_on_from_once(archive: Archive, state: State) -> None:
    first = ended(archive)
    second = ended(archive, follows={"run": first})
    with pytest.raises(InputError, match="was gone on from already"):
        follow(archive, state, first)
    assert follow(archive, state, second).run == second


def test_the_world_has_moved_when_another_run_changed_the_element(archive: Archive, state: State) -> None:
    run = ended(archive)
    other = ended(archive, "ok", "succeeded")
    with pytest.raises(RefusedError, match=f"{other} has changed uh-01 since"):
        follow(archive, state, run)


def test_the_state_folder_tells_of_changes_that_are_in_no_record_here(archive: Archive, state: State) -> None:
    state.changes(Changed("uh-01", "an earlier run", "2000-01-01T00:00:00.000Z"))
    run = ended(archive)
    assert follow(archive, state, run).run == run
    state.changes(Changed("uh-01", run, durable.now()))
    assert follow(archive, state, run).run == run
    state.changes(Changed("uh-01", "a run elsewhere", durable.now()))
    with pytest.raises(RefusedError, match="a run elsewhere has changed uh-01"):
        follow(archive, state, run)


def test_a_run_whose_record_hides_a_parameter_is_not_followed(archive: Archive, state: State) -> None:
    hidden = {"parameters": {"element": "uh-01", "service": "[hidden: token]"}}
    run = ended(archive, **hidden)
    with pytest.raises(InputError, match="hides the parameter service"):
        follow(archive, state, run, **hidden)


def test_a_plan_is_carried_out_once_and_only_one_that_succeeded(archive: Archive, state: State) -> None:
    broken = ended(archive, "ok", "failed", {"plan.json": PLAN}, mode="plan")
    with pytest.raises(InputError, match="ended failed"):
        follow(archive, state, broken)
    run = ended(archive, "ok", "succeeded", {"plan.json": PLAN}, mode="plan")
    found = follow(archive, state, run)
    assert found.plan
    assert (found.how, found.plan.run) == ("plan", run)
    other = ended(Archive(archive.root.parent / "elsewhere"), "ok")
    state.changes(Changed("uh-01", other, durable.now()))
    with pytest.raises(RefusedError, match=f"{other} has changed uh-01 since"):
        follow(archive, state, run)
    state.changes(Changed("uh-01", run, durable.now()))
    used = ended(archive, "ok", "succeeded", follows={"run": run})
    with pytest.raises(InputError, match=f"was carried out by {used}"):
        follow(archive, state, run)
