"""After a failure or a crash: what is done is proved and not sent again, what is unknown is settled first."""

from __future__ import annotations

import html
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk import Desk, wait_for
from kernels import UNIT
from launchers import OURS, RUN, begin_change, gone, kernels_of, sealed
from raw import Raw

pytestmark = pytest.mark.lab
PAIR = ("run", "restarting-processes", "--on", "hcore1", "-p", "service=nginx", "-p", "settle=1 s", "--reason", "leak")
RESTART, ACTIVE = "systemctl restart {service}", "systemctl is-active {service}"
SAYS_ACTIVE = {"name": "says", "args": ["active"]}
OUT, BACK = "bash /root/scripts/disable_me.sh", "bash /root/scripts/enable_me.sh"


@pytest.fixture
def broken(lab) -> Iterator[Path]:
    """A drop-in on hcore1 with which nginx does not start; removing it mends nginx."""
    folder = Path(lab.container_root("hcore1")) / "etc/systemd/system/nginx.service.d"
    folder.mkdir(parents=True, exist_ok=True)
    dropin = folder / "broken.conf"
    dropin.write_text("[Service]\nExecStartPre=/bin/false\n")
    lab.inside("hcore1", ["systemctl", "daemon-reload"])
    yield dropin
    dropin.unlink(missing_ok=True)
    lab.inside("hcore1", ["systemctl", "daemon-reload"])
    lab.inside("hcore1", ["systemctl", "reset-failed", "nginx"])
    lab.inside("hcore1", ["systemctl", "restart", "nginx"])
    lab.inside("hcore1", BACK.split())
    for note in Path("/var/lib/opsguide-lab/state/open").glob("hcore1.*"):
        note.unlink()


def mend(lab, broken: Path) -> None:
    broken.unlink()
    lab.inside("hcore1", ["systemctl", "daemon-reload"])
    lab.inside("hcore1", ["systemctl", "reset-failed", "nginx"])


def changes(desk: Desk) -> list[str]:
    """What all runs together have sent, in order."""
    return [e["template"] for n in range(len(desk.folders())) for e in desk.record(n).sent("change")]


def test_a_failed_run_is_gone_on_from_and_what_it_did_is_not_done_again(desk: Desk, lab, broken: Path) -> None:
    failed = desk(*PAIR)
    assert failed.code == 1, failed
    assert "opsguide resume" in failed.out
    first = desk.record().intent["run"]
    mend(lab, broken)
    done = desk("resume", "last")
    assert done.code == 0, done
    record = desk.record()
    assert record.intent["follows"]["run"] == first
    assert record.intent["reason"] == "leak"
    assert [e["run"] for e in record.events("done-before")] == [first]
    assert changes(desk).count(OUT) == 1
    assert changes(desk)[-1] == BACK
    assert lab.inside("hcore1", ["systemctl", "is-active", "nginx"]).stdout.strip() == "active"
    assert desk("verify", "--all").code == 0


def test_a_drained_member_that_was_put_back_meanwhile_is_drained_again(desk: Desk, lab, broken: Path) -> None:
    """Draining cannot be proved; only the note that it is out shows that it still holds."""
    assert desk(*PAIR).code == 1
    mend(lab, broken)
    for note in Path("/var/lib/opsguide-lab/state/open").glob("hcore1.*"):
        note.unlink()
    assert desk("resume", "last").code == 0
    assert changes(desk).count(OUT) == 2


def test_a_run_that_ended_well_has_nothing_to_go_on_from(desk: Desk, counter) -> None:
    assert desk(*RUN).code == 0
    done = desk("resume", "last")
    assert done.code == 2, done
    assert "nothing to go on from" in done.out + done.err
    assert counter.starts == 1


def test_a_run_is_gone_on_from_once_by_its_newest_follower(desk: Desk, lab, broken: Path) -> None:
    assert desk(*PAIR).code == 1
    first = desk.record().intent["run"]
    assert desk("resume", first).code == 1
    second = desk.record().intent["run"]
    done = desk("resume", first)
    assert done.code == 2, done
    assert second in done.out + done.err
    mend(lab, broken)
    assert desk("resume", second).code == 0
    assert changes(desk).count(OUT) == 1


