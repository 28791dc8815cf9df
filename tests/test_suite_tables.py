"""The tables of the suites C and F to J name tests that are there."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from c_enforcement.routes import ROUTES
from h_pages.claims import CLAIMS
from i_stories.stories import STORIES
from j_failures.failures import FAILURES
from secrets_and_inputs import INPUTS, SECRETS
from suites import Fault, figure, proven, undefined

TABLES = {
    "C": (ROUTES, 23),
    "F": (SECRETS, 14),
    "G": (INPUTS, 11),
    "H": (CLAIMS, 5),
    "I": (STORIES, 16),
    "J": (FAILURES, 10),
}


@pytest.mark.parametrize(("table", "count"), TABLES.values(), ids=TABLES)
def test_a_table_names_tests_that_are_there(table: list[Fault], count: int) -> None:
    assert len({fault.name for fault in table}) == count
    assert all(fault.ways for fault in table)
    assert not undefined(Path(__file__).parent, table)


def test_a_test_that_is_gone_or_that_could_be_two_is_noticed(tmp_path: Path) -> None:
    for folder, names in (("a", "one two"), ("b", "two three")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "test_it.py").write_text("".join(f"def test_{n}() -> None: ...\n" for n in names.split()))
    table = [Fault("x", {"y": "test_one test_two", "z": "test_three test_four"})]
    assert undefined(tmp_path, table) == {"test_two", "test_four"}


def test_a_figure_counts_what_passed_and_nothing_that_failed_was_skipped_or_is_elsewhere() -> None:
    ended = {
        "passed": [
            "a/test_it.py::test_one",
            "a/test_it.py::test_two[::1]",
            "a/test_it.py::test_three[x]",
            "b/test_it.py::test_four",
        ],
        "failed": ["a/test_it.py::test_three[y]"],
        "skipped": ["a/test_it.py::test_five"],
    }
    stats = {how: [SimpleNamespace(nodeid=nodeid) for nodeid in nodeids] for how, nodeids in ended.items()}
    table = [proven(n, f"test_{n}") for n in ("one", "two", "three", "four", "five")]
    table.append(Fault("both", {"x": "test_one test_two", "y": "test_one", "z": "no: not here"}))
    assert figure(SimpleNamespace(stats=stats), "Z", "a/", table) == "suite Z: 3 of 6 faults, 4 ways"
