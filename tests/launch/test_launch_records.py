"""Records on the command line: listing, checking, settling, and who has what."""

from __future__ import annotations

import fcntl
import hashlib
import json
from pathlib import Path

import pytest

from opsguide.errors import InputError
from opsguide.launch import holding, telling
from opsguide.record.archive import Archive

from .conftest import FarDesk

INTENT = {"activity": {"slug": "restarting-processes", "title": "Restarting Processes"}, "element": {"name": "uh-01"},
          "mode": "apply", "person": {"name": "Ada"}, "platform": {"name": "far"}}  # fmt: skip
HOLD = {"element": "uh-01", "run": "20260101T000000Z-restarting-processes-uh-01-00000000", "records": "/r",
        "command": 4, "line": "ssh uh-01 -- 'systemctl restart x'", "since": "2026-01-01T00:00:00.000Z",
        "person": "Ada", "settle": "systemctl is-active x"}  # fmt: skip


def refused(far: FarDesk) -> Path:
    """A sealed record, made quickly."""
    return Path(far("run", "02", "--on", "ih-01", "--reason", "x", "--json").json["record"])


def test_without_records_verify_is_an_error_and_the_list_says_so(far: FarDesk) -> None:
    done = far("verify", "--all")
    assert done.code == 2
    assert "no record" in done.err
    assert far("records").out.startswith("no record")
    assert far("records", "--json").json == []
    assert far("verify", "last").code == 2


def test_sealed_records_verify_and_a_changed_one_is_exit_8(far: FarDesk) -> None:
    one, two = refused(far), refused(far)
    assert far("verify", "--all").code == 0
    assert far("verify", "last").out.startswith("OK")
    assert far("verify", one.name[-8:], "--json").json == [
        {"run": one.name, "verdict": "OK", "first_bad": "", "words": ""}
    ]
    page = two / "report.html"
    page.chmod(0o644)
    page.write_text(page.read_text() + " ")
    done = far("verify")
    assert done.code == 8
    assert "TAMPERED" in done.out
    assert "report.html" in done.out
    assert far("verify", one.name).code == 0
    assert far("verify", one.name, "--all").code == 2


def test_the_list_is_newest_first(far: FarDesk) -> None:
    one, two = refused(far), refused(far)
    told = far("records", "--json").json
    assert [t["run"] for t in told] == sorted((one.name, two.name), reverse=True)
    assert (told[0]["state"], told[0]["element"]) == ("refused", "ih-01")
    lines = far("records", "--last", "1").out.splitlines()
    assert len(lines) == 3
    assert "1 older" in lines[-1]


def test_a_run_that_is_being_written_is_running_and_one_left_behind_is_closed(far: FarDesk) -> None:
    refused(far)
    folder = Archive(far.records).start(INTENT)
    done = far("verify", "--all")
    assert (done.code, "RUNNING" in done.out) == (0, True)
    folder.journal.close()
    done = far("verify", "--all")
    assert done.code == 0, done
    assert done.out.strip() == "2 OK"
    assert {t["state"] for t in far("records", "--json").json} == {"refused", "interrupted"}


