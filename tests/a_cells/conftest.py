"""The figure of suite A: a cell counts when a test that passed left a sealed record of it with the end that the table wants."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from desk import Record
from opsguide.guide import editions
from opsguide.guide.kinds import NOT_APPLICABLE, OPERATIONS, PROVIDER

SEED = editions.load("seed")
ENDS = {PROVIDER: "succeeded", OPERATIONS: "requested", NOT_APPLICABLE: "refused"}
PASSED = pytest.StashKey[bool]()

ended: set[tuple[str, str]] = set()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = (yield).get_result()
    if report.when == "call":
        item.stash[PASSED] = report.passed


@pytest.fixture(autouse=True)
def cells_counted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Note the cells that the test's records are about."""
    desk = request.getfixturevalue("desk") if "desk" in request.fixturenames else None
    yield
    if desk is not None and request.node.stash.get(PASSED, False):
        ended.update(cell for folder in desk.folders() if (cell := _cell(Record(folder))))


def _cell(record: Record) -> tuple[str, str] | None:
    cell = record.intent["activity"]["slug"], record.intent["element"]["kind"]
    wanted = record.sealed and record.intent["edition"]["digest"] == SEED.digest and cell in SEED.cells
    return cell if wanted and record.state == ENDS[SEED.cells[cell]] else None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    parties = {party: sum(SEED.cells[cell] == party for cell in ended) for party in ENDS}
    said = ", ".join(f"{parties[party]} {end}" for party, end in ENDS.items())
    terminalreporter.write_line(f"suite A: {len(ended)} of {len(SEED.cells)} cells: {said}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    whole = not session.config.args or session.config.args == ["tests"]
    missing = sorted(" on ".join(cell) for cell in SEED.cells if cell not in ended)
    if os.environ.get("CI") == "true" and whole and missing:
        print(f"\nsuite A: no sealed record of the end that the table wants: {'; '.join(missing)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
