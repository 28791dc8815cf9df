"""Text from elsewhere made harmless to look at: what would act on a terminal is shown instead.

- A control character is shown as its picture (ESC as ␛), another invisible or direction-changing one as its
  escape (`\\u202e`). What prints stays as it is.
- Text for a screen keeps its tabs and line ends; on one line they are shown, too.
- JSON keeps its values: what would act in it stands as JSON's own escape.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def one_line(text: object) -> str:
    """`text` on one line, with every character that does not print made visible."""
    line = str(text)
    return line if line.isprintable() else "".join(c if c.isprintable() else _shown(c) for c in line)


def line(text: str) -> str:
    """The same, but tabs stay."""
    return text if text.isprintable() else "\t".join(map(one_line, text.split("\t")))


def lines(text: str) -> str:
    """The same of a text of several lines: tabs and line ends stay."""
    return text if text.isprintable() else "\n".join(map(line, text.split("\n")))


def in_json(text: str) -> str:
    """A JSON document in which nothing acts, with the values that it had."""
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def _shown(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return "\\n" if char == "\n" else chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i] << 8 | units[i + 1]:04x}" for i in range(0, len(units), 2))


class Shown:
    """A text stream on which nothing acts; `real` is the stream behind it."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def write(self, text: str) -> int:
        """Write it harmless."""
        self.real.write(lines(text))
        return len(text)

    def writelines(self, texts: Iterable[str]) -> None:
        """Write one after another."""
        for text in texts:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)
