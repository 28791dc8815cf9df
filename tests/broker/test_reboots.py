"""A reboot is seen by another boot id and by nothing else; the commands here are scripted, the lab has real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from opsguide.broker.commands import Commands
from opsguide.broker.reboots import BOOT_ID, Reboots
from opsguide.broker.targets import Target, targets
from opsguide.broker.transit import Seen
from opsguide.errors import FailedError
from opsguide.guide.expectations import checked, judge

from .fakes import grounds, platform

OLD = "0f3b7a91-0b52-4c4e-8a39-6f1b2c3d4e5f"
SETTLE = {"what": {"command": BOOT_ID}}


class Scripted:
    """Commands that answer what they are told to, and keep what they were asked to write down."""

    def __init__(self, answer: Seen) -> None:
        self.answer, self.settled, self.left = answer, [], []

    def send(self, command: Any) -> Seen:
        return self.answer

    def settle(self, *what: Any) -> None:
        self.settled.append(what)

    def held(self, target: Target, number: int, why: str) -> None:
        self.left.append((target.element.name, number))


def scripted(answer: Seen) -> Commands:
    return cast(Commands, Scripted(answer))


@pytest.fixture
def reboot(tmp_path: Path) -> tuple[Any, Target, Target]:
    """The grounds of a run, its reboot, and the look that settles it."""
    run = grounds(platform(tmp_path), "uh-01", "rebooting-host-container")
    (change,) = targets(run, "change", {"what": {"command": "systemctl reboot"}})
    (look,) = targets(run, "prove", SETTLE)
    return run, change, look


def under_way(reboot: Any, state: str = "lost") -> tuple[Reboots, Any]:
    run, change, _ = reboot
    reboots, commands = Reboots(), scripted(Seen("ok", 0, text=f"{OLD}\n"))
    reboots.read(commands, run.platform, change, "reboot")
    assert reboots.sent(change, Seen(state, sent={"command": 7}))
    return reboots, commands


def test_an_element_that_does_not_tell_its_boot_id_is_not_rebooted(reboot: Any) -> None:
    run, change, _ = reboot
    for answer in (
        Seen("timeout"),
        Seen("not-run"),
        Seen("ok", 1),
        Seen("ok", 0, text=" \n"),
        Seen("ok", 0, text="no boot id\n"),
        Seen("ok", 0, text=f"Welcome!\n{OLD}\n"),
        Seen("ok", 0, text=f"{OLD}\n{OLD}\n"),
    ):
        with pytest.raises(FailedError, match="nothing was sent"):
            Reboots().read(scripted(answer), run.platform, change, "reboot")


@pytest.mark.parametrize("state", ["ok", "lost", "timeout"])
def test_whatever_a_reboot_answers_it_has_to_be_seen(reboot: Any, state: str) -> None:
    reboots, _ = under_way(reboot, state)
    assert reboots.expected(reboot[2]) == {"name": "differs_from", "args": [OLD, ""]}


@pytest.mark.parametrize(("text", "met"), [(OLD, False), ("", False), (OLD.replace("0", "1"), True)])
def test_only_another_boot_id_shows_it_not_an_empty_answer(reboot: Any, text: str, met: bool) -> None:
    expected = under_way(reboot)[0].expected(reboot[2])
    assert judge(checked(expected), 0, f"{text}\n").met == met


@pytest.mark.parametrize("state", ["failed", "not-run", "unknown"])
def test_a_reboot_that_failed_or_was_not_sent_is_not_waited_for(reboot: Any, state: str) -> None:
    assert not Reboots().sent(reboot[1], Seen(state, sent={"command": 7}))


def test_another_look_than_the_one_that_settles_does_not_end_it(reboot: Any) -> None:
    reboots, commands = under_way(reboot)
    (other,) = targets(reboot[0], "prove", {"what": {"command": "uptime"}})
    assert reboots.expected(other) is None
    assert not reboots.settle(commands, other)
    assert cast(Any, commands).settled == []


def test_it_is_settled_once(reboot: Any) -> None:
    reboots, commands = under_way(reboot)
    assert reboots.settle(commands, reboot[2])
    assert not reboots.settle(commands, reboot[2])
    assert cast(Any, commands).settled == [("uh-01", 7, "seen: another boot id")]


def test_a_run_that_ends_before_it_is_seen_says_so(reboot: Any) -> None:
    reboots, commands = under_way(reboot)
    reboots.leave(commands)
    reboots.leave(commands)
    assert cast(Any, commands).left == [("uh-01", 7)]
