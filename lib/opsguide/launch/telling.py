"""What `opsguide records` tells of runs: those that fit, one as text, and what two of them have that differs.

- It verifies nothing; `opsguide verify RUN` does. A journal that is no chain is not told.
- Two runs are compared by their words: what came back, what was judged, how it ended. How long it took does not count.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from opsguide.errors import InputError
from opsguide.record import chain, story, summary
from opsguide.record.archive import Archive, RunRef
from opsguide.record.journal import INTENT, read

TOOK = re.compile(r"^((?:exit|result) \S+) in .*$")


def fitting(found: Iterable[RunRef], on: str, slug: str, state: str) -> Iterator[dict[str, Any]]:
    """The summaries of the runs that are on that element or kind, of that activity, and ended so; empty: all."""
    for ref in found:
        told = summary.summary(ref.path)
        if (
            on in ("", told["element"], told["kind"])
            and slug in ("", told["activity"])
            and state in ("", told["state"])
        ):
            yield told


def told(archive: Archive, named: Sequence[str]) -> list[str]:
    """A run as text, or how the second of two differs from the first; each by its id, the end of it, or `last`."""
    if len(named) > 2:
        raise InputError("two runs can be compared, not more", next="opsguide records RUN RUN")
    texts = [_text(archive.find(name)) for name in named]
    return texts[0] if len(texts) == 1 else _compared(*texts)


def _text(ref: RunRef) -> list[str]:
    intent = chain.parse((ref.path / INTENT).read_bytes()) or {}
    return story.transcript(story.tell(intent, read(ref.path)))


def _compared(one: list[str], two: list[str]) -> list[str]:
    """A unified difference; one sentence where there is none."""
    plain = [[TOOK.sub(r"\1", line) for line in lines] for lines in (one, two)]
    runs = [next((line.split()[-1] for line in lines if line.startswith("  run: ")), "") for lines in (one, two)]
    return list(difflib.unified_diff(plain[0], plain[1], runs[0], runs[1], lineterm="")) or ["they tell the same"]
