"""Activity 04: what its request says where there is no Windows guest, where answers are missing, and what it never says.

That its two cells end as complete requests is in test_requests.py.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from desk import REPOSITORY, Desk
from stepping import stepped

pytestmark = pytest.mark.lab
BOOK = "04-windows-host-software-update.ipynb"


def given(name: str, **more: Any) -> dict[str, Any]:
    return {**yaml.safe_load((REPOSITORY / f"parameters/runs/04-{name}.yml").read_text()), **more}


def request(desk: Desk) -> tuple[dict[str, Any], str]:
    record = desk.record()
    assert record.state == "requested"
    return json.loads((record.path / "request.json").read_text()), (record.path / "request.md").read_text()


def judged(body: dict[str, Any]) -> dict[str, bool]:
    return {j["words"]: j["met"] for j in body["judged"]}


def test_a_host_without_a_windows_guest_is_said_to_have_none(desk: Desk, lab: Any) -> None:
    assert stepped(desk, BOOK, **given("uh-01", element="uh-02")) is None
    body, page = request(desk)
    assert judged(body)["the host has a Windows guest"] is False
    assert "- NO: the host has a Windows guest" in page
    (answer,) = [e["answer"] for e in body["evidence"] if "--vmtype vm" in e["command"]]
    assert json.loads(answer) == []


def test_a_guest_with_another_system_is_no_windows_guest(desk: Desk, lab: Any) -> None:
    place = lab.host_root("uh-01") / "vz/vmprivate/win2019-1/vm.json"
    whole = place.read_text()
    place.write_text(json.dumps({**json.loads(whole), "OS": "debian"}))
    try:
        assert stepped(desk, BOOK, **given("uh-01")) is None
    finally:
        place.write_text(whole)
    assert judged(request(desk)[0])["the host has a Windows guest"] is False


def test_a_guest_with_a_snapshot_is_named_since_it_cannot_be_moved(desk: Desk, lab: Any) -> None:
    place = lab.host_root("uh-01") / "vz/vmprivate/win2019-1/vm.json"
    whole = place.read_text()
    place.write_text(json.dumps({**json.loads(whole), "Snapshots": [{"id": "{0a1b}"}], "name": "win 2019 'a'"}))
    try:
        assert stepped(desk, BOOK, **given("uh-01")) is None
    finally:
        place.write_text(whole)
    body, _ = request(desk)
    assert judged(body)["no machine has a snapshot"] is False
    assert judged(body)["the host has a Windows guest"] is True


def test_a_question_without_an_answer_stands_in_the_request_as_that(desk: Desk, lab: Any) -> None:
    assert stepped(desk, BOOK, **given("node101")) is None
    body, page = request(desk)
    open_ones = {name for name, value in body["parameters"].items() if value == "not answered"}
    assert {"windows", "hotfixes", "pending_reboot", "activation", "backup", "guests_may_reboot"} <= open_ones
    assert all(f"- {name}: not answered" in page for name in open_ones)
    assert "- NO: the last backup is named" in page
    assert judged(body)["a window is named"] is True


def test_nothing_is_sent_but_looks_and_none_of_them_enters_a_guest(desk: Desk, lab: Any) -> None:
    for name in ("uh-01", "node101"):
        assert stepped(desk, BOOK, **given(name)) is None
        assert {e["verb"] for e in desk.record().sent()} == {"look", "proof"}
        assert not [e for e in desk.record().sent("look") if "exec" in e["line"]]


def test_a_password_that_was_pasted_with_an_answer_stands_nowhere(desk: Desk, lab: Any) -> None:
    canary = "Wq4-canary-5521"
    text = f"services:\n  agent: running\n  proxy_password = {canary}\n$(reboot) ünïcode"
    assert stepped(desk, BOOK, **given("uh-01", running_services=text)) is None
    body, page = request(desk)
    assert "$(reboot) ünïcode" in body["parameters"]["running_services"]
    assert "      $(reboot) ünïcode" in page
    assert not [p for p in desk.record().path.rglob("*") if p.is_file() and canary.encode() in p.read_bytes()]


@pytest.mark.parametrize(
    ("name", "value"),
    [("patches", ""), ("scope", ""), ("change_id", ""), ("customers_informed", "maybe"), ("guests_may_reboot", "")],
)
def test_what_is_no_answer_is_refused_and_nothing_is_run(desk: Desk, lab: Any, name: str, value: str) -> None:
    file = str(REPOSITORY / "parameters/runs/04-uh-01.yml")
    assert desk("run", "04", "-f", file, "-p", f"{name}={value}").code == 2
    assert not desk.folders()


@pytest.mark.parametrize("element", ["ih-01", "hcore1"])
def test_the_infrastructure_has_no_windows(desk: Desk, lab: Any, element: str) -> None:
    done = desk("run", "04", "-f", str(REPOSITORY / "parameters/runs/04-uh-01.yml"), "--on", element)
    assert done.code == 4, done
    assert not desk.record().sent()
