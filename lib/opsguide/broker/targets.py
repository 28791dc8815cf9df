"""What a verb names, made into what is sent: the entry of the scope, the element, the slots, the line.

- The template must stand in the scope for this verb and this kind of element, to the character.
- The element is the run's own or one that the entry allows as related; nothing else on other elements.
- A look of the service map is for the run that named the service.
- An API argument that names an element is bound here; a literal in its place is not in the scope.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

from opsguide.broker import calls, filling
from opsguide.broker.grounds import Grounds, related_element
from opsguide.errors import InputError, RefusedError
from opsguide.guide import kinds, slots
from opsguide.guide.durations import duration
from opsguide.guide.entries import Entry, common_looks
from opsguide.reach import quoting
from opsguide.reach.inventory import Element, Platform

READS = ("bash", "-s")
"""What reads a command that the platform hands out: a shell on its standard input."""
TIMEOUT_GRACE = 15.0
OWN_SECONDS = 60.0


@dataclass(frozen=True)
class Target:
    """One command ready to send; `line` is what the host gets, `shown` what an operator can copy.

    `look` is the look that may settle a change, as a line that an operator can copy; empty where the scope names none.
    """

    entry: Entry
    element: Element
    host: Element
    template: str
    filled: dict[str, str]
    line: str
    shown: str
    args: dict[str, Any] | None = None
    same: str = ""
    pin: str = ""
    look: str = ""

    @property
    def said(self) -> str:
        """The template with its slots filled; of an API call the method's name."""
        return slots.fill(self.template, self.filled) if self.filled else self.template

    @property
    def key(self) -> str:
        """What makes two changes of a step the same change: 16 hex digits over element, template and values.

        A whole record counts by what is changed in it (`same`), not by what else stands in it.
        """
        values = self.same or json.dumps(self.args if self.args is not None else self.filled, sort_keys=True)
        whole = json.dumps([self.element.name, self.template, values])
        return hashlib.sha256(whole.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class _Asked:
    """What a verb asks for: a command, or a method where `args` are given; `limit` in seconds, `turn` of its row."""

    wanted: str
    template: str
    args: dict[str, Any] | None
    given: dict[str, Any]
    turn: int
    limit: float


def targets(grounds: Grounds, verb: str, request: dict[str, Any]) -> list[Target]:
    """What the request would send, one for each element that it names. InputError or RefusedError."""
    asked, named = _asked(verb, request), request.get("on")
    names = [grounds.element.name] if named is None else named
    return [_target(grounds, asked, element) for element in [related_element(grounds, str(name)) for name in names]]


def _asked(verb: str, request: dict[str, Any]) -> _Asked:
    what = request.get("what")
    if not isinstance(what, dict) or not ({"command", "api"} & set(what)):
        raise InputError("a verb takes a command or api(…)")
    on, given, args = request.get("on"), request.get("slots") or {}, what.get("args") or {}
    if not ((on is None or isinstance(on, list)) and isinstance(given, dict) and isinstance(args, dict)):
        raise InputError("on= takes a list, slots and arguments take names")
    if request.get("row"):
        given = {name: value for name, value in given.items() if name in slots_of(what)}
    return _Asked(
        "look" if verb in ("look", "prove") else "change",
        str(what.get("api") or what.get("command")),
        {str(k): v for k, v in args.items()} if "api" in what else None,
        given,
        int(request.get("turn") or 0),
        _limit(request),
    )


def _limit(request: dict[str, Any]) -> float:
    """The seconds that the request gives a change at most; the entry's own where it gives none."""
    try:
        return duration(str(request["timeout"])) if request.get("timeout") else math.inf
    except ValueError as error:
        raise InputError(f"timeout=: {error}", next='durations are words like "60 s" or "5 min"') from None


def slots_of(what: dict[str, Any]) -> list[str]:
    """The names of the slots in a command, or in the arguments of a call."""
    texts = [str(what.get("command", "")), *(v for v in (what.get("args") or {}).values() if isinstance(v, str))]
    return [name for text in texts for name in slots.names(text)]


def own(
    platform: Platform, element: Element, argv: list[str], *, deadline: float | None = None, settle: str = ""
) -> Target:
    """A command of the broker's own, in no scope: a look, or with a `deadline` in seconds a change."""
    entry = Entry(" ".join(argv), "change" if deadline else "look", deadline=deadline or OWN_SECONDS, settle=settle)
    line = quoting.remote_line(argv, ctid=element.ctid, deadline=deadline)
    host = platform.element(element.host)
    return Target(entry, element, host, entry.template, {}, line, _shown(platform, host, line))


def _shown(platform: Platform, host: Element, line: str) -> str:
    return quoting.shown_line(platform.ssh.config, host.name, quoting.as_root(line) if host.become else line)


def _target(grounds: Grounds, asked: _Asked, element: Element) -> Target:
    entry, template, given = _entry(grounds, asked, element), asked.template, asked.given
    if asked.args is not None:
        return call(grounds, entry, element, given, asked.turn)
    named = [*slots.names(template), *(n for n in entry.undo_slots if n in given)]
    filled = {name: filling.slot(grounds, entry, element, name, given) for name in named}
    unused = set(given) - set(filled)
    if unused:
        raise InputError(f"no slot {', '.join(sorted(unused))} in {template}")
    deadline = min(asked.limit, entry.deadline) if entry.verb == "change" else None
    ctid = element.ctid if entry.at == "element" else None
    host, said = grounds.platform.element(element.host), ""
    if entry.handed:
        line = quoting.remote_line(READS, deadline=deadline)
        said = f" <<< {quoting.quoted(slots.fill(template, filled))}"
    elif entry.shell:
        line = quoting.raw_line(slots.fill(template, {}), ctid=ctid, deadline=deadline)
    else:
        argv = [slots.fill(token, filled) for token in entry.tokens()]
        line = quoting.remote_line(argv, ctid=ctid, deadline=deadline)
    return Target(entry, element, host, template, filled, line, _shown(grounds.platform, host, line) + said)


def _entry(grounds: Grounds, asked: _Asked, element: Element) -> Entry:
    kind = grounds.kind if element.name == grounds.element.name else element.kind
    entry = grounds.scope.find(asked.template, asked.wanted, kind, asked.args) or _of_service(grounds, asked)
    if entry is None:
        raise _not_in_scope(grounds, asked, kind)
    if not _may_be_on(grounds, entry, element):
        raise RefusedError(
            f"the scope does not allow this {asked.wanted} on {element.name}",
            where=grounds.element.name,
            command=asked.template,
            next=f"start a run on {element.name}" if element.name != grounds.element.name else "give it on=",
        )
    return entry


def _of_service(grounds: Grounds, asked: _Asked) -> Entry | None:
    """The look that the service map has for the run's own service."""
    looks = (grounds.service.config_test, grounds.service.probe) if grounds.service else ()
    listed = asked.wanted == "look" and asked.args is None and asked.template and asked.template in looks
    return Entry(asked.template, "look") if listed else None


def _may_be_on(grounds: Grounds, entry: Entry, element: Element) -> bool:
    if entry in common_looks():
        return True
    if element.name == grounds.element.name:
        return "element" in entry.on
    peer = "peer" in entry.on and element.name == grounds.element.peer
    container = "containers" in entry.on and element.is_container and element.host == grounds.element.name
    return peer or container or element.kind in entry.on


def _not_in_scope(grounds: Grounds, asked: _Asked, kind: str) -> RefusedError:
    template, args, activity = asked.template, asked.args, grounds.scope.activity
    others = [e for e in grounds.scope.entries if e.verb == asked.wanted and kind in e.kinds and e.args is None]
    near = next((e.template for e in others if e.template.split()[:2] == template.split()[:2]), "")
    shown = template if args is None else f"{template}({', '.join(f'{k}={v!r}' for k, v in args.items())})"
    return RefusedError(
        f"not in the scope of {activity} as a {asked.wanted} on {kinds.words(kind)}",
        command=shown[:400],
        next=f"the scope has: {near}" if near else f"opsguide show {activity} lists the commands of its scope",
    )


def call(grounds: Grounds, entry: Entry, element: Element, given: dict[str, Any] | None = None, row: int = 0) -> Target:
    """A call of the platform's method; `given` are the slots of its arguments that are no parameters."""
    platform, method = grounds.platform, entry.template
    if platform.api is None:
        raise InputError("this platform has no API", where=str(platform.file), next="set api: url and token there")
    binding = calls.Binding(platform, element, grounds.chosen_related(), row)
    bound = {
        name: calls.argument(binding, value, lambda slot: filling.slot(grounds, entry, element, slot, given or {}))
        for name, value in (entry.args or {}).items()
    }
    shown = calls.shown(platform, method, bound)
    return Target(entry, element, platform.element(element.host), method, {}, "", shown, bound)
