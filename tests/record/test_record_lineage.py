"""Runs read back: what was changed is never followed, and what changed the element since is found."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from opsguide.errors import InputError, TamperedError
from opsguide.record import lineage
from opsguide.record.archive import Archive, RunFolder
from opsguide.record.lineage import Past
from opsguide.record.seal import seal
from record import sample


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def ended(archive: Archive, verb: str = "look", state: str = "ok", **fields: Any) -> Past:
    return over(archive, sample.begin(archive.root, **fields), verb, state)


def over(archive: Archive, run: RunFolder, verb: str, state: str = "ok", number: int = 1) -> Past:
    sample.send(run, number, verb)
    if state:
        sample.answer(run, number, state=state)
    seal(run, "interrupted", 5, "")
    return lineage.read_back(archive, run.run)


def test_a_run_that_goes_on_is_not_read_back(archive: Archive) -> None:
    run = sample.begin(archive.root)
    with pytest.raises(InputError, match="is not sealed"):
        lineage.read_back(archive, run.run)


@pytest.mark.parametrize("name", ["events.jsonl", "intent.json", "report.html"])
def test_a_run_that_was_changed_is_not_read_back(archive: Archive, name: str) -> None:
    path = sample.sealed(archive.root)
    sample.overwrite(path / name, (path / name).read_bytes().replace(b"Anna", b"Otto").replace(b"812", b"813"))
    with pytest.raises(TamperedError, match="is not what was written"):
        lineage.read_back(archive, "last")


def test_a_change_by_a_run_that_began_earlier_is_found_too(archive: Archive) -> None:
    earlier = sample.begin(archive.root)
    plan = ended(archive)
    found = over(archive, earlier, "change")
    assert lineage.changed_since(archive, plan, {plan.run}) == found
    assert lineage.changed_since(archive, plan, {plan.run, found.run}) is None
    assert lineage.changed_since(archive, found, {found.run}) is None, "the plan has looked only"


def test_a_change_that_was_sent_before_is_none_since(archive: Archive) -> None:
    earlier = sample.begin(archive.root)
    sample.send(earlier, 1, "change")
    sample.answer(earlier, 1)
    time.sleep(0.002)  # the record counts in milliseconds
    plan = ended(archive)
    seal(earlier, "succeeded", 0, "")
    assert lineage.changed_since(archive, plan, {plan.run}) is None


def test_the_answer_of_a_command_is_its_own(archive: Archive) -> None:
    plan, run = ended(archive), sample.begin(archive.root)
    sample.send(run, 1)
    sample.answer(run, 1)
    assert not over(archive, run, "change", "not-run", 2).changed_something
    assert lineage.changed_since(archive, plan, {plan.run}) is None


@pytest.mark.parametrize("verb", ["change", "edit"])
@pytest.mark.parametrize("state", ["ok", "failed", "timeout", "lost", "unknown", ""])
def test_what_was_sent_counts_as_a_change_unless_it_was_never_sent(archive: Archive, verb: str, state: str) -> None:
    plan = ended(archive)
    other = ended(archive, verb, state)
    assert lineage.changed_since(archive, plan, {plan.run}) == other
    assert not lineage.changed_nothing(archive, other.run)


@pytest.mark.parametrize(("verb", "state"), [("change", "not-run"), ("edit", "not-run"), ("look", "ok"), ("prove", "")])
def test_a_look_and_what_was_never_sent_are_no_change(archive: Archive, verb: str, state: str) -> None:
    plan = ended(archive)
    other = ended(archive, verb, state)
    assert lineage.changed_since(archive, plan, {plan.run}) is None
    assert lineage.changed_nothing(archive, other.run)


def test_a_run_that_is_not_here_or_goes_on_is_not_one_that_changed_nothing(archive: Archive) -> None:
    ended(archive)
    assert not lineage.changed_nothing(archive, "20261123T100000Z-restarting-processes-uh-01-0123abcd")
    assert not lineage.changed_nothing(archive, sample.begin(archive.root).run)


def test_a_change_of_another_element_is_none_of_this_one(archive: Archive) -> None:
    plan = ended(archive)
    for name in ("uh-02", "new-uh-01"):
        ended(archive, "change", element={**sample.intent()["element"], "name": name})
    assert lineage.changed_since(archive, plan, {plan.run}) is None


def test_those_that_follow_a_run_and_sent_a_change_are_its_followers(archive: Archive) -> None:
    first = ended(archive)
    follows = {"follows": {"run": first.run, "how": "plan"}}
    ended(archive, "look", **follows)
    ended(archive, "change")
    second = ended(archive, "change", **follows)
    assert lineage.followers(archive, first) == [second]
    assert lineage.lineage(archive, second) == [first, second]
