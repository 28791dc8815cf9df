"""One kept connection, several sessions; limits of the server; what died while idle is replaced before sending."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from d_wire.got import Got
from d_wire.sshd import Relay, Sshd, until, wait_for
from opsguide.errors import UnreachableError
from opsguide.reach import knock, ssh_lane
from opsguide.reach.ssh import Answer, Connections

Own = Callable[..., Sshd]
Opened = Callable[..., Connections]


def together(ssh: Connections, server: Sshd, lines: list[str], deadline: float = 60) -> list[Answer | UnreachableError]:
    """All lines at once: the server answers when one connects and the others wait for it; answers in their order."""
    found: list[Answer | UnreachableError | None] = [None] * len(lines)

    def one(i: int) -> None:
        try:
            found[i] = ssh.run(server.element(), lines[i], deadline=deadline, sink=Got())
        except UnreachableError as error:
            found[i] = error

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(lines))]
    server.freeze()
    for thread in threads:
        thread.start()
    wait_for(lambda: len(ssh._lane(server.element())._turn._waiters) == len(lines) - 1)  # type: ignore[attr-defined]
    server.thaw()
    for thread in threads:
        thread.join(deadline + 5)
    assert None not in found
    return found  # type: ignore[return-value]


def test_many_commands_at_once_share_one_connection(own: Own, opened: Opened) -> None:
    server = own()
    answers = together(opened(server), server, [f"sleep 0.3; exit {i}" for i in range(8)])
    assert [a.exit for a in answers if isinstance(a, Answer)] == list(range(8))
    assert server.logins == 1


@pytest.mark.parametrize("most", [1, 2])
def test_where_sessions_are_few_further_connections_and_then_patience_serve_all(
    own: Own, opened: Opened, most: int
) -> None:
    server = own(f"MaxSessions {most}")
    answers = together(opened(server), server, [f"sleep 0.2; exit {i}" for i in range(8)])
    assert [a.exit if isinstance(a, Answer) else a.lines() for a in answers] == list(range(8))
    assert server.logins <= 3
    assert server.sessions == 8, "each was sent once"


def test_a_fresh_command_logs_in_anew_and_leaves_the_kept_connection_alone(own: Own, opened: Opened) -> None:
    server = own()
    ssh = opened(server)
    assert ssh.run(server.element(), "exit 0", deadline=60, sink=Got()).exit == 0
    for i in (1, 2):
        assert ssh.run(server.element(), f"exit {i}", deadline=60, sink=Got(), fresh=True).exit == i
        assert server.logins == 1 + i
    assert ssh.run(server.element(), "exit 3", deadline=60, sink=Got()).exit == 3
    assert server.logins == 3


def test_a_fresh_command_is_refused_and_never_sent_where_the_kept_connection_still_works(
    own: Own, opened: Opened
) -> None:
    server = own()
    ssh = opened(server)
    assert ssh.run(server.element(), "exit 0", deadline=60, sink=Got()).exit == 0
    (server.folder / "authorized_keys").write_text("")
    with pytest.raises(UnreachableError, match="does not accept the key"):
        ssh.run(server.element(), "exit 1", deadline=60, sink=Got(), fresh=True)
    assert ssh.run(server.element(), "exit 2", deadline=60, sink=Got()).exit == 2
    assert server.sessions == 2


def test_one_after_another_needs_one_session_only(own: Own, opened: Opened) -> None:
    server = own("MaxSessions 1")
    ssh = opened(server)
    for i in range(20):
        assert ssh.run(server.element(), f"exit {i}", deadline=60, sink=Got()).exit == i
    assert server.logins <= 2


def test_a_server_that_opens_no_session_is_told(own: Own, opened: Opened) -> None:
    server = own("MaxSessions 0")
    begun = time.monotonic()
    with pytest.raises(UnreachableError, match="MaxSessions"):
        opened(server).run(server.element(), "true", deadline=60, sink=Got())
    assert time.monotonic() - begun < 30, "it is told before the deadline"
    assert server.sessions == 0


def test_waiting_for_a_session_ends_at_the_deadline(own: Own, opened: Opened, tmp_path: Path) -> None:
    server = own("MaxSessions 1")
    ssh, line = opened(server), until(tmp_path / "go")
    threads = [
        threading.Thread(target=lambda: ssh.run(server.element(), line, deadline=60, sink=Got())) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    wait_for(lambda: server.sessions == 3)
    with pytest.raises(UnreachableError, match=r"nothing was sent|free in time"):
        ssh.run(server.element(), "touch /never", deadline=0.8, sink=Got())
    (tmp_path / "go").touch()
    for thread in threads:
        thread.join(90)
    assert server.sessions == 3


@pytest.fixture
def crowd() -> Iterator[Callable[[int, int], None]]:
    """Fills a server's waiting room with connections that never log in."""
    held: list[socket.socket] = []

    def fill(port: int, count: int) -> None:
        for _ in range(count):
            held.append(socket.create_connection(("127.0.0.1", port)))
            held[-1].settimeout(60)
            held[-1].recv(100)

    def leave() -> None:
        for sock in held:
            sock.close()
        held.clear()

    fill.leave = leave  # type: ignore[attr-defined]
    yield fill
    leave()


