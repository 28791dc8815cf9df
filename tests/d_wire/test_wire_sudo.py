"""sudo with the right, a wrong and no password, on a real sshd with a real sudo behind it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from d_wire import sudoers
from d_wire.got import NASTY, Got
from d_wire.sshd import until, wait_for
from d_wire.sudoers import ACCOUNT, SudoSshd
from opsguide.errors import UnreachableError
from opsguide.reach.quoting import as_root, raw_line, remote_line, shown_line
from opsguide.reach.ssh import Answer, Connections
from opsguide.reach.ssh_sudo import Gate

ASKS, FREE = f"{ACCOUNT} ALL=(ALL) ALL", f"{ACCOUNT} ALL=(ALL) NOPASSWD: ALL"
PASSWORD = "correct horse 7!'"


@pytest.fixture(scope="module", autouse=True)
def _real_sudo() -> None:
    if reason := sudoers.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(f"suite D needs a real sudo: {reason}")
        pytest.skip(reason)


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, _real_sudo: None) -> Iterator[SudoSshd]:
    """A host where sudo wants the password."""
    running = SudoSshd(tmp_path_factory.mktemp("asking") / "sshd", f"Defaults use_pty\n{ASKS}", PASSWORD)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory, _real_sudo: None) -> Iterator[SudoSshd]:
    """A host where sudo wants none."""
    running = SudoSshd(tmp_path_factory.mktemp("free") / "sshd", FREE, PASSWORD)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[[str], SudoSshd]]:
    """A maker of hosts with rules of their own."""
    servers: list[SudoSshd] = []

    def make(rules: str) -> SudoSshd:
        servers.append(SudoSshd(tmp_path / f"sshd{len(servers)}", rules, PASSWORD))
        servers[-1].start()
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def secret(tmp_path: Path) -> Callable[[str], str]:
    """A maker of references to a password."""

    def reference(password: str) -> str:
        path = tmp_path / f"pw{len(list(tmp_path.iterdir()))}"
        path.touch(0o600)
        path.write_text(password + "\n")
        return f"file:{path}"

    return reference


@pytest.fixture
def ask(asking: SudoSshd) -> Iterator[Connections]:
    opened = asking.connections(watchdog=2.0)
    yield opened
    opened.close()


def test_with_the_right_password_root_runs_the_line(
    asking: SudoSshd, ask: Connections, secret: Callable[[str], str]
) -> None:
    got, content = Got(), bytes(range(256)) * 4096
    host = asking.become(secret(PASSWORD))
    answer = ask.run(host, "id -un >&2; cat; exit 7", stdin=content, deadline=60, sink=got)
    assert (answer.outcome, answer.exit, answer.note) == ("ok", 7, "")
    assert (bytes(got.out), bytes(got.err)) == (content, b"root\n"), "nothing of sudo's, nothing of the password"


@pytest.mark.parametrize("reference", ["", "wrong", "right"])
def test_where_sudo_asks_for_nothing_the_line_runs_as_it_is_shown(
    free: SudoSshd, secret: Callable[[str], str], reference: str
) -> None:
    ssh, got = free.connections(), Got()
    host = free.become(reference and secret(reference))
    sent = "id -un; cat; tr '\\0' ' ' </proc/$PPID/cmdline; exit 9"
    assert ssh.run(host, sent, stdin=b"input\n", deadline=60, sink=got).exit == 9
    assert got.out.decode().startswith("root\ninput\nsudo -n -- sh -c ")
    ssh.close()


def test_a_wrong_password_runs_nothing_and_is_told(
    asking: SudoSshd, ask: Connections, secret: Callable[[str], str], tmp_path: Path
) -> None:
    got, mark = Got(), tmp_path / "ran"
    with pytest.raises(UnreachableError) as refused:
        ask.run(asking.become(secret("wrong horse")), f"touch {mark}", stdin=b"x\n" * 9, deadline=60, sink=got)
    assert "sudo on uh-01 does not accept the password: Sorry, try again." in refused.value.words
    assert refused.value.next == "correct the secret in become:"
    assert (bytes(got.out), bytes(got.err), mark.exists()) == (b"", b"", False)
    assert "wrong horse" not in str(refused.value)


def test_without_a_password_where_sudo_wants_one_nothing_is_sent(asking: SudoSshd, ask: Connections) -> None:
    before = asking.sessions
    for _ in range(2):
        with pytest.raises(UnreachableError) as refused:
            ask.run(asking.become(), "true", deadline=60, sink=Got())
        assert "does not let us in without a password: sudo: a password is required" in refused.value.words
        assert "NOPASSWD" in refused.value.next
    assert asking.sessions == before + 2, "the question alone"


def test_an_account_that_may_not_is_told(made: Callable[[str], SudoSshd], secret: Callable[[str], str]) -> None:
    server = made("")
    ssh = server.connections()
    with pytest.raises(UnreachableError, match="does not let us in: .*not in the sudoers"):
        ssh.run(server.become(secret(PASSWORD)), "true", deadline=60, sink=Got())
    ssh.close()


def test_a_password_that_is_wanted_no_more_is_not_sent(
    made: Callable[[str], SudoSshd], secret: Callable[[str], str]
) -> None:
    server = made(ASKS)
    ssh, host, got = server.connections(), server.become(secret(PASSWORD)), Got()
    assert ssh.run(host, "true", deadline=60, sink=Got()).exit == 0
    (server.folder / "etc" / "sudoers").write_text(f"{FREE}\n")
    assert ssh.run(host, "cat", stdin=b"content\n", deadline=60, sink=got).exit == 0
    assert bytes(got.out) == b"content\n"
    ssh.close()


def test_a_password_that_is_wanted_from_now_on_does_not_run_the_line_twice(
    made: Callable[[str], SudoSshd], secret: Callable[[str], str]
) -> None:
    server = made(FREE)
    ssh, host, got = server.connections(), server.become(secret(PASSWORD)), Got()
    assert ssh.run(host, "true", deadline=60, sink=Got()).exit == 0
    (server.folder / "etc" / "sudoers").write_text(f"{ASKS}\n")
    before = server.sessions
    assert ssh.run(host, "id -un", deadline=60, sink=got).exit == 1
    assert (bytes(got.err), server.sessions) == (b"sudo: a password is required\n", before + 1)
    ssh.close()


def test_the_password_is_in_no_argument_and_no_environment(
    asking: SudoSshd, ask: Connections, secret: Callable[[str], str], tmp_path: Path
) -> None:
    answers: list[Answer] = []
    host = asking.become(secret(PASSWORD))
    line = f"{until(tmp_path / 'go')}; exit 5"
    running = threading.Thread(target=lambda: answers.append(ask.run(host, line, deadline=60, sink=Got())))
    running.start()
    seen: list[bytes] = []
    wait_for(lambda: [c for c in _processes("cmdline") if c.startswith(b"sudo\0-S") and b"exit 5" in c])
    for _ in range(5):
        seen += _processes("cmdline") + _processes("environ")
    (tmp_path / "go").touch()
    running.join(90)
    assert [a.exit for a in answers] == [5]
    assert seen
    assert not [text for text in seen if PASSWORD.encode() in text]
    assert PASSWORD not in asking.log


def _processes(file: str) -> list[bytes]:
    found = []
    for process in [p for p in Path("/proc").iterdir() if p.name.isdigit()]:
        try:
            found.append((process / file).read_bytes())
        except OSError:
            continue
    return found


@pytest.mark.parametrize("ctid", [None, 305])
@pytest.mark.parametrize("which", ["asking", "free"])
def test_values_arrive_byte_for_byte_through_sudo(
    request: pytest.FixtureRequest, exec2: str, secret: Callable[[str], str], which: str, ctid: int | None
) -> None:
    server: SudoSshd = request.getfixturevalue(which)
    ssh, host, got = server.connections(), server.become(secret(PASSWORD)), Got()
    line = exec2 + remote_line(["printf", "%s\\0", *NASTY], ctid=ctid, deadline=60)
    assert ssh.run(host, line, deadline=60, sink=got).exit == 0
    assert bytes(got.err) == b""
    assert bytes(got.out).split(b"\0")[:-1] == [v.encode() for v in NASTY]
    assert ssh.run(host, exec2 + raw_line("exit 37", ctid=ctid, deadline=60), deadline=60, sink=Got()).exit == 37
    ssh.close()


VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(VALUES, min_size=1, max_size=5))
def test_any_value_arrives_byte_for_byte_through_sudo(
    asking: SudoSshd, ask: Connections, secret: Callable[[str], str], values: list[str]
) -> None:
    got = Got()
    line = remote_line(["printf", "%s\\0", *values])
    assert ask.run(asking.become(secret(PASSWORD)), line, deadline=60, sink=got).exit == 0
    assert bytes(got.out).split(b"\0")[:-1] == [v.encode() for v in values]


def test_the_shown_line_asks_sudo_for_no_password() -> None:
    shown = shown_line("/etc/ssh_config", "uh-01", as_root(remote_line(["systemctl", "restart", "a b"])))
    assert shown.startswith('ssh -F /etc/ssh_config uh-01 -- "sudo -n -- sh -c ')


def test_a_change_over_its_deadline_is_ended_as_root(
    asking: SudoSshd, ask: Connections, secret: Callable[[str], str]
) -> None:
    line = remote_line(["sleep", "60"], deadline=1)
    begun = time.monotonic()
    assert ask.run(asking.become(secret(PASSWORD)), line, deadline=60, sink=Got()).exit == 124
    assert time.monotonic() - begun < 30


class Channel:
    """What a gate writes to."""

    def __init__(self) -> None:
        self.closed, self.taken = False, b""

    def sendall(self, content: bytes, /) -> None:
        self.taken += content


def heard(gate: Gate, text: str, got: Got, step: int = 1) -> None:
    take = gate.before(got)
    for at in range(0, len(text), step):
        take("err", text[at : at + step].encode())


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_the_password_goes_only_after_the_mark_and_before_the_line_has_begun(step: int) -> None:
    gate, got, channel = Gate("true", PASSWORD), Got(), Channel()

    def sudo() -> None:
        heard(gate, f"the usual lecture\n{gate._asks}", got, step)
        wait_for(lambda: channel.taken)
        heard(gate, f"{gate._begins}err {gate._asks}", got, step)

    threading.Timer(0.2, sudo).start()
    assert gate.let_in(channel)
    assert channel.taken == f"{PASSWORD}\n".encode()
    wait_for(lambda: got.err.endswith(gate._asks.encode()))
    assert bytes(got.err) == f"err {gate._asks}".encode(), "after the line has begun a mark is only text"
    assert (gate.said, PASSWORD in gate.line) == ("the usual lecture", False)


def test_without_a_mark_no_password_goes() -> None:
    gate, channel = Gate("true", PASSWORD), Channel()

    def sudo() -> None:
        heard(gate, "[password: ] Password:", Got())
        time.sleep(0.3)  # in which nothing goes
        channel.closed = True

    threading.Timer(0.2, sudo).start()
    assert not gate.let_in(channel)
    assert channel.taken == b""
    assert Gate("true", PASSWORD)._asks != gate._asks
