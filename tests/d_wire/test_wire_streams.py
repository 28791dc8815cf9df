"""Both streams whole, the exit status after them, bytes as they are, lines as they come."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from d_wire.got import Got
from d_wire.sshd import Sshd, until
from opsguide.reach import ssh_command
from opsguide.reach.ssh import Connections

FIVE = 5 * 1024 * 1024


def test_five_megabytes_on_each_stream_arrive_whole(ssh: Connections, server: Sshd) -> None:
    got = Got()
    line = f"head -c {FIVE} /dev/zero | tr '\\0' o & head -c {FIVE} /dev/zero | tr '\\0' e >&2; wait; exit 7"
    answer = ssh.run(server.element(), line, deadline=60, sink=got)
    assert (answer.outcome, answer.exit, answer.note) == ("ok", 7, "")
    assert (len(got.out), len(got.err), set(got.out), set(got.err)) == (FIVE, FIVE, {ord("o")}, {ord("e")})


@pytest.mark.parametrize("stream", ["", ">&2"])
def test_five_megabytes_on_one_stream_do_not_wait_for_the_other(ssh: Connections, server: Sshd, stream: str) -> None:
    got = Got()
    answer = ssh.run(server.element(), f"head -c {FIVE} /dev/zero {stream}", deadline=60, sink=got)
    assert (answer.exit, len(got.out) + len(got.err)) == (0, FIVE)


def test_the_exit_status_is_believed_only_after_both_streams(ssh: Connections, server: Sshd) -> None:
    for _ in range(10):
        got = Got()
        line = "head -c 300000 /dev/zero; echo end; head -c 300000 /dev/zero >&2; echo end >&2; exit 3"
        answer = ssh.run(server.element(), line, deadline=60, sink=got)
        assert answer.exit == 3
        assert (got.out[-4:], got.err[-4:], len(got.out), len(got.err)) == (b"end\n", b"end\n", 300004, 300004)


def test_a_slow_reader_gets_everything_too(ssh: Connections, server: Sshd) -> None:
    got = Got()

    def slowly(stream: str, chunk: bytes) -> None:
        time.sleep(0.02)
        got(stream, chunk)

    answer = ssh.run(server.element(), f"head -c {FIVE} /dev/urandom", deadline=60, sink=slowly)
    assert (answer.exit, len(got.out)) == (0, FIVE)


def test_bytes_that_are_no_text_arrive_as_they_are(ssh: Connections, server: Sshd) -> None:
    got = Got()
    line = r"""printf '\377\376caf\351\0\r\n\033[31m'; printf '\200' >&2"""
    answer = ssh.run(server.element(), line, deadline=60, sink=got)
    assert (answer.exit, bytes(got.out), bytes(got.err)) == (0, b"\xff\xfecaf\xe9\0\r\n\x1b[31m", b"\x80")


def test_input_goes_there_and_comes_back_byte_for_byte(ssh: Connections, server: Sshd) -> None:
    got, content = Got(), bytes(range(256)) * 20_000
    answer = ssh.run(server.element(), "cat", stdin=content, deadline=60, sink=got)
    assert (answer.exit, bytes(got.out)) == (0, content)


def test_a_command_that_reads_gets_an_end_when_there_is_no_input(ssh: Connections, server: Sshd) -> None:
    answer = ssh.run(server.element(), "cat; echo over", deadline=60, sink=Got())
    assert (answer.outcome, answer.exit) == ("ok", 0)
    assert answer.seconds < 30


def test_input_that_nobody_reads_blocks_nothing_and_is_told(ssh: Connections, server: Sshd) -> None:
    answer = ssh.run(server.element(), "exit 4", stdin=b"x" * FIVE, deadline=60, sink=Got())
    assert (answer.outcome, answer.exit) == ("ok", 4)
    assert "bytes of input were taken" in answer.note


def test_a_line_is_handed_on_within_a_second_of_being_written(ssh: Connections, server: Sshd, tmp_path: Path) -> None:
    """Each is seen before the next one is written; the quickest, whatever else the machine does, within a second."""
    got = Got()

    def seen(stream: str, chunk: bytes) -> None:
        got(stream, chunk)
        (tmp_path / f"seen{len(got.times)}").touch()

    lines = "; ".join(f"date +%s.%N; {until(tmp_path / f'seen{n}')} || exit 9" for n in (1, 2, 3, 4))
    assert ssh.run(server.element(), lines, deadline=90, sink=seen).exit == 0
    since = time.time() - time.monotonic()
    written = [float(line) for line in bytes(got.out).split()]
    assert len(got.times) == len(written) == 4
    assert min(seen + since - at for seen, at in zip(got.times, written, strict=True)) < 1


def test_all_of_it_comes_in_the_thread_that_asked(ssh: Connections, server: Sshd) -> None:
    got = Got()
    ssh.run(server.element(), "echo a; echo b >&2; sleep 0.2; echo c", deadline=60, sink=got)
    assert got.threads == {threading.get_ident()}


@pytest.mark.parametrize("status", [0, 1, 2, 124, 137, 255])
def test_any_exit_status_is_an_answer(ssh: Connections, server: Sshd, status: int) -> None:
    answer = ssh.run(server.element(), f"exit {status}", deadline=60, sink=Got())
    assert (answer.outcome, answer.exit) == ("ok", status)


def test_a_daemon_that_holds_the_output_delays_the_end_by_a_second(
    ssh: Connections, server: Sshd, tmp_path: Path
) -> None:
    got = Got()
    line = f"sleep 60 & echo $! > {tmp_path}/pid; echo started; exit 5"
    answer = ssh.run(server.element(), line, deadline=60, sink=got)
    assert (answer.outcome, answer.exit, bytes(got.out)) == ("ok", 5, b"started\n")
    assert "holds the output open" in answer.note
    assert 0.9 < answer.seconds < 30
    ssh.run(server.element(), f"kill $(cat {tmp_path}/pid)", deadline=60, sink=Got())


def test_a_daemon_that_keeps_writing_is_left_after_five_seconds(ssh: Connections, server: Sshd, tmp_path: Path) -> None:
    line = f"(while echo x; do sleep 0.1; done) & echo $! > {tmp_path}/pid; exit 5"
    answer = ssh.run(server.element(), line, deadline=60, sink=Got())
    assert (answer.outcome, answer.exit) == ("ok", 5)
    assert 4 < answer.seconds < 40
    ssh.run(server.element(), f"kill $(cat {tmp_path}/pid); true", deadline=60, sink=Got())


def test_a_status_that_came_is_kept_when_the_deadline_ends_the_draining(
    ssh: Connections, server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_command, "DRAIN_MOST", 60.0)
    assert ssh.run(server.element(), "true", deadline=60, sink=Got()).exit == 0
    line = f"(while echo x; do sleep 0.1; done) & echo $! > {tmp_path}/pid; exit 5"
    answer = ssh.run(server.element(), line, deadline=3, sink=Got())
    assert (answer.outcome, answer.exit) == ("ok", 5)
    assert 2.9 < answer.seconds < 30
    ssh.run(server.element(), f"kill $(cat {tmp_path}/pid)", deadline=60, sink=Got())


def test_closed_output_is_not_the_end(ssh: Connections, server: Sshd) -> None:
    answer = ssh.run(server.element(), "exec >&- 2>&-; sleep 0.5; exit 6", deadline=60, sink=Got())
    assert (answer.outcome, answer.exit) == ("ok", 6)
    assert answer.seconds > 0.4


def test_an_error_while_writing_down_ends_the_session_and_travels_on(ssh: Connections, server: Sshd) -> None:
    def full(stream: str, chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        ssh.run(server.element(), "echo x; sleep 60", deadline=60, sink=full)
    assert ssh.run(server.element(), "true", deadline=60, sink=Got()).exit == 0
