"""The chain that journal and ledger share: lines of JSON, each naming the sha256 of the line before.

- A line is a JSON object with `seq` counting from 0 and `prev`, the sha256 of the line before without its
  newline. The first line's `prev` is given from outside: the digest of intent.json, or zeros for the ledger.
- Bytes after the last newline, or else a last line that is no JSON, are torn: a crash may leave them.
- Anything else that does not fit is a fault, and the first line that does not fit is named.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
ZEROS = "0" * 64


@dataclass(frozen=True)
class Chain:
    """What a chained file holds. `size` counts the bytes of whole lines, `line` the first bad one from 1."""

    entries: list[Event] = field(default_factory=list)
    last: str = ZEROS
    size: int = 0
    torn: bytes = b""
    fault: str = ""
    line: int = 0


def check(content: bytes, start: str) -> Chain:
    """Reads a chained file whose first line must name `start`; never raises."""
    lines = content.split(b"\n")
    torn, entries = lines.pop(), []
    prev, size, fault, bad = start, 0, "", 0
    for number, line in enumerate(lines, 1):
        entry = parse(line)
        if entry is None and number == len(lines) and not torn and not fault:
            torn = line + b"\n"
            break
        if not fault:
            fault, bad = _fault(entry, number, prev)
        if entry is not None:
            entries.append(entry)
        prev, size = hashlib.sha256(line).hexdigest(), size + len(line) + 1
    return Chain(entries, prev, size, torn, fault, bad)


def parse(line: bytes) -> Event | None:
    """The JSON object on `line`, or None."""
    try:
        entry = json.loads(line.decode())
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _fault(entry: Event | None, number: int, prev: str) -> tuple[str, int]:
    if entry is None:
        return f"line {number} is not a JSON object", number
    if entry.get("seq") != number - 1:
        return f"line {number} should be number {number - 1} and says {entry.get('seq')!r}", number
    if entry.get("prev") != prev:
        before = max(1, number - 1)
        return f"line {number} was not written after this line {before}; one of them was changed", before
    return "", 0
