"""The table of suite B names tests that are there, and leaves out no way of running."""

from __future__ import annotations

from pathlib import Path

from b_truth.faults import FAULTS
from suites import undefined


def test_every_fault_of_the_suite_is_proven_or_cannot_be_met_in_each_of_the_three_ways() -> None:
    assert not undefined(Path(__file__).parent, FAULTS)
    for fault in FAULTS:
        assert list(fault.ways) == ["papermill", "opsguide run", "by hand"]
        assert all(fault.ways.values()), fault.name
        assert fault.met(), f"nothing shows {fault.name}"
