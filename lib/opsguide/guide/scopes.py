"""Scopes: the commands that an activity consists of. Default deny, exact match.

- An entry is a literal template with typed slots, or an API method with bound arguments.
- A template that differs by one character is not in the scope.
- An entry is for kinds of element; on another kind it is not in the scope.
- An entry is a look or a change, on the element itself unless `on` names a related one.
- A change names its deadline; one that nothing proves says why in `unproven`.
- `shell` is for looks without slots only, and says why.
- Common looks belong to every scope; looks of the service map belong to the run that named the service.
- A path belongs to an activity; only that activity's runs edit it, and a refusal names its runbook.
"""

from __future__ import annotations

import hashlib
import shlex
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from opsguide.errors import InputError
from opsguide.guide import slots
from opsguide.guide.durations import duration
from opsguide.guide.kinds import KINDS
from opsguide.guide.parameters import COMMON, Parameter, Parameters


@dataclass(frozen=True)
class Entry:
    """One allowed command; `args` are the bound arguments of an API method, None for a command."""

    template: str
    verb: str
    kinds: tuple[str, ...] = KINDS
    on: tuple[str, ...] = ("element",)
    args: dict[str, Any] | None = None
    deadline: float = 60.0
    slots: dict[str, str] = field(default_factory=dict)
    subject: str = ""
    settle: str = ""
    unproven: str = ""
    shell: str = ""

    def tokens(self) -> list[str]:
        """The template as the words of an argument vector, slots unfilled."""
        return shlex.split(self.template)


@dataclass(frozen=True)
class FileRule:
    """A file that the activity may edit: its glob, and its own check (`{staged}` is the staged file)."""

    path: str
    check: str = ""
    source: str = ""


@dataclass(frozen=True)
class Scope:
    """The scope of one activity; `digest` is the SHA-256 of its file."""

    activity: str
    digest: str
    steps: tuple[str, ...]
    parameters: Parameters
    entries: tuple[Entry, ...]
    files: tuple[FileRule, ...]
    related: dict[str, tuple[str, ...]]
    service: str = ""

    def find(self, template: str, verb: str, kind: str, args: dict[str, Any] | None = None) -> Entry | None:
        """The entry that matches exactly, or None."""
        for entry in self.entries:
            same = entry.template == template and entry.args == args
            if same and entry.verb == verb and kind in entry.kinds:
                return entry
        return None

    def file(self, path: str) -> FileRule | None:
        """The rule of a path that this activity may edit, or None."""
        return next((rule for rule in self.files if fnmatchcase(path, rule.path)), None)


def _read(name: str) -> bytes:
    return (files("opsguide.guide") / "scopes" / f"{name}.toml").read_bytes()


@cache
def load(activity: str) -> Scope | None:
    """The scope of an activity, None where its runbook is still to come; InputError for a broken file."""
    try:
        content = _read(activity)
    except FileNotFoundError:
        return None
    return parse(activity, content)


def parse(activity: str, content: bytes) -> Scope:
    """A scope from the bytes of its TOML file; InputError names file and key."""
    try:
        table = tomllib.loads(content.decode("utf-8"))
        return _scope(activity, table, hashlib.sha256(content).hexdigest())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, TypeError, KeyError, ValueError) as error:
        raise InputError(f"broken scope: {error}", where=f"scopes/{activity}.toml") from None


def _scope(activity: str, table: dict[str, Any], digest: str) -> Scope:
    parameters = {p.name: p for p in COMMON}
    for name, fields in table.get("parameters", {}).items():
        given: dict[str, Any] = {k: tuple(v) if k == "choices" else v for k, v in fields.items()}
        parameters[name] = Parameter(name=name, **given)
    entries = [_entry(row, "look") for row in table.get("look", [])]
    entries += [_entry(row, "change") for row in table.get("change", [])]
    related = {kind: tuple(names) for kind, names in table.get("related", {}).items()}
    for entry in entries:
        _hold_rules(entry, parameters)
    return Scope(
        activity,
        digest,
        tuple(table["steps"]),
        Parameters(parameters),
        (*entries, *common_looks()),
        tuple(FileRule(**row) for row in table.get("file", [])),
        related,
        table.get("service", ""),
    )


def _entry(row: dict[str, Any], verb: str) -> Entry:
    fields = dict(row)
    template = fields.pop("command", None) or fields.pop("api")
    fields["args"] = fields.get("args", {}) if "api" in row else None
    for name in ("kinds", "on"):
        if name in fields:
            fields[name] = tuple(fields[name])
    if "deadline" in fields:
        fields["deadline"] = duration(fields["deadline"])
    return Entry(template=template, verb=verb, **fields)


def _hold_rules(entry: Entry, parameters: dict[str, Parameter]) -> None:
    for name in slots.names(entry.template):
        kind = entry.slots.get(name) or (parameters[name].slot if name in parameters else "")
        if kind not in slots.TYPES:
            raise ValueError(f"{entry.template}: slot {name} has no type")
    if entry.shell and (entry.verb != "look" or slots.names(entry.template)):
        raise ValueError(f"{entry.template}: shell is for looks without slots")
    if set(entry.kinds) - set(KINDS):
        raise ValueError(f"{entry.template}: unknown kind")


@cache
def common_looks() -> tuple[Entry, ...]:
    """Looks that any run may send: nobody should need a second terminal."""
    table = tomllib.loads((files("opsguide.guide") / "common_looks.toml").read_text("utf-8"))
    return tuple(_entry(row, "look") for row in table["look"])


@cache
def _owners() -> tuple[tuple[str, str], ...]:
    table = tomllib.loads((files("opsguide.guide") / "owners.toml").read_text("utf-8"))
    return tuple((path, activity) for activity, paths in table["paths"].items() for path in paths)


def owner_of(path: str) -> str:
    """The activity that owns a path (the longest pattern wins), or empty."""
    fits = [(len(pattern), activity) for pattern, activity in _owners() if fnmatchcase(path, pattern)]
    return max(fits)[1] if fits else ""
