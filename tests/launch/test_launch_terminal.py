"""The two outputs of the command line: hostile words, a reader that goes, a disk that is full, odd encodings."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import BINARIES, FarDesk

HOSTILE = "\x1b[2J\x1b[1;1H\r\x07\x9b31m\u202eOK\nSUCCEEDED  every step done and proved (exit 0)\u2028\x7f"
ACT = {c for c in HOSTILE if not c.isprintable() and c != "\n"}


def command(*words: str) -> list[str]:
    return [str(BINARIES / "opsguide"), *words]


@pytest.fixture
def held(far: FarDesk) -> FarDesk:
    """A desk on which an element is held; whoever wrote that down was hostile."""
    note = {"run": HOSTILE, "person": HOSTILE, "since": "2026-01-01", "line": HOSTILE, "look": HOSTILE, "undo": HOSTILE}
    for name in ("holds/uh-01.json", "open/uh-01.0.json"):
        path = far.folder / "state" / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(note))
    return far


def test_words_from_elsewhere_act_in_no_listing_and_make_no_line(held: FarDesk) -> None:
    for words, line in (
        (("elements",), "  sent:  ␛[2J␛[1;1H␍␇\\x9b31m\\u202eOK\\nSUCCEEDED"),
        (
            ("may", HOSTILE, "uh-01"),
            r"InputError: edition seed has no activity '\x1b[2J\x1b[1;1H\r\x07\x9b31m\u202eOK\n",
        ),
        ((HOSTILE,), "InputError: No such command '"),
    ):
        said = held(*words)
        text = said.out + said.err
        assert not ACT & set(text), words
        assert [one for one in text.split("\n") if one.startswith(line)], text
    told = held("elements", "--json")
    assert not ACT & set(told.out)
    element = next(e for e in told.json if e["name"] == "uh-01")
    assert element["held"]["line"] == element["open"][0]["line"] == HOSTILE


def test_on_a_terminal_too_nothing_acts_and_without_colours_or_a_language_it_is_the_same(held: FarDesk) -> None:
    for environment in ({}, {"NO_COLOR": "1", "TERM": "dumb"}, {"LC_ALL": "C", "COLUMNS": "20"}):
        ours, theirs = pty.openpty()
        done = subprocess.run(command("elements"), env=held.environment() | environment, stdin=theirs, stdout=theirs,
                              stderr=theirs, check=False)  # fmt: skip
        os.close(theirs)
        text = read_all(ours).decode().replace("\r\n", "\n")
        assert done.returncode == 0, text
        assert "␛" in text
        assert not ACT & set(text)


def read_all(number: int) -> bytes:
    found = b""
    while True:
        try:
            more = os.read(number, 65536)
        except OSError:
            break
        if not more:
            break
        found += more
    os.close(number)
    return found


@pytest.mark.parametrize("words", [["matrix"], ["matrix", "--json"], ["elements"], ["--help"], ["show", "06"]])
def test_a_reader_that_has_gone_changes_no_exit_code_and_gets_no_traceback(far: FarDesk, words: list[str]) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        command(*words), env=far.environment(), stdout=theirs, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_refusal_whose_reader_has_gone_keeps_its_exit_code(far: FarDesk) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        command("run", "02", "--on", "ih-01", "--reason", "x"), env=far.environment(), stdout=theirs, stderr=theirs,
        check=False,
    )  # fmt: skip
    os.close(theirs)
    assert done.returncode == 4
    assert [path.name.endswith("-unfinished") for path in far.folders()] == [False]


def test_an_output_that_cannot_be_written_is_told_and_is_no_success(far: FarDesk) -> None:
    with Path("/dev/full").open("w") as full:
        for words, code in ((["matrix"], 2), (["may", "02", "ih-01"], 4)):
            done = subprocess.run(
                command(*words), env=far.environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
            assert done.returncode == code
            assert done.stderr.splitlines()[0] == "StoreError: the output cannot be written: No space left on device"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_of_the_output_will_do(far: FarDesk, encoding: str) -> None:
    environment = far.environment() | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    for words in (["matrix"], ["matrix", "--json"]):
        done = subprocess.run(command(*words), env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    assert len(json.loads(done.stdout.decode("utf-8"))["activities"]) == 24


def test_outputs_that_were_closed_before_are_nowhere(far: FarDesk) -> None:
    """Else the first files that are opened would get what is printed."""
    for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
        line = f'exec "$0" run 02 --on ih-01 --reason x {closed}'
        done = subprocess.run(["sh", "-c", line, *command()], env=far.environment(), capture_output=True, check=False)
        assert done.returncode == 4, done
    assert far("verify", "--all").code == 0


def test_without_a_home_it_is_the_same(far: FarDesk) -> None:
    environment = {k: v for k, v in far.environment().items() if k != "HOME"}
    done = subprocess.run(command("elements"), env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_second_stop_ends_what_the_first_one_waits_for_without_a_traceback(far: FarDesk) -> None:
    code = """
import os, signal, sys
from opsguide.launch import cli
def waits(**options):
    try:
        signal.raise_signal(signal.SIGINT)
    except Exception as stopped:
        if "again" in sys.argv:
            signal.raise_signal(signal.SIGINT)
        raise RuntimeError("as Python tells of it in the midst of a class") from stopped
cli.cli = waits
cli.main()
"""
    once, twice = (
        subprocess.run([sys.executable, "-c", code, *words], env=far.environment(), stderr=subprocess.PIPE, check=False)
        for words in ([], ["again"])
    )
    assert (once.returncode, once.stderr.splitlines()[0]) == (5, b"InterruptedRunError: stopped by SIGINT")
    assert (twice.returncode, twice.stderr) == (-2, b"")
