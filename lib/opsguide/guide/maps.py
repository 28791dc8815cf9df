"""The maps beside the scopes: TOML files of rows that a provider may edit, read in one way.

- A file that is no TOML, or a row that is not of its form, is bad input that names the file, the row and the key.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any, TypeVar

from opsguide.errors import InputError
from opsguide.guide import expectations

T = TypeVar("T")


def read(name: str, parse: Callable[[str], T]) -> T:
    """What `parse` makes of the file of that name; InputError for whatever it refuses."""
    file = files("opsguide.guide") / name
    try:
        return parse(file.read_text("utf-8"))
    except (ValueError, TypeError, AttributeError, OSError) as error:
        words = str(error)
    except KeyError as error:
        words = f"key {error.args[0]} is missing"
    raise InputError(f"{name}: {words}", where=str(file), next="the head of the file explains its rows")


def expectation(place: str, given: Any) -> None:
    """ValueError, with the place, for what is no expectation."""
    try:
        expectations.checked(given)
    except InputError as error:
        raise ValueError(f"{place}: {error.words}") from None
