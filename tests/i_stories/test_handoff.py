"""From a request to its acceptance: the vendor's change is made in the lab by other means, or is not made."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from desk import REPOSITORY, Desk, wait_for
from opsguide.guide import scopes
from opsguide.notebook.expect import matches, says
from raw import Raw

pytestmark = pytest.mark.lab
CASE = REPOSITORY / "parameters/runs/17-hcore1-nginx.yml"
TOKEN = Path("/var/lib/opsguide-lab/keys/api-token")


@pytest.fixture
def rules(lab) -> Iterator[Path]:
    """The file that the vendor is asked for; it is not there before, nor afterwards."""
    path = Path(lab.container_root("hcore1")) / "etc/logrotate.d/nginx-site"
    path.unlink(missing_ok=True)
    whole = path.with_name("nginx")
    before = whole.read_text()
    yield path
    path.unlink(missing_ok=True)
    whole.write_text(before)


def asked(desk: Desk, reason: str = "logs fill the disk", *more: str) -> None:
    done = desk("run", "17", "--on", "hcore1", "-f", str(CASE), "--reason", reason, *more)
    assert done.code == 3, done
    assert "opsguide handoff show" in done.out


def listed(desk: Desk) -> list[dict]:
    return json.loads(desk("handoff", "list", "--json").out)


def sent(desk: Desk, tmp_path: Path) -> str:
    number = listed(desk)[0]["handoff"]
    assert desk("handoff", "send", number, "--to-file", str(tmp_path / "out")).code == 0
    return number


def done_by_the_vendor(desk: Desk, rules: Path) -> None:
    request = json.loads((desk.record(0).path / "request.json").read_text())
    wanted = next(
        a["ask"]["expect"]["args"][0] for a in request["acceptance"] if a["ask"]["what"]["command"] == "cat {path}"
    )
    rules.write_text(wanted)
    rules.chmod(0o644)
    whole = rules.with_name("nginx")  # names the same log: logrotate calls that an error
    whole.write_text(whole.read_text().replace("/*.log", "/error.log"))


def test_what_was_done_is_confirmed_and_what_was_not_done_stays_open(
    desk: Desk, lab, tmp_path: Path, rules: Path
) -> None:
    asked(desk)
    number = sent(desk, tmp_path)
    failed = desk("handoff", "confirm", number, "--ticket", "T-1", "--what", f"done, token {TOKEN.read_text().strip()}")
    assert failed.code == 1, failed
    assert "not met" in failed.out
    assert not rules.exists()
    assert not desk.record().sent("change", "edit")
    assert listed(desk)[0]["state"] == "reopened"
    asked(desk, "asked once more")
    assert [(h["handoff"], len(h["runs"]), h["region"]) for h in listed(desk)] == [(number, 2, "lab")]
    assert desk("handoff", "send", number, "--to-file", str(tmp_path / "out")).code == 0
    done_by_the_vendor(desk, rules)
    done = desk("handoff", "confirm", number, "--ticket", "T-1", "--what", "file put in place", "--json")
    assert done.code == 0, done
    told = json.loads(done.out)
    assert (told["state"], told["court"]) == ("confirmed", "")
    assert told["vendor_seconds"] > 0
    story = ["opened", "sending", "sent", "failed", "evidence", "sending", "sent", "confirmed"]
    assert [e["type"] for e in told["events"]] == story
    assert any(not c["same"] for c in told["acceptance"]["compared"])
    assert any("journalctl -u logrotate" in c["command"] for c in told["acceptance"]["compared"]), "a common look"
    assert told["events"][-1]["what"] == "file put in place"
    request = json.loads((desk.record(0).path / "request.json").read_text())
    assert told["events"][-1]["not_asked"] == [a["check"] for a in request["acceptance"] if not a["ask"]]
    canary = TOKEN.read_bytes().strip()
    places = [p for root in (desk.records, tmp_path / "out") for p in root.rglob("*") if p.is_file()]
    assert places
    assert not [p for p in places if canary in p.read_bytes()]
    assert desk("verify", "--all").code == 0


def test_what_must_hold_is_asked_all_through_it_and_fails_when_it_ends(desk: Desk, lab, rules: Path) -> None:
    """The broker's part of `confirm`, with a file that goes while its check is held."""
    rules.write_text("daily\n")
    raw, steps = Raw(desk.records), scopes.load("logrotate-configuration").steps
    values = {
        "element": "hcore1",
        "mode": "plan",
        "reason": "x",
        "path": "/etc/logrotate.d/nginx-site",
        "log": "/var/log/nginx/access.log",
    }
    begun = {"do": "begin", "activity": "logrotate-configuration", "parameters": values, "cells": [], "confirms": "x"}
    assert "done" in raw.ask(begun)
    raw.step(steps[0])
    ask = {
        "do": "look",
        "step": steps[0],
        "what": {"command": "cat {path}"},
        "expect": says("daily"),
        "acceptance": True,
    }
    for checks in range(1, 6):  # in a time that is too short on a busy machine it is asked once
        before = len(desk.record().sent("look"))
        raw.ask({**ask, "hold": f"{0.4 * 3**checks:.1f} s"})
        held = len(desk.record().sent("look"))
        if held > before + 1:
            break
    assert held > before + 1

    def goes() -> None:
        wait_for(lambda: len(desk.record().sent("look")) > held + 1)
        rules.unlink()

    going = threading.Thread(target=goes)
    going.start()
    raw.ask({**ask, "hold": "10 min"}, seconds=300)
    going.join()
    for slug in steps[1:]:
        raw.step(slug, applies=False)
    raw.ask({"do": "finish"})
    raw.close()
    end = desk.record().events("end")[0]
    assert (end["exit"], end["words"]) == (1, f"acceptance test of hand-off x: 1 of {checks + 1} not met")


