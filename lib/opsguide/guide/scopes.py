"""Scopes: the commands that an activity consists of. Default deny, exact match.

- A template that differs by one character is not in the scope.
- An entry is for kinds of element; on another kind it is not in the scope.
- A change names the steps that may send it; `settle` is a look of the same scope; `undo` is a change of the same scope,
  or words where there is none.
- Common looks belong to every scope; looks of the service map belong to the run that named the service.
- A note of the guide is looked at only: its scope holds no change and no file.
- A star in a file's path stays within its folder. An absent file is made only as `create` says: mode, owner, group.
- Its keys are those of scope_keys, which refuses all others; what an entry may say stands in entries.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Any

from opsguide.errors import InputError
from opsguide.guide import entries, scope_keys, slots
from opsguide.guide.editions import NOTES
from opsguide.guide.entries import Entry
from opsguide.guide.kinds import KINDS
from opsguide.guide.parameters import COMMON, TYPES, Parameter, Parameters

RELATED = ("peer", "peers", "containers", *KINDS)
CREATE = re.compile(r"[0-7][0-7][0145] [a-z_][a-z0-9_-]* [a-z_][a-z0-9_-]*")


@dataclass(frozen=True)
class FileRule:
    """A file that the activity may edit: its glob, and its own check (`{staged}` is the staged file).

    `create`: mode, owner and group with which an absent one is made; empty: an absent one is refused.
    """

    path: str
    check: str = ""
    source: str = ""
    create: str = ""


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

    @property
    def only_looks(self) -> bool:
        """Whether nothing in it changes anything."""
        return not self.files and all(entry.verb == "look" for entry in self.entries)

    def find(self, template: str, verb: str, kind: str, args: dict[str, Any] | None = None) -> Entry | None:
        """The entry that matches exactly, or None."""
        for entry in self.entries:
            same = entry.template == template and _same(entry.args, args)
            if same and entry.verb == verb and kind in entry.kinds:
                return entry
        return None

    def file(self, path: str) -> FileRule | None:
        """The rule of a path that this activity may edit, or None."""
        fits = (r for r in self.files if r.path.count("/") == path.count("/") and fnmatchcase(path, r.path))
        return next(fits, None)


def _same(args: dict[str, Any] | None, others: dict[str, Any] | None) -> bool:
    """Equal to the type: Python holds 0, 0.0 and False equal."""
    return args == others and repr(sorted((args or {}).items())) == repr(sorted((others or {}).items()))


def _read(name: str) -> bytes:
    return (files("opsguide.guide") / "scopes" / f"{name}.toml").read_bytes()


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
        next = "docs/scopes.md has every key with an example"
        raise InputError(f"broken scope: {error}", where=f"scopes/{activity}.toml", next=next) from None


def _scope(activity: str, table: dict[str, Any], digest: str) -> Scope:
    scope_keys.hold(table)
    parameters = {p.name: p for p in COMMON}
    for name, fields in table.get("parameters", {}).items():
        parameters[name] = _parameter(name, fields)
    own = [entries.read(row, verb) for verb in ("look", "change") for row in table.get(verb, [])]
    looks = {e.template for e in (*own, *entries.common_looks()) if e.verb == "look"}
    if activity in [note.slug for note in NOTES] and (table.get("change") or table.get("file")):
        raise ValueError("a note of the guide is looked at only: no change and no file")
    related = {kind: tuple(names) for kind, names in table.get("related", {}).items()}
    for entry in own:
        entries.hold(entry, parameters)
        _hold_within(entry, looks, table["steps"])
    _hold_names(table, related)
    return Scope(
        activity,
        digest,
        tuple(table["steps"]),
        Parameters(parameters),
        (*own, *entries.common_looks()),
        tuple(_file(row) for row in table.get("file", [])),
        related,
        table.get("service", ""),
    )


def _hold_within(entry: Entry, looks: set[str], steps: list[str]) -> None:
    """What an entry says of other parts of its scope."""
    if entry.settle and entry.settle not in looks:
        raise ValueError(f"{entry.template}: settle names no look of this scope")
    if entry.verb == "change" and (not entry.steps or set(entry.steps) - set(steps)):
        raise ValueError(f"{entry.template}: a change names its step, one of {', '.join(steps)}")


def _file(row: dict[str, Any]) -> FileRule:
    found = FileRule(**row)
    if found.create and not CREATE.fullmatch(found.create):
        raise ValueError(f"{found.path}: create is mode, owner and group, like 644 root root; nobody else may write")
    return found


def _parameter(name: str, fields: dict[str, Any]) -> Parameter:
    given: dict[str, Any] = {k: tuple(v) if k == "choices" else v for k, v in fields.items()}
    found = Parameter(name=name, **given)
    if found.type not in TYPES or type(found.default) is not TYPES[found.type]:
        known = ", ".join(TYPES)
        raise ValueError(f"parameters.{name}: type {found.type} with default {found.default!r}; types: {known}")
    if found.slot and found.slot not in slots.TYPES:
        raise ValueError(f"parameters.{name}: unknown slot type {found.slot}")
    if found.confirms and (found.type != "str" or found.default):
        raise ValueError(f"parameters.{name}: what confirms is an empty str that is filled in")
    return found


def _hold_names(table: dict[str, Any], related: dict[str, tuple[str, ...]]) -> None:
    steps = table["steps"]
    if len(set(steps)) != len(steps) or not all(re.fullmatch(r"[a-z][a-z0-9-]*", step) for step in steps):
        raise ValueError(f"steps: each a word, once: {steps}")
    if table.get("service", "") not in ("", *table.get("parameters", {})):
        raise ValueError(f"service: {table['service']} is no parameter")
    known = {*table.get("parameters", {}), "element"}
    for name, fields in table.get("parameters", {}).items():
        if fields.get("confirms", "element") not in known:
            raise ValueError(f"parameters.{name}: confirms names no parameter")
        when = fields.get("required", False)
        for other, values in (when if isinstance(when, dict) else {}).items():
            if set(values) - set(table["parameters"].get(other, {}).get("choices", [])):
                raise ValueError(f"parameters.{name}: required names a parameter with choices, and some of these")
    if set(related) - set(KINDS) or any(set(words) - set(RELATED) for words in related.values()):
        raise ValueError(f"related: a kind of element, then any of {', '.join(RELATED)}")
