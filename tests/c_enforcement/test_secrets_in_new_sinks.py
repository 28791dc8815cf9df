"""A password in a record of the platform: sent back whole, and shown and kept nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk import Desk, wait_for
from opsguide.guide import scopes
from opsguide.places import platform_file
from opsguide.reach import inventory, secrets
from opsguide.reach.api import PlatformApi
from raw import Raw

pytestmark = pytest.mark.lab
CANARY = "canary-0f3b7a91"
STATE = Path("/var/lib/opsguide-lab/state")
SCOPE = scopes.load("user-host-decommission")
WHAT = {"api": "administration.cluster.EditHdNode", "args": {"hdnode": "@element", "status": "MAINTENANCE"}}


@pytest.fixture
def platform(lab) -> Iterator[PlatformApi]:
    """The platform, whose record of uh-02 holds a password."""
    lab.restore()
    here = inventory.load(platform_file("lab"))
    api = PlatformApi(here.api.url, secrets.resolve(here.api.token), 20)
    (record,) = [h for h in api.call("administration.cluster.GetHosts", {}).body["array"] if h["id"] == 4]
    whole = json.dumps({**record, "soapLogin": f"password={CANARY}"})
    assert api.call("administration.cluster.EditHdNode", {"hdnode": whole}).result == 0
    yield api
    lab.api_fault("")
    lab.restore()


def begun(raw, mode: str) -> Raw:
    run = raw()
    parameters = {"element": "uh-02", "confirm": "uh-02", "mode": mode, "reason": "test"}
    begun = run.ask({"do": "begin", "activity": "user-host-decommission", "parameters": parameters, "cells": []})
    assert "done" in begun, begun
    for slug in SCOPE.steps[: SCOPE.steps.index("stop-placement")]:
        run.step(slug, applies=False)
    run.step("stop-placement")
    return run


def kept_anywhere(desk: Desk) -> list[str]:
    files = [p for root in (desk.records, STATE) for p in root.rglob("*") if p.is_file()]
    return [str(p) for p in files if CANARY.encode() in p.read_bytes()]


@pytest.mark.parametrize("mode", ["plan", "apply"])
@pytest.mark.parametrize("fault", ["", "fail:EditHdNode=99", "lose-at=2"])
def test_a_password_in_a_whole_record_is_sent_and_neither_shown_nor_kept(desk, raw, lab, platform, mode, fault) -> None:
    run = begun(raw, mode)
    lab.api_fault(fault)
    answer = run.ask({"do": "change", "step": "stop-placement", "what": WHAT})
    assert ("error" in answer) == (bool(fault) and mode == "apply"), answer
    assert CANARY not in json.dumps(answer)
    assert CANARY not in "\n".join(run.said)
    assert kept_anywhere(desk) == []
    if mode == "apply":
        assert CANARY in [r for r in lab.api_requests() if r["method"].endswith("edithdnode")][-1]["args"]["hdnode"]
    run.close()
    wait_for(lambda: desk.record().sealed, what="the record is sealed")
    assert kept_anywhere(desk) == []


def test_a_record_that_lost_its_port_is_refused_without_showing_its_password(desk, raw, lab, platform) -> None:
    (record,) = [h for h in platform.call("administration.cluster.GetHosts", {}).body["array"] if h["id"] == 4]
    platform.call("administration.cluster.EditHdNode", {"hdnode": json.dumps({**record, "soapPort": 0})})
    run = begun(raw, "apply")
    answer = run.ask({"do": "change", "step": "stop-placement", "what": WHAT})
    assert "soapPort" in answer["error"]["words"], answer
    assert CANARY not in json.dumps(answer)
    run.close()
