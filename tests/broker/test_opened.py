"""What is open: noted before it is sent, gone when it is taken back, and standing in every other case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsguide.broker import changing, invariants, opened, related, settling
from opsguide.broker.grounds import Grounds
from opsguide.broker.opened import Note
from opsguide.broker.order import Steps
from opsguide.broker.state import Hold, Locks, State
from opsguide.broker.targets import Target, targets
from opsguide.broker.transit import Seen
from opsguide.broker.work import Work
from opsguide.errors import FailedError, HeldError, LockedError, StoreError
from opsguide.reach.inventory import Platform

from .fakes import grounds, platform

SCOPE = """
steps = ["do"]
[related]
user-host = ["user-host", "containers"]
infrastructure-container = ["peer"]
[parameters.unit]
type = "str"
default = "crond"
help = "a unit"
slot = "unit"
[[look]]
command = "systemctl is-active {unit}"
[[look]]
api = "a.b.Status"
args = {id = "@element"}
[[change]]
command = "drain"
step = "do"
effect = "takes-out"
undo = "enable"
deadline = "1 s"
[[change]]
command = "enable"
step = "do"
effect = "puts-back"
deadline = "1 s"
[[change]]
api = "a.b.Set"
args = {id = "@element", status = "MAINTENANCE"}
step = "do"
effect = "takes-out"
undo = "set it ACTIVE again"
settle = "a.b.Status"
deadline = "1 s"
[[change]]
api = "a.b.Set"
args = {id = "@element", status = "ACTIVE"}
step = "do"
effect = "puts-back"
deadline = "1 s"
[[change]]
api = "a.b.Move"
args = {id = "@element", to = "here"}
step = "do"
effect = "removes"
deadline = "1 s"
[[change]]
command = "systemctl stop {unit}"
step = "do"
undo = "systemctl start {unit}"
settle = "systemctl is-active {unit}"
deadline = "1 s"
[[change]]
command = "systemctl start {unit}"
step = "do"
deadline = "1 s"
[[change]]
command = "systemd-run --unit=back"
step = "do"
effect = "arms"
undo = "systemctl stop back"
deadline = "1 s"
[[change]]
command = "systemctl stop back"
step = "do"
deadline = "1 s"
[[change]]
command = "touch it"
step = "do"
on = ["element", "end-user-container"]
deadline = "1 s"
"""
COMMANDS: Any = SimpleNamespace(hidden=str, run="r1", person="Ana")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def lab(tmp_path: Path) -> Platform:
    return platform(tmp_path)


@pytest.fixture
def host(lab: Platform) -> Grounds:
    return grounds(lab, "uh-01", SCOPE)


def target(on: Grounds, what: str, **args: Any) -> Target:
    request = {"api": what, "args": {"id": "@element", **args}} if "." in what else {"command": what}
    return targets(on, "change", {"what": request})[0]


def sent(state: State, on: Grounds, change: Target, undo: str = "", ends: str = "ok") -> None:
    opened.sent(state, opened.about(on, COMMANDS, change, undo), lambda: Seen(ends))
    if ends == "ok":
        opened.ended_well(state, on.scope, opened.of_target(change))


def undos(state: State) -> list[str]:
    return [note.undo for note in opened.notes(state)]


def test_a_note_is_on_the_disk_before_the_change_is_sent(state: State, host: Grounds) -> None:
    seen: list[list[str]] = []

    def send() -> Seen:
        seen.append(undos(state))
        return Seen("ok")

    opened.sent(state, opened.about(host, COMMANDS, target(host, "drain"), ""), send)
    assert seen == [["enable"]]
    (note,) = opened.notes(state)
    assert (note.element, note.run, note.person, note.effect) == ("uh-01", "r1", "Ana", "takes-out")
    assert note.line.endswith("drain'")


def test_the_scopes_undo_counts_and_the_notebooks_where_the_scope_names_none(host: Grounds) -> None:
    assert opened.undo_of(host, target(host, "drain"), "call somebody") == "enable"
    assert opened.undo_of(host, target(host, "enable"), "call somebody") == "call somebody"
    assert opened.undo_of(host, target(host, "systemctl stop {unit}"), "") == "systemctl start crond"
    assert opened.undo_of(host, target(host, "enable"), "set {this} back") == "set {this} back"
    assert opened.undo_of(host, target(host, "enable"), "a { b") == "a { b"
    assert opened.about(host, COMMANDS, target(host, "enable"), "") is None


@pytest.mark.parametrize("ends", ["ok", "failed", "timeout", "lost", "unknown"])
def test_a_note_stands_however_the_change_ends(state: State, host: Grounds, ends: str) -> None:
    sent(state, host, target(host, "drain"), ends=ends)
    assert undos(state) == ["enable"]


def test_a_note_of_what_was_never_sent_goes_and_one_that_stood_before_stays(state: State, host: Grounds) -> None:
    def given_up() -> Seen:
        raise FailedError("given up before it was sent")

    note = opened.about(host, COMMANDS, target(host, "drain"), "")
    sent(state, host, target(host, "drain"), ends="not-run")
    assert undos(state) == []
    with pytest.raises(FailedError):
        opened.sent(state, note, given_up)
    assert undos(state) == []
    sent(state, host, target(host, "drain"))
    sent(state, host, target(host, "drain"), ends="not-run")
    with pytest.raises(FailedError):
        opened.sent(state, note, given_up)
    assert undos(state) == ["enable"]


def test_nothing_is_sent_when_the_note_cannot_be_written(state: State, host: Grounds) -> None:
    (state.folder / "open").rmdir()
    (state.folder / "open").write_text("")
    note = opened.about(host, COMMANDS, target(host, "drain"), "")
    with pytest.raises(StoreError, match="note cannot be written"):
        opened.sent(state, note, lambda: pytest.fail("it was sent"))


def test_a_note_goes_when_its_undo_ended_well_in_whatever_run(state: State, host: Grounds) -> None:
    sent(state, host, target(host, "systemctl stop {unit}"))
    sent(state, replace(host, parameters={**host.parameters, "unit": "sshd"}), target(host, "drain"))
    other = replace(host, parameters={**host.parameters, "unit": "sshd"})
    sent(state, other, target(other, "systemctl start {unit}"))
    assert sorted(undos(state)) == ["enable", "systemctl start crond"]
    sent(state, host, target(host, "systemctl start {unit}"))
    assert undos(state) == ["enable"]
    sent(state, host, target(host, "enable"))
    assert undos(state) == []


def test_a_timer_that_is_armed_says_that_it_runs_by_itself_and_since_when_until_it_is_stopped(
    state: State, host: Grounds
) -> None:
    sent(state, host, target(host, "systemd-run --unit=back"))
    (note,) = opened.notes(state)
    assert note.words.startswith("armed at 20")
    assert "runs by itself unless it is stopped" in note.words
    assert not note.out
    sent(state, host, target(host, "systemctl stop back"), ends="failed")
    assert undos(state) == ["systemctl stop back"]
    sent(state, host, target(host, "systemctl stop back"))
    assert undos(state) == []


def test_an_undo_that_failed_closes_nothing(state: State, host: Grounds) -> None:
    sent(state, host, target(host, "drain"))
    sent(state, host, target(host, "enable"), ends="failed")
    assert undos(state) == ["enable"]


def test_what_puts_back_closes_what_is_out_but_an_undo_closes_its_own_only(state: State, host: Grounds) -> None:
    sent(state, host, target(host, "drain"))
    sent(state, host, target(host, "a.b.Set", status="MAINTENANCE"))
    sent(state, host, target(host, "systemctl stop {unit}"))
    sent(state, host, target(host, "enable"))
    assert sorted(undos(state)) == ["set it ACTIVE again", "systemctl start crond"]
    sent(state, host, target(host, "a.b.Set", status="ACTIVE"))
    assert undos(state) == ["systemctl start crond"]


def test_an_element_that_was_removed_has_no_notes(state: State, host: Grounds) -> None:
    for what in ("drain", "systemctl stop {unit}"):
        sent(state, host, target(host, what))
    sent(state, host, target(host, "a.b.Move", to="here"))
    assert undos(state) == []


def test_only_the_same_elements_notes_are_closed(state: State, lab: Platform, host: Grounds) -> None:
    sent(state, host, target(host, "drain"))
    other = grounds(lab, "uh-01", SCOPE)
    other = replace(other, element=lab.element("hcore1"), kind="infrastructure-container")
    sent(state, other, target(other, "enable"))
    assert opened.is_out(state, "uh-01")


def test_a_run_that_succeeds_keeps_its_changes_but_what_is_out_stays_noted(state: State, host: Grounds) -> None:
    written: list[tuple[str, str]] = []
    commands: Any = SimpleNamespace(
        hidden=str, run="r1", person="Ana", show=lambda event: None,
        write=lambda type, **fields: written.append((type, fields["undo"])),
    )  # fmt: skip
    verbs = Work(host, commands, state, Steps(["do"]), "apply")
    for what in ("drain", "systemctl stop {unit}"):
        change = target(host, what)
        opened.sent(state, opened.about(host, commands, change, ""), lambda: Seen("ok"))
        changing._opened(verbs, change, "")
    changing.keep(verbs)
    assert undos(state) == ["enable"]
    assert written[-1] == ("closed", "systemctl start crond")
    assert ("closed", "enable") not in written


def test_a_change_that_was_found_not_done_has_no_note(state: State, host: Grounds) -> None:
    change = target(host, "drain")
    sent(state, host, change, ends="lost")
    opened.never_was(state, "uh-01", "another-run", change.shown)
    assert opened.is_out(state, "uh-01")
    opened.never_was(state, "uh-01", "r1", change.shown)
    assert not opened.is_out(state, "uh-01")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"run": 3}', '{"element": "x", "more": 1}'])
def test_a_note_that_cannot_be_read_stands_as_out(state: State, content: str) -> None:
    (state.folder / "open" / "hcore1.0123abcd.json").write_text(content)
    assert opened.is_out(state, "hcore1")
    assert invariants.outs(state)[0].how == "out"


def test_the_look_that_may_settle_is_a_line_for_a_terminal(host: Grounds) -> None:
    def look(what: str, **args: Any) -> str:
        return settling.with_look(host, target(host, what, **args), {}).look

    assert look("drain") == ""
    assert look("systemctl stop {unit}").startswith("ssh -F ")
    assert look("systemctl stop {unit}").endswith("systemctl is-active crond'")
    assert look("a.b.Set", status="MAINTENANCE").startswith("curl -s -S --data-urlencode session@")


# Who is out, as the invariants see it


@pytest.mark.parametrize(("effect", "how"), [("takes-out", "out"), ("reboots", "rebooting"), ("", "held"), ("?", "unclear")])  # fmt: skip
def test_a_hold_counts_by_the_effect_of_its_change(state: State, effect: str, how: str) -> None:
    state.hold(Hold("uh-01", "r1", "/r", 1, "x", "t", "Ana", effect=effect))
    (out,) = invariants.outs(state)
    assert (out.how, out.element) == (how, "uh-01")
    assert "opsguide resume r1" in out.back


def test_a_hold_that_cannot_be_read_is_unclear(state: State) -> None:
    (state.folder / "holds" / "ih-02.json").write_text("{")
    assert invariants.outs(state)[0].how == "unclear"


def test_a_member_whose_other_one_is_out_is_refused_with_the_way_back(state: State, lab: Platform) -> None:
    note = Note(
        "hcore2", "bash enable.sh", "x", "r0", "2026-11-25T02:14:00.000Z", "Ana", "takes-out", "restarting-processes"
    )
    opened.sent(state, note, lambda: Seen("ok"))
    with pytest.raises(LockedError) as refused:
        invariants.refuse_beside(grounds(lab, "hcore1"), state)
    assert refused.value.words.startswith("hcore2 is out since 2026-11-25 02:14 by Ana (run r0); ")
    assert refused.value.next == (
        "put hcore2 back first: opsguide resume r0, or opsguide run restarting-processes --on hcore2 … to its end (its way back: bash enable.sh)"
    )
    invariants.refuse_beside(grounds(lab, "gate1"), state)


# Related elements


ME = {"run": "r1"}


def test_the_related_kinds_that_a_change_may_reach_are_locked(lab: Platform) -> None:
    assert related.changed_kinds(grounds(lab, "uh-01", SCOPE)) == {"end-user-container"}
    bound = SCOPE.replace('to = "here"', 'to = "@one-related"')
    assert related.changed_kinds(grounds(lab, "uh-01", bound)) == {"end-user-container", "user-host"}
    assert related.changed_kinds(grounds(lab, "uh-01", "editing-system-files", path="/etc/motd")) == set()


def test_related_elements_are_locked_all_or_none_once_and_freed_together(state: State) -> None:
    had = state.lock(["uh-01", "node101"], ME)
    had.join(related.reserve(state, ["node101", "uh-02"], had, ME))
    assert had.names == {"uh-01", "node101", "uh-02"}
    with pytest.raises(LockedError, match="uh-02 is locked by another run"):
        related.reserve(state, ["uh-02"], Locks(), ME)
    had.free()
    again = related.reserve(state, ["uh-02"], had, ME)
    assert again.names == {"uh-02"}
    again.free()


def test_a_related_element_that_is_held_is_refused_and_not_locked(state: State) -> None:
    state.hold(Hold("uh-02", "r0", "/r", 1, "x", "t", "Bo"))
    with pytest.raises(HeldError):
        related.reserve(state, ["uh-02"], Locks(), ME)
    state.lock(["uh-02"], ME).free()
