"""The stand-in answers as the platform does: HTTP 200 always, result 0 or a code, every call counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from .words import within

ADDRESS = "http://127.0.64.100:8080/1.0"


@pytest.fixture
def api(lab: Any) -> Iterator[Any]:
    yield lab
    lab.api_fault("")


def call(method: str, session: str = "", timeout: float | httpx.Timeout = 60, **arguments: str) -> dict[str, Any]:
    group, name, verb = method.split(".")
    session = session or Path("/var/lib/opsguide-lab/keys/api-token").read_text().strip()
    fields = {"appid": "cluster", "session": session, **arguments}
    answer = httpx.post(f"{ADDRESS}/{group}/{name}/rest/{verb.lower()}", data=fields, timeout=timeout)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def test_hosts_and_nodes_agree_with_what_runs(api: Any) -> None:
    hosts = call("administration.cluster.GetHosts")["array"]
    assert [(h["id"], h["status"]) for h in hosts] == [
        (1, "INFRASTRUCTURE_NODE"), (2, "INFRASTRUCTURE_NODE"), (3, "ACTIVE"), (4, "ACTIVE"),
    ]  # fmt: skip
    nodes = call("administration.cluster.GetNodes", hdnodeid="3")["array"]
    assert [(n["id"], n["ctid"], n["envName"], n["status"]) for n in nodes] == [
        (1001, 101, "shop", "RUNNING"), (1002, 102, "shop", "RUNNING"), (1003, 103, "shop", "RUNNING"),
    ]  # fmt: skip
    assert [h["status"] for h in call("administration.cluster.GetHosts", ids="3")["array"]] == ["ACTIVE"]


def test_a_wrong_session_an_unknown_host_and_an_unknown_method_are_answers_with_a_code(api: Any) -> None:
    assert call("administration.cluster.GetHosts", session="nonsense")["result"] == 8202
    assert call("administration.cluster.GetNodes", hdnodeid="99")["result"] == 5
    assert call("administration.cluster.Nothing")["result"] == 5


def test_restart_services_restarts_the_service_in_the_container(api: Any) -> None:
    pid = ["systemctl", "show", "-p", "MainPID", "--value", "nginx"]
    before = api.inside("node101", pid).stdout
    assert call("environment.control.RestartServices", envName="shop", nodeId="1001")["result"] == 0
    assert api.inside("node101", pid).stdout not in (before, "0\n")
    assert call("environment.control.RestartServices", envName="blog", nodeId="1001")["result"] == 5


def test_a_record_sent_without_its_ports_loses_them(api: Any) -> None:
    whole = call("administration.cluster.GetHosts", ids="4")["array"][0]
    short = {k: v for k, v in whole.items() if k not in ("soapPort", "tcpPort")} | {"status": "MAINTENANCE"}
    try:
        assert call("administration.cluster.EditHdNode", hdnode=json.dumps(short))["result"] == 0
        now = call("administration.cluster.GetHosts", ids="4")["array"][0]
        assert (now["status"], now["soapPort"], now["tcpPort"]) == ("MAINTENANCE", 0, 0)
    finally:
        call("administration.cluster.EditHdNode", hdnode=json.dumps(whole))
    assert call("administration.cluster.GetHosts", ids="4")["array"] == [whole]


def test_every_call_is_counted_and_no_session_is_kept(api: Any) -> None:
    call("administration.cluster.GetHosts", ids="1,2", mark="counted")
    call("administration.cluster.GetHosts", session="a-wrong-one", mark="counted")
    new = [r for r in api.api_requests() if r["args"].get("mark") == "counted"][-2:]
    assert [(r["method"], r["session"], r["result"]) for r in new] == [
        ("administration.cluster.gethosts", "valid", 0), ("administration.cluster.gethosts", "wrong", 8202),
    ]  # fmt: skip
    assert "a-wrong-one" not in json.dumps(new)


def test_down_refuses_the_connection(api: Any) -> None:
    api.api_fault("down")
    with pytest.raises(httpx.ConnectError):
        call("administration.cluster.GetHosts")
    api.api_fault("")
    assert call("administration.cluster.GetHosts")["result"] == 0


def test_hang_never_answers_and_the_call_is_counted(api: Any) -> None:
    api.api_fault("hang")
    with pytest.raises(httpx.ReadTimeout):
        call("administration.cluster.GetHosts", timeout=httpx.Timeout(60, read=0.3), mark="hung")

    def counted() -> list[Any]:
        return [r["result"] for r in api.api_requests() if r["args"].get("mark") == "hung"][-1:]

    assert within(lambda: counted() == [None])


def test_lose_does_the_work_and_breaks_the_connection(api: Any) -> None:
    pid = ["systemctl", "show", "-p", "MainPID", "--value", "nginx"]
    before = api.inside("node201", pid).stdout
    api.api_fault("lose")
    with pytest.raises(httpx.RemoteProtocolError):
        call("environment.control.RestartServices", envName="blog", nodeId="2001")
    assert api.inside("node201", pid).stdout not in (before, "0\n")


def test_fail_answers_the_code_for_that_method_only(api: Any) -> None:
    api.api_fault("fail:RestartServices=4182")
    assert call("environment.control.RestartServices", envName="shop", nodeId="1001")["result"] == 4182
    assert call("administration.cluster.GetHosts")["result"] == 0


def test_contradict_turns_kinds_and_numbers_round(api: Any) -> None:
    api.api_fault("contradict")
    assert call("administration.cluster.GetHosts", ids="1")["array"][0]["status"] == "ACTIVE"
    assert call("administration.cluster.GetNodes", hdnodeid="3")["array"][0]["ctid"] == 601


def test_an_unknown_fault_is_refused(api: Any) -> None:
    with pytest.raises(api.LabError, match="nonsense"):
        api.api_fault("nonsense")
