"""The table of suite C names tests that are there."""

from __future__ import annotations

from pathlib import Path

from c_enforcement.routes import ROUTES
from suites import undefined


def test_every_route_names_its_tests_or_says_that_it_is_not_built() -> None:
    assert not undefined(Path(__file__).parents[1], ROUTES)
    assert [route.name for route in ROUTES if not route.tests() and not route.gap] == []
