"""Scopes: the commands that an activity consists of. Default deny, exact match.

- An entry is a literal template with typed slots, or an API method with bound arguments.
- A template that differs by one character is not in the scope.
- An entry is for kinds of element; on another kind it is not in the scope.
- An entry is a look or a change, on the element itself unless `on` names related ones: the peer, the containers on the
  host, or a kind.
- With `at = "host"` the line goes to the host that carries the element; the element stays the subject.
- A change names its deadline and the steps that may send it; one that nothing proves says why in `unproven`; `settle`
  is a look of the same scope; `undo` is a change of the same scope, or words where there is none; a slot that only
  `undo` has, like the old value, is given with the change.
- An `effect` says what a change does to its element, for the invariants: it takes it out, puts it back, empties it,
  removes it or reboots it; or it arms a timer there that takes changes back by itself.
- An API method that stores a whole record names it in `record`: the argument, the method that reads it, what it holds.
- `already` are exit statuses of a change that say that it was so already; `independent` lets the other rows of a change
  be tried when one has failed.
- A change whose first word the platform hands out names the method in `handed`: that word is the slot of type
  `@handed`, a shell on the run's own host reads it, and `@made` is a password that nobody has to know.
- `shell` is for looks without slots only, and says why. `fresh` is for looks at a line: they log in anew.
- A slot is typed by its entry or by the parameter of its name, never by both; `@ctid` is bound in the broker,
  `@row` is a word that only a row of each= can fill.
- Common looks belong to every scope; looks of the service map belong to the run that named the service.
- A note of the guide is looked at only: its scope holds no change and no file.
- A star in a file's path stays within its folder. An absent file is made only as `create` says: mode, owner, group.
- Its keys are those of scope_keys, which refuses all others.
- A slot that stands nowhere, and a command that no shell could split, are refused.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from opsguide.errors import InputError
from opsguide.guide import scope_keys, slots
from opsguide.guide.durations import duration
from opsguide.guide.editions import NOTES
from opsguide.guide.kinds import KINDS
from opsguide.guide.parameters import COMMON, TYPES, Parameter, Parameters

RELATED = ("peer", "peers", "containers", *KINDS)
EFFECTS = ("takes-out", "puts-back", "empties", "removes", "reboots", "arms")
BOUND = ("@ctid", "@row", "@handed", "@made")
PLACES = ("element", "host")
CREATE = re.compile(r"[0-7][0-7][0145] [a-z_][a-z0-9_-]* [a-z_][a-z0-9_-]*")


@dataclass(frozen=True)
class WholeRecord:
    """An API argument that is a whole record: read by method `read`, changed, and sent back in argument `arg`.

    `must` names the fields without which the record is not sent (what is left out is lost); `later` says that the run
    itself makes the record, so that no plan can read it.
    """

    arg: str
    read: str
    must: tuple[str, ...] = ()
    later: bool = False


@dataclass(frozen=True)
class Handed:
    """The API method whose answer, a one-use command, is the first word of a change.

    `unless` is a method that lists hosts: nothing is asked for while it lists the element, or an address of the change.
    """

    api: str
    args: dict[str, Any] = field(default_factory=dict)
    unless: str = ""


@dataclass(frozen=True)
class Entry:
    """One allowed command; `args` are the bound arguments of an API method, None for a command.

    `steps` are the steps that may send a change, `at` where its line goes: to the `element`, or to its `host`.
    """

    template: str
    verb: str
    kinds: tuple[str, ...] = KINDS
    on: tuple[str, ...] = ("element",)
    args: dict[str, Any] | None = None
    deadline: float = 60.0
    slots: dict[str, str] = field(default_factory=dict)
    settle: str = ""
    unproven: str = ""
    shell: str = ""
    fresh: bool = False
    steps: tuple[str, ...] = ()
    effect: str = ""
    undo: str = ""
    at: str = "element"
    record: WholeRecord | None = None
    already: tuple[int, ...] = ()
    independent: bool = False
    handed: Handed | None = None

    @property
    def undo_slots(self) -> list[str]:
        """The slots that the entry types and only its undo has."""
        named = slots.names(self.undo) if self.slots else []
        return [name for name in named if name in self.slots and name not in slots.names(self.template)]

    def tokens(self) -> list[str]:
        """The template as the words of an argument vector, slots unfilled."""
        return shlex.split(self.template)


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
    entries = [_entry(row, "look") for row in table.get("look", [])]
    entries += [_entry(row, "change") for row in table.get("change", [])]
    if activity in [note.slug for note in NOTES] and (table.get("change") or table.get("file")):
        raise ValueError("a note of the guide is looked at only: no change and no file")
    related = {kind: tuple(names) for kind, names in table.get("related", {}).items()}
    for entry in entries:
        _hold_rules(entry, parameters)
        _hold_places(entry, entries, table["steps"])
    _hold_names(table, related)
    return Scope(
        activity,
        digest,
        tuple(table["steps"]),
        Parameters(parameters),
        (*entries, *common_looks()),
        tuple(_file(row) for row in table.get("file", [])),
        related,
        table.get("service", ""),
    )


def _hold_places(entry: Entry, entries: list[Entry], steps: list[str]) -> None:
    """What an entry says of other parts of its scope."""
    if entry.settle and not any(e.verb == "look" and e.template == entry.settle for e in [*entries, *common_looks()]):
        raise ValueError(f"{entry.template}: settle names no look of this scope")
    if entry.verb == "change" and (not entry.steps or set(entry.steps) - set(steps)):
        raise ValueError(f"{entry.template}: a change names its step, one of {', '.join(steps)}")
    if entry.effect and (entry.verb != "change" or entry.effect not in EFFECTS):
        raise ValueError(f"{entry.template}: effect is of a change, and one of {', '.join(EFFECTS)}")
    if entry.verb != "change" and (entry.already or entry.independent):
        raise ValueError(f"{entry.template}: already and independent are of a change")
    if entry.effect == "reboots" and not entry.settle:
        raise ValueError(f"{entry.template}: what reboots names the look that sees it in settle")
    if entry.fresh and (entry.verb != "look" or entry.args is not None):
        raise ValueError(f"{entry.template}: fresh is of a look that is a command")
    if entry.at not in PLACES:
        raise ValueError(f"{entry.template}: at is one of {', '.join(PLACES)}")


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
    if set(related) - set(KINDS) or any(set(words) - set(RELATED) for words in related.values()):
        raise ValueError(f"related: a kind of element, then any of {', '.join(RELATED)}")


def _entry(row: dict[str, Any], verb: str) -> Entry:
    fields = dict(row)
    template = fields.pop("command", None) or fields.pop("api")
    fields["args"] = fields.get("args", {}) if "api" in row else None
    for name in ("kinds", "on", "already"):
        if name in fields:
            fields[name] = tuple(fields[name])
    if "step" in fields:
        named = fields.pop("step")
        fields["steps"] = (named,) if isinstance(named, str) else tuple(named)
    if "record" in fields:
        whole = dict(fields["record"])
        fields["record"] = WholeRecord(must=tuple(whole.pop("must", ())), **whole)
    if "handed" in fields:
        fields["handed"] = Handed(**fields["handed"])
    if "deadline" in fields:
        fields["deadline"] = _deadline(template, fields["deadline"])
    elif verb == "change":
        raise ValueError(f"{template}: a change names its deadline")
    return Entry(template=template, verb=verb, **fields)


def _types(given: str) -> str:
    known = ", ".join([*slots.TYPES, *BOUND])
    return f"{given!r} is none of {known}" if given else f"give it one in slots, or in the parameter: {known}"


def _deadline(template: str, words: str) -> float:
    try:
        return duration(words)
    except ValueError as error:
        raise ValueError(f"{template}: deadline: {error}") from None


def _hold_rules(entry: Entry, parameters: dict[str, Parameter]) -> None:
    called = {**(entry.args or {}), **(entry.handed.args if entry.handed else {})}
    texts = [entry.template, *(str(value) for value in called.values())]
    named = [name for text in texts for name in slots.names(text)] + entry.undo_slots
    if idle := set(entry.slots) - set(named):
        raise ValueError(f"{entry.template}: slot {min(idle)} stands nowhere in it")
    if entry.args is None:
        _hold_split(entry)
    _hold_handed(entry)
    for name in named:
        kind = entry.slots.get(name) or (parameters[name].slot if name in parameters else "")
        if kind not in slots.TYPES and kind not in BOUND:
            raise ValueError(f"{entry.template}: slot {name} has no type; {_types(kind)}")
    if twice := set(entry.slots) & set(parameters):
        raise ValueError(f"{entry.template}: slot {min(twice)} is the parameter of that name")
    if entry.shell and (entry.verb != "look" or slots.names(entry.template) or not isinstance(entry.shell, str)):
        raise ValueError(f"{entry.template}: shell is for looks without slots, and says why")
    for name, given, known in (
        ("kinds", entry.kinds, KINDS),
        ("on", entry.on, ("element", "peer", "containers", *KINDS)),
    ):
        if unknown := [one for one in given if one not in known]:
            raise ValueError(f"{entry.template}: {name}: {unknown[0]!r} is none of {', '.join(known)}")


def _hold_handed(entry: Entry) -> None:
    """What the platform hands out is the first word of a change on a host, and of nothing else."""
    named = [name for name, kind in entry.slots.items() if kind in ("@handed", "@made")]
    if entry.handed is None and named:
        raise ValueError(f"{entry.template}: slot {named[0]} needs the key handed")
    if entry.handed is None:
        return
    first = [name for name, kind in entry.slots.items() if kind == "@handed"]
    alone = len(first) == 1 and entry.args is None and entry.tokens()[:1] == [f"{{{first[0]}}}"]
    if not alone or entry.template.count(f"{{{first[0]}}}") != 1:
        raise ValueError(f"{entry.template}: handed needs one slot of type @handed, the first word of a command")
    if entry.verb != "change" or set(entry.kinds) - set(KINDS[:2]) or entry.on != ("element",):
        raise ValueError(f"{entry.template}: handed is for a change of the host that the run is on")


def _hold_split(entry: Entry) -> None:
    try:
        entry.tokens()
    except ValueError as error:
        raise ValueError(f"{entry.template}: {error}") from None


@cache
def common_looks() -> tuple[Entry, ...]:
    """Looks that any run may send: nobody should need a second terminal."""
    table = tomllib.loads((files("opsguide.guide") / "common_looks.toml").read_text("utf-8"))
    found = tuple(_entry(row, "look") for row in table["look"])
    for entry in found:
        _hold_rules(entry, {})
    return found
