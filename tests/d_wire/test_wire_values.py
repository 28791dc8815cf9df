"""Values through real hops: our transport or plain ssh, sshd's login shell, and exec2's bash -c behind it."""

from __future__ import annotations

import subprocess

import pytest

from d_wire.got import NASTY, Got
from d_wire.sshd import Sshd
from opsguide.reach.quoting import raw_line, remote_line, shown_line
from opsguide.reach.ssh import Connections


@pytest.mark.parametrize("ctid", [None, 305])
@pytest.mark.parametrize("deadline", [None, 20])
def test_values_arrive_byte_for_byte(
    ssh: Connections, server: Sshd, exec2: str, ctid: int | None, deadline: int | None
) -> None:
    got = Got()
    line = exec2 + remote_line(["printf", "%s\\0", *NASTY], ctid=ctid, deadline=deadline)
    answer = ssh.run(server.element(), line, deadline=60, sink=got)
    assert (answer.exit, bytes(got.err)) == (0, b"")
    assert bytes(got.out).split(b"\0")[:-1] == [v.encode() for v in NASTY]


@pytest.mark.parametrize("ctid", [None, 305])
def test_content_goes_by_input_through_both_hops(ssh: Connections, server: Sshd, exec2: str, ctid: int | None) -> None:
    got, content = Got(), bytes(range(256)) * 1000
    answer = ssh.run(server.element(), exec2 + remote_line(["cat"], ctid=ctid), stdin=content, deadline=60, sink=got)
    assert (answer.exit, bytes(got.out)) == (0, content)


def test_the_exit_code_of_the_inner_command_comes_through(ssh: Connections, server: Sshd, exec2: str) -> None:
    line = exec2 + raw_line("exit 37", ctid=305, deadline=60)
    assert ssh.run(server.element(), line, deadline=60, sink=Got()).exit == 37


def test_answers_are_in_the_c_locale_and_system_folders_are_on_the_path(ssh: Connections, server: Sshd) -> None:
    got = Got()
    ssh.run(server.element(), raw_line('echo "$LC_ALL $PATH"'), deadline=60, sink=got)
    assert got.out.startswith(b"C ")
    assert got.out.strip().endswith(b":/usr/sbin:/sbin")


@pytest.mark.parametrize("ctid", [None, 305])
def test_the_line_on_the_screen_does_the_same_with_plain_ssh(server: Sshd, exec2: str, ctid: int | None) -> None:
    config = server.folder / "ssh_config"
    config.write_text(
        f"Host uh-01\n HostName 127.0.0.1\n Port {server.port}\n User {server.settings.user}\n"
        f" IdentityFile {server.folder}/client\n IdentitiesOnly yes\n BatchMode yes\n"
        f" UserKnownHostsFile {server.known_hosts}\n StrictHostKeyChecking yes\n"
    )
    values = ["it's", "a\r\nb", "$HOME `id`", "!x", "é\u202e", "\\"]
    line = exec2 + remote_line(["printf", "%s\\0", *values], ctid=ctid, deadline=60)
    shown = shown_line(config, "uh-01", line)
    done = subprocess.run(["bash", "-c", shown], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.split(b"\0")[:-1]) == (0, [v.encode() for v in values]), done.stderr
