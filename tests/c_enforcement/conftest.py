"""Connections of a hostile kernel, closed afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from desk import Desk
from raw import Raw


@pytest.fixture
def raw(desk: Desk) -> Iterator[Callable[..., Raw]]:
    """Opens a connection that speaks the wire itself."""
    opened: list[Raw] = []

    def connect(greet: bool = True) -> Raw:
        opened.append(Raw(desk.records, greet))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()
