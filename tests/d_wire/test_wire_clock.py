"""Deadlines, cancelling, frozen peers, cut links: every wait ends, and says what is known."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from d_wire.got import Got
from d_wire.sshd import Relay, Sshd, until, wait_for
from opsguide.errors import UnreachableError
from opsguide.reach.quoting import remote_line
from opsguide.reach.ssh import Answer, Connections

Opened = Callable[..., Connections]


def running(ssh: Connections, host: object, line: str, **options: object) -> tuple[threading.Thread, list[Answer]]:
    """The command in a thread of its own; the answer stands in the list once it ends."""
    answers: list[Answer] = []
    options = {"deadline": 60, "sink": Got(), **options}
    thread = threading.Thread(target=lambda: answers.append(ssh.run(host, line, **options)))  # type: ignore[arg-type]
    thread.start()
    return thread, answers


@pytest.fixture
def warm(ssh: Connections, server: Sshd) -> Connections:
    """Connections of which one is made: a short deadline is the command's alone."""
    assert ssh.run(server.element(), "true", deadline=60, sink=Got()).exit == 0
    return ssh


def test_a_silent_command_ends_at_its_deadline(warm: Connections, server: Sshd) -> None:
    answer = warm.run(server.element(), "sleep 60", deadline=4, sink=Got())
    assert (answer.outcome, answer.exit) == ("timeout", None)
    assert 3.95 < answer.seconds < 30
    assert "may still be running" in answer.note


def test_waiting_costs_no_work(warm: Connections, server: Sshd) -> None:
    begun = time.process_time()
    warm.run(server.element(), "sleep 1", deadline=60, sink=Got())
    assert time.process_time() - begun < 0.6


def test_a_chatty_command_ends_at_its_deadline(warm: Connections, server: Sshd) -> None:
    got = Got()
    answer = warm.run(server.element(), "timeout 60 yes", deadline=2, sink=got)
    assert answer.outcome == "timeout"
    assert 1.95 < answer.seconds < 30
    assert len(got.out) > 100_000


def test_a_dripping_command_ends_at_its_deadline(warm: Connections, server: Sshd) -> None:
    line = "for i in $(seq 1200); do echo x; sleep 0.05; done"
    answer = warm.run(server.element(), line, deadline=2, sink=Got())
    assert answer.outcome == "timeout"
    assert answer.seconds < 30


