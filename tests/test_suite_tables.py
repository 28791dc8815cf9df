"""The tables of the suites C and F to J name tests that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from c_enforcement.routes import ROUTES
from h_pages.claims import CLAIMS
from i_stories.stories import STORIES
from j_failures.failures import FAILURES
from secrets_and_inputs import INPUTS, SECRETS
from suites import Fault, undefined

TABLES = {
    "C": (ROUTES, 23),
    "F": (SECRETS, 14),
    "G": (INPUTS, 10),
    "H": (CLAIMS, 5),
    "I": (STORIES, 16),
    "J": (FAILURES, 10),
}


@pytest.mark.parametrize(("table", "count"), TABLES.values(), ids=TABLES)
def test_a_table_names_tests_that_are_there(table: list[Fault], count: int) -> None:
    assert len({fault.name for fault in table}) == count
    assert all(fault.ways for fault in table)
    assert not undefined(Path(__file__).parent, table)


def test_a_test_that_is_gone_is_noticed() -> None:
    assert undefined(Path(__file__).parent, [Fault("x", {"y": "test_that_nobody_wrote"})]) == {"test_that_nobody_wrote"}
