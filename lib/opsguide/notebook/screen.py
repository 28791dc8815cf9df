"""The screen: plain lines from the broker, written past the capture of the cell's own output."""

from __future__ import annotations

import sys


def say(lines: list[str]) -> None:
    """Print lines at once; one write, one flush."""
    stream = getattr(sys.stdout, "real", sys.stdout)
    stream.write("".join(line + "\n" for line in lines))
    stream.flush()