def test_holds_and_locks_are_told_without_trying_them(far: FarDesk) -> None:
    state = far.folder / "state"
    for name in ("holds", "locks"):
        (state / name).mkdir(parents=True)
    (state / "holds" / "uh-01.json").write_text(json.dumps(HOLD))
    (state / "locks" / "hcore1.lock").write_text(json.dumps({"run": "R", "person": "Bob", "since": "now"}))
    (state / "locks" / "hcore2.lock").write_text("")
    with (state / "locks" / "hcore1.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert holding.locks(state)["hcore1"].words == "locked since now by Bob, run R"
        told = {e["name"]: e for e in far("elements", "--json").json}
    assert told["hcore1"]["locked"]["person"] == "Bob"
    assert told["hcore2"]["locked"] is None
    assert told["uh-01"]["held"]["person"] == "Ada"
    assert holding.locks(state) == {}
    text = far("elements").out
    assert "held since 2026-01-01T00:00:00.000Z by Ada" in text
    assert "opsguide resume" in text


NOTE = {"element": "hcore1", "undo": "bash enable.sh", "words": "bash disable.sh is in force", "effect": "takes-out",
        "run": "20260101T000000Z-restarting-processes-hcore1-00000000", "since": "2026-01-01T00:00:00.000Z",
        "person": "Ada", "activity": "restarting-processes", "line": "ssh ih-01 -- disable"}  # fmt: skip


def test_what_is_open_is_told_with_what_takes_it_back_and_which_run_does(far: FarDesk) -> None:
    notes = far.folder / "state" / "open"
    notes.mkdir(parents=True)
    (notes / "hcore1.0123abcd.json").write_text(json.dumps(NOTE))
    (notes / "uh-01.0123abcd.json").write_text("{")
    told = {e["name"]: e["open"] for e in far("elements", "--json").json}
    assert told["hcore1"][0]["undo"] == "bash enable.sh"
    assert told["hcore1"][0]["next"] == f"opsguide resume {NOTE['run']}"
    assert told["hcore1"][0]["anew"] == 'opsguide run restarting-processes --on hcore1 … --reason "…"'
    assert told["uh-01"][0]["words"] == "the note cannot be read"
    assert told["hcore2"] == []
    text = far("elements").out
    assert "hcore1 is out since 2026-01-01T00:00:00.000Z by Ada, run 20260101T000000Z-restarting-processes" in text
    assert "undo:  bash enable.sh" in text
    assert f"then:  opsguide resume {NOTE['run']}" in text


def test_a_held_element_is_told_with_the_whole_line_of_the_look_and_of_what_settles_it(far: FarDesk) -> None:
    (far.folder / "state" / "holds").mkdir(parents=True)
    hold = {**HOLD, "look": "ssh -F c uh-01 -- 'systemctl is-active x'"}
    (far.folder / "state" / "holds" / "uh-01.json").write_text(json.dumps(hold))
    for said in (far("elements").out, far("resume", HOLD["run"]).out, far("resume", HOLD["run"][-8:]).out):
        assert f"sent:  {HOLD['line']}" in said
        assert f"look:  {hold['look']}" in said
        assert f'then:  opsguide resume {HOLD["run"]} --found done|not-done --why "…"' in said


def test_resume_without_an_answer_says_what_to_look_at(far: FarDesk) -> None:
    (far.folder / "state" / "holds").mkdir(parents=True)
    (far.folder / "state" / "holds" / "uh-01.json").write_text(json.dumps(HOLD))
    done = far("resume", HOLD["run"])
    assert done.code == 5
    for words in ("systemctl restart x", "systemctl is-active x", "--found done|not-done"):
        assert words in done.out
    assert far("resume", HOLD["run"], "--json").json[0]["element"] == "uh-01"
    assert far("resume", "nothing-held").code == 2
    assert far("resume", "nothing-held", "--found", "done", "--why", "x").code == 2
    assert far("resume", HOLD["run"], "--found", "done").code == 2
    assert far("resume", HOLD["run"], "--found", "perhaps").code == 2


def held(far: FarDesk, **more: object) -> Path:
    state = far.folder / "state"
    for name in ("holds", "open"):
        (state / name).mkdir(parents=True, exist_ok=True)
    hold = {**HOLD, "element": "hcore1", "run": NOTE["run"], "line": NOTE["line"], "effect": "takes-out", **more}
    (state / "holds" / "hcore1.json").write_text(json.dumps(hold))
    (state / "open" / "hcore1.0123abcd.json").write_text(json.dumps(NOTE))
    return state


@pytest.mark.parametrize(("found", "still"), [("done", 1), ("not-done", 0)])
def test_a_hold_whose_record_is_gone_is_settled_and_what_was_found_is_kept(
    far: FarDesk, found: str, still: int
) -> None:
    state = held(far, records="/gone")
    done = far("resume", NOTE["run"], "--found", found, "--why", "I looked")
    assert done.code == 0, done
    assert not list((state / "holds").iterdir())
    kept = json.loads((state / "settled" / f"{NOTE['run']}.4.json").read_text())
    assert (kept["found"], kept["why"], kept["element"]) == (found, "I looked", "hcore1")
    assert len(list((state / "open").iterdir())) == still
    assert far("records", "--json").json[0]["mode"] == "settle"


def test_an_undo_that_was_found_done_has_closed_what_it_takes_back(far: FarDesk) -> None:
    back = {"template": "bash /root/scripts/enable_me.sh", "change": "bash enable.sh", "effect": "puts-back"}
    state = held(far, **back)
    name = hashlib.sha256(b"bash enable.sh").hexdigest()[:8]
    (state / "open" / "hcore1.0123abcd.json").rename(state / "open" / f"hcore1.{name}.json")
    assert far("resume", NOTE["run"], "--found", "done", "--why", "I looked").code == 0
    assert not list((state / "open").iterdir())


@pytest.mark.parametrize("content", ["", "[]", "{", '{"run": 3}'])
def test_a_hold_that_cannot_be_read_is_a_hold(tmp_path: Path, content: str) -> None:
    (tmp_path / "holds").mkdir()
    (tmp_path / "holds" / "uh-01.json").write_text(content)
    assert holding.holds(tmp_path)["uh-01"].how == "held"


def test_doctor_names_what_is_wrong(far: FarDesk) -> None:
    far.write("known_hosts", f"ih-01 {(far.folder / 'key.pub').read_text()}")
    done = far("doctor", "--json")
    assert done.code == 0, done
    told = {check["name"]: check for check in done.json}
    assert told["ssh key"]["state"] == "ok"
    assert {"prevented", "discouraged", "records", "state folder", "broker", "lab"} <= set(told)
    (far.folder / "key").unlink()
    done = far("doctor")
    assert done.code == 2
    assert "WRONG  ssh key" in done.out


def test_the_last_time_that_it_ended_so_on_such_an_element_is_one_query(far: FarDesk) -> None:
    one, two = refused(far).name, refused(far).name
    failed = far("plan", "06", "--on", "uh-01", "-p", "service=crond", "--json").json["run"]
    refs = list(reversed(Archive(far.records).runs()))
    for on, slug, state in (("infrastructure-host", "", ""), ("ih-01", "", ""), ("", "", "refused")):
        assert {t["run"] for t in telling.fitting(refs, on, slug, state)} == {one, two}
    assert [t["run"] for t in telling.fitting(refs, "", "restarting-processes", "")] == [failed]
    query = ("--activity", "06", "--state", "failed")
    assert [t["run"] for t in far("records", "--on", "user-host", *query, "--last", "1", "--json").json] == [failed]
    assert far("records", "--on", "uh-02", *query).out.endswith("; none at all on uh-02\n")
    assert far("records", "--on", "user-host", "--state", "requested").out == f"no such record in {far.records}\n"
    assert "1 older" in far("records", "--on", "ih-01", "--last", "1").out


def test_a_state_that_no_run_ends_in_is_refused_and_where_no_plan_is_on_record_that_is_said(far: FarDesk) -> None:
    run = refused(far).name
    misspelt = far("records", "--state", "failled")
    assert (misspelt.code, "'failed', 'interrupted'" in misspelt.err) == (2, True)
    last, named = (far("run", "--plan", which, "--reason", "x") for which in ("last", run))
    assert (last.code, "there is no plan on record yet" in last.err + last.out) == (2, True), last
    assert (named.code, f"{run} is no plan, its mode was refused" in named.err + named.out) == (2, True), named


def test_a_run_is_told_as_text_and_two_are_compared(far: FarDesk) -> None:
    one, two = (
        far("plan", "06", "--on", name, "-p", "service=crond", "--json").json["run"] for name in ("uh-01", "uh-02")
    )
    text = "\n".join(telling.told(Archive(far.records), [one]))
    assert text.startswith("far (PRACTICE)\nRestarting Processes on uh-01\n")
    assert "changed: nothing" in text
    lines = far("records", one, two).out.splitlines()
    assert lines[:2] == [f"--- {one}", f"+++ {two}"]
    assert "-Restarting Processes on uh-01" in lines
    assert "+Restarting Processes on uh-02" in lines
    assert telling.told(Archive(far.records), [one, one]) == ["they tell the same"]
    with pytest.raises(InputError, match="two runs"):
        telling.told(Archive(far.records), [one, two, one])
