"""Kernel settings in a file of `/etc/sysctl.d`: what it sets, what the kernel says then, and what would undo it.

- A line is empty, a comment, or `key = value`: no star, no leading dash. A key has dots, as `sysctl -a` prints it.
- Of a key that stands twice the last line counts. White space within a value is one space.
- What `sysctl` prints after the load is what it printed before, line by line, with the new values.
- A file that is read later wins at the next boot: those with a greater name, whatever their folder, then
  `/etc/sysctl.conf`. A star in its key stands for one part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from opsguide.errors import InputError

LINE = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_-]*\.[A-Za-z0-9_./-]+)\s*=\s*(\S.*)")
LAST = "/etc/sysctl.conf"


@dataclass(frozen=True)
class KernelSettings:
    """The values of a file by key."""

    values: dict[str, str]

    @property
    def pattern(self) -> str:
        """The extended regular expression of exactly these keys."""
        return f"^({'|'.join(key.replace('.', '[.]') for key in self.values)})$"

    def among(self, patterns: list[str]) -> list[str]:
        """The keys that fit one of these patterns, with the wildcards of a shell."""
        return [key for key in self.values if any(fnmatchcase(key, one) for one in patterns)]

    def unknown(self, told: list[str]) -> list[str]:
        """The keys of which `sysctl` said nothing."""
        return [key for key in self.values if key not in map(_key, told)]

    def then(self, told: list[str]) -> str:
        """What `sysctl` prints once the file is loaded, after what it printed before."""
        return "\n".join(f"{_key(line)} = {self.values.get(_key(line), '')}" for line in told)

    def overruled(self, path: str, lines: list[str]) -> list[str]:
        """Those lines `FILE:KEY = VALUE` of files that are read after this one and set one of its keys."""
        split = ((line, *line.partition(":")[::2]) for line in lines)
        return [line for line, file, setting in split if _later(file, path) and self._sets(_key(setting))]

    def _sets(self, key: str) -> bool:
        return any(fnmatchcase(mine, key) for mine in self.values)


def kernel_settings(text: str, settings: list[str], content: str) -> KernelSettings:
    """What a file sets after its edit: its whole new `content`, or `text` with `settings`; InputError for odd lines."""
    lines = [line.strip() for line in (content or text).splitlines()] + [line.strip() for line in settings]
    found = {}
    for line in lines:
        if not line or line[0] in "#;":
            continue
        match = LINE.fullmatch(line)
        if not match:
            hint = "write each key as `sysctl -a` prints it, on a line of its own"
            raise InputError(f"{line[:60]!r} is not of the form key = value", next=hint)
        found[match[1]] = " ".join(match[2].split())
    return KernelSettings(found)


def _key(line: str) -> str:
    return line.partition("=")[0].strip().removeprefix("-")


def _later(file: str, path: str) -> bool:
    return file != path and (file == LAST or file.rpartition("/")[2] > path.rpartition("/")[2])
