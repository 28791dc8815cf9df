"""Shares of a batch's rows, in whole rows: how large a wave is, how many errors are borne, how many rows go at a time.

- A share is a number of rows, N, or a percentage P% of all rows of the batch.
- Waves take the sheet's rows in order. Each size is that of one wave; the last size is repeated until every row is in
  a wave. P% is rounded up. A wave has at least one row, and the last one has what is left.
- Errors: P% is rounded down, so that never more are borne than was said. 0 bears none.
- At a time: P% is rounded down, and is at least one row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from opsguide.errors import InputError

FORM = re.compile(r"([0-9]{1,6})(%?)", re.ASCII)


@dataclass(frozen=True)
class Share:
    """N rows, or with `percent` N percent of all rows."""

    number: int
    percent: bool = False

    def down(self, rows: int) -> int:
        """In rows, rounded down."""
        return self.number * rows // 100 if self.percent else self.number

    def up(self, rows: int) -> int:
        """In rows, rounded up."""
        return -(-self.number * rows // 100) if self.percent else self.number


def share(text: str, least: int = 0, option: str = "a share") -> Share:
    """The share that the text says, of at least `least`; InputError otherwise, which names the option."""
    found = FORM.fullmatch(text.strip())
    if not found:
        raise InputError(
            f"{option}: {text[:40]!r} is not a number of rows", next="write a number like 3, or one like 10%"
        )
    said = Share(int(found[1]), bool(found[2]))
    if said.percent and said.number > 100:
        raise InputError(f"{option}: {text.strip()} is more than all rows")
    if said.number < least:
        raise InputError(f"{option}: {text.strip()} is less than {least}")
    return said


def waves(text: str, rows: int) -> list[int]:
    """The sizes of the waves of so many rows, for sizes like `1,10%,25%`; InputError for a text that is none."""
    sizes = [share(part, 1, "--waves") for part in text.split(",")]
    found: list[int] = []
    while (left := rows - sum(found)) > 0:
        size = sizes[min(len(found), len(sizes) - 1)]
        found.append(min(left, max(1, size.up(rows))))
    return found


def numbered(sizes: Sequence[int]) -> list[int]:
    """The number of its wave, from 1, for each row."""
    return [number for number, size in enumerate(sizes, 1) for _ in range(size)]
