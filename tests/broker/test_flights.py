"""Holds while several changes are under way on one element."""

from __future__ import annotations

from pathlib import Path

from opsguide.broker.flights import Flights
from opsguide.broker.state import Hold, State


def hold(number: int, element: str = "uh-01") -> Hold:
    return Hold(element, "run", "/records", number, f"line {number}", "now", "me")


def test_an_element_is_held_until_the_last_of_its_changes_has_ended(tmp_path: Path) -> None:
    state = State(tmp_path)
    flights = Flights(state)
    for number in (1, 2, 3):
        flights.leaves(hold(number))
    for number in (2, 1):
        flights.ended("uh-01", number)
        assert state.held(["uh-01"])
    flights.ended("uh-01", 3)
    assert state.held(["uh-01"]) is None


def test_the_hold_names_a_change_that_is_still_under_way(tmp_path: Path) -> None:
    state = State(tmp_path)
    flights = Flights(state)
    flights.leaves(hold(1))
    flights.leaves(hold(2))
    flights.ended("uh-01", 1)
    assert state.held(["uh-01"]) == hold(2)


def test_a_change_whose_end_nobody_knows_keeps_the_hold_when_others_have_ended(tmp_path: Path) -> None:
    state = State(tmp_path)
    flights = Flights(state)
    for number in (1, 2):
        flights.leaves(hold(number))
    flights.ended("uh-01", 2)  # the first ended lost: nobody says that it ended
    assert state.held(["uh-01"]) == hold(1)


def test_elements_are_held_each_for_itself(tmp_path: Path) -> None:
    state = State(tmp_path)
    flights = Flights(state)
    flights.leaves(hold(1))
    flights.leaves(hold(2, "uh-02"))
    flights.ended("uh-01", 1)
    assert state.held(["uh-01"]) is None
    assert state.held(["uh-02"]) == hold(2, "uh-02")
