"""The run as a notebook that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opsguide.record import story, words


def render(intent: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> bytes:
    """The bytes of `<run id>.ipynb`; the same events give the same bytes."""
    import nbformat.v4 as v4

    told = story.tell(intent, events)
    cells = [
        v4.new_markdown_cell(f"# {told.state.upper()}\n\n" + "\n".join(words.banner(intent)), id="verdict")
    ]
    for number, part in enumerate(told.parts):
        output = v4.new_output("stream", name="stdout", text="\n".join(story.part_lines(told, part)) + "\n")
        source = str(part.cell.get("source") or "")
        cells.append(v4.new_code_cell(source, id=f"part-{number}", outputs=[output]))
    return (v4.writes(v4.new_notebook(cells=cells)) + "\n").encode("utf-8", "backslashreplace")
