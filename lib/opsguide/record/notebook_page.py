"""The run as a notebook that needs nothing else (nbformat 4.5): the verdict first, then every cell that ran.

- All text is shown as text: markdown of a value is escaped, ANSI and control characters are made visible,
  HTML that a cell displayed is left out for its text. Pictures are PNG only.
- It names a kernel and a language that do not exist, so that opening it starts nothing (JupyterLab starts the one
  kernel of a language that it knows): a record is to be read, not to be run.
- The same events give the same bytes.
It is written without the nbformat library, whose import alone takes longer than a run; a test validates it
with it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from opsguide.record import facts, story, visible, words

Event = Mapping[str, Any]
KERNEL = {"name": "opsguide-record", "display_name": "a record, not to be run", "language": "record"}
LANGUAGE = {"name": "record", "codemirror_mode": "python"}
ACTIVE = re.compile(r"([\\`*_{}\[\]()<>#+!|~$&:@^=])")
EXPECT = r"\*\*Expect\*\*"
PNG = b"\x89PNG\r\n\x1a\n"
PICTURE = 4_000_000


def render(intent: Event, events: Sequence[Event]) -> bytes:
    """The bytes of `<run id>.ipynb`."""
    told = story.tell(intent, events)
    cells = [_markdown("verdict", header(told))]
    for number, part in enumerate(told.parts, 1):
        cells += [_markdown(f"about-{number}", words_before(part))] if story.about(part) else []
        cells.append(_code(told, part, number))
    cells.append(_markdown("end", "\n".join(f"    {line}" for line in words.lines(told.end)) or "This run goes on."))
    return _notebook(cells)


def _notebook(cells: list[dict[str, Any]]) -> bytes:
    metadata = {"kernelspec": KERNEL, "language_info": LANGUAGE, "opsguide": {"record": 1}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    text = json.dumps(notebook, ensure_ascii=False, indent=1, default=str)
    return (text + "\n").encode("utf-8", "backslashreplace")


def plain(intent: Event, reason: str) -> bytes:
    """What stands for a notebook that could not be rendered."""
    said = [facts.platform(intent), facts.title(intent), f"This notebook could not be rendered: {reason}",
            "The journal beside it, events.jsonl, is whole: jq . events.jsonl"]  # fmt: skip
    return _notebook([_markdown("verdict", "\n\n".join(markdown(line) for line in said))])


def header(told: story.Story) -> str:
    """What stands on top, as markdown: the verdict, the platform, the facts, what is still open."""
    rows = [f"| {label} | {markdown(text)} |" for label, text in told.facts()]
    lines = [
        f"# {markdown(told.verdict)}: {markdown(facts.title(told.intent))}",
        "",
        f"**{markdown(facts.platform(told.intent))}** {markdown(str(told.end.get('words') or ''))}",
        "",
        "| | |\n|---|---|",
        *rows,
        "",
        *still_open(told),
    ]
    return "\n".join(lines)


def still_open(told: story.Story) -> list[str]:
    """What was still open or held at the end, and how to close it, as markdown."""
    if not told.open:
        return [story.NOTHING_OPEN[told.state == "requested"]]
    context = words.Context(told.intent)
    lines = [line for event in told.open for line in words.lines(event, context)]
    return ["## Still open at the end of this run", "", *(f"    {line}" for line in lines)]


def markdown(text: str) -> str:
    """`text` as markdown that shows exactly this text."""
    return ACTIVE.sub(r"\\\1", visible.one_line(text))


def words_before(part: story.Part) -> str:
    """The runbook's words before a cell, as markdown that shows them to the letter; `Expect` stands out."""
    heading, *rest = ["  \n".join(map(markdown, lines)) for lines in story.about(part)]
    return "\n\n".join([f"### {heading}", *rest]).replace(EXPECT, "**Expect**")


def picture(event: Event) -> str:
    """The PNG of an output as base64, empty when there is none or it is no PNG of at most 4 MB."""
    try:
        raw = base64.b64decode(str(event.get("png") or "")[: 2 * PICTURE], validate=False)
    except (binascii.Error, ValueError):
        return ""
    return base64.b64encode(raw).decode() if raw.startswith(PNG) and len(raw) <= PICTURE else ""


def _code(told: story.Story, part: story.Part, number: int) -> dict[str, Any]:
    said = [line for _, lines in story.blocks(told, part) for line in lines]
    opening = story.head(part) if words.cell_mark(part.cell) and part.cell else []
    text = [*opening, *said]
    outputs = [_stream("stdout", text)] if text else []
    outputs += [output for event in story.printed(part, said) for output in _output(event)]
    if story.foot(part):
        outputs.append(_stream("stderr", story.foot(part)))
    source = part.cell.get("source") or ("# (not recorded)" if part.cell else "# outside of any cell")
    count, name = part.cell.get("cell"), visible.one_line(part.cell.get("id") or "")
    return {
        "cell_type": "code",
        "execution_count": count if isinstance(count, int) and not isinstance(count, bool) else None,
        "id": f"part-{number}",
        "metadata": {"opsguide": {"id": name, "state": visible.one_line(part.state)}},
        "outputs": outputs,
        "source": _lines("\n".join(visible.line(line) for line in visible.split(str(source)))),
    }


def _output(event: Event) -> list[dict[str, Any]]:
    png = picture(event)
    lines = words.lines({**event, "png": ""})
    shown = [_stream("stderr" if event.get("name") == "stderr" else "stdout", lines)] if lines else []
    if png:
        forms = {"image/png": png, "text/plain": "(a picture)"}
        shown.append({"output_type": "display_data", "data": forms, "metadata": {}})
    return shown


def _stream(name: str, lines: Sequence[str]) -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": _lines("\n".join(lines) + "\n")}


def _markdown(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": _lines(text)}


def _lines(text: str) -> list[str]:
    return [line + "\n" for line in text.split("\n")[:-1]] + ([text.split("\n")[-1]] if text.split("\n")[-1] else [])
