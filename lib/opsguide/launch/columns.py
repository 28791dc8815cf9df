"""Plain text in columns, as listings print it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from opsguide.harmless import one_line


def aligned(rows: Iterable[Sequence[object]], indent: str = "") -> list[str]:
    """The rows with their columns aligned to the left, two spaces apart; a cell is one line."""
    texts = [[one_line(cell) for cell in row] for row in rows]
    columns = max(map(len, texts), default=0)
    widths = [max(len(row[i]) for row in texts if i < len(row)) for i in range(columns)]
    return [(indent + "  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row))).rstrip() for row in texts]
