"""Entries of a scope: one command each, or one method of the platform, that may be sent.

- An entry is a literal template with typed slots, or an API method with bound arguments.
- An entry is a look or a change, on the element itself unless `on` names related ones: the peer, the containers on the
  host, or a kind.
- With `at = "host"` the line goes to the host that carries the element; the element stays the subject.
- A change names its deadline; one that nothing proves says why in `unproven`; a slot that only `undo` has, like the old
  value, is given with the change.
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
- A slot that stands nowhere, and a command that no shell could split, are refused.
- Common looks may be sent by any run.
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from opsguide.guide import slots
from opsguide.guide.durations import duration
from opsguide.guide.kinds import HOST_KINDS, KINDS
from opsguide.guide.parameters import Parameter

EFFECTS = ("takes-out", "puts-back", "empties", "removes", "reboots", "arms")
BOUND = ("@ctid", "@row", "@handed", "@made")
PLACES = ("element", "host")
ON = ("element", "peer", "containers", *KINDS)


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


def read(row: Mapping[str, Any], verb: str) -> Entry:
    """The entry of a row that scope_keys let pass; ValueError for what no entry can be."""
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


def _deadline(template: str, words: str) -> float:
    try:
        return duration(words)
    except ValueError as error:
        raise ValueError(f"{template}: deadline: {error}") from None


def hold(entry: Entry, parameters: Mapping[str, Parameter]) -> None:
    """ValueError, in one sentence that begins with the template, for an entry that breaks a rule."""
    _hold_slots(entry, parameters)
    _hold_verb(entry)
    for name, given, known in (("kinds", entry.kinds, KINDS), ("on", entry.on, ON)):
        if unknown := [one for one in given if one not in known]:
            raise ValueError(f"{entry.template}: {name}: {unknown[0]!r} is none of {', '.join(known)}")
    if entry.at not in PLACES:
        raise ValueError(f"{entry.template}: at is one of {', '.join(PLACES)}")


def _hold_slots(entry: Entry, parameters: Mapping[str, Parameter]) -> None:
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


def _hold_verb(entry: Entry) -> None:
    """What is of a change only, and of a look only."""
    if entry.shell and (entry.verb != "look" or slots.names(entry.template) or not isinstance(entry.shell, str)):
        raise ValueError(f"{entry.template}: shell is for looks without slots, and says why")
    if entry.effect and (entry.verb != "change" or entry.effect not in EFFECTS):
        raise ValueError(f"{entry.template}: effect is of a change, and one of {', '.join(EFFECTS)}")
    if entry.verb != "change" and (entry.already or entry.independent):
        raise ValueError(f"{entry.template}: already and independent are of a change")
    if entry.effect == "reboots" and not entry.settle:
        raise ValueError(f"{entry.template}: what reboots names the look that sees it in settle")
    if entry.fresh and (entry.verb != "look" or entry.args is not None):
        raise ValueError(f"{entry.template}: fresh is of a look that is a command")


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
    if entry.verb != "change" or set(entry.kinds) - set(HOST_KINDS) or entry.on != ("element",):
        raise ValueError(f"{entry.template}: handed is for a change of the host that the run is on")


def _hold_split(entry: Entry) -> None:
    try:
        entry.tokens()
    except ValueError as error:
        raise ValueError(f"{entry.template}: {error}") from None


def _types(given: str) -> str:
    known = ", ".join([*slots.TYPES, *BOUND])
    return f"{given!r} is none of {known}" if given else f"give it one in slots, or in the parameter: {known}"


@cache
def common_looks() -> tuple[Entry, ...]:
    """Looks that any run may send: nobody should need a second terminal."""
    table = tomllib.loads((files("opsguide.guide") / "common_looks.toml").read_text("utf-8"))
    found = tuple(read(row, "look") for row in table["look"])
    for entry in found:
        hold(entry, {})
    return found
