"""Calls of the platform API: arguments that name elements are bound here, whole records are read before they change.

- `@element` is the platform's number of the element, `@env` its environment.
- `@related` is the list of the chosen related hosts' numbers, `@one-related` one of them: rows of each= take turns.
- Any other word that begins with @ is bound by nobody and refused.
- A method that stores a whole record gets the record as the platform has it now, with the wanted fields changed; what
  is left out of it would be lost (EditHdNode stores 0 for a port that is not sent; source: guide dossier, trap G).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opsguide.errors import FailedError, InputError
from opsguide.guide import kinds, slots
from opsguide.guide.entries import WholeRecord
from opsguide.reach import quoting
from opsguide.reach.inventory import Element, Platform

LISTS = ("array", "objects")


@dataclass(frozen=True)
class Binding:
    """What the words with @ stand for; `row` is the number of the row of each=, from 0."""

    platform: Platform
    element: Element
    related: list[Element]
    row: int = 0


def argument(binding: Binding, value: Any, fill: Callable[[str], str]) -> Any:
    """The value of one argument; `fill` gives a slot's text. InputError for what nothing stands for."""
    if value == "@element":
        return _number(binding, binding.element)
    if value == "@env":
        return _env(binding)
    if value in ("@related", "@one-related"):
        return _related(binding, one=value == "@one-related")
    if isinstance(value, str) and value.startswith("@"):
        raise InputError(f"{value} is not bound by this broker", next="the scope's file names @element or @env")
    if isinstance(value, str) and slots.names(value):
        return slots.fill(value, {name: fill(name) for name in slots.names(value)})
    return value


def _number(binding: Binding, element: Element) -> int:
    number = element.id if element.kind in kinds.HOST_KINDS else element.node
    if number is None:
        words = f"the inventory gives no platform id for {element.name}"
        raise InputError(words, where=str(binding.platform.file))
    return number


def _env(binding: Binding) -> str:
    if not binding.element.env:
        words = f"the inventory gives no environment for {binding.element.name}"
        raise InputError(words, where=str(binding.platform.file))
    return binding.element.env


def _related(binding: Binding, one: bool) -> Any:
    numbers = [_number(binding, element) for element in binding.related]
    if not numbers:
        words = f"no other element can stand in for {binding.element.name}"
        raise InputError(words, where=str(binding.platform.file), next="add one of its kind and group")
    return numbers[binding.row % len(numbers)] if one else ",".join(map(str, numbers))


def shown(platform: Platform, method: str, args: dict[str, Any]) -> str:
    """The call as a line for a terminal, the token read from its file."""
    assert platform.api is not None
    reference = platform.api.token
    token = f"--data-urlencode session@{reference[5:]}" if reference.startswith("file:") else "-d session=TOKEN"
    group, cls, name = method.rsplit(".", 2)
    url = f"{platform.api.url.rstrip('/')}/1.0/{group}/{cls}/rest/{name.lower()}"
    form = " ".join(f"--data-urlencode {quoting.quoted(f'{k}={_text(v)}')}" for k, v in args.items())
    return " ".join(filter(None, ("curl -s -S", token, "-d appid=cluster", form, url)))


@dataclass(frozen=True)
class Whole:
    """A record as it will be sent: `args` for the call, `digest` of all that is not being changed."""

    args: dict[str, Any]
    digest: str


def whole(rule: WholeRecord, bound: dict[str, Any], answer: str) -> Whole:
    """The call's arguments from those of the notebook and what the platform answered. FailedError, nothing was sent."""
    wanted = {name: value for name, value in bound.items() if name != rule.arg}
    record = _row(answer, bound[rule.arg])
    if record is None:
        raise FailedError(f"{rule.read} has no record of {bound[rule.arg]}", answer=answer[:200], next=NOT_SENT)
    missing = [name for name in rule.must if not record.get(name)]
    if missing:
        words = f"the record of {bound[rule.arg]} has no {', '.join(missing)}; sending it would store that for good"
        raise FailedError(words, answer=json.dumps(record)[:400], next=NOT_SENT)
    kept = {name: value for name, value in record.items() if name not in wanted}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
    return Whole({rule.arg: json.dumps({**record, **wanted}, sort_keys=True, ensure_ascii=False)}, digest)


LINE = range(16, 4097)
"""How many characters a command that is handed out may have: shorter ones could not be hidden."""


def handed_out(answer: str) -> str:
    """The one-line command in an answer's `value`, empty where it holds none (source: guide dossier 01, S3)."""
    try:
        value = json.loads(answer)["value"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    fits = isinstance(value, str) and value.isprintable() and len(value) in LINE and value == value.strip()
    return value if fits else ""


NOT_SENT = "nothing was sent; look at the host in the admin panel"


def rows(answer: str) -> list[dict[str, Any]]:
    """The records that an answer lists; none where it is no answer of the API."""
    try:
        body = json.loads(answer)
    except (ValueError, RecursionError):
        return []
    found: list[Any] = next((body[k] for k in LISTS if isinstance(body, dict) and isinstance(body.get(k), list)), [])
    return [row for row in found if isinstance(row, dict)]


def _row(answer: str, number: Any) -> dict[str, Any] | None:
    return next((row for row in rows(answer) if str(row.get("id")) == str(number)), None)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
