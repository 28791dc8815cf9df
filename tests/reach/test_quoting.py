"""Values arrive byte for byte: through the login shell, and once more through exec2's joining and bash -c."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from opsguide.errors import InputError
from opsguide.reach.quoting import quoted, raw_line, remote_line, shown_line

VALUES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
NASTY = [
    *["", " ", "a b", "it's", '"', "$HOME", "$(id)", "`id`", "\\", "\n", "\r\n", "\r", "*", "?", "~", "~root"],
    *["a\\", "-n", "--", "!", "!!", "a'b!c", "a=b", "=", "{a,b}", "#", ";", "&", "|", ">x", "\t", "\x1b[31m"],
    *["é", "\u202e", "'\"'\"'", "%s", "\\x41", "$'x'", "[a]", "x" * 3000],
]
BOUNDED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """vzctl that joins its arguments as exec2 does, and an ssh that tells what it was given."""
    folder = tmp_path_factory.mktemp("bin")
    scripts = {
        "vzctl": '[ "$1" = exec2 ] || exit 99; [ "$2" = 305 ] || exit 98; shift 2; exec bash -c "$*"',
        "ssh": "printf '%s\\0' \"$@\"",
    }
    for name, text in scripts.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def run(shell: str, line: str, env: dict[str, str]) -> list[bytes]:
    done = subprocess.run([shell, "-c", line], env=env, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.split(b"\0")[:-1]


def encoded(values: list[str]) -> list[bytes]:
    return [value.encode() for value in values]


@pytest.mark.parametrize("ctid", [None, 305])
@pytest.mark.parametrize("deadline", [None, 20])
@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_every_nasty_value_arrives_as_it_is(
    stand_ins: dict[str, str], shell: str, ctid: int | None, deadline: int | None
) -> None:
    line = remote_line(["printf", "%s\\0", *NASTY], ctid=ctid, deadline=deadline)
    assert run(shell, line, stand_ins) == encoded(NASTY)


@BOUNDED
@given(values=st.lists(VALUES, min_size=1, max_size=4), ctid=st.sampled_from([None, 305]))
def test_any_text_arrives_as_it_is(stand_ins: dict[str, str], values: list[str], ctid: int | None) -> None:
    line = remote_line(["printf", "%s\\0", *values], ctid=ctid)
    assert run("bash", line, stand_ins) == encoded(values)


@BOUNDED
@given(value=VALUES)
@example("'!'")
@example("\r0")
def test_the_line_on_the_screen_gives_ssh_the_very_line(stand_ins: dict[str, str], value: str) -> None:
    line = remote_line(["printf", "%s", value], ctid=305, deadline=5)
    got = run("bash", shown_line("/a b/ssh_config", "ih-01", line), stand_ins)
    assert got == encoded(["-F", "/a b/ssh_config", "ih-01", "--", line])


@pytest.mark.parametrize("value", ["wow!", "it's!!", "!-1", "a\nb!c", "\x07!$'"])
def test_an_interactive_shell_expands_nothing_in_the_line_on_the_screen(stand_ins: dict[str, str], value: str) -> None:
    line = remote_line(["printf", value])
    typed = f"echo before\n{shown_line('/c', 'uh-01', line)}\n".encode()
    shell = ["bash", "--norc", "--noprofile", "-i"]
    done = subprocess.run(shell, input=typed, env=stand_ins, capture_output=True, timeout=120, check=False)
    assert done.stdout == b"before\n" + b"".join(b"%b\0" % a for a in encoded(["-F", "/c", "uh-01", "--", line]))


def test_a_line_that_could_be_pasted_holds_no_control_character() -> None:
    line = shown_line("/c", "uh-01", remote_line(["printf", "a\r\nb\x1b[2J\u202e"]))
    assert line.isprintable()


def test_the_line_for_a_host_names_locale_path_and_deadline() -> None:
    assert remote_line(["systemctl", "restart", "nginx"], deadline=60) == (
        "LC_ALL=C PATH=$PATH:/usr/sbin:/sbin timeout -k 10 60 systemctl restart nginx"
    )


def test_the_deadline_of_a_container_is_kept_inside_it() -> None:
    assert remote_line(["systemctl", "restart", "nginx"], ctid=305, deadline=60) == (
        "LC_ALL=C PATH=$PATH:/usr/sbin:/sbin vzctl exec2 305 'LC_ALL=C timeout -k 10 60 systemctl restart nginx'"
    )


def test_the_line_on_the_screen_reads_well() -> None:
    assert shown_line("/x/ssh_config", "ih-01", "vzctl exec2 305 'systemctl restart nginx'") == (
        "ssh -F /x/ssh_config ih-01 -- \"vzctl exec2 305 'systemctl restart nginx'\""
    )


@pytest.mark.parametrize("ctid", [None, 305])
def test_a_shell_text_is_read_by_bash_where_it_runs(stand_ins: dict[str, str], ctid: int | None) -> None:
    text = "printf 'b\\0a\\0' | sort -z | tr a-z A-Z; [[ x == x ]] && printf \"it's\\0\""
    assert run("sh", raw_line(text, ctid=ctid), stand_ins) == [b"A", b"B", b"it's"]


def test_a_program_whose_name_looks_like_an_assignment_is_still_a_program(stand_ins: dict[str, str]) -> None:
    done = subprocess.run(["bash", "-c", remote_line(["A=b", "true"])], capture_output=True, check=False)
    assert done.returncode == 127


def test_a_fraction_of_a_second_is_rounded_up_because_zero_means_no_deadline() -> None:
    assert "timeout -k 10 1 true" in remote_line(["true"], deadline=0.2)


@pytest.mark.parametrize("deadline", [0, -1, float("nan"), float("inf")])
def test_no_deadline_is_not_a_deadline(deadline: float) -> None:
    with pytest.raises(InputError):
        remote_line(["true"], deadline=deadline)


@pytest.mark.parametrize("argv", [[], [""], ["printf", "a\x00b"], ["printf", "\ud800"]])
def test_what_no_command_line_can_carry_is_refused(argv: list[str]) -> None:
    with pytest.raises(InputError):
        remote_line(argv)


def test_plain_words_are_left_plain() -> None:
    assert [quoted(w) for w in ("--output=pcent", "/var/log", "a b", "it's")] == [
        "--output=pcent",
        "/var/log",
        "'a b'",
        '"it\'s"',
    ]


def test_quoting_needs_nothing_but_itself() -> None:
    source = Path(quoted.__code__.co_filename).read_text()
    assert not any(word in source for word in ("import subprocess", "import os", "open("))
