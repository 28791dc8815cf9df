from __future__ import annotations

import threading

import pytest

from opsguide.broker.interrupts import Interrupts


@pytest.fixture
def run() -> threading.Event:
    return threading.Event()


@pytest.fixture
def interrupts(run: threading.Event) -> Interrupts:
    found = Interrupts()
    found.watch(run)
    return found


@pytest.mark.parametrize("number", [1, None, "1"])
def test_an_interrupt_gives_up_the_request_that_it_came_for_and_not_the_next(
    interrupts: Interrupts, run: threading.Event, number: object
) -> None:
    interrupts.came(number)
    assert run.is_set()
    assert interrupts.answered(1)
    assert not run.is_set()
    assert not interrupts.answered(2)


def test_an_interrupt_that_comes_after_the_answer_is_nothing(interrupts: Interrupts, run: threading.Event) -> None:
    assert not interrupts.answered(1)
    interrupts.came(1)
    assert not run.is_set()
    assert not interrupts.answered(2)


def test_a_run_that_begins_while_an_interrupt_is_pending_is_given_up(run: threading.Event) -> None:
    interrupts = Interrupts()
    interrupts.came(1)
    interrupts.watch(run)
    assert run.is_set()


def test_a_client_that_is_gone_does_not_come_back(interrupts: Interrupts, run: threading.Event) -> None:
    interrupts.gone()
    assert not interrupts.answered(1), "nobody interrupted it"
    assert run.is_set()


def test_a_run_that_is_over_is_not_given_up(interrupts: Interrupts, run: threading.Event) -> None:
    interrupts.watch(None)
    interrupts.came(1)
    interrupts.gone()
    assert not run.is_set()