def test_a_change_under_timeout_is_ended_on_the_host_too(ssh: Connections, server: Sshd, tmp_path: Path) -> None:
    line = remote_line(["bash", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 50"], deadline=2)
    answer = ssh.run(server.element(), line, deadline=60, sink=Got())
    assert (answer.outcome, answer.exit) == ("ok", 124)
    wait_for(lambda: not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists())


def test_a_command_that_ignores_its_deadline_is_killed_and_in_doubt(ssh: Connections, server: Sshd) -> None:
    line = "timeout -k 0.3 2 bash -c \"trap '' TERM; while true; do sleep 0.05; done\""
    answer = ssh.run(server.element(), line, deadline=60, sink=Got())
    assert (answer.outcome, answer.exit) == ("lost", None)
    assert "its own deadline" in answer.note
    assert answer.seconds < 30


@pytest.mark.parametrize("line", ["sleep 60", "timeout 60 yes", "cat >/dev/null; sleep 60"])
def test_cancelling_waits_for_no_command(ssh: Connections, server: Sshd, line: str) -> None:
    cancel, before, begun = threading.Event(), server.sessions, time.monotonic()
    thread, answers = running(ssh, server.element(), line, cancel=cancel)
    wait_for(lambda: server.sessions == before + 1)
    cancel.set()
    thread.join(90)
    assert [(a.outcome, a.exit, a.sent) for a in answers] == [("cancelled", None, True)]
    assert time.monotonic() - begun < 30


def test_what_is_cancelled_before_it_is_sent_is_never_sent(server: Sshd) -> None:
    ssh, cancel = server.connections(), threading.Event()
    cancel.set()
    before = server.sessions
    answer = ssh.run(server.element(), "true", deadline=60, sink=Got(), cancel=cancel)
    assert (answer.outcome, answer.sent) == ("cancelled", False)
    host = server.element()
    assert ssh.run(host, "true", deadline=60, sink=Got()).exit == 0
    assert server.sessions == before + 1
    ssh.close()


def test_cancelling_does_not_wait_for_a_host_that_does_not_answer(relayed: tuple[Sshd, Relay]) -> None:
    server, relay = relayed
    relay.stall()
    ssh, cancel = server.connections(patience=60), threading.Event()
    threading.Timer(0.3, cancel.set).start()
    answer = ssh.run(server.element(relay.port), "true", deadline=60, sink=Got(), cancel=cancel)
    assert (answer.outcome, answer.sent) == ("cancelled", False)
    assert answer.seconds < 30
    ssh.close()


def test_a_frozen_peer_is_found_by_the_watchdog(own: Callable[..., Sshd], opened: Opened) -> None:
    server = own()
    ssh, got = opened(server, watchdog=2), Got()
    thread, answers = running(ssh, server.element(), "echo begun; sleep 60", sink=got)
    wait_for(lambda: got.out == b"begun\n")
    server.freeze()
    frozen = time.monotonic()
    thread.join(90)
    server.thaw()
    assert [a.outcome for a in answers] == ["lost"]
    assert "has not answered" in answers[0].note
    assert time.monotonic() - frozen < 30


def test_a_frozen_peer_is_lost_at_the_deadline_and_not_merely_late(own: Callable[..., Sshd], opened: Opened) -> None:
    server = own()
    ssh = opened(server, watchdog=60)
    assert ssh.run(server.element(), "true", deadline=60, sink=Got()).exit == 0
    thread, answers = running(ssh, server.element(), "sleep 60", deadline=6)
    wait_for(lambda: server.sessions == 2)
    server.freeze()
    thread.join(90)
    server.thaw()
    assert [a.outcome for a in answers] == ["lost"]
    assert "at the deadline" in answers[0].note
    assert answers[0].seconds < 30


def test_a_peer_frozen_while_it_takes_input_is_found(own: Callable[..., Sshd], opened: Opened) -> None:
    server = own()
    ssh = opened(server, watchdog=2)
    got = Got()
    thread, answers = running(ssh, server.element(), "cat", stdin=b"x" * 80_000_000, sink=got, deadline=60)
    wait_for(lambda: len(got.out) > 1_000_000)
    server.freeze()
    frozen = time.monotonic()
    thread.join(90)
    server.thaw()
    assert [a.outcome for a in answers] == ["lost"]
    assert time.monotonic() - frozen < 30


def test_a_stalled_link_is_lost_too(relayed: tuple[Sshd, Relay], opened: Opened) -> None:
    server, relay = relayed
    ssh, got = opened(server, watchdog=2), Got()
    thread, answers = running(ssh, server.element(relay.port), "while echo x; do sleep 0.05; done", sink=got)
    wait_for(lambda: got.out)
    relay.stall()
    thread.join(90)
    assert [a.outcome for a in answers] == ["lost"]


def test_slow_is_not_frozen(ssh: Connections, server: Sshd, opened: Opened) -> None:
    quick = opened(server, watchdog=2)
    answer = quick.run(server.element(), "sleep 4; echo x; exit 3", deadline=60, sink=Got())
    assert (answer.outcome, answer.exit) == ("ok", 3)


def test_a_link_cut_in_mid_command_is_lost(relayed: tuple[Sshd, Relay], opened: Opened) -> None:
    server, relay = relayed
    ssh = opened(server)
    thread, answers = running(ssh, server.element(relay.port), "echo begun; sleep 60")
    wait_for(lambda: server.sessions == 1)
    relay.cut()
    cut = time.monotonic()
    thread.join(90)
    assert [(a.outcome, a.exit) for a in answers] == [("lost", None)]
    assert time.monotonic() - cut < 30
    assert server.sessions == 1, "a command that may have been sent is not sent again"


def test_a_killed_session_is_lost_and_not_failed(own: Callable[..., Sshd], opened: Opened) -> None:
    server = own()
    ssh = opened(server)
    thread, answers = running(ssh, server.element(), "echo begun; sleep 60")
    wait_for(lambda: server.sessions == 1)
    server.kill_sessions()
    thread.join(90)
    assert [(a.outcome, a.exit) for a in answers] == [("lost", None)]
    assert server.sessions == 1
    assert ssh.run(server.element(), "true", deadline=60, sink=Got()).exit == 0, "the next one connects anew"


def test_a_shell_ended_by_a_signal_gives_no_status(ssh: Connections, server: Sshd) -> None:
    answer = ssh.run(server.element(), "kill -9 $$", deadline=60, sink=Got())
    assert (answer.outcome, answer.exit) == ("lost", None)
    assert "signal" in answer.note
    assert ssh.run(server.element(), "true", deadline=60, sink=Got()).exit == 0


def test_a_server_that_goes_away_in_mid_command_is_lost_and_then_refused(
    own: Callable[..., Sshd], opened: Opened
) -> None:
    server = own()
    ssh = opened(server)
    thread, answers = running(ssh, server.element(), "sleep 60")
    wait_for(lambda: server.sessions == 1)
    server.stop()
    thread.join(90)
    assert [a.outcome for a in answers] == ["lost"]
    with pytest.raises(UnreachableError, match="refuses connections"):
        ssh.run(server.element(), "true", deadline=60, sink=Got())


def test_other_commands_go_on_while_one_times_out(warm: Connections, server: Sshd, tmp_path: Path) -> None:
    thread, answers = running(warm, server.element(), f"{until(tmp_path / 'go')}; exit 9")
    answer = warm.run(server.element(), "sleep 60", deadline=4, sink=Got())
    (tmp_path / "go").touch()
    thread.join(90)
    assert answer.outcome == "timeout"
    assert [(a.outcome, a.exit) for a in answers] == [("ok", 9)]


def test_a_slow_host_does_not_hold_up_another(relayed: tuple[Sshd, Relay], server: Sshd, opened: Opened) -> None:
    slow, relay = relayed
    relay.stall()
    ssh = opened(slow, patience=60)
    thread, answers = running(
        ssh, slow.element(relay.port, "uh-02"), "true", deadline=60, cancel=(c := threading.Event())
    )
    answer = ssh.run(slow.element(), "true", deadline=60, sink=Got())
    assert (answer.exit, thread.is_alive()) == (0, True)
    c.set()
    thread.join(90)
    assert [a.sent for a in answers] == [False]


def test_ctrl_c_gives_the_session_back(ssh: Connections, server: Sshd) -> None:
    before = server.sessions

    def ctrl_c() -> None:
        wait_for(lambda: server.sessions == before + 1)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        threading.Thread(target=ctrl_c).start()
        ssh.run(server.element(), "sleep 60", deadline=60, sink=Got())
    for _ in range(12):
        assert ssh.run(server.element(), "true", deadline=60, sink=Got()).exit == 0
