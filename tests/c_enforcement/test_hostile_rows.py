"""Rows that are known only in apply: a plan names those among which they are, and a notebook cannot widen them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from opsguide.guide import scopes

pytestmark = pytest.mark.lab
STEPS = scopes.load("user-host-decommission").steps
MOVE, NODES = "move-what-is-left", "administration.cluster.GetNodes"
MIGRATE = {"api": "administration.cluster.MigrateNode",
           "args": {"nodeid": "{id}", "hdnodeid": "@one-related", "isOnline": "{online}"}}  # fmt: skip


@pytest.fixture(autouse=True)
def as_built(lab) -> Iterator[None]:
    lab.restore()
    yield
    lab.restore()


def begun(raw, mode: str, **more: Any):
    run = raw()
    parameters = {"element": "uh-02", "confirm": "uh-02", "mode": mode, "reason": "test", **more}
    run.begun = run.ask({"do": "begin", "activity": "user-host-decommission", "parameters": parameters, "cells": []})
    assert "done" in run.begun, run.begun
    for slug in STEPS[: STEPS.index(MOVE)]:
        run.step(slug, applies=False)
    run.step(MOVE)
    return run


def look(run, **more: Any) -> dict[str, Any]:
    what = {"api": NODES, "args": {"hdnodeid": "@element"}}
    return run.ask({"do": "look", "step": MOVE, "what": what, **more})


def planned(raw, among: list[dict[str, Any]] | None) -> str:
    run = begun(raw, "plan")
    later = look(run, when="apply", **({} if among is None else {"among": among}))["done"]
    assert "done" in run.ask({"do": "change", "step": MOVE, "what": MIGRATE, "each": later})
    run.ask({"do": "prove", "step": MOVE, "what": {"api": NODES, "args": {"hdnodeid": "@element"}}})
    for slug in STEPS[STEPS.index(MOVE) + 1 :]:
        run.step(slug, applies=False)
    assert "done" in run.ask({"do": "finish"})
    run.close()
    return str(run.begun["done"]["run"])


@pytest.mark.parametrize(("among", "refused"), [([{"id": "2001"}], True), ([], True), (None, False)])
def test_a_row_that_a_look_returns_and_that_the_plan_did_not_see_is_not_changed(raw, lab, among, refused) -> None:
    plan = planned(raw, among)
    run = begun(raw, "apply", follows=plan)
    nodes = json.loads(look(run)["done"]["answers"][0]["text"])["array"]
    row = next({"id": str(node["id"])} for node in nodes if node["id"] == 2002)
    begun_at = len(lab.api_requests())
    answer = run.ask({"do": "change", "step": MOVE, "what": MIGRATE, "each": [row]})
    sent = [r for r in lab.api_requests()[begun_at:] if r["method"].endswith("migratenode")]
    assert ("error" in answer, len(sent)) == ((True, 0) if refused else (False, 1)), answer
    if refused:
        assert "did not see the row 2002" in answer["error"]["words"]


def test_a_row_among_those_that_the_plan_saw_is_changed(raw) -> None:
    run = begun(raw, "apply", follows=planned(raw, [{"id": "2001"}]))
    look(run)
    assert "done" in run.ask({"do": "change", "step": MOVE, "what": MIGRATE, "each": [{"id": "2001"}]})
