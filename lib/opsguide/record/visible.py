"""Text from elsewhere made harmless to look at: no control character acts, no line can pass for one of ours.

- A control character is shown as its picture (ESC as ␛), another invisible or direction-changing one as its escape.
- What a host or a kernel wrote stands behind a gutter of two characters: spaces for stdout, `! ` for stderr. Our own
  lines start in the first column, so no output can forge `exit 0` or `OK`.
- Long output is its first 40 and last 20 lines, with the count of the others and where they are.
"""

from __future__ import annotations

from collections import deque

HEAD, TAIL, WIDTH = 40, 20, 2000


def one_line(text: object) -> str:
    """`text` on one line, with every character that does not print made visible."""
    line = str(text)
    return line if line.isprintable() else "".join(c if c.isprintable() else _shown(c) for c in line)


def _shown(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return "\\n" if char == "\n" else chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def line(text: str) -> str:
    """One line of output: tabs stay, the rest that does not print is made visible, the far end of a long one is cut."""
    over = len(text) - WIDTH
    shown = "\t".join(one_line(part) for part in text[:WIDTH].split("\t"))
    return f"{shown} … {over} characters more" if over > 0 else shown


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
        self._mark, self._open, self._count = mark, "", 0
        self._tail: deque[str] = deque(maxlen=TAIL)

    def feed(self, text: str) -> list[str]:
        """The lines to show now."""
        *whole, self._open = (self._open + text).split("\n")
        return [shown for one in whole if (shown := self._take(one)) is not None]

    def end(self, rest: str = "", more: int = 0) -> list[str]:
        """The lines to show at the end; `rest` says where the others are, `more` counts lines never fed."""
        last = self.feed("\n") if self._open else []
        left = self._count - HEAD - len(self._tail) + more
        gap = (
            [f"… {left} {'line' if left == 1 else 'lines'} more{': ' + rest if rest else ''}"]
            if left > 0
            else []
        )
        return [*last, *gap, *self._tail]

    def _take(self, one: str) -> str | None:
        shown = self._mark + line(one.removesuffix("\r"))
        self._count += 1
        if self._count <= HEAD:
            return shown
        self._tail.append(shown)
        return None


def excerpt(text: str, mark: str = "  ", rest: str = "") -> list[str]:
    """The lines of a whole text, shortened as above."""
    stream = Stream(mark)
    return [*stream.feed(text), *stream.end(rest)]