def test_a_full_waiting_room_is_told_after_three_knocks(
    own: Own, opened: Opened, crowd: Callable[[int, int], None]
) -> None:
    server = own("MaxStartups 2:100:2")
    crowd(server.port, 2)
    begun = time.monotonic()
    answers = together(opened(server), server, ["true"] * 5)
    assert all(isinstance(a, UnreachableError) for a in answers)
    assert all("MaxStartups" in f"{a}" for a in answers)
    assert 1 < time.monotonic() - begun < 30
    assert server.knocks <= 2 + 3, "five commands share three knocks"
    assert server.sessions == 0


def test_a_waiting_room_that_clears_lets_us_in(
    own: Own, opened: Opened, crowd: Callable[[int, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knock, "PAUSES", (0.3, 20.0))
    server = own("MaxStartups 2:100:2")
    crowd(server.port, 2)
    turned_away = threading.Thread(
        target=lambda: (wait_for(lambda: "MaxStartups" in server.log), crowd.leave())  # type: ignore[attr-defined]
    )
    turned_away.start()
    answer = opened(server).run(server.element(), "exit 3", deadline=60, sink=Got())
    turned_away.join(90)
    assert (answer.exit, server.sessions) == (3, 1)


def test_a_dead_host_is_tried_once_for_all_that_wait(own: Own, opened: Opened) -> None:
    server = own()
    server.known_hosts.write_text("")
    answers = together(opened(server), server, ["true"] * 6)
    assert all(isinstance(a, UnreachableError) for a in answers)
    assert server.knocks == 1


def test_a_connection_killed_while_idle_is_replaced(own: Own, opened: Opened) -> None:
    server = own()
    ssh = opened(server)
    assert ssh.run(server.element(), "exit 1", deadline=60, sink=Got()).exit == 1
    server.kill_sessions()
    for i in range(3):
        assert ssh.run(server.element(), f"exit {i}", deadline=60, sink=Got()).exit == i
    assert server.sessions == 4, "nothing was sent twice"


def test_a_connection_that_went_silent_while_idle_is_found_before_sending(
    relayed: tuple[Sshd, Relay], opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, relay = relayed
    monkeypatch.setattr(ssh_lane, "IDLE", 0.2)
    monkeypatch.setattr(ssh_lane, "PROBE", 0.5)
    ssh = opened(server, watchdog=20)
    host = server.element(relay.port)
    assert ssh.run(host, "exit 1", deadline=60, sink=Got()).exit == 1
    relay.stall(newcomers=False)
    time.sleep(0.3)
    answer = ssh.run(host, "exit 2", deadline=60, sink=Got())
    assert (answer.outcome, answer.exit) == ("ok", 2)
    assert server.sessions == 2
    relay.cut()
    time.sleep(0.1)
    assert server.sessions == 2, "what the silent connection held back was no command"


def test_a_restarted_server_is_met_again_with_its_key_checked(own: Own, opened: Opened) -> None:
    server = own()
    ssh = opened(server)
    first = ssh.host_key(server.element())
    server.stop()
    server.start()
    assert ssh.run(server.element(), "exit 4", deadline=60, sink=Got()).exit == 4
    assert ssh.host_key(server.element()) == first


def test_abandoned_commands_give_their_sessions_back(own: Own, opened: Opened) -> None:
    server = own("MaxSessions 2")
    ssh = opened(server)
    assert ssh.run(server.element(), "true", deadline=60, sink=Got()).exit == 0
    for i in range(3):
        cancel = threading.Event()
        given_up = threading.Thread(
            target=lambda n=i, event=cancel: (wait_for(lambda: server.sessions == 2 + n), event.set())
        )
        given_up.start()
        assert ssh.run(server.element(), "exec sleep 60", deadline=60, sink=Got(), cancel=cancel).outcome == "cancelled"
        given_up.join(90)
    assert ssh.run(server.element(), "exit 8", deadline=60, sink=Got()).exit == 8
    assert server.sessions == 5


def test_no_thread_and_no_connection_is_left_behind(own: Own) -> None:
    server = own()
    before = {t.ident for t in threading.enumerate()}
    ssh = server.connections()
    together(ssh, server, ["true"] * 4)
    ssh.close()
    wait_for(lambda: {t.ident for t in threading.enumerate()} <= before, what="threads to end")
    wait_for(lambda: not server.serving(), what="sshd to see the end")
    with contextlib.suppress(UnreachableError):
        ssh.close()
