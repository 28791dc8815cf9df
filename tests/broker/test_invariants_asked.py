"""What the invariants ask of hosts before a change, and what they make of the answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from opsguide.broker import invariants, opened
from opsguide.broker.opened import Note
from opsguide.broker.state import Hold, State
from opsguide.broker.targets import Target, targets
from opsguide.broker.transit import Command, Seen
from opsguide.errors import LockedError
from opsguide.reach.inventory import Platform

from .fakes import grounds, platform

SCOPE = """
steps = ["do"]
[related]
user-host = ["user-host"]
[[change]]
command = "drain"
step = "do"
effect = "takes-out"
deadline = "1 s"
[[change]]
command = "reboot"
settle = "cat /proc/sys/kernel/random/boot_id"
step = "do"
effect = "reboots"
deadline = "1 s"
[[change]]
command = "evacuate"
step = "do"
effect = "empties"
deadline = "1 s"
[[change]]
command = "touch it"
step = "do"
deadline = "1 s"
"""
ALIVE, USED, AVAIL = "vzlist -H -o ctid", "df -B1M --output=used /vz", "df -B1M --output=avail /vz"
AT_WORK = "pgrep -f -a [y]um|[d]nf|[v]zmigrate|[p]rlctl.backup"
LIMITS, FREE = "vzlist -H -o physpages.l", "grep MemAvailable: /proc/meminfo"


@dataclass
class Asked:
    """Answers looks by host and command; anything else has no answer."""

    answers: dict[tuple[str, str], str]
    run: str = "r1"
    person: str = "Ana"
    sent: list[tuple[str, str]] = field(default_factory=list)
    exits: dict[str, int] = field(default_factory=dict)

    def send(self, command: Command) -> Seen:
        key = (command.target.host.name, command.target.template)
        self.sent.append(key)
        assert command.target.entry.verb == "look"
        if key not in self.answers:
            return Seen("not-run")
        return Seen("ok", self.exits.get(key[1], 0), text=self.answers[key])


@pytest.fixture
def lab(tmp_path: Path) -> Platform:
    return platform(tmp_path)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


def told(lab: Platform, state: State, element: str, command: str, asked: Asked) -> str:
    on = grounds(lab, element, SCOPE)
    (found,) = targets(on, "change", {"what": {"command": command}})
    story = invariants.against(on, asked, state, "do", found)  # type: ignore[arg-type]
    return story.words if story else ""


def test_the_other_member_is_looked_at_on_its_host_before_a_drain(lab: Platform, state: State) -> None:
    asked = Asked({("ih-02", ALIVE): "   305\n   306\n"})
    assert told(lab, state, "hcore1", "drain", asked) == ""
    assert asked.sent == [("ih-02", ALIVE)]
    assert "hcore2 does not run on ih-02" in told(lab, state, "hcore1", "drain", Asked({("ih-02", ALIVE): "  3051\n"}))
    assert "ih-02 does not answer" in told(lab, state, "hcore1", "drain", Asked({}))


def test_a_reboot_of_a_host_looks_once_at_each_host_of_the_other_members(lab: Platform, state: State) -> None:
    asked = Asked({("ih-02", ALIVE): "306\n"})
    assert "rebooting ih-01 takes hcore1 down" in told(lab, state, "ih-01", "reboot", asked)
    assert asked.sent == [("ih-02", ALIVE)]


def test_a_host_at_work_is_not_rebooted_and_it_is_asked_last(lab: Platform, state: State) -> None:
    asked = Asked({("uh-01", AT_WORK): ""}, exits={AT_WORK: 1})
    assert told(lab, state, "uh-01", "reboot", asked) == ""
    assert asked.sent == [("uh-01", AT_WORK)]
    busy = Asked({("uh-01", AT_WORK): "4711 yum -y update\n4712 sh\n"})
    assert told(lab, state, "uh-01", "reboot", busy) == (
        "at work on uh-01: 4711 yum -y update; rebooting uh-01 would cut it off"
    )
    assert "does not say whether an update" in told(lab, state, "uh-01", "reboot", Asked({}))
    assert "does not say" in told(lab, state, "uh-01", "reboot", Asked({("uh-01", AT_WORK): ""}, exits={AT_WORK: 127}))
    assert told(lab, state, "hcore1", "reboot", Asked({("ih-02", ALIVE): "305\n306\n"})) == "", (
        "a lock tells of containers"
    )
    invariants.refuse_reboot(grounds(lab, "uh-01", SCOPE), busy, state)  # type: ignore[arg-type]


def test_a_run_whose_reboot_would_be_refused_is_refused_at_its_begin(lab: Platform, state: State) -> None:
    dead: Any = Asked({("ih-02", ALIVE): "306\n"})
    with pytest.raises(LockedError, match="hcore2 does not run on ih-02; rebooting ih-01 takes hcore1 down"):
        invariants.refuse_reboot(grounds(lab, "ih-01", SCOPE), dead, state)
    invariants.refuse_reboot(grounds(lab, "hcore1"), dead, state)  # this scope reboots nothing
    assert len(dead.sent) == 1


def test_a_run_that_may_be_the_way_back_of_a_member_begins(lab: Platform, state: State) -> None:
    note = Note("hcore1", "enable", "x", "r0", "2026-11-25T02:14:00.000Z", "Ana", "takes-out")
    opened.sent(state, note, lambda: Seen("ok"))
    dead: Any = Asked({("ih-02", ALIVE): "306\n"})
    invariants.refuse_reboot(grounds(lab, "ih-01", SCOPE), dead, state)
    assert "rebooting ih-01 takes hcore1 down" in told(lab, state, "ih-01", "reboot", dead)


def test_no_host_is_asked_when_the_state_folder_tells_enough(lab: Platform, state: State) -> None:
    state.hold(Hold("ih-02", "r0", "/r", 1, "reboot", "2026-11-25T02:14:00Z", "Bo", effect="reboots"))
    asked = Asked({})
    assert "ih-02 is rebooting since 2026-11-25 02:14 by Bo (run r0) with hcore2 on it" in told(
        lab, state, "hcore1", "drain", asked
    )
    assert "makes 2 of group infrastructure hosts" in told(lab, state, "ih-01", "reboot", asked)
    assert asked.sent == []


def test_a_change_without_an_effect_asks_nothing(lab: Platform, state: State) -> None:
    state.hold(Hold("hcore2", "r0", "/r", 1, "x", "t", "Bo", effect="takes-out"))
    asked = Asked({})
    assert told(lab, state, "hcore1", "touch it", asked) == ""
    assert asked.sent == []


def test_an_evacuation_is_measured_against_what_the_other_hosts_have_free(lab: Platform, state: State) -> None:
    answers = {
        ("uh-01", USED): " Used\n 1000\n", ("uh-02", AVAIL): "Avail\n 1200\n",
        ("uh-01", LIMITS): "131072\n131072\n", ("uh-02", FREE): "MemAvailable:    1258496 kB\n",
    }  # fmt: skip
    assert told(lab, state, "uh-01", "evacuate", Asked(answers)) == ""
    full = {**answers, ("uh-02", AVAIL): "Avail\n 1199\n"}
    assert "needs 1000 MiB of disk elsewhere" in told(lab, state, "uh-01", "evacuate", Asked(full))
    short = {**answers, ("uh-02", FREE): "MemAvailable:    1258000 kB\n"}
    assert "needs 1024 MiB of memory elsewhere" in told(lab, state, "uh-01", "evacuate", Asked(short))
    silent = {key: text for key, text in answers.items() if key[0] != "uh-02"}
    assert "uh-02 does not say how much there is of disk" in told(lab, state, "uh-01", "evacuate", Asked(silent))


def test_a_refusal_is_of_the_locked_family_and_names_line_and_next_step(lab: Platform, state: State) -> None:
    on = grounds(lab, "hcore1", SCOPE)
    found: list[Target] = targets(on, "change", {"what": {"command": "drain"}})
    asked: Any = Asked({("ih-02", ALIVE): ""})
    with pytest.raises(LockedError) as refused:
        invariants.refuse(on, asked, state, "do", found[0])
    assert refused.value.exit_code == 7
    assert refused.value.command == found[0].shown
    assert refused.value.next == "start hcore2 first"
