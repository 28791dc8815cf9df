"""The guide's two notes under a kernel that speaks the wire itself: look only, and no secret told by its digest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from desk import REPOSITORY, Desk, wait_for
from opsguide.record import register

pytestmark = pytest.mark.lab
SUM, STAT, REAL = "sha256sum {path}", "stat -c '%a %U:%G %s %F' {path}", "readlink -e {path}"
AS_AGREED = {"what": {"register": True}, "expect": {"name": "as_agreed", "args": []}}
NOTHING_READ = {"readlink -m"}


@pytest.fixture
def link(lab: Any) -> Iterator[Path]:
    path = Path(lab.container_root("hcore1")) / "etc/looks-harmless.conf"
    path.symlink_to("shadow")
    yield path
    path.unlink()


def begun(raw: Any, activity: str, element: str, **parameters: Any) -> Any:
    run = raw()
    answer = run.ask({
        "do": "begin", "activity": activity, "cells": [],
        "parameters": {"element": element, "mode": "apply", "reason": "t", **parameters},
    })  # fmt: skip
    assert "done" in answer, answer
    assert "done" in run.step("look")
    return run


def registering(raw: Any, path: str, element: str = "hcore1", **more: Any) -> Any:
    given = {"action": "register", "path": path, "ticket": "T", "agreed_with": "A", "purpose": "p", **more}
    return begun(raw, "custom-configuration", element, **given)


def refusals(run: Any, *asks: dict[str, Any]) -> list[str]:
    found = []
    for ask in asks:
        run.step("look")
        found.append(run.ask({"do": "look", "step": "look", **ask})["error"]["words"])
    return found


def read(desk: Desk) -> set[str]:
    """What was sent beside the proof of the element, without its path."""
    return {" ".join(e["template"].split()[:2]) for e in desk.record().sent("look")}


def kept(desk: Desk) -> bool:
    return (desk.records / "register").exists()


def test_a_link_that_leads_to_a_secret_is_not_read_through_in_a_container_either(desk: Desk, raw, link: Path) -> None:
    run = registering(raw, "/etc/looks-harmless.conf")
    asks = [{"what": {"command": command}} for command in (SUM, STAT, REAL)]
    assert all("/etc/shadow may hold a secret" in words for words in refusals(run, *asks))
    assert read(desk) == NOTHING_READ
    assert not kept(desk)


@pytest.mark.parametrize("path", ["/etc/shadow", "/proc/1/environ"])
def test_a_secret_or_no_file_is_refused_by_every_look_at_it(desk: Desk, raw, path: str) -> None:
    run = registering(raw, path)
    asks = [{"what": {"command": SUM}}, {"what": {"command": STAT}}, {"what": {"register": True}}, AS_AGREED]
    assert len(refusals(run, *asks)) == 4
    assert not read(desk)
    assert not kept(desk)


def test_a_path_into_a_container_is_refused_from_its_host(desk: Desk, raw) -> None:
    run = registering(raw, "/vz/root/305/etc/motd", "ih-01")
    assert "leads into a container" in refusals(run, {"what": {"command": SUM}})[0]
    assert not read(desk)


def through(raw: Any, mode: str, action: str = "register") -> dict[str, Any]:
    """A whole run on /etc/motd, each step with the looks of its cell; what finish answers."""
    run = registering(raw, "/etc/motd", mode=mode, action=action)
    assert "done" in run.ask({"do": "look", "step": "look", "what": {"register": True}})
    run.step("read", applies=action != "retire")
    if action != "retire":
        assert all("done" in run.verb("look", "read", command) for command in (REAL, STAT, SUM))
    run.step("agree", applies=False)
    run.step("check", applies=action != "retire")
    if action != "retire":
        assert "done" in run.ask({"do": "look", "step": "check", **AS_AGREED})
    answer = run.ask({"do": "finish"})
    run.close()
    return answer["done"]


def misfits(raw: Any, action: str) -> str:
    """What the register's look says to an action that does not fit."""
    return refusals(registering(raw, "/etc/motd", action=action), {"what": {"register": True}})[0]


def test_the_register_is_written_in_apply_alone_and_an_action_that_does_not_fit_it_is_refused(desk: Desk, raw) -> None:
    assert through(raw, "plan")["state"] == "succeeded"
    assert not kept(desk)
    assert "not in the register" in misfits(raw, "retire")
    assert through(raw, "apply")["state"] == "succeeded"
    assert kept(desk)
    assert "is in the register" in misfits(raw, "register")
    assert through(raw, "plan", "retire")["state"] == "succeeded"
    assert [s.state for s in register.settings(desk.records, "lab")] == ["agreed"]
    assert through(raw, "apply", "retire")["state"] == "succeeded"
    assert [s.state for s in register.settings(desk.records, "lab")] == ["retired"]
    assert "not in the register" in misfits(raw, "agree-again")


def test_a_file_that_changes_while_it_is_being_registered_is_not_kept(desk: Desk, raw, link: Path) -> None:
    path = link.with_name("moves.conf")
    path.write_text("one")
    try:
        run = registering(raw, "/etc/moves.conf")
        run.step("read")
        assert all("done" in run.verb("look", "read", command) for command in (REAL, STAT, SUM))
        path.write_text("two")
        run.step("agree", applies=False)
        run.step("check")
        error = run.ask({"do": "look", "step": "check", **AS_AGREED})["error"]
    finally:
        path.unlink()
    assert "changed while it was being registered: sha256" in error["words"]
    assert "new run" in error["next"]
    assert "error" in run.ask({"do": "finish"})
    assert not kept(desk)


def test_an_element_that_another_run_has_is_looked_at_all_the_same(desk: Desk, raw) -> None:
    other = raw(another=True)
    assert "done" in other.begin("hcore1", "apply", parameters={"service": "nginx"})
    assert through(raw, "apply")["state"] == "succeeded"
    assert "done" in other.step("look")


def test_what_was_not_read_in_the_run_is_not_kept(desk: Desk, raw) -> None:
    run = registering(raw, "/etc/motd")
    for step in ("read", "agree", "check"):
        run.step(step, applies=False)
    assert "was not read in this run" in run.ask({"do": "finish"})["error"]["words"]
    run.close()
    wait_for(lambda: desk.record().sealed, what="the record is sealed")
    assert desk.record().state != "succeeded"
    assert not kept(desk)


@pytest.mark.parametrize("activity", ["custom-configuration", "unlisted-maintenance"])
def test_a_note_sends_no_change_and_edits_no_file(desk: Desk, lab, raw, activity: str) -> None:
    given = yaml.safe_load((REPOSITORY / f"parameters/runs/{activity}-uh-01.yml").read_text())
    path = Path(lab.host_root("uh-01")) / "etc/motd"
    before = path.read_bytes(), path.stat().st_ctime_ns
    run = begun(raw, activity, **given)
    asks = [{"do": "change", "what": {"command": "systemctl restart zabbix-agent"}},
            {"do": "edit", "what": {"command": "{path}"}, "amend": {"content": "x"}},
            {"do": "look", "what": {"command": "cat /etc/motd"}},
            {"do": "look", "what": {"command": "sha256sum /etc/shadow"}}]  # fmt: skip
    assert all(refusals(run, *asks))
    assert read(desk) <= NOTHING_READ
    assert (path.read_bytes(), path.stat().st_ctime_ns) == before


def test_the_register_is_looked_at_in_its_own_run_only(desk: Desk, raw) -> None:
    run = raw()
    run.begin("uh-01", "plan")
    assert "custom-configuration.ipynb" in refusals(run, {"what": {"register": True}})[0]
