"""A kernel that speaks the wire itself: nothing is sent that was not allowed, nothing is called a success that was not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from desk import Desk, Record, wait_for

pytestmark = pytest.mark.lab
STEPS = ("look", "drain", "restart", "reload", "restart-through-platform", "restart-in-container", "enable", "probe")
RESTART = "systemctl restart {service}"
ACTIVE = "systemctl is-active {service}"
SAYS_ACTIVE = {"name": "says", "args": ["active"]}
NEVER = {"name": "at_most", "args": [0]}


def sealed(desk: Desk) -> Record:
    wait_for(lambda: desk.folders() and desk.record().sealed, what="the record is sealed")
    return desk.record()


def at_once(*messages: dict, run) -> None:
    run.socket.sendall(b"".join(json.dumps(one).encode() + b"\n" for one in messages))


@pytest.mark.parametrize("cells", [5, {"a": 1}, None, "print(1)", [["x"]]])
def test_a_begin_that_breaks_leaves_no_run_to_send_with(desk: Desk, raw, cells) -> None:
    run = raw()
    if "done" in run.begin(cells=cells):
        assert desk.record().events("proof")
        return
    assert "no run has begun" in run.step("look")["error"]["words"]
    assert "error" in run.verb("change", "look", RESTART)
    assert not desk.folders() or (sealed(desk).state == "failed" and not sealed(desk).sent())


def test_a_step_whose_look_failed_is_not_done_by_running_it_empty(desk: Desk, raw) -> None:
    run = raw()
    run.begin()
    run.step("look")
    assert "error" in run.verb("look", "look", "df --output=pcent /var", expect=NEVER)
    run.step("look")
    assert "error" in run.step("drain", applies=False)
    run.close()
    assert sealed(desk).state != "succeeded"


def test_a_step_whose_look_failed_is_done_once_the_look_is_met(desk: Desk, raw) -> None:
    run = raw()
    run.begin()
    run.step("look")
    assert "error" in run.verb("look", "look", "df --output=pcent /var", expect=NEVER)
    run.step("look")
    assert "done" in run.verb("look", "look", "df --output=pcent /var", expect={"name": "at_most", "args": [100]})
    assert "done" in run.step("drain", applies=False)


def test_a_change_is_proved_on_its_own_element_and_not_by_the_peer(desk: Desk, raw) -> None:
    run = raw()
    run.begin("resolver1", parameters={"service": "zabbix-agent"})
    run.reach("restart")
    assert "done" in run.verb("change", "restart", RESTART)
    run.verb("prove", "restart", ACTIVE, on=["resolver2"])
    assert "did not prove it" in run.step("reload", applies=False)["error"]["words"]


def test_a_change_of_another_step_is_refused_in_each_step_but_its_own(desk: Desk, raw) -> None:
    run = raw()
    run.begin("hcore1", parameters={"service": "nginx"})
    run.step("look")
    refused = run.verb("change", "look", "bash /root/scripts/disable_me.sh")["error"]
    assert "belongs to step drain" in refused["words"]
    assert not desk.record().sent("change")


def test_a_require_outside_its_step_is_refused(desk: Desk, raw) -> None:
    run = raw()
    run.begin()
    run.step("look", applies=False)
    assert "is not the current step" in run.ask({"do": "require", "step": "look", "met": False})["error"]["words"]


def test_an_interrupt_that_overtakes_a_change_stops_it_from_being_sent(desk: Desk, raw) -> None:
    run = raw()
    run.begin()
    run.reach("restart")
    at_once({"do": "look", "step": "restart", "what": {"command": "df -h"}},
            {"do": "change", "step": "restart", "what": {"command": RESTART}}, {"do": "interrupt"}, run=run)  # fmt: skip
    run.answer()
    run.answer()
    run.close()
    assert not sealed(desk).sent("change")


def test_nothing_more_is_sent_for_a_client_that_is_gone(desk: Desk, raw) -> None:
    run = raw()
    run.begin()
    run.reach("restart")
    waits = {"do": "prove", "step": "restart", "what": {"command": ACTIVE}, "hold": "10 min"}
    change = {"do": "change", "step": "restart", "what": {"command": RESTART}}
    at_once(waits, change, run=run)
    wait_for(lambda: desk.record().sent("prove"))
    run.close()
    assert sealed(desk).state in ("interrupted", "failed")
    assert not sealed(desk).sent("change")


def test_a_hold_that_was_cut_short_proves_nothing(desk: Desk, raw) -> None:
    run = raw()
    run.begin()
    run.reach("restart")
    assert "done" in run.verb("change", "restart", RESTART)
    run.send({"do": "prove", "step": "restart", "what": {"command": ACTIVE}, "expect": SAYS_ACTIVE, "hold": "10 min"})
    wait_for(lambda: desk.record().sent("prove"))
    run.send({"do": "interrupt"})
    assert run.answer() == {"interrupted": True}
    assert "error" in run.step("reload", applies=False)
    run.close()
    assert sealed(desk).state == "interrupted"


@pytest.mark.parametrize(
    "line",
    [b"[" * 200_000, b"{", b"5", b'"x"', b'{"do": "\xff\xfe"}', b'{"do": ' + b"9" * 5000 + b"}", b"{}", b"\x00"],
)
def test_a_line_that_is_no_request_ends_the_session_or_is_refused_and_frees_the_element(desk, raw, line) -> None:
    run = raw()
    run.begin()
    answer = run.ask(line)
    assert answer == {"eof": True} or "error" in answer
    run.close()
    assert sealed(desk).state == "interrupted"


def test_requests_of_a_megabyte_and_odd_types_do_no_harm(desk: Desk, raw) -> None:
    run = raw()
    run.begin()
    run.step("look")
    odd = (None, 5, 1e308, True, [], {}, "\ud800", "x" * (1 << 20), [1, [2]], {"a": {"b": []}}, -(1 << 70))
    for value in odd:
        for verb in ("look", "change", "edit", "prove"):
            for key in ("step", "what", "on", "slots", "expect", "timeout", "within", "amend"):
                usual = {"do": verb, "step": "look", "what": {"command": "no such template"}}
                answer = run.ask({**usual, key: value})
                assert "error" in answer, (verb, key, value)
    assert not desk.record().sent("look", "change", "prove", "edit")


def test_a_second_kernel_cannot_use_the_run_of_the_first(desk: Desk, raw) -> None:
    run, other = raw(), raw(another=True)
    run.begin()
    run.reach("restart")
    for ask in ({"do": "change", "step": "restart", "what": {"command": RESTART}}, {"do": "finish"}):
        assert (
            "no run has begun in this session"
            in other.ask({**ask, "run": desk.record().intent["run"]})["error"]["words"]
        )
    assert not desk.record().sent("change")


def test_a_client_of_another_version_is_refused_in_one_sentence(raw) -> None:
    run = raw(greet=False)
    error = run.ask({"do": "hello", "version": "0.0.0", "frontend": "raw", "records": str(run.records)})["error"]
    assert "the client is 0.0.0" in error["words"]
    assert "a session starts with hello" in run.step("look")["error"]["words"]
