"""What is in force until it is taken back stays known, whoever did it and however that run ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import Desk, wait_for
from raw import Raw

pytestmark = pytest.mark.lab
OUT, BACK = "bash /root/scripts/disable_me.sh", "bash /root/scripts/enable_me.sh"
OPEN = Path("/var/lib/opsguide-lab/state/open")
NGINX = {"parameters": {"service": "nginx"}}
Open = Callable[..., Raw]


def notes(element: str = "hcore1") -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in OPEN.glob(f"{element}.*.json")]


@pytest.fixture(autouse=True)
def both_in(lab) -> Iterator[None]:
    yield
    for member in ("hcore1", "hcore2"):
        lab.inside(member, BACK.split())


def begun(raw: Open, element: str, mode: str = "apply"):
    run = raw()
    run.answered = run.begin(element, mode, **NGINX)
    return run


def drained(raw: Open, element: str = "hcore1", **more: Any):
    run = begun(raw, element)
    run.reach("drain")
    assert "done" in run.verb("change", "drain", OUT, **more)
    return run


def test_the_peer_of_a_member_that_a_failed_run_left_out_is_refused_until_it_is_back(desk: Desk, raw: Open) -> None:
    drained(raw).close()
    wait_for(lambda: desk.record().sealed, what="the record is sealed")
    other = begun(raw, "hcore2").answered["error"]
    assert other["words"].startswith("hcore1 is out since ")
    assert other["words"].endswith("; a change on hcore2 could take it down: then nobody answers for hcore")
    assert other["exit"] == 7
    assert f"run restarting-processes --on hcore1 … to its end (its way back: {BACK})" in other["next"]
    assert not desk.record().sent()
    again = begun(raw, "hcore1")
    again.reach("enable")
    assert "done" in again.verb("change", "enable", BACK)
    assert not notes()
    again.close()
    wait_for(lambda: desk.record().sealed, what="the record is sealed")
    assert "done" in begun(raw, "hcore2").answered


def test_a_drain_is_noted_also_when_the_notebook_does_not_say_what_takes_it_back(desk: Desk, raw: Open) -> None:
    drained(raw)
    (note,) = notes()
    assert (note["undo"], note["effect"], note["element"]) == (BACK, "takes-out", "hcore1")
    assert note["run"] == desk.record().intent["run"]
    assert note["person"] == desk.record().intent["person"]["name"]
    assert desk.record().events("open")[0]["undo"] == BACK


def test_a_broker_that_was_killed_leaves_the_member_noted(desk: Desk, raw: Open) -> None:
    run = drained(raw)
    broker = desk.record().intent["broker"]["pid"]
    os.kill(broker, signal.SIGKILL)
    with contextlib.suppress(ConnectionError):
        run.answer()
    other = wait_for(lambda: after_the_end(raw), what="another broker serves")
    assert "nobody answers for hcore" in other.answered["error"]["words"]


def after_the_end(raw: Open) -> Raw | None:
    """A run on the other member that a broker has answered, once the killed one's socket is gone."""
    with contextlib.suppress(ConnectionError):
        run = begun(raw, "hcore2")
        return run if "eof" not in run.answered else None
    return None


def test_a_note_that_cannot_be_read_stands(raw: Open) -> None:
    OPEN.mkdir(exist_ok=True)
    (OPEN / "hcore1.00000000.json").write_text("[1")
    assert "hcore1 is out" in begun(raw, "hcore2").answered["error"]["words"]


def test_a_drain_is_refused_while_the_other_member_does_not_run(desk: Desk, raw: Open, lab) -> None:
    lab.inside("ih-02", ["vzctl", "stop", "305", "--fast"])
    try:
        run = begun(raw, "hcore1")
        run.reach("drain")
        refused = run.verb("change", "drain", OUT)["error"]
        assert refused["words"] == ("hcore2 does not run on ih-02; taking hcore1 out: then nobody answers for hcore")
        assert refused["exit"] == 7
        assert not desk.record().sent("change")
        assert not notes()
        run.close()
        wait_for(lambda: desk.record().sealed, what="the record is sealed")
        assert desk.record().state == "refused"
        planned = begun(raw, "hcore1", "plan")
        planned.reach("drain")
        assert "done" in planned.verb("change", "drain", OUT)
        said = [e["words"] for e in desk.record().events("note")]
        assert any(words.startswith("would be refused now: hcore2 does not run") for words in said)
    finally:
        lab.inside("ih-02", ["vzctl", "start", "305", "--wait"])
