"""What fills a slot of a template.

- A slot named like a parameter is filled from what `begin` registered, and cannot be given again.
- Others take what the entry types: a value that the verb gives, or a word of a row that a look of this run returned.
- The container's number, and what only the broker has, are filled here and cannot be given.
- A path that leads into a container from its host is refused: that is work on the container.
"""

from __future__ import annotations

import re
from typing import Any

from opsguide.broker.grounds import Grounds
from opsguide.broker.rows import FromRow
from opsguide.errors import InputError, RefusedError
from opsguide.guide import slots
from opsguide.guide.entries import Entry
from opsguide.reach.inventory import Element

INTO_CONTAINERS = re.compile(r"^/(vz/(root|private)|proc/.+/(root|cwd|fd|map_files)|dev/fd)(/|$)")
STANDS = {"@handed": "[what {} hands out]", "@made": "[a password, made up]"}


def slot(grounds: Grounds, entry: Entry, element: Element, name: str, given: dict[str, Any]) -> str:
    """The text of one slot; InputError for a value that does not fit, RefusedError for one that is not asked for."""
    known = grounds.scope.parameters.known
    if entry.slots.get(name) == "@ctid":
        return _ctid(element, entry, name in given)
    if entry.slots.get(name) in STANDS:
        return _of_broker(entry, name, name in given)
    if entry.slots.get(name) == "@row":
        return _of_row(entry, name, given.get(name))
    if name in known and name not in entry.slots:
        value, kind = grounds.parameters[name], known[name].slot or "text"
        if name in given:
            raise RefusedError(f"slot {name} is the run's parameter and cannot be given again", command=entry.template)
    elif name in given:
        value, kind = given[name], entry.slots[name]
    else:
        raise InputError(f"slot {name} has no value", command=entry.template, next=f"give it: {name}=…")
    try:
        text = slots.check(kind, value)
    except ValueError as error:
        raise InputError(f"slot {name}: {error}", command=entry.template) from None
    refuse_into_containers(text)
    return text


def _ctid(element: Element, entry: Entry, given: bool) -> str:
    if given or element.ctid is None:
        words = "cannot be given" if given else f"has no value: {element.name} is no container"
        raise RefusedError(f"the container's number is bound by the broker and {words}", command=entry.template)
    return str(element.ctid)


def _of_broker(entry: Entry, name: str, given: bool) -> str:
    """What stands for a word that only the broker has, wherever the command is shown."""
    if given:
        raise RefusedError(f"slot {name} is filled by the broker and cannot be given", command=entry.template)
    return STANDS[entry.slots[name]].format(entry.handed.api if entry.handed else "")


def _of_row(entry: Entry, name: str, value: Any) -> str:
    if not isinstance(value, FromRow):
        words = f"slot {name} is filled from a row that a look of this run returned, and in no other way"
        raise RefusedError(words, command=entry.template, next="give the rows to each=")
    try:
        return slots.check("word", str(value))
    except ValueError as error:
        raise InputError(f"slot {name}: {error}", command=entry.template) from None


def refuse_into_containers(path: str) -> None:
    """RefusedError for a path that leads into a container from its host."""
    if INTO_CONTAINERS.match(path):
        raise RefusedError(f"{path[:120]} leads into a container", next="start a run on that container")
