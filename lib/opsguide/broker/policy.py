"""parameters/policy.yml: how long the broker waits, and how many elements may be out at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from opsguide.errors import InputError
from opsguide.guide import invariants
from opsguide.guide.durations import duration

DEFAULTS = {"idle": "30 min", "linger": "1 min"}
AT_MOST = "at_most"


@dataclass(frozen=True)
class Policy:
    """`idle` and `linger` in seconds; `at_most` by the names of guide/invariants.toml."""

    idle: float
    linger: float
    at_most: dict[str, int]


def load(file: Path) -> Policy:
    """The policy of a file, the default where there is none; InputError names the key."""
    try:
        table = yaml.safe_load(file.read_text("utf-8")) or {}
    except FileNotFoundError:
        table = {}
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(file)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"not YAML: {(str(error).splitlines() or ['?'])[0]}", where=str(file)) from None
    if not isinstance(table, dict):
        raise InputError("must map names to values", where=str(file))
    known = (*DEFAULTS, AT_MOST)
    if unknown := [key for key in table if key not in known]:
        raise InputError(f"unknown key {unknown[0]}", where=str(file), next=f"known: {', '.join(known)}")
    try:
        seconds = {key: duration(str(table.get(key, default))) for key, default in DEFAULTS.items()}
        return Policy(seconds["idle"], seconds["linger"], invariants.limits(table.get(AT_MOST) or {}))
    except ValueError as error:
        raise InputError(str(error), where=str(file)) from None
