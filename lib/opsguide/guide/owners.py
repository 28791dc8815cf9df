"""Paths and whose they are, from owners.toml.

- A path belongs to an activity; only that activity's runs edit it. The longest pattern wins.
- A path that may hold a secret is known by its name; of such a file not even the digest is taken.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from opsguide.guide import maps


@dataclass(frozen=True)
class Owners:
    """`paths`: each pattern with its activity's slug; `secret`: patterns of lower-case paths."""

    paths: tuple[tuple[str, str], ...]
    secret: tuple[str, ...]


@cache
def load() -> Owners:
    """The patterns of owners.toml."""
    return maps.read("owners.toml", _parse)


def _parse(text: str) -> Owners:
    table = tomllib.loads(text)
    paths = ((path, activity) for activity, owned in table["paths"].items() for path in owned)
    return Owners(tuple(paths), tuple(table["secret"]))


def owner_of(path: str) -> str:
    """The activity that owns a path, or empty."""
    fits = [(len(pattern), activity) for pattern, activity in load().paths if fnmatchcase(path, pattern)]
    return max(fits)[1] if fits else ""


def may_be_secret(path: str) -> bool:
    """Whether the name of a path speaks of a secret: a password file, a private key, a token."""
    return any(fnmatchcase(path.lower(), pattern) for pattern in load().secret)
