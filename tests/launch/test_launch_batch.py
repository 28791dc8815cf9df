"""Batches: every row is checked before the first runs, and the batch stops where it should."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import pytest

from opsguide.guide import editions
from opsguide.launch.asked import Asked, asked
from opsguide.launch.given import text
from opsguide.launch.rows import Line, Row, locked
from opsguide.launch.setting import Setting

from .conftest import FarDesk

NA = "user-host-decommission"


@pytest.mark.parametrize(("name", "content", "said"), [
    ("s.csv", "activity,element\n06,uh-01\n", "s.csv:2: parameter service must not be empty"),
    ("s.csv", "activity,element,service\n06,uh-01,nope\n", "s.csv:2: no service 'nope'"),
    ("s.csv", "activity,element,service\n06,uh-09,nginx\n", "s.csv:2: far has no element 'uh-09'"),
    ("s.csv", "activity,element,service\n66,uh-01,nginx\n", "s.csv:2: edition seed has no activity '66'"),
    ("s.csv", "activity,element,servise\n06,uh-01,nginx\n", "s.csv:2: unknown parameter 'servise'"),
    ("s.csv", "activity,service\n06,nginx\n", "s.csv:1: no column element"),
    ("s.csv", "activity,element,a b\n06,uh-01,x\n", "s.csv:1: 'a b' is not the name"),
    ("s.csv", "activity,element\n06\n", "s.csv:2: 1 cells under 2 columns"),
    ("s.csv", 'activity,element\n06,"uh-01\n', "not CSV"),
    ("s.csv", "activity,element\n", "has no rows"),
    ("s.txt", "activity,element\n", "is not a sheet"),
    ("s.yml", "activity: 06\n", "s.yml:1: expected a list of rows"),
    ("s.yml", "- activity: restarting-processes\n  element: uh-01\n  service: 7\n", "s.yml:3: service: expected text"),
    ("s.yml", "- element: uh-01\n", "s.yml:1: activity is missing"),
    ("none.csv", "", "none.csv:1: no column activity"),
])  # fmt: skip
def test_a_row_that_does_not_fit_is_named_and_nothing_runs(far: FarDesk, name: str, content: str, said: str) -> None:
    good = f"{NA},ih-01\n" if name.endswith(".csv") and content.startswith("activity,element\n06") else ""
    path = far.write(name, content + good)
    done = far("batch", str(path), "--reason", "x")
    assert done.code == 2, done
    assert said in done.err
    assert "Traceback" not in done.err
    assert not far.folders()


def test_a_row_without_a_reason_needs_one_from_the_command_line(far: FarDesk) -> None:
    path = far.write("s.csv", "activity,element,service\nrestarting-processes,uh-01,zabbix-agent\n")
    done = far("batch", str(path))
    assert done.code == 2
    assert "s.csv:2: an empty reason" in done.err
    assert not far.folders()


def test_it_stops_at_the_first_failure_and_the_rest_is_not_run(far: FarDesk) -> None:
    path = far.write("s.csv", f"activity,element\n{NA},ih-01\n{NA},ih-02\n{NA},hcore1\n")
    done = far("batch", str(path), "--reason", "x", "--json")
    assert done.code == 4
    assert [row["state"] for row in done.json["rows"]] == ["refused", "not-run", "not-run"]
    assert len(far.folders()) == 1
    table = far("batch", str(path), "--reason", "x")
    assert [line.split()[4] for line in table.out.splitlines()[:4]] == ["state", "refused", "not-run", "not-run"]
    assert "FAILED  1 refused, 2 not-run of 3 rows; stopped: more errors than the budget bears (exit 4)" in table.out
    assert "row 1 refused, exit 4: " in table.err


def test_rows_that_run_together_come_to_their_end(far: FarDesk) -> None:
    path = far.write("s.yml", f"- {{activity: {NA}, element: ih-01}}\n- {{activity: {NA}, element: node101}}\n" * 2)
    done = far("batch", str(path), "--reason", "x", "--at-a-time", "2", "--json")
    assert done.code == 4
    assert [row["state"] for row in done.json["rows"]] == ["refused", "refused", "not-run", "not-run"]


def test_a_sheet_s_mode_counts_and_plan_wins_over_it(far: FarDesk) -> None:
    sheet = "activity,element,service,mode,reason\nrestarting-processes,uh-01,zabbix-agent,{},x\n"
    path = far.write("s.csv", sheet.format("plan"))
    assert [row["mode"] for row in far("batch", str(path), "--json").json["rows"]] == ["plan"]
    path = far.write("s.csv", sheet.format("apply"))
    assert [row["mode"] for row in far("batch", str(path), "--plan", "--json").json["rows"]] == ["plan"]
    assert len(far.folders()) == 2


def test_ctrl_c_stops_the_running_rows_and_starts_no_more(far: FarDesk) -> None:
    line = "restarting-processes,uh-01,zabbix-agent,x\n"
    path = far.write("s.csv", "activity,element,service,reason\n" + line * 3)
    with socket.create_server(("127.0.0.3", 0)) as mute:  # lets in, and says nothing
        far.platform.write_text(far.platform.read_text().replace("port: 1}", f"port: {mute.getsockname()[1]}}}"))
        process = far.start("batch", str(path), "--json")
        assert process.stderr
        while "row 1 starts" not in (said := process.stderr.readline()):
            assert said
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=300)
    told = json.loads(out)
    assert process.returncode == 5
    assert (told["state"], told["stopped"]) == ("interrupted", "signal")
    assert [row["state"] for row in told["rows"]][1:] == ["not-run", "not-run"]
    assert far("batches", "last", "--json").json["state"] == "interrupted"


def setting_of(far: FarDesk, monkeypatch: pytest.MonkeyPatch) -> Setting:
    monkeypatch.setenv("OPSGUIDE_PLATFORM", str(far.platform))
    return Setting()


def asked_for(setting: Setting, element: str) -> Asked:
    given = {"element": element, "mode": "apply", "reason": "x", "service": "zabbix-agent"}
    return asked(setting, "06", {name: text(name, value) for name, value in given.items()})


def test_a_row_waits_for_its_element_its_peer_its_host_and_the_peers_on_it(
    far: FarDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = setting_of(far, monkeypatch)
    platform = setting.platform()
    lines = {
        name: Line(Row(1, 1, "", asked_for(setting, name)), locked=locked(platform, platform.element(name)))
        for name in ("hcore1", "hcore2", "ih-01", "ih-02", "uh-01", "uh-02")
    }
    assert lines["hcore1"].touches(lines["hcore2"])
    assert lines["ih-01"].touches(lines["hcore1"])
    assert lines["ih-01"].touches(lines["hcore2"]), "its peer hcore1 lies on that host"
    assert lines["ih-01"].touches(lines["ih-02"]), "they carry the members of a pair"
    assert not lines["uh-01"].touches(lines["uh-02"])
    assert not lines["uh-01"].touches(lines["ih-01"])


def test_the_shipped_sheets_fit_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    from opsguide import places
    from opsguide.launch import sheet

    monkeypatch.setenv("OPSGUIDE_PLATFORM", "lab")
    folder: Path = places.home() / "parameters"
    for path in sorted((folder / "batches").iterdir()):
        assert [sheet.checked(Setting(), row, None, None) for row in sheet.rows(path)]


def test_the_shipped_parameters_fit_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    from opsguide import places
    from opsguide.launch import asked as asking
    from opsguide.launch import given

    monkeypatch.setenv("OPSGUIDE_PLATFORM", "lab")
    shipped = sorted((places.home() / "parameters" / "runs").iterdir())
    named = {p: next((n.slug for n in editions.NOTES if p.name.startswith(n.slug)), p.name[:2]) for p in shipped}
    cells = {p.stem: asking.asked(Setting(), name, asking.merged("apply", {}, given.from_file(p))).decision
             for p, name in named.items()}  # fmt: skip
    assert len(cells) >= 6
    note = editions.NOTES[0].slug  # what the table does not list is always asked for
    requests = {name for name, cell in cells.items() if cell.party == "Jelastic Operations" or name.startswith(note)}
    assert {name for name, cell in cells.items() if cell.exit == 3} == requests >= {"07-hcore1-motd"}
    assert {cell.exit for cell in cells.values()} == {0, 3}


HOLD = {"element": "uh-01", "run": "20260101T000000Z-restarting-processes-uh-01-00000000", "records": "/r",
        "command": 4, "line": "ssh uh-01 -- 'systemctl restart x'", "since": "2026-01-01T00:00:00.000Z",
        "person": "Ada", "settle": "systemctl is-active x"}  # fmt: skip
AGENT = "activity,element,service,reason\nrestarting-processes,{},zabbix-agent,x\n"


def test_a_retry_of_a_row_whose_element_is_held_is_refused_and_says_what_to_do(far: FarDesk) -> None:
    path = far.write("s.csv", AGENT.format("uh-01"))
    first = far("batch", str(path), "--json").json
    holds = far.folder / "state" / "holds"
    holds.mkdir(parents=True, exist_ok=True)
    (holds / "uh-01.json").write_text(json.dumps(HOLD))
    done = far("batch", "--retry", first["batch"])
    assert done.code == 5, done
    assert "row 1 refused, exit 5: uh-01 is held" in done.err
    assert f"uh-01 is held; look at it, then opsguide resume {HOLD['run']} --found done|not-done" in done.out
    record = far.folders()[-1]
    assert '"send"' not in (record / "events.jsonl").read_text(), "nothing was sent"


def test_a_retry_takes_the_rows_of_the_record_and_names_what_the_sheet_says_now(far: FarDesk) -> None:
    path = far.write("s.csv", "activity,element,service,reason\n" + "".join(
        f"restarting-processes,{name},zabbix-agent,x\n" for name in ("uh-01", "uh-02", "ih-01")))  # fmt: skip
    first = far("batch", str(path), "--waves", "2,1", "--max-errors", "1", "--json").json
    assert [row["state"] for row in first["rows"]] == ["failed", "failed", "not-run"]
    path.write_text(path.read_text().replace("uh-02", "ih-02").replace("ih-01", "uh-01"))
    again = far("batch", "--retry", "last", "--json")
    assert f"{path} has changed since: row 2: element 'uh-02' is run, not 'ih-02'" in again.err
    assert [(r["row"], r["wave"], r["element"]) for r in again.json["rows"]] == [
        (1, 1, "uh-01"), (2, 1, "uh-02"), (3, 2, "ih-01"),
    ]  # fmt: skip
    assert [row["state"] for row in again.json["rows"]] == ["failed", "failed", "not-run"], "its budget is kept"
    path.unlink()
    gone = far("batch", "--retry", "last", "--max-errors", "100%", "--json")
    assert "cannot be read now" in gone.err
    assert [row["state"] for row in gone.json["rows"]] == ["failed"] * 3, "an option that is given again counts"


def test_a_value_that_records_hide_is_not_in_the_batch_s_record_and_its_row_is_not_retried(far: FarDesk) -> None:
    path = far.write("s.yml", "- activity: editing-system-files\n  element: uh-01\n  path: /etc/motd\n"
                              "  settings: ['password = tiger']\n  reason: x\n")  # fmt: skip
    far("batch", str(path))
    [folder] = (far.records / "batches").iterdir()
    assert "tiger" not in (folder / "batch.json").read_text()
    done = far("batch", "--retry", "last")
    assert done.code == 2
    assert "row 1 has a value that records hide: settings" in done.err


@pytest.mark.parametrize(("words", "said"), [
    ((), "give a sheet, or --retry"),
    (("s.csv", "--retry", "last"), "give a sheet, or --retry"),
    (("--retry", "last"), "there is no batch on record yet"),
    (("--retry", "last", "--waves", "1"), "--retry keeps the batch's own waves"),
    (("s.csv", "--waves", "0"), "0 is less than 1"),
    (("s.csv", "--waves", "x"), "is not a number of rows"),
    (("s.csv", "--max-errors", "101%"), "more than all rows"),
    (("s.csv", "--at-a-time", "0"), "0 is less than 1"),
    (("s.csv", "--pause", "5"), "--pause: '5' is not a duration"),
    (("s.csv", "--ask"), "--ask needs a terminal"),
])  # fmt: skip
def test_an_option_that_does_not_fit_is_exit_2_and_nothing_runs(
    far: FarDesk, words: tuple[str, ...], said: str
) -> None:
    path = far.write("s.csv", AGENT.format("uh-01"))
    done = far("batch", *(str(path) if word == "s.csv" else word for word in words))
    assert done.code == 2, done
    assert said in done.err
    assert not far.folders()
    assert not (far.records / "batches").exists()


def test_the_help_tells_all_of_it_on_one_screen(far: FarDesk) -> None:
    said = far("batch", "--help").out
    assert len(said.splitlines()) <= 50
    for word in ("Errors:", "Waves:", "Ctrl-C:", "Retry:", "Record:", "Exit code:", "rounded"):
        assert word in said


def test_a_run_s_record_and_page_name_its_batch_and_the_batch_names_its_runs(far: FarDesk) -> None:
    path = far.write("s.csv", f"activity,element\n{NA},ih-01\n")
    batch = far("batch", str(path), "--reason", "x", "--json").json["batch"]
    intent = json.loads((far.folders()[0] / "intent.json").read_text())
    assert intent["batch"] == f"{batch}/1"
    assert f"{batch}/1" in (far.folders()[0] / "report.html").read_text()
    lines = far("batches").out.splitlines()
    assert lines[1].split()[1] == "failed"
    assert lines[1].endswith(batch)
    shown = far("batches", "last").out
    assert "FAILED" in shown
    assert far.folders()[0].name in shown


def three_refused(far: FarDesk) -> dict[str, object]:
    sheet = far.write("s.csv", f"activity,element\n{NA},ih-01\n{NA},ih-02\n{NA},hcore1\n")
    return far("batch", str(sheet), "--reason", "x", "--max-errors", "100%", "--json").json


def test_a_batch_that_was_retried_is_not_retried_again_and_names_its_retry(far: FarDesk) -> None:
    first = three_refused(far)["batch"]
    retry = far("batch", "--retry", str(first), "--json").json["batch"]
    again = far("batch", "--retry", str(first))
    assert again.code == 2, again
    assert f"opsguide batch --retry {retry}" in again.err
    assert len(far.folders()) == 6
    assert far("batch", "--retry", str(retry)).code == 4
    assert len(far.folders()) == 9


def test_a_batch_whose_record_was_changed_is_not_retried(far: FarDesk) -> None:
    record = Path(str(three_refused(far)["record"])) / "batch.json"
    record.chmod(0o600)
    record.write_text(record.read_text().replace("hcore1", "hcore2"))
    done = far("batch", "--retry", "last")
    assert done.code == 8, done
    assert "is not what was written" in done.err
    assert len(far.folders()) == 3
