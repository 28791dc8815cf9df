"""A command on its way: what stands on the disk when it leaves, and what is still held when it has ended. No host."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from broker.fakes import grounds, platform, send
from desk import lines
from opsguide.broker.commands import Commands
from opsguide.broker.means import Asker, Means
from opsguide.broker.state import State
from opsguide.broker.targets import Target
from opsguide.broker.transit import Command, Seen
from opsguide.errors import FailedError, InputError, StoreError, UnreachableError
from opsguide.record.archive import RunFolder
from opsguide.record.redaction import Redactor
from record import sample

SECRET = "nine-lives-of-a-cat"
RESTART, ACTIVE = "systemctl restart {service}", "systemctl is-active {service}"
SAYS = {"name": "says", "args": ["active"], "exit": 0}


class Outside:
    """Takes the place of hosts and platform: `met` sees each command as it leaves, and says how it ends."""

    def __init__(self) -> None:
        self.redactor, self.connections = Redactor({"token": SECRET}), self
        self.sent: list[str] = []
        self.cancels: list[threading.Event] = []
        self.met: Callable[[Any], None] = lambda sink: None
        self.outcome, self.exit, self.body = "ok", 0, cast(Any, {"result": 0})

    def run(self, host: Any, line: str, *, sink: Any, cancel: threading.Event, **more: Any) -> Any:
        self.sent.append(line)
        self.cancels.append(cancel)
        self.met(sink)
        return SimpleNamespace(outcome=self.outcome, exit=self.exit, seconds=0.1, note="")

    def api(self, timeout: float | None = None) -> Any:
        return self

    def call(self, method: str, args: dict[str, Any]) -> Any:
        self.sent.append(method)
        return SimpleNamespace(outcome=self.outcome, result=0, body=self.body, text="", seconds=0.1)


class Here:
    """The sender of one run, and what it leaves."""

    def __init__(self, folder: Path) -> None:
        self.outside, self.state = Outside(), State(folder / "state")
        self.record: RunFolder = sample.begin(folder / "records")
        here = platform(folder)
        asker = Asker({"name": "Ada"}, 1, "a test", folder / "records")
        self.said: list[str] = []
        self.commands = Commands(self.record, Means(asker, here, self.state, cast(Any, self.outside), self.said.extend))
        self.change = send(grounds(here, "uh-01"), "change", RESTART)[0]
        self.look = send(grounds(here, "uh-01"), "look", ACTIVE)[0]

    def events(self, *types: str) -> list[dict[str, Any]]:
        return lines(self.record.path / "events.jsonl", *types)

    def send(self, verb: str = "change", target: Target | None = None, **more: Any) -> Seen:
        found = target or (self.change if verb == "change" else self.look)
        return self.commands.send(Command(found, verb, "restart", 9, holds=verb == "change", **more))

    @property
    def held(self) -> bool:
        return self.state.held(["uh-01"]) is not None


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def test_the_line_the_hold_and_who_changes_are_on_the_disk_before_a_change_leaves(here: Here) -> None:
    left: list[Any] = []
    here.outside.met = lambda sink: left.append(
        (here.events()[-1], here.state.held(["uh-01"]), here.state.changed("uh-01"))
    )
    assert here.send().state == "ok"
    ((event, hold, changed),) = left
    assert (event["type"], event["line"], event["command"]) == ("send", here.change.shown, 1)
    assert (hold.run, hold.command, hold.line, hold.person) == (here.record.run, 1, here.change.shown, "Ada")
    assert (changed.run, here.held) == (here.record.run, False)
    assert [(e["command"], e["state"]) for e in here.events("answer")] == [(1, "ok")]


def test_a_look_holds_nothing_and_changes_nobody(here: Here) -> None:
    held: list[bool] = []
    here.outside.met = lambda sink: held.append(here.held)
    here.send("look")
    assert (held, here.state.changed("uh-01")) == ([False], None)


@pytest.mark.parametrize(("outcome", "exit", "state"), [
    ("timeout", None, "timeout"), ("lost", None, "lost"), ("cancelled", None, "unknown"), ("ok", 124, "timeout"),
    ("ok", 137, "timeout"),
])  # fmt: skip
def test_a_change_of_which_nobody_knows_stays_held(here: Here, outcome: str, exit: int | None, state: str) -> None:
    here.outside.outcome, here.outside.exit = outcome, exit  # type: ignore[assignment]
    assert here.send().state == state
    assert here.held
    assert [e["state"] for e in here.events("answer")] == [state]
    assert [(e["element"], e["command"]) for e in here.events("hold")] == [("uh-01", 1)]


@pytest.mark.parametrize("exit", [1, 124, 137])
def test_a_look_that_says_no_has_failed_and_no_more(here: Here, exit: int) -> None:
    here.outside.exit = exit
    assert (here.send("look").state, here.held) == ("failed", False)


def test_a_change_that_failed_has_an_end_and_holds_nothing(here: Here) -> None:
    here.outside.exit = 1
    assert (here.send().state, here.held) == ("failed", False)
    assert not here.events("hold")


def test_a_defect_while_a_change_is_on_its_way_leaves_it_unknown_and_held(here: Here) -> None:
    def broken(sink: Any) -> None:
        raise RuntimeError("a defect")

    here.outside.met = broken
    assert (here.send().state, here.held) == ("unknown", True)
    assert [e["state"] for e in here.events("answer")] == ["unknown"]


@pytest.mark.parametrize("error", [UnreachableError("no way there"), InputError("no key")])
def test_what_could_not_leave_was_not_run_and_holds_nothing(here: Here, error: Exception) -> None:
    def away(sink: Any) -> None:
        raise error

    here.outside.met = away
    assert (here.send().state, here.held) == ("not-run", False)
    assert [e["state"] for e in here.events("answer")] == ["not-run"]


def test_a_change_is_not_sent_after_an_interrupt_and_leaves_no_trace(here: Here) -> None:
    here.commands.cancel.set()
    with pytest.raises(FailedError, match="given up before it was sent"):
        here.send()
    assert (here.outside.sent, here.events("send"), here.held) == ([], [], False)
    assert here.state.changed("uh-01") is None


def test_an_interrupt_gives_up_a_look_and_never_a_change(here: Here) -> None:
    for verb in ("look", "change"):
        here.send(verb)
    here.send("look", always=True)
    assert [one is here.commands.cancel for one in here.outside.cancels] == [True, False, False]


def test_nothing_is_sent_that_cannot_be_written_down(here: Here) -> None:
    here.record.journal.close()
    for verb in ("look", "change"):
        with pytest.raises(StoreError):
            here.send(verb)
    assert (here.outside.sent, here.held) == ([], False)


def test_nothing_is_sent_whose_hold_cannot_be_written(here: Here) -> None:
    folder = here.state.folder / "holds"
    folder.rmdir()
    folder.write_text("")
    with pytest.raises(StoreError):
        here.send()
    assert (here.outside.sent, here.events("send")) == ([], [])


def test_an_answer_that_cannot_be_written_stops_the_command_and_leaves_it_held(here: Here) -> None:
    def much(sink: Any) -> None:
        (here.record.path / "output").write_text("in the way")
        sink("out", b"x" * 70_000 + b"\n")
        assert here.outside.cancels[-1].is_set()

    here.outside.met = much
    with pytest.raises(StoreError):
        here.send()
    assert here.held
    assert not here.events("answer")


@pytest.mark.parametrize(
    ("outcome", "exit", "stays"), [("ok", 0, True), ("lost", None, True), ("timeout", None, True), ("ok", 1, False)]
)
def test_a_reboot_stays_held_whatever_it_answers_unless_it_was_refused(
    here: Here, outcome: str, exit: int | None, stays: bool
) -> None:
    here.outside.outcome, here.outside.exit = outcome, exit  # type: ignore[assignment]
    here.send(target=replace(here.change, entry=replace(here.change.entry, effect="reboots")))
    assert here.held is stays


@pytest.mark.parametrize(("already", "exit", "state"), [((32,), 32, "ok"), ((32,), 31, "failed"), ((), 32, "failed")])
def test_an_exit_status_that_says_it_was_so_already_is_a_good_end_of_a_change(
    here: Here, already: tuple[int, ...], exit: int, state: str
) -> None:
    here.outside.exit = exit
    assert here.send(target=replace(here.change, entry=replace(here.change.entry, already=already))).state == state
    look = replace(here.look, entry=replace(here.look.entry, already=already))
    assert here.send("look", target=look).state == "failed"


@pytest.mark.parametrize(
    ("said", "exit", "state"), [("active", 0, "ok"), ("inactive", 0, "failed"), ("active", 3, "failed")]
)
def test_an_expectation_is_judged_on_what_the_host_said(here: Here, said: str, exit: int, state: str) -> None:
    here.outside.met = lambda sink: sink("out", f"{said}\n".encode())
    here.outside.exit = exit
    assert here.send("look", expect=SAYS).state == state
    assert [(e["met"], e["out"]) for e in here.events("answer")] == [(state == "ok", f"{said}\n")]
    assert here.send("look", expect=SAYS, judged=False).state == "ok"


def test_standard_output_is_judged_to_its_last_byte_and_standard_error_is_not(here: Here) -> None:
    def says(sink: Any) -> None:
        sink("out", b"in")
        sink("err", b"active")
        sink("out", b"active")

    here.outside.met = says
    seen = here.send("look", expect={"name": "equals", "args": ["inactive"], "exit": 0})
    assert (seen.state, seen.text, seen.raw) == ("ok", "inactive", b"inactive")
    assert [(e["out"], e["err"]) for e in here.events("answer")] == [("inactive", "active")]


def test_a_secret_in_a_line_is_sent_and_told_nowhere(here: Here) -> None:
    here.outside.outcome = "lost"
    here.outside.met = lambda sink: sink("out", f"x {SECRET}\n".encode())
    target = replace(here.change, line=f"echo {SECRET}", shown=f"ssh echo {SECRET}", look=f"ssh cat {SECRET}")
    here.send(target=replace(target, entry=replace(target.entry, settle=ACTIVE)))
    assert here.outside.sent == [f"echo {SECRET}"]
    told = [
        p.read_bytes() for folder in (here.state.folder, here.record.path) for p in folder.rglob("*") if p.is_file()
    ]
    assert SECRET.encode() not in b"".join(told)
    assert SECRET not in "\n".join(here.said)
    assert b"[hidden: token]" in b"".join(told)


def api(here: Here) -> Target:
    return replace(here.look, template="administration.cluster.GetHosts", args={"id": 3})


def test_what_the_platform_answers_is_in_the_record_without_secrets(here: Here) -> None:
    here.outside.body = {"result": 0, "array": [{"id": 3, "session": SECRET}]}
    seen = here.send("look", target=api(here))
    (told,) = [json.loads(e["out"]) for e in here.events("answer")]
    assert told == json.loads(seen.text) == {"result": 0, "array": [{"id": 3, "session": "[hidden: token]"}]}
    assert json.loads(seen.raw) == here.outside.body


def test_a_secret_that_the_platform_hands_out_is_in_no_record_and_hidden_from_then_on(here: Here) -> None:
    command = "curl -fsS http://app.lab.example/join/q7Rk2-Zx9_LmT4vB8nWc1sYd5fGh3jKa | bash -s --"
    here.outside.body = {"result": 0, "value": command, "also": command}
    seen = here.send("look", target=api(here), hides="a one-use command")
    here.outside.met = lambda sink: sink("out", f"+ {command}\n".encode())
    here.send()
    told = b"".join(p.read_bytes() for p in here.record.path.rglob("*") if p.is_file())
    assert b"q7Rk2" not in told
    assert "q7Rk2" not in seen.text
    assert command in json.loads(seen.raw)["value"], "the broker itself has it"
