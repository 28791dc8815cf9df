"""A plan is carried out exactly, once, and only while its starting state stands."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from desk import Desk
from kernels import UNIT
from opsguide.broker import following
from opsguide.errors import InputError
from raw import Raw

pytestmark = pytest.mark.lab
RESTART = ("restarting-processes", "--on", "uh-01", "-p", f"service={UNIT}", "-p", "settle=1 s")


def planned(desk: Desk, *words: str) -> str:
    done = desk("plan", *words)
    assert done.code == 0, done
    return desk.record().intent["run"]


def edit(mark: str) -> tuple[str, ...]:
    return ("editing-system-files", "--on", "uh-01", "-p", "path=/etc/motd", "-p", f"settings={mark}")


def test_what_was_planned_is_what_is_done_and_the_record_compares_them(desk: Desk, counter) -> None:
    plan = planned(desk, *RESTART)
    digest = desk.record().seal["files"]["plan.json"]
    assert counter.starts == 0
    done = desk("run", "--plan", plan, "--reason", "as planned")
    assert done.code == 0, done
    assert counter.starts == 1
    record = desk.record()
    assert record.intent["follows"] == {"run": plan, "how": "plan", "plan": plan, "digest": digest}
    assert record.intent["parameters"]["service"] == UNIT
    (compared,) = record.events("compared")
    assert (compared["plan"], compared["digest"], compared["made"], compared["not_made"]) == (plan, digest, 1, [])
    planned_lines = [e["line"] for e in desk.record(0).events("planned") if e["verb"] == "change"]
    assert planned_lines == [e["line"] for e in record.sent("change")]
    assert desk("verify", "--all").code == 0


def test_a_plan_is_carried_out_by_stock_papermill_too(desk: Desk, counter, tmp_path: Path) -> None:
    plan = planned(desk, *RESTART)
    file = tmp_path / "p.yml"
    values = {"element": "uh-01", "service": UNIT, "settle": "1 s", "mode": "apply", "reason": "x", "follows": plan}
    file.write_text(json.dumps(values))
    done = desk.run("papermill", "runbooks/06-restarting-processes.ipynb", str(tmp_path / "o.ipynb"), "-f", str(file))
    assert done.code == 0, done
    assert (desk.record().intent["follows"]["run"], counter.starts) == (plan, 1)


def test_a_service_that_was_restarted_since_the_plan_refuses_it_with_what_moved(desk: Desk, lab, counter) -> None:
    plan = planned(desk, *RESTART)
    lab.inside("uh-01", ["systemctl", "restart", UNIT])
    done = desk("run", "--plan", plan, "--reason", "x")
    assert done.code == 1, done
    assert "the starting state has moved since the plan" in done.out
    record = desk.record()
    assert (record.state, record.sent("change"), counter.starts) == ("refused", [], 1)
    assert "MainPID" in done.out


def test_a_file_that_was_edited_since_the_plan_refuses_it_before_anything_is_staged(desk: Desk, lab) -> None:
    plan = planned(desk, *edit(f"owner = {uuid.uuid4().hex}"))
    path = Path(lab.host_root("uh-01")) / "etc/motd"
    old = path.read_text()
    path.write_text(old + "by somebody else\n")
    done = desk("run", "--plan", plan, "--reason", "x")
    assert done.code == 1, done
    assert "/etc/motd has changed since the plan" in done.out
    assert path.read_text() == old + "by somebody else\n"
    assert not desk.record().sent("edit", "change")
    path.write_text(old)


def test_an_edit_is_carried_out_as_planned(desk: Desk, lab) -> None:
    mark = f"owner = {uuid.uuid4().hex}"
    plan = planned(desk, *edit(mark))
    assert desk("run", "--plan", plan, "--reason", "x").code == 0
    assert mark in (Path(lab.host_root("uh-01")) / "etc/motd").read_text()
    assert desk.record().events("compared")[0]["made"] == 1


def test_a_plan_is_carried_out_once(desk: Desk, counter) -> None:
    plan = planned(desk, *RESTART)
    assert desk("run", "--plan", plan, "--reason", "x").code == 0
    again = desk("run", "--plan", plan, "--reason", "x")
    assert again.code == 2, again
    assert "was carried out by" in again.out + again.err
    assert counter.starts == 1
    assert len(desk.folders()) == 2


def test_another_run_on_the_element_since_the_plan_refuses_it(desk: Desk, lab, counter) -> None:
    plan = planned(desk, *edit(f"owner = {uuid.uuid4().hex}"))
    assert desk("run", *RESTART, "--reason", "x").code == 0
    done = desk("run", "--plan", plan, "--reason", "x")
    assert done.code == 1, done
    assert "the world has moved" in done.out + done.err
    assert not any(e["type"] == "send" and e["verb"] == "edit" for e in desk.record().events())


def test_a_plan_that_was_changed_is_not_followed(desk: Desk, counter) -> None:
    plan = planned(desk, *RESTART)
    file = desk.record().path / "plan.json"
    file.chmod(0o644)
    file.write_text(file.read_text().replace(UNIT, "crond"))
    done = desk("run", "--plan", plan, "--reason", "x")
    assert done.code == 8, done
    assert counter.starts == 0
    assert len(desk.folders()) == 1


def test_a_change_that_is_not_in_the_plan_is_refused_and_not_sent(desk: Desk, counter) -> None:
    plan = planned(desk, *RESTART)
    run = Raw(desk.records)
    assert "done" in run.begin("uh-01", parameters={"follows": plan})
    run.reach("reload")
    refused = run.verb("change", "reload", "systemctl reload {service}")["error"]
    assert "does not have this change" in refused["words"]
    run.close()
    assert not desk.record().sent("change")


@pytest.mark.parametrize("name", ["service", "settle", "element"])
def test_other_inputs_than_the_plans_are_bad_input(desk: Desk, counter, name: str) -> None:
    plan = planned(desk, *RESTART)
    other = {"service": "crond", "settle": "2 s", "element": "uh-02"}[name]
    run = Raw(desk.records)
    begun = run.begin(other if name == "element" else "uh-01", parameters={"follows": plan, name: other})
    assert "changed inputs need a new plan" in begun["error"]["next"], begun
    assert begun["error"]["exit"] == 2
    run.close()
    assert len(desk.folders()) == 1


@pytest.mark.parametrize("part", ["activity", "edition", "runbook"])
def test_another_edition_scope_or_runbook_is_another_plan(desk: Desk, part: str) -> None:
    from opsguide.record.archive import Archive
    from opsguide.record.lineage import read_back

    past = read_back(Archive(desk.records), planned(desk, *RESTART))
    facts = json.loads(json.dumps(past.intent))
    digest = {"activity": "scope_digest", "edition": "digest", "runbook": "sha256"}[part]
    following._refuse_other_inputs(past, facts)
    facts[part][digest] = "0" * 64
    with pytest.raises(InputError, match="this is not what"):
        following._refuse_other_inputs(past, facts)


def test_the_last_line_of_a_plan_is_the_whole_command_and_last_is_the_last_plan(desk: Desk) -> None:
    done = desk("plan", "rebooting-host-container", "--on", "uh-01")
    assert done.code == 0, done
    plan = desk.record().intent["run"]
    assert f"opsguide run --plan {plan} -p confirm=uh-01 --reason" in done.out
    assert desk("run", "user-host-decommission", "--on", "ih-01", "--reason", "x").code == 4
    refused = desk("run", "--plan", "last", "--reason", "x")
    assert refused.code == 2, refused
    assert "confirm must repeat element before anything is changed: uh-01" in refused.err
    assert len(desk.folders()) == 2
    for run, said in (("last", "its mode was refused"), (plan, f"to carry it out: opsguide run --plan {plan}")):
        done = desk("resume", run)
        assert done.code == 2, done
        assert said in done.err
    assert len(desk.folders()) == 2


def test_what_prove_asks_again_is_no_plan(desk: Desk, counter) -> None:
    plan = planned(desk, *RESTART)
    assert desk("run", *RESTART, "--reason", "x").code == 0
    proved = desk("prove", "last")
    assert proved.code == 0, proved
    assert "proves of" in proved.out
    assert "run --plan" not in proved.out
    done = desk("run", "--plan", "last", "--reason", "x")
    assert "the world has moved" in done.out + done.err
    assert plan in done.out + done.err
