"""Text from elsewhere made harmless to look at: no character acts (harmless.py), no line can pass for one of ours.

- What a host or a kernel wrote stands behind a gutter of two characters: spaces for stdout, `! ` for stderr.
  Our own lines start in the first column, so no output can forge `exit 0` or `OK`.
- Long output is its first 40 and last 20 lines, with the count of the others and where they are; of a long
  line the first 2,000 characters and the count of the others.
"""

from __future__ import annotations

from collections import deque

from opsguide import harmless
from opsguide.harmless import one_line

__all__ = ["HEAD", "TAIL", "WIDTH", "Stream", "excerpt", "line", "one_line", "split"]

HEAD, TAIL, WIDTH = 40, 20, 2000


def line(text: str, dropped: int = 0) -> str:
    """One line of output: tabs stay, what does not print is made visible, the far end of a long one is cut.

    `dropped` counts characters of the line that the caller has cut off already.
    """
    over = max(0, len(text) - WIDTH) + dropped
    shown = harmless.line(text[:WIDTH])
    return f"{shown} … {over} characters more" if over else shown


def split(text: str) -> list[str]:
    """The lines of `text`; only newlines part lines, with or without a carriage return."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [one.removesuffix("\r") for one in lines]


class Stream:
    """Output as it comes, as the lines to show: the first 40 at once, the last 20 at the end.

    `mark` is the gutter. The screen feeds it chunks; the pages feed it the whole text; both show the same.
    """

    def __init__(self, mark: str = "  ") -> None:
        self._mark, self._open, self._dropped, self._count = mark, "", 0, 0
        self._tail: deque[str] = deque(maxlen=TAIL)

    def feed(self, text: str) -> list[str]:
        """The lines to show now."""
        *whole, rest = text.split("\n")
        shown = [line for one in whole if (line := self._close(one)) is not None]
        self._add(rest)
        return shown

    def end(self, where: str = "", more: int = 0) -> list[str]:
        """The lines to show at the end; `where` says where the others are, `more` counts lines never fed."""
        last = self.feed("\n") if self._open else []
        left = self._count - HEAD - len(self._tail) + more
        gap = f"… {left} {'line' if left == 1 else 'lines'} more{': ' + where if where else ''}"
        return [*last, *([gap] if left > 0 else []), *self._tail]

    def _add(self, text: str) -> None:
        room = max(0, WIDTH + 1 - len(self._open))
        self._open, self._dropped = self._open + text[:room], self._dropped + max(0, len(text) - room)

    def _close(self, text: str) -> str | None:
        self._add(text)
        shown = self._mark + line(self._open.removesuffix("\r"), self._dropped)
        self._open, self._dropped, self._count = "", 0, self._count + 1
        if self._count <= HEAD:
            return shown
        self._tail.append(shown)
        return None


def excerpt(text: str, mark: str = "  ", where: str = "") -> list[str]:
    """The lines of a whole text, shortened as above."""
    stream = Stream(mark)
    return [*stream.feed(text), *stream.end(where)]
