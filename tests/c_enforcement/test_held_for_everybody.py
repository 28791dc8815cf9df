"""A change whose end nobody knows holds its element for everybody, and what was found is known to everybody."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from desk import BINARIES, Desk
from opsguide.broker.state import Hold, State

pytestmark = pytest.mark.lab
STATE = Path("/var/lib/opsguide-lab/state")
RUN = "20261125T021405Z-restarting-processes-uh-02-0a0b0c0d"
SENT = "ssh -F c uh-02 -- 'systemctl restart zabbix-agent'"
SHEET = "activity,element,service,reason\nrestarting-processes,uh-02,zabbix-agent,test\n"


def held() -> State:
    """A hold as a run of another person with another records root leaves it; that root is gone."""
    state = State(STATE)
    state.hold(Hold("uh-02", RUN, "/nowhere/records", 7, SENT, "2026-11-25T02:14:05.000Z", "Bo Ek"))
    return state


def test_another_records_root_an_empty_environment_and_a_batch_are_refused(desk: Desk, tmp_path: Path) -> None:
    held()
    words = ("run", "06", "--on", "uh-02", "-p", "service=zabbix-agent", "--reason", "test", "--json")
    cron = ["/usr/bin/env", "-i", f"PATH={os.environ['PATH']}", f"XDG_RUNTIME_DIR={os.environ['XDG_RUNTIME_DIR']}"]
    done = desk.run(*cron, str(BINARIES / "opsguide"), "--records", str(tmp_path / "cron"), *words)
    assert done.code == 5, done
    assert json.loads(done.out)["state"] == "refused"
    (tmp_path / "sheet.csv").write_text(SHEET)
    batch = desk("batch", str(tmp_path / "sheet.csv"))
    assert batch.code == 5, batch
    assert f"opsguide resume {RUN} --found" in desk.record().events("refused")[0]["next"]
    assert not desk.record().sent()
    assert not Desk(tmp_path / "cron").record().sent()


def test_what_was_found_frees_the_element_for_everybody_and_is_kept(desk: Desk, tmp_path: Path) -> None:
    state = held()
    shown = desk("resume", RUN)
    assert shown.code == 5
    assert f'opsguide resume {RUN} --found done|not-done --why "…"' in shown.out
    other = Desk(tmp_path / "other")
    assert other("resume", RUN, "--found", "not-done", "--why", "the journal shows no restart").code == 0
    assert state.settled(RUN, 7) == "not-done"
    assert state.held(["uh-02"]) is None
    assert "held" not in desk("elements").out


def test_a_run_that_goes_on_is_seen_from_another_records_root(desk: Desk, raw, tmp_path: Path) -> None:
    run = raw()
    begun = run.begin()["done"]["run"]
    told = {e["name"]: e["locked"] for e in json.loads(Desk(tmp_path / "other")("elements", "--json").out)}
    assert told["uh-02"]["run"] == begun
    assert told["node201"]["run"] == begun
    assert told["uh-01"] is None
