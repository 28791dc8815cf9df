"""The keys of a scope file: what each table may hold, and of what shape it is. docs/scopes.md explains each.

- A key that nobody knows is refused, in every table of the file, with the nearest known one.
- A value has the shape of its key; a key that is needed is there.
- A look or a change is a command or an API method, never both.
- What is wrong is named by its place: `change 2 (systemctl restart {service}), key deadline`.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

TEXT, FLAG, TEXTS, TABLE, TABLES = "a text", "true or false", "a list of texts", "a table", "a list of tables"
NUMBER, NUMBERS, ANY, STEP = "a number", "a list of whole numbers", "a value", "a text or a list of texts"
REQUIRED = "true, false, or a table of a parameter and a list of its values"

FILE = {"steps": TEXTS, "service": TEXT, "related": TABLE, "parameters": TABLE,
        "look": TABLES, "change": TABLES, "file": TABLES}  # fmt: skip
PARAMETER = {"type": TEXT, "default": ANY, "help": TEXT, "required": REQUIRED, "choices": TEXTS, "slot": TEXT,
             "lines": FLAG, "minimum": NUMBER, "maximum": NUMBER, "confirms": TEXT}  # fmt: skip
LOOK = {"command": TEXT, "api": TEXT, "args": TABLE, "slots": TABLE, "kinds": TEXTS, "on": TEXTS, "at": TEXT,
        "shell": ANY, "fresh": FLAG, "deadline": TEXT}  # fmt: skip
CHANGE = {"step": STEP, "settle": TEXT, "unproven": TEXT, "effect": TEXT, "undo": TEXT, "record": TABLE,
          "already": NUMBERS, "independent": FLAG, "handed": TABLE}  # fmt: skip
RECORD = {"arg": TEXT, "read": TEXT, "must": TEXTS, "later": FLAG}
HANDED = {"api": TEXT, "args": TABLE, "unless": TEXT}
EDITED = {"path": TEXT, "check": TEXT, "create": TEXT, "source": TEXT}
NEEDED = {"file": ("steps",), "parameter": ("type", "default", "help"), "record": ("arg", "read"), "handed": ("api",),
          "path": ("path",)}  # fmt: skip


def hold(scope: Mapping[str, Any]) -> None:
    """ValueError, in one sentence with place and key, for a file that is not of this form."""
    hold_table("the file", scope, FILE, NEEDED["file"])
    for name, fields in scope.get("parameters", {}).items():
        hold_table(f"parameters.{name}", fields, PARAMETER, NEEDED["parameter"])
    for name, names in scope.get("related", {}).items():
        _shaped("related", name, names, TEXTS)
    for verb in ("look", "change"):
        for number, row in enumerate(scope.get(verb, []), 1):
            hold_entry(f"{verb} {number}", row)
    for number, row in enumerate(scope.get("file", []), 1):
        hold_table(f"file {number}", row, EDITED, NEEDED["path"])


def hold_entry(place: str, row: Mapping[str, Any]) -> None:
    """The same for one look or change."""
    if isinstance(row, dict) and (template := row.get("command") or row.get("api")):
        place = f"{place} ({template})"
    hold_table(place, row, {**LOOK, **CHANGE})
    if ("command" in row) == ("api" in row):
        raise ValueError(f"{place}: it is a command or an api, one of them")
    if "args" in row and "command" in row:
        raise ValueError(f"{place}, key args: arguments are of an api")
    for name, kind in row.get("slots", {}).items():
        _shaped(f"{place}, slots", name, kind, TEXT)
    if "record" in row:
        hold_table(f"{place}, record", row["record"], RECORD, NEEDED["record"])
    if "handed" in row:
        hold_table(f"{place}, handed", row["handed"], HANDED, NEEDED["handed"])


def hold_table(place: str, fields: Any, keys: Mapping[str, str], needed: tuple[str, ...] = ()) -> None:
    """ValueError, with place and key, for a table that has another key, another shape, or lacks what is needed."""
    if not isinstance(fields, dict):
        raise ValueError(f"{place}: {TABLE} belongs here, not {fields!r}")
    for name, value in fields.items():
        if name not in keys:
            near = get_close_matches(name, keys, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(keys)}"
            raise ValueError(f"{place}: unknown key {name}; {hint}")
        _shaped(place, name, value, keys[name])
    if absent := [name for name in needed if name not in fields]:
        raise ValueError(f"{place}: key {absent[0]} is missing")


def _shaped(place: str, name: str, value: Any, shape: str) -> None:
    if not _fits(value, shape):
        raise ValueError(f"{place}, key {name}: {shape} belongs here, not {value!r}")


def _fits(value: Any, shape: str) -> bool:
    simple = {TEXT: str, FLAG: bool, TABLE: dict}
    if shape in simple:
        return isinstance(value, simple[shape])
    if shape == NUMBER:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if shape == STEP and isinstance(value, str):
        return True
    if shape == REQUIRED:
        return isinstance(value, bool) or (isinstance(value, dict) and all(_fits(one, TEXTS) for one in value.values()))
    of = {TEXTS: str, STEP: str, TABLES: dict, NUMBERS: int}.get(shape)
    return of is None or (isinstance(value, list) and all(type(one) is of for one in value))
