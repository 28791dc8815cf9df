"""Suite A's figure: a cell counts when a test that passed left a sealed record of it with the end that the table wants."""

from __future__ import annotations

from desk import Record
from opsguide.guide import editions
from opsguide.guide.kinds import NOT_APPLICABLE, OPERATIONS, PROVIDER

SEED = editions.load("seed")
ENDS = {PROVIDER: "succeeded", OPERATIONS: "requested", NOT_APPLICABLE: "refused"}


def cell(record: Record) -> tuple[str, str] | None:
    """The cell that a record is about, when it ended as the table of the default edition wants it."""
    found = record.intent["activity"]["slug"], record.intent["element"]["kind"]
    wanted = record.intent["edition"]["digest"] == SEED.digest and found in SEED.cells
    return found if wanted and record.state == ENDS[SEED.cells[found]] else None


def figure(cells: set[tuple[str, str]]) -> str:
    """`suite A: 96 of 96 cells: 31 succeeded, 28 requested, 37 refused`."""
    ends = [ENDS[SEED.cells[one]] for one in cells]
    said = ", ".join(f"{ends.count(end)} {end}" for end in ENDS.values())
    return f"suite A: {len(cells)} of {len(SEED.cells)} cells: {said}"


def missing(cells: set[tuple[str, str]]) -> list[str]:
    """The cells that no test has met."""
    return sorted(" on ".join(one) for one in SEED.cells if one not in cells)
