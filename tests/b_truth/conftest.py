"""A kernel to step through a runbook in, and a unit that counts its starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from desk import Desk
from kernels import UNIT, Counter, Hand, counted


@pytest.fixture
def hand(desk: Desk) -> Iterator[Callable[..., Hand]]:
    """Opens 06 on uh-01 in apply mode, or what is asked."""
    opened: list[Hand] = []

    def open_runbook(runbook: str = "06-restarting-processes.ipynb", **parameters: Any) -> Hand:
        usual = {"element": "uh-01", "service": UNIT, "settle": "1 s", "mode": "apply", "reason": "test"}
        opened.append(Hand(desk, runbook, {**usual, **parameters}))
        return opened[-1]

    yield open_runbook
    for one in opened:
        one.close()


@pytest.fixture
def counter(lab: Any) -> Iterator[Counter]:
    yield from counted(lab)
