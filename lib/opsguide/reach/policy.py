"""parameters/policy.yml: how long the broker waits, and how many elements may be out at once.

- Without the file, and for a key that it leaves out, the default holds.
- A key that nobody knows is refused; every error names the file, the line and the key.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from opsguide.guide import invariants
from opsguide.guide.durations import duration
from opsguide.reach import lined

DEFAULTS = {"idle": "30 min", "linger": "1 min"}
AT_MOST = "at_most"
MOST = 1000


@dataclass(frozen=True)
class Policy:
    """`idle` and `linger` in seconds; `at_most` by the names of guide/invariants.toml."""

    idle: float
    linger: float
    at_most: dict[str, int]


def load(file: Path) -> Policy:
    """The policy of a file, the default where there is none; InputError names file, line and key."""
    top = lined.of_file(file, (*DEFAULTS, AT_MOST))
    idle, linger = (top.read(key, duration, duration(words)) for key, words in DEFAULTS.items())
    given = top.section(AT_MOST, invariants.limits({})) if AT_MOST in top else None
    numbers = {name: given.whole(name, 1, MOST) for name in given} if given else {}
    return Policy(idle, linger, invariants.limits(numbers))
