"""A clumsy and a hostile user at the command line: a sentence, what to do next, the right exit code, no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from opsguide.errors import OpsguideError
from opsguide.launch import cli as launching
from opsguide.launch.setting import account

from .conftest import BINARIES, FarDesk

OWNER_ONLY = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"] if os.getuid() == 0 else []
"""To root, too, a folder is closed then."""


@pytest.fixture
def said(far: FarDesk, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """What a call in this process says, with its exit code."""
    for name in ("OPSGUIDE_PLATFORM", "OPSGUIDE_RECORDS"):
        monkeypatch.setenv(name, far.environment()[name])
    monkeypatch.chdir(far.folder)
    (far.folder / "bytes.csv").write_bytes(bytes(range(256)))
    (far.folder / "folder.csv").mkdir()

    def call(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(launching.cli, words)
        error = done.exception
        if error is None or isinstance(error, SystemExit):
            return done.exit_code, done.output
        wrong = error if isinstance(error, OpsguideError) else launching._said(error)  # type: ignore[arg-type]
        return wrong.exit_code, done.output + str(wrong)

    yield call
    assert far.folders() == []


@pytest.mark.parametrize(
    ("words", "next"),
    [
        (["records", "--records", "/etc/passwd"], "name another: --records"),
        (["run", "02", "--on", "ih-01", "--reason", "x", "--records", "/etc/passwd"], "name another: --records"),
        (["handoff", "list", "--records", "~no-such-user/x"], "by its whole path"),
        (["prove", "last"], "check --records"),
        (["run", "--plan", "last"], "check --records"),
        (["batch", "--retry", "last"], "check --records"),
        (["verify", "last", "--all"], "opsguide verify RUN"),
        (["batch", "/dev/zero"], "a sheet is"),
        (["batch", "gone.csv"], "name a file that you can read"),
        (["batch", "folder.csv"], "name a file that you can read"),
        (["batch", "bytes.csv"], "bytes.csv:2: not UTF-8"),
        (["run", "06", "--on", "uh-01", "-f", "/dev/zero"], "is it the file that you mean?"),
        (["open", "06", "-f", "/dev/zero", "--only-copy"], "is it the file that you mean?"),
        (["matrix", "--edition", "/dev/zero"], "is it the file that you mean?"),
        (["matrix", "--diff", "seed", "gone"], "shipped editions: seed"),
        (["open", "06", "--only-copy", "--work", "gone"], "make it, or name another: --work"),
        (["open", "06", "--only-copy", "-p", "x"], "opsguide show ACTIVITY"),
        (["may", "", ""], "ask Jelastic"),
        (["handoff", "show", ""], "opsguide handoff list"),
        (["handoff", "confirm", "x", "--ticket", " "], "say it in words"),
        (["handoff", "withdraw", "x", "--why", ""], "say it in words"),
        (["custom", "retire", "gone", "--ticket", ""], "say it in words"),
        (["custom", "check"], "opsguide run custom-configuration"),
        (["run", "06", "--on", "uh-01", "-p", "service=cron", "--on=uh-02", "--reason", "x"], "--on stands twice"),
        (["run", "--plan", "last", "--plan", "last"], "--plan stands twice"),
        (["--platform", "lab", "elements", "--platform", "example"], "--platform stands twice"),
        (["--platform", "lab", "--platform", "example", "elements"], "--platform stands twice"),
        (["elements", "--platform", ""], "--platform is empty"),
        (["run", "--plan", "", "--reason", "x"], "check --records"),
        (["resume", "last", "--why", "it was done"], "--found and --why go together"),
    ],
    ids=lambda value: " ".join(value)[:48] if isinstance(value, list) else "",
)
def test_what_does_not_fit_is_exit_2_and_says_what_next(said, words: list[str], next: str) -> None:  # type: ignore[no-untyped-def]
    code, text = said(*words)
    assert code == 2, text
    assert next in text


@pytest.mark.parametrize(("words", "said"), [
    (["rnu"], "did you mean run?"),
    (["may", "06"], "opsguide may [OPTIONS] ACTIVITY ELEMENT; opsguide may --help"),
    (["run", "06", "--onn", "x"], "opsguide run --help"),
    (["records", "--state", "succeded"], "'succeeded', 'requested'"),
    (["handoff", "shwo"], "Did you mean 'show'?"),
    (["show", "99"], "`opsguide matrix` lists all"),
    (["records", "gone"], "check --records"),
    (["elements", "--platform", "gone"], "known: example"),
    (["matrix", "--edition", "gone"], "shipped editions: seed"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")  # fmt: skip
def test_what_is_no_command_line_says_so_in_the_same_shape_and_as_json(
    far: FarDesk, words: list[str], said: str
) -> None:
    done = far(*words, "--json")
    told = done.json
    assert (done.code, told["exit"], told["error"], told["sent"]) == (2, 2, "InputError", "nothing to any element")
    assert said in f"{told['words']} {told['next']}"
    assert done.err.startswith(f"InputError: {told['words']}\n")
    assert "Traceback" not in done.err


@pytest.mark.parametrize("words", [[], ["handoff"], ["custom"], ["lab"]], ids=" ".join)
@pytest.mark.parametrize("width", [60, 110])
def test_what_a_command_does_is_never_cut_short(words: list[str], width: int) -> None:
    done = CliRunner().invoke(launching.cli, [*words, "--help"], terminal_width=width)
    listed = done.output.partition("Commands:\n")[2].partition("\n\n")[0]
    assert listed
    assert "..." not in listed
    assert max(map(len, listed.splitlines())) <= width


@pytest.mark.parametrize("words", [["records"], ["handoff", "list"], ["custom", "list"], ["batches"], ["verify"]])
def test_what_may_not_be_read_is_named(far: FarDesk, words: list[str]) -> None:
    far.records.mkdir()
    far.records.chmod(0)
    line = [*OWNER_ONLY, str(BINARIES / "opsguide")]
    done = subprocess.run([*line, *words], env=far.environment(), capture_output=True, text=True, check=False)
    offered = subprocess.run(line, env=far.environment() | {"_OPSGUIDE_COMPLETE": "bash_complete", "COMP_CWORD": "3",
                             "COMP_WORDS": "opsguide handoff show "}, capture_output=True, text=True, check=False)  # fmt: skip
    far.records.chmod(0o700)
    assert done.returncode == 2, done
    assert done.stderr.startswith(f"StoreError: {far.records}")
    assert "  next:    mend its rights" in done.stderr
    assert (offered.returncode, offered.stdout.strip(), offered.stderr) == (0, "", "")


def test_a_folder_that_has_been_removed_is_no_bug(far: FarDesk) -> None:
    gone = far.folder / "gone"
    gone.mkdir()
    line = 'rmdir "$0"; exec "$@"'
    for words, code in ((["elements"], 0), (["records", "--records", "here"], 2), (["open", "06", "--work", "."], 2)):
        command = ["sh", "-c", line, str(gone), str(BINARIES / "opsguide"), *words]
        gone.mkdir(exist_ok=True)
        done = subprocess.run(command, cwd=gone, env=far.environment(), capture_output=True, text=True, check=False)
        assert done.returncode == code, done
        assert "Traceback" not in done.stderr


def test_a_run_without_its_intent_does_not_hide_the_others(far: FarDesk) -> None:
    assert far("run", "02", "--on", "ih-01", "--reason", "x").code == 4
    whole = far.folders()[0]
    broken = whole.with_name(f"{whole.name[:-8]}{'0' * 8}")
    shutil.copytree(whole, broken)
    (broken / "intent.json").unlink()
    assert [(one["run"], one["state"]) for one in far("records", "--json").json] == [
        (whole.name, "refused"), (broken.name, "unreadable"),
    ]  # fmt: skip
    assert "unreadable" in far("records").out
    assert far("verify").code == 8
    shutil.rmtree(broken)
    assert far("records", "last", "--json").json[-1].startswith("REFUSED")
    assert far("records", "last", "--state", "failed").code == 2
    (whole / "events.jsonl").chmod(0o600)
    (whole / "events.jsonl").write_bytes(b"\x00\xff\x1b[2J not JSON\n")
    assert [one["state"] for one in far("records", "--json").json] == ["unreadable"]
    told = far("records", "last")
    assert (told.code, told.out) == (8, "")


def test_who_asks_is_the_account_and_not_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    was = account()
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert account() == was != "somebody-else"
