"""The tables of the suites H, I and J name tests that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from h_pages.claims import CLAIMS
from i_stories.stories import STORIES
from j_failures.failures import FAILURES
from suites import Fault, undefined


@pytest.mark.parametrize(("table", "count"), [(CLAIMS, 5), (STORIES, 16), (FAILURES, 10)], ids=["H", "I", "J"])
def test_a_table_names_tests_that_are_there(table: list[Fault], count: int) -> None:
    assert len({fault.name for fault in table}) == count
    assert all(fault.ways for fault in table)
    assert not undefined(Path(__file__).parent, table)


def test_a_test_that_is_gone_is_noticed() -> None:
    assert undefined(Path(__file__).parent, [Fault("x", {"y": "test_that_nobody_wrote"})]) == {"test_that_nobody_wrote"}
