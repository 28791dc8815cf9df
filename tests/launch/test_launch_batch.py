"""Batches: every row is checked before the first runs, and the batch stops where it should."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

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
    process = far.start("batch", str(path), "--json")
    assert process.stderr
    while "row 1 starts" not in (said := process.stderr.readline()):
        assert said
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
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
    exits = {p.stem: asking.asked(Setting(), p.name[:2], asking.merged("apply", {}, given.from_file(p))).decision.exit
             for p in shipped}  # fmt: skip
    assert len(exits) >= 6
    assert {name for name, code in exits.items() if code == 3} == {"07-hcore1-motd"}
