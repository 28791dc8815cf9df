"""Connections of a hostile kernel, closed afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from desk import Desk
from kernels import counted
from raw import Raw

counter = pytest.fixture(counted)


@pytest.fixture
def raw(desk: Desk) -> Iterator[Callable[..., Raw]]:
    """Opens a connection that speaks the wire itself."""
    opened: list[Raw] = []

    def connect(greet: bool = True, another: bool = False) -> Raw:
        opened.append(Raw(desk.records, greet, another))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()
