"""Before anything is sent: every way to fail to connect has its own sentence and its own next step."""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from d_wire.got import Got
from d_wire.openssh import openssh
from d_wire.sshd import Relay, Sshd, free_port, keygen, until
from opsguide.errors import InputError, UnreachableError
from opsguide.reach import knock
from opsguide.reach.inventory import Element, SshSettings
from opsguide.reach.ssh import Connections

Own = Callable[..., Sshd]


def refusal(settings: SshSettings, host: Element, patience: float = 30.0, deadline: float = 60.0) -> UnreachableError:
    ssh = Connections(settings, patience=patience)
    try:
        with pytest.raises(UnreachableError) as refused:
            ssh.run(host, "true", deadline=deadline, sink=Got())
    finally:
        ssh.close()
    assert refused.value.where == host.name
    assert refused.value.next
    return refused.value


def test_a_known_host_key_is_proven_and_told(server: Sshd, ssh: Connections) -> None:
    said = subprocess.run(
        ["ssh-keygen", "-lf", str(server.folder / "host_ed25519.pub")], capture_output=True, text=True, check=True
    )
    facts = ssh.facts(server.element())
    assert facts["host_key"] == ssh.host_key(server.element()) == said.stdout.split()[1]
    assert (facts["kex"], facts["strict_kex"]) == ("curve25519-sha256@libssh.org", True)
    assert facts["cipher"] == "aes128-gcm@openssh.com"
    assert str(facts["server"]).startswith("SSH-2.0-OpenSSH")


def test_small_packets_go_out_at_once(server: Sshd, ssh: Connections) -> None:
    link = ssh._lane(server.element()).any(time.monotonic() + 60)
    assert link.transport.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("hashed", [False, True])
def test_plain_and_hashed_names_are_known(own: Own, hashed: bool) -> None:
    server = own()
    if hashed:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(server.known_hosts)], check=True, capture_output=True)
    ssh = server.connections()
    assert ssh.run(server.element(), "true", deadline=60, sink=Got()).exit == 0
    assert openssh(server, server.port) == ""
    ssh.close()


def test_an_unknown_host_key_is_refused_as_openssh_does(own: Own) -> None:
    server = own()
    server.known_hosts.write_text("")
    error = refusal(server.settings, server.element())
    assert "a host key that is not on file: ssh-ed25519 SHA256:" in error.words
    assert str(server.known_hosts) in error.next
    assert "Host key verification failed" in openssh(server, server.port)
    assert (server.logins, server.sessions) == (0, 0)


def test_a_changed_host_key_is_refused_as_openssh_does(own: Own, tmp_path: Path) -> None:
    server = own()
    server.known_hosts.write_text(f"# one\n[127.0.0.1]:{server.port} {keygen(tmp_path / 'other')}\n")
    error = refusal(server.settings, server.element())
    assert "another host key than the one on file" in error.words
    assert f"line 2 of {server.known_hosts}" in error.next
    assert "IDENTIFICATION HAS CHANGED" in openssh(server, server.port)
    assert (server.logins, server.sessions) == (0, 0)


@pytest.mark.parametrize("also_known", [False, True])
@pytest.mark.parametrize("name", ["*", "[127.0.0.1]:PORT"])
def test_a_revoked_host_key_is_refused_as_openssh_does(own: Own, also_known: bool, name: str) -> None:
    server = own()
    known = server.known_hosts.read_text() if also_known else ""
    mark = f"@revoked {name.replace('PORT', str(server.port))} {server.public['ed25519']}\n"
    server.known_hosts.write_text(known + mark)
    error = refusal(server.settings, server.element())
    assert "revoked" in error.words
    assert "REVOKED" in openssh(server, server.port)
    assert server.sessions == 0


def test_marked_lines_beside_a_known_key_spoil_nothing(own: Own, tmp_path: Path) -> None:
    server = own()
    other = keygen(tmp_path / "other")
    marks = f"@revoked * {other}\n@cert-authority *.example {other}\nnot a line\n"
    server.known_hosts.write_text(marks + server.known_hosts.read_text())
    ssh = server.connections()
    assert ssh.run(server.element(), "true", deadline=60, sink=Got()).exit == 0
    assert openssh(server, server.port) == ""
    ssh.close()