@pytest.fixture
def guests(lab) -> Iterator[list[Path]]:
    """Two Windows guests of uh-01, as prlctl reads them."""
    first = Path(lab.host_root("uh-01")) / "vz/vmprivate/win2019-1/vm.json"
    second, before = first.parent.with_name("win2019-2") / "vm.json", first.read_text()
    second.parent.mkdir(exist_ok=True)
    second.write_text(before.replace("win2019-1", "win2019-2").replace(json.loads(before)["uuid"], f"{{{uuid4()}}}"))
    yield [first, second]
    first.write_text(before)
    shutil.rmtree(second.parent)


def patched(guest: Path) -> None:
    guest.write_text(json.dumps({**json.loads(guest.read_text()), "Patched": "yes"}))


def test_a_check_of_each_row_is_asked_by_itself_with_the_rows_of_the_request(
    desk: Desk, lab, tmp_path: Path, guests: list[Path]
) -> None:
    slug, steps = "windows-host-software-update", scopes.load("windows-host-software-update").steps
    given = yaml.safe_load((REPOSITORY / "parameters/runs/04-uh-01.yml").read_text()) | {"mode": "plan"}
    begin = {"do": "begin", "activity": slug, "parameters": given, "cells": []}
    raw = Raw(desk.records)
    assert "done" in raw.ask(begin)
    raw.step("look")
    answer = raw.verb("look", "look", "prlctl list -a --vmtype vm -j")["done"]["answers"][0]["text"]
    rows = [{"uuid": one["uuid"], "name": one["name"]} for one in json.loads(answer)]
    ask = {"step": "look", "what": {"command": "prlctl list -i {uuid} -j"}, "expect": matches('"Patched": "yes"')}
    assert "done" in raw.ask({"do": "prove", **ask, "each": rows})
    for step in steps[1:]:
        raw.step(step, applies=False)
    assert raw.ask({"do": "finish"})["done"]["state"] == "requested"
    raw.close()
    request = json.loads((desk.record().path / "request.json").read_text())
    assert [a["ask"]["each"] for a in request["acceptance"]] == [[{"uuid": row["uuid"]}] for row in rows]
    assert len(rows) == 2
    number = sent(desk, tmp_path)
    patched(guests[0])
    failed = desk("handoff", "confirm", number, "--ticket", "T-1")
    assert failed.code == 1, failed
    assert "1 of 2 not met" in failed.out
    assert "NOT ASKED" not in failed.out
    patched(guests[1])
    assert desk("handoff", "send", number, "--again", "--to-file", str(tmp_path / "out")).code == 0
    done = desk("handoff", "confirm", number, "--ticket", "T-1", "--json")
    assert done.code == 0, done
    told = json.loads(done.out)["acceptance"]
    assert "2 of 2 met" in told["words"]
    assert [c["command"] for c in told["compared"]] == [request["evidence"][0]["command"]]
    asked = [e["slots"]["uuid"] for e in desk.record().sent("look") if "-i {uuid}" in e["template"]]
    assert asked == [row["uuid"] for row in rows]
    assert desk.record().intent["again"] == request["run"]
    hostile = Raw(desk.records)
    again = {**begin, "confirms": number, "again": request["run"]}
    words = "can be asked again on its own element only"
    elsewhere = hostile.ask({**again, "parameters": given | {"element": "uh-02"}})
    assert words in elsewhere["error"]["words"]
    assert "done" in hostile.ask(again)
    hostile.step("look")
    made_up = hostile.ask({"do": "look", **ask, "each": [{"uuid": "{made-up}"}], "acceptance": True})
    assert "no look of this run returned the row" in made_up["error"]["words"]
    hostile.close()
