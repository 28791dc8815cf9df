"""Rows of each=: a notebook may choose among the rows that a look returned, never make one up.

- A row is known when all its values stand together in one line, or one JSON object, that a look of this run answered.
- A run that asks again what an earlier one proved or listed takes that one's rows, from its sealed record.
- With among= every line or object of a later answer must hold the first value of one of those rows.
"""

from __future__ import annotations

import json
from typing import Any

from opsguide.errors import InputError, RefusedError


class FromRow(str):
    """A value that stands in a row which a look of this run returned."""

    __slots__ = ()


UNSEEN = "compare it with what the looks above answered: rows are taken as a look gives them"
CONTAINERS = ("array", "objects", "object", "value")


class Rows:
    """The rows that looks of one run returned."""

    def __init__(self) -> None:
        self._seen: list[set[str]] = []

    def saw(self, text: str) -> None:
        """Remember the rows of an answer."""
        self._seen += values(text)

    def knew(self, rows: list[set[str]]) -> None:
        """Remember rows that an earlier run was given by its looks."""
        self._seen += rows

    def checked(self, row: dict[str, Any]) -> dict[str, FromRow]:
        """The row as text; RefusedError for one that no look returned."""
        wanted = {str(k): FromRow(v) for k, v in row.items()}
        if not any(set(filter(None, wanted.values())) <= seen for seen in self._seen):
            row_of = ", ".join(f"{name} {value}" for name, value in wanted.items())
            raise RefusedError(f"no look of this run returned the row {row_of}", next=UNSEEN)
        return wanted


def values(text: str) -> list[set[str]]:
    """The values of each line, or of each object of an API answer."""
    try:
        body = json.loads(text)
    except ValueError:
        return [{*line.split(), line.strip()} for line in text.splitlines() if line.strip()]
    found = next((body[k] for k in CONTAINERS if isinstance(body, dict) and k in body), body)
    objects = found if isinstance(found, list) else [found]
    return [{_text(v) for v in o.values()} for o in objects if isinstance(o, dict)]


def firsts(among: Any) -> list[str] | None:
    """The first value of each row; None where any row may come."""
    if among is None:
        return None
    if not isinstance(among, list) or not all(isinstance(row, dict) for row in among):
        raise InputError("among= takes rows", next="take them from a look of this run")
    return sorted({str(next(iter(row.values()))) for row in among if row})


def outside(texts: list[str], among: list[dict[str, Any]]) -> str:
    """The first row of the answers that is none of `among`, or empty."""
    known = set(firsts(among) or ())
    for row in (row for text in texts for row in values(text)):
        if not row & known:
            return " ".join(sorted(row))
    return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
