"""A suite as a table: each fault, each way to meet it, and the tests that prove it or the reason why it cannot be met.

The figure that a suite states at the end counts a fault only when all tests that its row names have passed. A name in a
table is one test: it stands in one file only.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One fault; `ways` gives for each way the names of tests, or a text: "no: " why it cannot be met, "not built: "."""

    name: str
    ways: dict[str, str]

    def tests(self) -> set[str]:
        return {name for words in self.met() for name in words.split()}

    def met(self) -> list[str]:
        return [words for words in self.ways.values() if not words.startswith(("no: ", "not built: "))]

    @property
    def gap(self) -> bool:
        return any(words.startswith("not built: ") for words in self.ways.values())


def proven(name: str, tests: str) -> Fault:
    """A row that is met in one way."""
    return Fault(name, {"tests": tests})


def undefined(folder: Path, faults: list[Fault]) -> set[str]:
    """Names in the table that are not one test: in no file of the folder and of those below it, or in several."""
    found = Counter(
        n for path in folder.rglob("test_*.py") for n in re.findall(r"^def (test_\w+)\(", path.read_text(), re.M)
    )
    return {name for fault in faults for name in fault.tests() if found[name] != 1}


def figure(reporter: Any, suite: str, folder: str, faults: list[Fault], noun: str = "faults") -> str:
    """`suite B: 20 of 20 faults, 43 ways`; a test that failed or did not run proves nothing."""
    ended = {how: _names(reporter, how, folder) for how in ("passed", "failed", "error", "skipped")}
    proven = ended["passed"] - ended["failed"] - ended["error"] - ended["skipped"]
    done = [fault for fault in faults if fault.tests() <= proven and not fault.gap]
    gaps = [fault.name for fault in faults if fault.gap]
    said = f"suite {suite}: {len(done)} of {len(faults)} {noun}, {sum(len(fault.met()) for fault in done)} ways"
    return said + (f"; not built: {'; '.join(gaps)}" if gaps else "")


def _names(reporter: Any, how: str, folder: str) -> set[str]:
    reports = [r for r in reporter.stats.get(how, []) if getattr(r, "nodeid", "").startswith(folder)]
    return {r.nodeid.partition("[")[0].rpartition("::")[2] for r in reports}