def test_it_is_refused_when_another_run_has_changed_the_element_since(desk: Desk, lab, broken: Path) -> None:
    assert desk(*PAIR).code == 1
    first = desk.record().intent["run"]
    mend(lab, broken)
    assert desk(*PAIR).code == 0
    before = changes(desk)
    done = desk("resume", first)
    assert done.code == 1, done
    assert "the world has moved" in done.out + done.err
    assert changes(desk) == before


def interrupted(desk: Desk, counter) -> str:
    """A run whose launcher was killed in its change, which came to its end."""
    process = begin_change(desk, counter, *OURS)
    kernels = kernels_of(process.pid)
    process.send_signal(signal.SIGKILL)
    wait_for(lambda: all(gone(pid) for pid in kernels), what="the kernels are gone")
    counter.go()
    process.communicate(timeout=120)
    sealed(desk)
    return desk.record().intent["run"]


def test_after_a_kill_the_change_that_ended_well_is_proved_and_not_sent_again(desk: Desk, counter) -> None:
    run = interrupted(desk, counter)
    done = desk("resume", run)
    assert done.code == 0, done
    assert counter.starts == 1
    assert "DONE BEFORE" in done.out


def test_what_no_longer_holds_fails_and_only_running_its_step_again_sends_it(desk: Desk, lab, counter) -> None:
    run = interrupted(desk, counter)
    counter.slow(0)
    lab.inside("uh-01", ["systemctl", "stop", UNIT])
    by_hand = Raw(desk.records)
    assert "done" in by_hand.begin("uh-01", parameters={"follows": run})
    by_hand.reach("restart")
    assert "done" in by_hand.verb("change", "restart", RESTART)
    assert "error" in by_hand.verb("prove", "restart", ACTIVE, expect=SAYS_ACTIVE)
    assert counter.starts == 1
    assert "done" in by_hand.step("restart")
    assert "done" in by_hand.verb("change", "restart", RESTART)
    assert "done" in by_hand.verb("prove", "restart", ACTIVE, expect=SAYS_ACTIVE, within="1 min")
    assert counter.starts == 2
    by_hand.close()


def crashed(desk: Desk, counter) -> str:
    """A run whose broker was killed in its change: nobody knows."""
    process = begin_change(desk, counter, *OURS)
    os.kill(desk.record().intent["broker"]["pid"], signal.SIGKILL)
    counter.go()
    process.communicate(timeout=300)
    assert process.returncode == 5
    desk("verify", "last")
    assert desk.record().state == "unknown"
    looks = re.findall(r">  look: +(.*)</span>", (desk.record().path / "report.html").read_text())
    assert looks, "the record says what to look at"
    assert all(re.search(r"^ssh .* uh-01 -- '.*MainPID.* zabbix-agent'$", html.unescape(look)) for look in looks), (
        "the whole line"
    )
    return desk.record().intent["run"]


@pytest.mark.parametrize(("found", "starts"), [("done", 1), ("not-done", 2)])
def test_after_a_crash_it_is_settled_first_and_what_was_said_is_believed(desk, counter, found, starts) -> None:
    run = crashed(desk, counter)
    held = desk("resume", run)
    assert held.code == 5, held
    assert "--found done|not-done" in held.out
    assert desk("resume", run, "--found", found, "--why", "looked at its process").code == 0
    wait_for(lambda: counter.lab.inside("uh-01", ["systemctl", "is-active", UNIT]).stdout.strip() == "active")
    counter.slow(0)
    before = counter.starts
    done = desk("resume", run)
    assert done.code == 0, done
    assert counter.starts - before == starts - 1
    assert bool(desk.record().events("done-before")) == (found == "done")


def test_a_record_that_was_changed_is_not_gone_on_from(desk: Desk, counter) -> None:
    run = interrupted(desk, counter)
    journal = desk.record().path / "events.jsonl"
    journal.chmod(0o644)
    journal.write_text(journal.read_text().replace("uh-01", "uh-02", 1))
    done = desk("resume", run)
    assert done.code == 8, done
    assert counter.starts == 1
