"""The words for expectations: each makes data that the broker judges; elements and readings stand for their text."""

from __future__ import annotations

from typing import Any

from opsguide.errors import InputError


def _expectation(name: str, args: tuple[Any, ...], exit: int = 0) -> dict[str, Any]:
    return {"name": name, "args": [plain(a) for a in args], "exit": exit}


def plain(value: Any) -> Any:
    """Numbers and text as they are; an element as its name, a reading as its text."""
    if isinstance(value, str | int | float):
        return value
    text = getattr(value, "name", None) or getattr(value, "text", None)
    if not isinstance(text, str):
        raise InputError(f"text, a number, an element or a reading is wanted, not {type(value).__name__}")
    return text


def firsts(rows: list[Any]) -> list[str]:
    """The first column of each row; what is no row stands for itself."""
    return [str(row[0]) if isinstance(row, tuple) else str(plain(row)) for row in rows]


def exits(status: int) -> dict[str, Any]:
    """The command ends with this status."""
    return _expectation("exits", (status,), status)


def says(*alternatives: Any, exit: int = 0) -> dict[str, Any]:
    """One of the texts stands in the answer, as whole words."""
    return _expectation("says", alternatives, exit)


def lacks(*texts: Any, exit: int = 0) -> dict[str, Any]:
    """None of the texts stands in the answer; a list of rows stands for the first columns of all of them."""
    found = [one for text in texts for one in (firsts(text) if isinstance(text, list) else [text])]
    return _expectation("lacks", tuple(found), exit) if found or not texts else exits(exit)


def matches(pattern: str, exit: int = 0) -> dict[str, Any]:
    """Some line of the answer matches the regular expression."""
    return _expectation("matches", (pattern,), exit)


def equals(text: Any, exit: int = 0) -> dict[str, Any]:
    """The answer is this text, apart from outer white space."""
    return _expectation("equals", (text,), exit)


def differs_from(text: Any, exit: int = 0) -> dict[str, Any]:
    """The answer is not this text."""
    return _expectation("differs_from", (text,), exit)


def at_least(number: Any) -> dict[str, Any]:
    """Every number in the answer is this or more."""
    return _expectation("at_least", (number,))


def at_most(number: Any) -> dict[str, Any]:
    """Every number in the answer is this or less."""
    return _expectation("at_most", (number,))


nothing: dict[str, Any] = _expectation("nothing", ())
"""The answer is empty."""


def api(method: str, /, **args: Any) -> dict[str, Any]:
    """A call of the platform API; arguments that name an element are bound in the broker: `@element`, `@env`."""
    return {"api": method, "args": args}


def amend(*, settings: list[str] | None = None, patch: str = "", content: str | None = None) -> dict[str, Any]:
    """A change of a file: lines to set, or a unified diff, or the whole text. The old text never comes here."""
    return {"settings": settings or [], "patch": patch, "content": content}


services: dict[str, Any] = {"services": True}
"""What must be alive on an element, as the service map has it: for `look` and `prove`."""

healthy: dict[str, Any] = {"name": "healthy", "args": []}
"""Every check of the service map is met."""

register: dict[str, Any] = {"register": True}
"""The register of custom settings of the run's element: for `look`."""

as_agreed: dict[str, Any] = {"name": "as_agreed", "args": []}
"""Each file of the register is as it was agreed."""
