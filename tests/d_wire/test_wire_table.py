"""The table of suite D names tests that are there."""

from __future__ import annotations

from pathlib import Path

from d_wire.faults import FAULTS
from suites import undefined


def test_every_fault_of_the_suite_names_its_tests_or_says_that_it_is_not_built() -> None:
    assert not undefined(Path(__file__).parent, FAULTS)
    assert [fault.name for fault in FAULTS if not fault.tests() and not fault.gap] == []
