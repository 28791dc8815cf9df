"""What an audit of modes and owners has found, as a table.

- A line of a look is `MODE OWNER PATH`; what it was looked for is its finding.
- What does not print in a path is shown harmless: a file may have any name.
- A path that fits one of the known ones is known; a star in those stands for any part. All others are new.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from opsguide.harmless import one_line
from opsguide.notebook.readings import Reading


@dataclass(frozen=True)
class Findings:
    """A line for each finding, below a head; `new` are the paths of those that are not known."""

    lines: list[str]
    new: list[str]

    def __repr__(self) -> str:
        return "\n".join(self.lines)


def findings(known: list[str], **looked: Reading) -> Findings:
    """The answers of several looks, each under its name."""
    rows = [(name.replace("_", " "), row) for name, one in looked.items() for row in one.rows("mode", "owner", "path")]
    new = [row.path for _, row in rows if not any(fnmatchcase(row.path, path) for path in known)]
    told = [_line(name, "new" if row.path in new else "known", *row) for name, row in rows]
    head = [_line("finding", "state", "mode", "owner", "path")] if any(one.answers for one in looked.values()) else []
    return Findings(head + told, sorted(set(new)))


def _line(name: str, state: str, mode: str, owner: str, path: str) -> str:
    return f"{name:24} {state:5} {mode:>4} {owner:24} {one_line(path)}"