def test_the_elements_own_name_is_looked_up_like_an_alias(own: Own, tmp_path: Path) -> None:
    server = own()
    stale = f"[127.0.0.1]:{server.port} {keygen(tmp_path / 'stale')}\n"
    server.known_hosts.write_text(stale + f"uh-01 {server.public['ed25519']}\n")
    ssh = server.connections()
    assert ssh.run(server.element(), "true", deadline=60, sink=Got()).exit == 0
    assert openssh(server, server.port, alias="uh-01") == ""
    ssh.close()
    assert "another host key" in refusal(server.settings, server.element(name="uh-02")).words


@pytest.mark.parametrize("known", ["ed25519", "ecdsa", "rsa"])
def test_the_key_type_that_is_on_file_is_asked_for(own: Own, known: str) -> None:
    server = own(keys=("rsa", "ecdsa", "ed25519"))
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {server.public[known]}\n")
    ssh = server.connections()
    assert ssh.run(server.element(), "true", deadline=60, sink=Got()).exit == 0
    assert known in str(ssh.facts(server.element())["host_key_type"])
    ssh.close()


def test_a_key_of_another_type_than_those_on_file_is_not_on_file(own: Own, tmp_path: Path) -> None:
    server = own()
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {keygen(tmp_path / 'r', 'rsa')}\n")
    error = refusal(server.settings, server.element())
    assert "not on file (on file are only keys of type ssh-rsa)" in error.words
    assert openssh(server, server.port)


def test_a_key_that_the_host_does_not_accept_is_named(own: Own, tmp_path: Path) -> None:
    server = own()
    keygen(tmp_path / "foreign")
    settings = dataclasses.replace(server.settings, key=f"file:{tmp_path}/foreign")
    error = refusal(settings, server.element())
    assert f"does not accept the key file:{tmp_path}/foreign (SHA256:" in error.words
    assert "authorized_keys" in error.next
    assert server.sessions == 0


def test_only_the_named_key_is_offered(own: Own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = own("MaxAuthTries 1")
    home = tmp_path / "home" / ".ssh"
    home.mkdir(parents=True)
    keygen(home / "id_ed25519")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "no-agent"))
    ssh = server.connections()
    assert ssh.run(server.element(), "true", deadline=60, sink=Got()).exit == 0
    assert "Failed publickey" not in server.log
    ssh.close()


def test_a_host_that_takes_no_keys_is_told(own: Own) -> None:
    server = own("PubkeyAuthentication no", "PasswordAuthentication yes")
    error = refusal(server.settings, server.element())
    assert "takes no keys" in error.words


