"""`opsguide run` where nothing answers: what is checked before a kernel starts, and whose exit code counts."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from opsguide.launch import outcome
from opsguide.launch.verdict import verdict
from opsguide.record import seal
from opsguide.record.archive import Archive

from .conftest import FarDesk

RUN = ("run", "restarting-processes", "--on", "uh-01", "-p", "service=zabbix-agent")


@pytest.mark.parametrize(("words", "said"), [
    ((*RUN,), "an empty reason"),
    ((*RUN, "--reason", " "), "an empty reason"),
    (("run", "06", "-p", "service=nginx", "--reason", "x"), "no element"),
    (("run", "06", "--on", "uh-09", "-p", "service=nginx", "--reason", "x"), "has no element 'uh-09'"),
    (("run", "66", "--on", "uh-01", "--reason", "x"), "has no activity"),
    ((*RUN, "--reason", "x", "-p", "servise=nginx"), "unknown parameter 'servise'"),
    ((*RUN, "--reason", "x", "-p", "action=stop"), "is none of restart, reload"),
    ((*RUN, "--reason", "x", "-p", "settle=soon"), "settle"),
    (("run", "06", "--on", "uh-01", "-p", "service=nginx", "--reason", "x"), "no service 'nginx' on user-host"),
    (("run", "06", "--on", "uh-01", "-p", "service=--root=/", "--reason", "x"), "is not the name of a unit"),
    (("run", "06", "--on", "uh-01", "--reason", "x"), "parameter service must not be empty"),
    (("plan", "06", "--on", "uh-01", "-p", "x=1;import os;y=1"), "unknown parameter"),
    (("plan", "06", "--on", "uh-01", "-p", "x;import os=1"), "-p takes name=value"),
])  # fmt: skip
def test_bad_input_is_exit_2_and_leaves_nothing(far: FarDesk, words: tuple[str, ...], said: str) -> None:
    done = far(*words)
    assert done.code == 2, done
    assert said in done.err
    assert "Traceback" not in done.err
    assert "  sent:    nothing to any element" in done.err
    assert len(done.err.splitlines()) <= 5
    assert not far.folders()
    told = far(*words, "--json")
    assert (told.code, told.json["state"], told.json["sent"]) == (2, "not-run", "nothing to any element")


@pytest.mark.parametrize(("text", "said", "next"), [
    ("", ": no element", "add the line `element: …`, or give --on"),
    ("element: uh-01\n", ": parameter service must not be empty", "add the line `service: …`, or give -p service=…"),
    ("element: uh-01\nservice: zabix-agent\nreason: x\n", ":2: no service 'zabix-agent'", "did you mean zabbix-agent?"),
    ("elment: uh-01\n", ":1: unknown parameter 'elment'", "did you mean element?"),
    ("element: uh-9\n", ":1: far has no element 'uh-9'", "opsguide elements"),
    ("element: uh-01\nservice: cron\nreason: ' '\n", ":3: an empty reason", "say why"),
    ("element: uh-01\nservice: cron\n", ": an empty reason", "add the line `reason: …`, or give --reason"),
])  # fmt: skip
def test_what_a_file_lacks_is_told_with_the_file(far: FarDesk, text: str, said: str, next: str) -> None:
    path = far.write("p.yml", text)
    done = far("run", "06", "-f", str(path))
    assert (done.code, f"{path}{said}" in done.err, next in done.err) == (2, True, True), done


def test_what_the_command_line_says_is_not_laid_to_the_file(far: FarDesk) -> None:
    path = far.write("p.yml", "element: uh-01\nreason: x\n")
    done = far("run", "06", "-f", str(path), "-p", "service=nope")
    assert done.err.startswith("InputError: no service 'nope'"), done


def test_a_runbook_that_is_still_to_come_is_said_everywhere(later: FarDesk) -> None:
    assert "still to come" in later("may", "25", "uh-01").out
    assert "still to come" in later("show", "25").out
    for element in ("uh-01", "hcore1"):
        done = later("run", "a-later-activity", "--on", element, "--reason", "x")
        assert (done.code, "still to come" in done.err) == (2, True), done
    assert later("open", "25", "--work", str(later.folder), "--only-copy").code == 2
    assert not later.folders()


def test_a_file_of_parameters_is_named_with_its_line(far: FarDesk) -> None:
    path = far.write("p.yml", "element: uh-01\nservice: zabbix-agent\nsettle: 60\n")
    done = far("run", "06", "-f", str(path), "--reason", "x")
    assert done.code == 2
    assert f"{path}:3: settle: expected text, found a whole number" in done.err
    assert 'write "60" in quotes' in done.err


def test_an_output_that_is_there_is_refused_before_a_kernel_starts(far: FarDesk) -> None:
    out = far.write("out.ipynb", "mine")
    done = far(*RUN, "--reason", "x", "--out", str(out))
    assert done.code == 2
    assert "is there already" in done.err
    assert out.read_text() == "mine"
    assert not far.folders()


def test_a_host_that_does_not_answer_fails_with_a_record_and_its_exit_code(far: FarDesk) -> None:
    out = far.folder / "{element}.ipynb"
    done = far(*RUN, "--reason", "because", "--out", str(out), "--json")
    assert done.code == 1, done
    told = done.json
    assert told["state"] == "failed"
    assert told["exit"] == 1
    assert Path(told["record"]) == far.folders()[0]
    assert json.loads((far.folders()[0] / "intent.json").read_text())["frontend"] == "opsguide run"
    assert "could not be asked" in done.err
    assert "Traceback" not in done.err
    found = {c["id"]: c["metadata"].get("papermill", {}) for c in json.loads(out.read_text())["cells"]}
    cells = {name: told.get("status") for name, told in found.items()}
    assert cells["begin"] == "failed"
    assert cells["look"] == "pending"


def test_a_cell_that_is_na_is_refused_with_a_sealed_record_and_without_a_kernel(far: FarDesk) -> None:
    done = far("run", "user-host-decommission", "--on", "ih-01", "--reason", "x", "--json")
    assert done.code == 4
    assert done.json["state"] == "refused"
    assert (Path(done.json["record"]) / "seal.json").is_file()
    assert "Infrastructure Migration" in done.err or "next:" in done.err
    shown = far("plan", "02", "--on", "ih-01")
    assert shown.code == 4
    assert shown.out.splitlines()[0] == "far (PRACTICE)"
    assert "record:" in shown.out


def test_a_vendor_s_cell_goes_on_as_a_request_whatever_was_asked(far: FarDesk) -> None:
    done = far("run", "07", "--on", "hcore1", "-p", "path=/etc/motd", "-p", "settings=a = b", "--reason", "x", "--json")
    intent = json.loads((far.folders()[0] / "intent.json").read_text())
    assert intent["mode"] == "request"
    assert done.code == 1, "nothing answers here, so the evidence cannot be taken"


def test_plan_is_plan_and_a_plan_that_failed_cannot_be_carried_out(far: FarDesk) -> None:
    far("plan", *RUN[1:])
    assert [json.loads((f / "intent.json").read_text())["mode"] for f in far.folders()] == ["plan"]
    done = far("run", "--plan", "last", "--reason", "x")
    assert done.code != 0
    assert "plan again until it succeeds" in done.out + done.err
    assert len(far.folders()) == 1


@pytest.mark.parametrize(("words", "said"), [
    (("06", "--plan", "last"), "ACTIVITY stands in the plan"),
    (("--plan", "last", "--on", "uh-02"), "--on stands in the plan"),
    (("--plan", "last", "-p", "service=crond"), "fixes its parameters"),
    (("--plan", "nonsense"), "no run is called"),
    ((), "no activity"),
])  # fmt: skip
def test_a_plan_fixes_what_is_run(far: FarDesk, words: tuple[str, ...], said: str) -> None:
    far("plan", *RUN[1:])
    done = far("run", *words, "--reason", "x")
    assert done.code == 2, done
    assert said in done.err
    assert len(far.folders()) == 1


def test_json_stands_alone_on_standard_output_also_for_bad_input(far: FarDesk) -> None:
    done = far("run", "06", "--on", "none", "--reason", "x", "--json")
    assert done.code == 2
    assert done.json["state"] == "not-run"
    assert done.json["exit"] == 2


def test_quiet_prints_the_verdict_alone(far: FarDesk) -> None:
    done = far("run", "02", "--on", "ih-01", "--reason", "x", "--quiet")
    assert done.code == 4
    assert [line.split()[0] for line in done.out.splitlines()] == ["REFUSED", "record:"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_launcher_that_is_stopped_before_a_run_begins_leaves_nothing(
    far: FarDesk, halted: Callable[[], None], number: signal.Signals
) -> None:
    process = far.start(*RUN, "--reason", "x")
    halted()
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 5, (out, err)
    assert err.startswith("starting 06-")
    assert "Traceback" not in err
    assert not far.folders()


@pytest.mark.parametrize(("state", "said"), [
    ("interrupted", "no change is in doubt"), ("unknown", "opsguide resume r-1 --found"), ("refused", None),
    ("failed", "opsguide resume r-1"),
])  # fmt: skip
def test_a_run_that_was_cut_short_says_what_is_next(state: str, said: str | None) -> None:
    lines = verdict(outcome.Outcome("r-1", state, 5, "words", "/records/r-1", mode="apply"))
    assert lines[-1] == "record:   /records/r-1"
    following = [line for line in lines if line.startswith("next:")]
    assert [said in line for line in following if said] == ([True] if said else [])
    assert len(following) == (1 if said else 0)


def test_the_last_lines_say_what_was_changed_before_it_ended() -> None:
    told = {"mode": "apply", "changed": "drain on hcore1 ok", "open": ["OPEN  hcore1: drain"]}
    lines = verdict(outcome.Outcome("r-1", "failed", 1, "words", "/records/r-1", **told))
    assert lines[1:3] == ["changed:  drain on hcore1 ok", "still open: OPEN  hcore1: drain"]
    asked = outcome.Outcome("r-1", "requested", 3, "words", "/records/r-1", **{**told, "mode": "request"})
    assert not any(line.startswith("changed") for line in verdict(asked))


def test_the_exit_code_is_the_seal_s(tmp_path: Path) -> None:
    since = outcome.datetime.now(outcome.UTC)
    folder = Archive(tmp_path).start({
        "activity": {"slug": "restarting-processes", "title": "Restarting Processes"}, "element": {"name": "uh-01"},
        "launch": "abc", "mode": "apply",
    })  # fmt: skip
    assert outcome.find(tmp_path, "abc", since) == folder.path
    assert outcome.find(tmp_path, "other", since) is None
    with pytest.raises(outcome.UnknownError, match="not sealed"):
        outcome.sealed(folder.path, seconds=0.05)
    seal.seal(folder, "unknown", 5, "a change is unknown")
    found = outcome.of(outcome.sealed(folder.path))
    assert (found.state, found.exit, found.words) == ("unknown", 5, "a change is unknown")
