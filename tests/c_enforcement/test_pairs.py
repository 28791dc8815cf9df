"""Members of a pair are never out both, whoever took the first one out and however that run ended."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk import Desk, wait_for

pytestmark = pytest.mark.lab
OUT, BACK = "bash /root/scripts/disable_me.sh", "bash /root/scripts/enable_me.sh"
NOTE = Path("/var/lib/opsguide-lab/state/out/hcore1.json")
NGINX = {"parameters": {"service": "nginx"}}


@pytest.fixture(autouse=True)
def both_in(lab) -> Iterator[None]:
    NOTE.unlink(missing_ok=True)
    yield
    for member in ("hcore1", "hcore2"):
        lab.inside(member, BACK.split())
    NOTE.unlink(missing_ok=True)


def begun(raw, element: str):
    run = raw()
    run.answered = run.begin(element, **NGINX)
    return run


def test_the_peer_of_a_member_that_a_failed_run_left_out_is_refused_until_it_is_back(desk: Desk, raw) -> None:
    run = begun(raw, "hcore1")
    run.reach("drain")
    assert "done" in run.verb("change", "drain", OUT, undo=BACK)
    run.close()
    wait_for(lambda: desk.record().sealed, 10)
    other = begun(raw, "hcore2")
    assert "both members would be down" in other.answered["error"]["words"]
    assert other.answered["error"]["exit"] == 7
    assert not desk.record().sent()
    again = begun(raw, "hcore1")
    again.reach("enable")
    assert "done" in again.verb("change", "enable", BACK)
    assert not NOTE.exists()
    again.close()
    wait_for(lambda: desk.record().sealed, 10)
    assert "done" in begun(raw, "hcore2").answered


def test_a_broker_that_was_killed_leaves_the_member_noted(desk: Desk, raw) -> None:
    run = begun(raw, "hcore1")
    run.reach("drain")
    assert "done" in run.verb("change", "drain", OUT, undo=BACK)
    broker = desk.record().intent["broker"]["pid"]
    os.kill(broker, signal.SIGKILL)
    with contextlib.suppress(ConnectionError):
        run.answer()
    wait_for(
        lambda: not Path(f"/proc/{broker}/cmdline").exists() or not Path(f"/proc/{broker}/cmdline").read_bytes(), 10
    )
    assert "both members would be down" in begun(raw, "hcore2").answered["error"]["words"]


def test_an_undo_that_the_scope_does_not_know_cannot_shut_the_pair(raw) -> None:
    run = begun(raw, "hcore1")
    run.reach("drain")
    assert "done" in run.verb("change", "drain", OUT, undo="call somebody")
    assert not NOTE.exists()
