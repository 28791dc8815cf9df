"""The run as one page that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from opsguide.record import story, words


def render(intent: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> bytes:
    """The bytes of report.html; the same events give the same bytes."""
    told = story.tell(intent, events)
    lines = [told.state.upper(), *words.banner(intent)]
    for part in told.parts:
        lines += story.part_lines(told, part)
    return f"<!doctype html><meta charset='utf-8'><pre>{escape(chr(10).join(lines))}</pre>\n".encode()
