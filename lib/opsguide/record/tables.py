"""An answer of the platform API as an operator reads it: what it lists is a table.

- The one list of an answer becomes a table, one line a thing; what stands beside the list comes first.
- Things that would make a table wider than 118 characters stand one a line, as JSON.
- An answer without such a list, or that is no JSON (an error page, a text that was cut), stays as it came.
- The journal has every answer as it came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

WIDE = 118


def laid_out(text: str) -> str:
    """The answer with its list as a table, each line with its newline; or `text` itself."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text
    lists = [key for key, value in body.items() if _things(value)] if isinstance(body, dict) else []
    if len(lists) != 1:
        return text
    key, things = lists[0], body.pop(lists[0])
    beside = ", ".join(f"{_dumped(name)}: {_dumped(value)}" for name, value in [*body.items(), (key, len(things))])
    lines = [f"{beside} in all", *_rows(things)]
    return "".join(line + "\n" for line in lines)


def _things(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and one for one in value)


def _rows(things: Sequence[Mapping[str, Any]]) -> list[str]:
    names = list(dict.fromkeys(name for thing in things for name in thing))
    table = [names, *([_cell(thing.get(name, "")) for name in names] for thing in things)]
    widths = [max(len(row[column]) for row in table) for column in range(len(names))]
    if sum(widths) + 2 * (len(names) - 1) > WIDE:
        return [_dumped(thing) for thing in things]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]


def _cell(value: Any) -> str:
    """A text as it is where it prints; all else as JSON, so that no value makes a line of its own."""
    return value if isinstance(value, str) and value.isprintable() else _dumped(value)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
