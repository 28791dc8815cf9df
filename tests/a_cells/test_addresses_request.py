"""15 on the practice platform: addresses that do not agree stand in the request, and its acceptance test tells them.

The routes and proxy entries are the kernel's own, in the host's network namespace; the list of addresses is a stand-in's.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from desk import REPOSITORY, Desk

pytestmark = pytest.mark.lab
RUN = ("run", "15", "-f", str(REPOSITORY / "parameters/runs/15-uh-01.yml"))
OWN, STRANGER = "10.64.3.11", "192.0.2.9"
BREAK = f"ip route del {OWN} dev venet0; ip neigh add proxy {STRANGER} dev venet0"
MEND = f"ip route replace {OWN} dev venet0; ip neigh del proxy {STRANGER} dev venet0"


@pytest.fixture(autouse=True)
def as_built(lab) -> Iterator[None]:
    yield
    lab.inside("uh-01", ["sh", "-c", MEND])


def accepted(request: dict[str, Any]) -> str:
    """What the acceptance test's own line says, by a terminal."""
    (line,) = (one["check"] for one in request["acceptance"] if "veinfo" in one["check"])
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout


def test_addresses_that_do_not_agree_stand_in_the_request_and_its_acceptance_test_tells_them(desk: Desk, lab) -> None:
    lab.inside("uh-01", ["sh", "-c", BREAK])
    done = desk(*RUN)
    assert done.code == 3, done
    record = desk.record()
    request, page = json.loads((record.path / "request.json").read_text()), (record.path / "request.md").read_text()
    (judged,) = (one for one in request["judged"] if "addresses of containers" in one["words"])
    assert not judged["met"]
    assert judged["inputs"][OWN] == "101 node1001-shop.lab.example Missing in routes"
    assert judged["inputs"][STRANGER] == "- Unexpected in proxies"
    assert judged["inputs"]["10.64.3.12"].endswith(" ok")
    assert f"  - {OWN}: 101 node1001-shop.lab.example Missing in routes\n" in page
    assert f"{STRANGER} " in done.out, "the table is on the screen"
    (pools,) = (one for one in request["judged"] if one["words"] == "each pool has a free address")
    assert pools["met"]
    assert pools["inputs"]["internal"].startswith("total 64, used ")
    assert set(accepted(request).splitlines()) == {f"{OWN} is in 3 of 4", f"{STRANGER} is in 1 of 4"}
    lab.inside("uh-01", ["sh", "-c", MEND])
    assert accepted(request) == ""


def test_a_container_that_stops_is_known_no_more_and_one_that_starts_is_again(lab) -> None:
    known = "cat /run/vz/veinfo; ip route show dev venet0; ip neigh show proxy dev venet0"
    assert lab.inside("uh-01", ["sh", "-c", known]).stdout.count("10.64.3.13") == 3
    lab.inside("uh-01", ["vzctl", "stop", "103", "--fast"])
    try:
        assert "10.64.3.13" not in lab.inside("uh-01", ["sh", "-c", known]).stdout
    finally:
        lab.inside("uh-01", ["vzctl", "start", "103"])
    assert lab.inside("uh-01", ["sh", "-c", known]).stdout.count("10.64.3.13") == 3
