"""The tables of suites C, F and G name tests that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from c_enforcement.routes import ROUTES
from secrets_and_inputs import INPUTS, SECRETS
from suites import Fault, undefined


@pytest.mark.parametrize("table", [ROUTES, SECRETS, INPUTS], ids=["C", "F", "G"])
def test_every_row_names_its_tests_or_says_that_it_is_not_built(table: list[Fault]) -> None:
    assert not undefined(Path(__file__).parents[1], table)
    assert [row.name for row in table if not row.tests() and not row.gap] == []