def test_a_host_that_wants_more_than_the_key_is_told(own: Own) -> None:
    server = own("AuthenticationMethods publickey,password", "PasswordAuthentication yes")
    assert "wants password besides the key" in refusal(server.settings, server.element()).words


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be opened"), (b"", "is empty"), (b"rubbish\n", "holds no private key"), (b"\xff", "not UTF-8")],
)
def test_a_key_that_is_not_there_or_no_key_is_told_before_connecting(
    server: Sshd, tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
        (tmp_path / "key").chmod(0o600)
    before = server.knocks
    error = refusal(dataclasses.replace(server.settings, key=f"file:{tmp_path}/key"), server.element())
    assert words in error.words
    assert server.knocks == before


def test_a_key_open_to_others_is_refused(server: Sshd, tmp_path: Path) -> None:
    keygen(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    error = refusal(dataclasses.replace(server.settings, key=f"file:{tmp_path}/key"), server.element())
    assert "open to others" in error.words
    assert "chmod 600" in error.next


def test_a_key_with_a_passphrase_is_told(server: Sshd, tmp_path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(tmp_path / "key")]
    subprocess.run(command, check=True)
    error = refusal(dataclasses.replace(server.settings, key=f"file:{tmp_path}/key"), server.element())
    assert "locked with a passphrase" in error.words


def test_a_refused_connection_says_so_at_once(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knock, "PAUSES", (25.0, 25.0))
    begun = time.monotonic()
    error = refusal(server.settings, server.element(free_port()))
    assert "refuses connections on 127.0.0.1:" in error.words
    assert time.monotonic() - begun < 20, "no retry when the door is shut"


def test_a_name_without_an_address_is_told(server: Sshd) -> None:
    host = dataclasses.replace(server.element(), address="no-such-host.invalid")
    assert "has no entry in DNS" in refusal(server.settings, host).words


@pytest.fixture
def strange() -> Iterator[Callable[[bytes | None], int]]:
    """A maker of listeners that say something, or nothing, and then wait (None: close at once)."""
    listeners: list[tuple[socket.socket, threading.Thread]] = []

    def listen(says: bytes | None) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append((listener, threading.Thread(target=serve, args=(listener, says))))
        listeners[-1][1].start()
        return int(listener.getsockname()[1])

    def serve(listener: socket.socket, says: bytes | None) -> None:
        kept = []
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                break
            kept.append(near)
            if says is None:
                near.close()
                continue
            with contextlib.suppress(OSError):  # who knocked has gone
                near.sendall(says)
        for near in kept:
            near.close()

    yield listen
    for listener, thread in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(60)
        listener.close()


@pytest.mark.parametrize(
    ("says", "words", "patience"),
    [
        (b"", "accepts the connection to 127.0.0.1:.* and then says nothing", 3),
        (b"220 mail ready\r\n", "speaks something else than SSH: 220 mail ready", 60),
        (b"SSH-2.0-x\r\n", "does not finish the key exchange", 3),
        (b"SSH-1.5-x\r\n", "agree on no way to encrypt: Incompatible version", 60),
        (None, "closes every connection to 127.0.0.1:.* before saying a word", 60),
    ],
)
def test_what_is_no_ssh_server_is_told_apart(
    server: Sshd, strange: Callable[[bytes | None], int], says: bytes | None, words: str, patience: float
) -> None:
    begun = time.monotonic()
    error = refusal(server.settings, server.element(strange(says)), patience)
    assert re.search(words, error.words), error.words
    assert time.monotonic() - begun < 30


def test_a_host_that_never_judges_the_key_is_told(own: Own, tmp_path: Path) -> None:
    judge, gate = tmp_path / "judge", tmp_path / "go"
    judge.write_text(until(gate))
    asks = (f"AuthorizedKeysCommand /bin/sh {judge}", f"AuthorizedKeysCommandUser {getpass.getuser()}")
    server = own("AuthorizedKeysFile none", *asks)
    for patience in (2.0, 8.0, 32.0):  # in a time that is too short on a busy machine it does not come so far
        error = refusal(server.settings, server.element(), patience)
        if "does not judge the key" in error.words:
            break
    assert "does not judge the key" in error.words
    assert "in time" in error.words
    assert (server.logins, server.sessions) == (0, 0)
    gate.touch()


def test_the_deadline_of_a_command_covers_connecting(relayed: tuple[Sshd, Relay]) -> None:
    server, relay = relayed
    relay.stall()
    begun = time.monotonic()
    error = refusal(server.settings, server.element(relay.port), patience=60, deadline=1)
    assert time.monotonic() - begun < 30
    assert "nothing" in error.words
    assert server.sessions == 0


def test_old_algorithms_are_not_spoken(own: Own) -> None:
    server = own("Ciphers aes128-cbc", "MACs hmac-sha1")
    assert "agree on no way to encrypt" in refusal(server.settings, server.element()).words


@pytest.mark.parametrize("line", ["", "  ", "printf a\x00b", "\ud800"])
def test_what_no_line_can_be_is_refused_before_connecting(server: Sshd, line: str) -> None:
    ssh, before = server.connections(), server.knocks
    with pytest.raises(InputError):
        ssh.run(server.element(), line, deadline=60, sink=Got())
    assert server.knocks == before
    ssh.close()


def test_a_container_is_not_connected_to(server: Sshd, ssh: Connections) -> None:
    container = Element("hcore1", "infrastructure-container", "uh-01", ctid=305)
    with pytest.raises(InputError, match="is a container"):
        ssh.run(container, "true", deadline=60, sink=Got())


def test_closed_connections_stay_closed(server: Sshd) -> None:
    ssh = server.connections()
    ssh.run(server.element(), "true", deadline=60, sink=Got())
    ssh.close()
    with pytest.raises(InputError, match="closed"):
        ssh.run(server.element(), "true", deadline=60, sink=Got())
