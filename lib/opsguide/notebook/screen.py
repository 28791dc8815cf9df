"""The screen: plain lines from the broker, written past the capture of the cell's own output.

- What else a kernel shows of a host's words does not act, from its first `begin` on and whatever runs end: displayed
  values, and the traceback of a bug, which keeps its colours.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from opsguide.harmless import lines as harmless

TEXTS = ("text/plain", "text/html")
COLOUR = re.compile(r"(\x1b\[[\d;]*m)")
Show = Callable[..., Any]


def say(lines: list[str]) -> None:
    """Print lines at once; one write, one flush."""
    stream = getattr(sys.stdout, "real", sys.stdout)
    stream.write("".join(line + "\n" for line in lines))
    stream.flush()


def guard(shell: Any) -> None:
    """What this kernel shows is harmless from here on; once a kernel, however many runs begin in it."""
    formatter = shell.display_formatter
    if "format" not in vars(formatter):
        formatter.format = partial(_displayed, formatter.format)
        shell._showtraceback = partial(_traced, shell._showtraceback)  # IPython's own place to override


def as_it_is(shell: Any, value: Any, kinds: set[str]) -> dict[str, Any]:
    """The forms in which a value is displayed, before they are made harmless."""
    formatter = shell.display_formatter
    return dict(type(formatter).format(formatter, value, include=kinds)[0])


def _displayed(show: Show, *args: Any, **options: Any) -> Any:
    formats, more = show(*args, **options)
    texts = {kind: harmless(text) for kind, text in formats.items() if kind in TEXTS and isinstance(text, str)}
    return {**formats, **texts}, more


def _traced(show: Show, kind: type, value: BaseException, stack: list[str]) -> None:
    """A bug's traceback: its messages are made harmless first, so that no colour in them is taken for Python's own."""
    for words in _messages(value):
        stack = [text.replace(words, harmless(words)) for text in stack]
    show(kind, harmless(str(value)), ["".join(map(_uncoloured, COLOUR.split(text))) for text in stack])


def _messages(value: BaseException | None) -> Iterator[str]:
    """What an error and those that it came from say, with their notes."""
    seen: set[int] = set()
    while value is not None and id(value) not in seen:
        seen.add(id(value))
        yield from filter(None, map(str, (value, *getattr(value, "__notes__", ()))))
        value = value.__cause__ or value.__context__


def _uncoloured(piece: str) -> str:
    return piece if COLOUR.fullmatch(piece) else harmless(piece)
