"""Through a jump host: both are real servers, both keys are checked, and every failure names its hop."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from d_wire.got import Got
from d_wire.sshd import Relay, Sshd, free_port, keygen, until, wait_for
from opsguide.errors import UnreachableError
from opsguide.reach.inventory import Element
from opsguide.reach.quoting import remote_line, shown_line
from opsguide.reach.ssh import Answer, Connections


class Pair:
    """A jump host `hop` and a host `far` behind it; one client key, one file of known hosts for both."""

    def __init__(self, hop: Sshd, far: Sshd) -> None:
        self.hop, self.far = hop, far
        (far.folder / "authorized_keys").write_text(f"{hop.client} test\n")
        self.know(hop, far)
        self.jump = hop.element(name="ih-01")
        self.made: list[Connections] = []

    def know(self, *servers: Sshd) -> None:
        lines = (f"[127.0.0.1]:{s.port} {key}\n" for s in servers for key in s.public.values())
        self.hop.known_hosts.write_text("".join(lines))

    def behind(self, port: int | None = None, name: str = "uh-01") -> Element:
        return dataclasses.replace(self.far.element(port, name), jump="ih-01")

    def connections(self, *others: Element, watchdog: float = 15.0, patience: float = 30.0) -> Connections:
        hosts = {e.name: e for e in (self.jump, *others)}
        self.made.append(Connections(self.hop.settings, hosts=hosts, watchdog=watchdog, patience=patience))
        return self.made[-1]

    def refusal(self, host: Element | None = None, patience: float = 30.0) -> UnreachableError:
        ssh = self.connections(patience=patience)
        with pytest.raises(UnreachableError) as refused:
            ssh.run(host or self.behind(), "true", deadline=60, sink=Got())
        assert refused.value.next
        assert self.far.sessions == 0
        return refused.value

    def openssh(self) -> str:
        """What OpenSSH says on the same way; '' when it lets us in."""
        config = self.config()
        command = ["ssh", "-F", str(config), "uh-01", "true"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.stderr if done.returncode else ""

    def config(self) -> Path:
        rows = f"Host uh-01\n Port {self.far.port}\n ProxyJump ih-01\nHost ih-01\n Port {self.hop.port}\nHost *\n"
        rows += f" HostName 127.0.0.1\n User {self.hop.settings.user}\n IdentityFile {self.hop.folder}/client\n"
        rows += f" IdentitiesOnly yes\n BatchMode yes\n UserKnownHostsFile {self.hop.known_hosts}\n"
        rows += " GlobalKnownHostsFile none\n StrictHostKeyChecking yes\n UpdateHostKeys no\n"
        self.hop.settings.config.write_text(rows)
        return self.hop.settings.config


@pytest.fixture
def pair(own: Callable[..., Sshd]) -> Iterator[Pair]:
    made = Pair(own(), own())
    yield made
    for connections in made.made:
        connections.close()


def fingerprint(server: Sshd) -> str:
    command = ["ssh-keygen", "-lf", str(server.folder / "host_ed25519.pub")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1]


def test_a_line_goes_through_the_kept_connection_of_the_jump_host(pair: Pair) -> None:
    ssh, got = pair.connections(), Got()
    assert ssh.run(pair.jump, "true", deadline=60, sink=Got()).exit == 0
    content = bytes(range(256)) * 4096
    assert ssh.run(pair.behind(), "cat; echo end >&2; exit 7", stdin=content, deadline=60, sink=got).exit == 7
    assert (bytes(got.out), bytes(got.err)) == (content, b"end\n")
    assert ssh.run(pair.behind(), "true", deadline=60, sink=Got()).exit == 0
    assert (pair.hop.logins, pair.hop.sessions) == (1, 1), "the tunnel is no session and no second login"
    assert (pair.far.logins, pair.far.sessions) == (1, 2)


def test_both_keys_are_checked_and_told(pair: Pair) -> None:
    ssh, host = pair.connections(), pair.behind()
    assert ssh.shown_keys(host) == {
        "host key": fingerprint(pair.far),
        "jump host key": f"ih-01 {fingerprint(pair.hop)}",
    }
    assert ssh.shown_keys(pair.jump) == {"host key": fingerprint(pair.hop)}


def test_several_hops_are_told_in_their_order(pair: Pair, own: Callable[..., Sshd]) -> None:
    last = own()
    (last.folder / "authorized_keys").write_text(f"{pair.hop.client} test\n")
    pair.know(pair.hop, pair.far, last)
    ssh = pair.connections(pair.behind())
    end = dataclasses.replace(last.element(name="uh-02"), jump="uh-01")
    hops = f"ih-01 {fingerprint(pair.hop)}, uh-01 {fingerprint(pair.far)}"
    assert ssh.shown_keys(end) == {"host key": fingerprint(last), "jump host key": hops}
    assert ssh.run(end, "exit 4", deadline=60, sink=Got()).exit == 4


@pytest.mark.parametrize("whose", ["hop", "far"])
def test_a_changed_key_on_either_hop_is_refused_as_openssh_does(pair: Pair, tmp_path: Path, whose: str) -> None:
    other = getattr(pair, whose)
    other.public["ed25519"] = keygen(tmp_path / "other")
    pair.know(pair.hop, pair.far)
    error = pair.refusal()
    name = {"hop": "ih-01", "far": "uh-01"}[whose]
    assert f"{name} shows another host key than the one on file" in error.words
    assert error.where == name
    assert "IDENTIFICATION HAS CHANGED" in pair.openssh()
    assert pair.far.logins == 0


def test_a_jump_host_that_is_down_is_named(pair: Pair) -> None:
    pair.hop.stop()
    error = pair.refusal()
    assert (error.where, error.words.startswith("uh-01 is reached through ih-01: ih-01 refuses")) == ("ih-01", True)


def test_a_host_that_its_jump_host_cannot_reach_is_told_apart(pair: Pair) -> None:
    error = pair.refusal(pair.behind(free_port()))
    assert error.where == "uh-01"
    assert "ih-01 cannot connect to uh-01 on 127.0.0.1 port" in error.words


def test_a_jump_host_that_forwards_nothing_is_told(pair: Pair, own: Callable[..., Sshd]) -> None:
    pair.hop = own("AllowTcpForwarding no")
    pair.jump = pair.hop.element(name="ih-01")
    (pair.far.folder / "authorized_keys").write_text(f"{pair.hop.client} test\n")
    pair.know(pair.hop, pair.far)
    error = pair.refusal()
    assert error.where == "ih-01"
    assert "lets no connection to uh-01 through" in error.words
    assert "AllowTcpForwarding" in error.next


def test_a_far_host_that_never_speaks_keeps_nobody_else_waiting(pair: Pair, own: Callable[..., Sshd]) -> None:
    pair.far.freeze()
    for patience in (3.0, 12.0, 48.0):  # on a busy machine the other one takes longer than this one waits
        stuck: list[UnreachableError] = []
        slow = threading.Thread(target=lambda: stuck.append(pair.refusal(patience=patience)))  # noqa: B023
        slow.start()
        assert pair.connections().run(pair.jump, "true", deadline=60, sink=Got()).exit == 0
        waits = slow.is_alive()
        slow.join(90)
        assert "uh-01" in stuck[0].words
        if waits:
            break
    pair.far.thaw()
    assert waits


def test_a_jump_host_cut_in_mid_command_is_lost_and_the_next_command_finds_its_way(pair: Pair) -> None:
    ssh, answers = pair.connections(), list[Answer]()
    running = threading.Thread(
        target=lambda: answers.append(ssh.run(pair.behind(), "sleep 60", deadline=90, sink=Got()))
    )
    running.start()
    wait_for(lambda: pair.far.sessions == 1)
    pair.hop.kill_sessions()
    running.join(90)
    assert [a.outcome for a in answers] == ["lost"]
    assert ssh.run(pair.behind(), "exit 3", deadline=60, sink=Got()).exit == 3
    assert (pair.hop.logins, pair.far.sessions) == (2, 2)


def test_a_jump_host_that_freezes_in_mid_command_is_found_by_the_watchdog(pair: Pair) -> None:
    relay = Relay(pair.hop.port)
    pair.jump = pair.hop.element(relay.port, "ih-01")
    lines = pair.hop.known_hosts.read_text()
    pair.hop.known_hosts.write_text(lines + f"[127.0.0.1]:{relay.port} {pair.hop.public['ed25519']}\n")
    ssh, answers = pair.connections(watchdog=2.0), list[Answer]()
    running = threading.Thread(
        target=lambda: answers.append(ssh.run(pair.behind(), "sleep 60", deadline=90, sink=Got()))
    )
    running.start()
    wait_for(lambda: pair.far.sessions == 1)
    links = [link for host in (pair.jump, pair.behind()) for link in ssh._lane(host)._links]
    relay.stall()
    running.join(90)
    relay.close()
    assert [a.outcome for a in answers] == ["lost"]
    assert [link for link in links if link.frozen], "on the way or at its end"


def test_a_jump_host_that_froze_while_idle_is_named(pair: Pair) -> None:
    ssh = pair.connections(watchdog=60, patience=4)
    assert ssh.run(pair.jump, "true", deadline=60, sink=Got()).exit == 0
    pair.hop.freeze()
    with pytest.raises(UnreachableError) as refused:
        ssh.run(pair.behind(), "true", deadline=60, sink=Got())
    pair.hop.thaw()
    assert (refused.value.where, refused.value.words) == ("ih-01", "the jump host ih-01 of uh-01 does not answer")
    assert pair.far.sessions == 0


def test_a_connection_given_up_on_the_jump_host_stays_open_for_those_who_go_through_it(
    pair: Pair, tmp_path: Path
) -> None:
    ssh, answers, line = pair.connections(watchdog=5), list[Answer](), f"{until(tmp_path / 'go')}; exit 5"
    running = threading.Thread(target=lambda: answers.append(ssh.run(pair.behind(), line, deadline=60, sink=Got())))
    running.start()
    wait_for(lambda: pair.far.sessions == 1)
    link, channel = ssh._lane(pair.jump).session(time.monotonic() + 60)
    link.retired = True
    channel.close()
    ssh._lane(pair.jump).release(link)
    assert ssh.run(pair.jump, "true", deadline=60, sink=Got()).exit == 0
    (tmp_path / "go").touch()
    running.join(90)
    assert [a.exit for a in answers] == [5]
    ssh._lane(pair.behind()).close()
    wait_for(lambda: not link.transport.is_active(), what="the end of a connection that nobody uses")


def test_no_agent_is_forwarded_to_either_host(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = subprocess.run(["ssh-agent", "-a", str(tmp_path / "a")], capture_output=True, text=True, check=True).stdout
    agent = int(said.partition("SSH_AGENT_PID=")[2].partition(";")[0])
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "a"))
    try:
        ssh, got = pair.connections(), Got()
        for host in (pair.jump, pair.behind()):
            assert ssh.run(host, 'echo "agent:$SSH_AUTH_SOCK"', deadline=60, sink=got).exit == 0
        assert got.out == b"agent:\nagent:\n"
    finally:
        os.kill(agent, signal.SIGTERM)


def test_the_line_on_the_screen_does_the_same_with_proxyjump(pair: Pair) -> None:
    values = ["it's", "a\r\nb", "$HOME `id`", "!x", "é\u202e", "\\"]
    shown = shown_line(pair.config(), "uh-01", remote_line(["printf", "%s\\0", *values]))
    done = subprocess.run(["bash", "-c", shown], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.split(b"\0")[:-1]) == (0, [v.encode() for v in values]), done.stderr


def test_a_connection_whose_way_is_gone_is_closed_and_the_others_with_it(pair: Pair) -> None:
    ssh = pair.connections()
    assert ssh.run(pair.behind(), "true", deadline=60, sink=Got()).exit == 0
    (jump,), (behind,) = ssh._lane(pair.jump)._links, ssh._lane(pair.behind())._links
    pair.hop.freeze()
    jump.transport.sock.shutdown(socket.SHUT_WR)
    behind.close()
    ssh.close()
    pair.hop.thaw()
    assert not jump.transport.is_active()
    wait_for(lambda: not behind.transport.is_alive())
