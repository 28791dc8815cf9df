"""What a verb names, made into what is sent: the entry of the scope, the element, the slots, the line.

- The template must stand in the scope for this verb and this kind of element, to the character.
- The element is the run's own or one that the entry allows as related; nothing else on other elements.
- A slot named like a parameter is filled from what `begin` registered; others only as the entry types them.
- An API argument that names an element is bound here; a literal in its place is not in the scope.
- A path that leads into a container from its host is refused: that is work on the container.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from opsguide.broker import calls
from opsguide.broker.rows import FromRow
from opsguide.errors import InputError, RefusedError
from opsguide.guide import alive, entries, kinds, scopes, slots
from opsguide.guide.durations import duration
from opsguide.guide.services import Service
from opsguide.reach import quoting
from opsguide.reach.inventory import Element, Platform

INTO_CONTAINERS = re.compile(r"^/(vz/(root|private)|proc/.+/(root|cwd|fd|map_files)|dev/fd)(/|$)")
READS = ("bash", "-s")
"""What reads a command that the platform hands out: a shell on its standard input."""
STANDS = {"@handed": "[what {} hands out]", "@made": "[a password, made up]"}
TIMEOUT_GRACE = 15.0
OWN_SECONDS = 60.0


@dataclass(frozen=True)
class Target:
    """One command ready to send; `line` is what the host gets, `shown` what an operator can copy.

    `look` is the look that may settle a change, as a line that an operator can copy; empty where the scope names none.
    """

    entry: entries.Entry
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
class Grounds:
    """What a run stands on: platform, scope, element, registered parameters, the service it named."""

    platform: Platform
    scope: scopes.Scope
    element: Element
    kind: str
    parameters: dict[str, Any]
    service: Service | None = None
    chosen: tuple[str, ...] = ()

    def chosen_related(self) -> list[Element]:
        """What `@related` stands for: what the run chose last among its related elements, or all of its own kind."""
        found = self.related()
        return [found[n] for n in self.chosen] or [e for e in found.values() if e.kind == self.element.kind]

    def named_related(self, word: str) -> dict[str, Element]:
        """The related elements of a kind, or those that `peer`, `peers` or `containers` stand for; by name, in order.

        Containers come in the order in which they stop.
        """
        if word in kinds.KINDS:
            return {n: e for n, e in self.related().items() if e.kind == word}
        listed = word in self.scope.related.get(self.kind, ())
        return {e.name: e for e in self._related(word)} if listed else {}

    def related(self) -> dict[str, Element]:
        """The related elements by name."""
        found = {}
        for word in self.scope.related.get(self.kind, ()):
            for element in self._related(word):
                found[element.name] = element
        return found

    def _related(self, word: str) -> list[Element]:
        if word == "peer":
            return [self.platform.element(self.element.peer)] if self.element.peer else []
        if word == "peers":
            members = [self.element, *self.platform.containers_on(self.element.name)]
            return [self.platform.element(m.peer) for m in members if m.peer]
        if word == "containers":
            order = alive.load()
            return sorted(self.platform.containers_on(self.element.name), key=lambda c: order.stops(c.component))
        return [e for e in self.platform.elements.values() if e.kind == word and self._eligible(e)]

    def _eligible(self, other: Element) -> bool:
        """Another element that is not about to join; a host among its own kind stays within its group."""
        own_group = self.element.kind != other.kind or not other.is_host or other.group == self.element.group
        return other.name != self.element.name and not other.joining and own_group

    def locked(self) -> list[str]:
        """The elements that a changing run locks: its own, the peer, a host's containers and their peers."""
        return self.platform.touched(self.element)


def targets(grounds: Grounds, verb: str, request: dict[str, Any]) -> list[Target]:
    """What the request would send, one for each element that it names. InputError or RefusedError."""
    what = request.get("what")
    if not isinstance(what, dict) or not ({"command", "api"} & set(what)):
        raise InputError("a verb takes a command or api(…)")
    named, given, args = request.get("on"), request.get("slots") or {}, what.get("args") or {}
    names = [grounds.element.name] if named is None else named
    if not (isinstance(names, list) and isinstance(given, dict) and isinstance(args, dict)):
        raise InputError("on= takes a list, slots and arguments take names")
    if request.get("row"):
        given = {name: value for name, value in given.items() if name in slots_of(what)}
    row, limit = int(request.get("turn") or 0), _limit(request)
    named_ones = [related_element(grounds, str(name)) for name in names]
    return [_target(grounds, verb, what, element, given, row, limit) for element in named_ones]


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
    entry = entries.Entry(
        " ".join(argv), "change" if deadline else "look", deadline=deadline or OWN_SECONDS, settle=settle
    )
    line = quoting.remote_line(argv, ctid=element.ctid, deadline=deadline)
    host = platform.element(element.host)
    return Target(entry, element, host, entry.template, {}, line, _shown(platform, host, line))


def _shown(platform: Platform, host: Element, line: str) -> str:
    return quoting.shown_line(platform.ssh.config, host.name, quoting.as_root(line) if host.become else line)


def related_element(grounds: Grounds, name: str) -> Element:
    """The run's own element or a related one; RefusedError for any other."""
    if name == grounds.element.name:
        return grounds.element
    related = grounds.related()
    if name not in related:
        allowed = ", ".join(related) or "no other element"
        raise RefusedError(
            f"{name} is not part of this run",
            where=grounds.element.name,
            next=f"this run may look at {allowed}; start a run on {name} for anything else",
        )
    return related[name]


def _target(
    grounds: Grounds,
    verb: str,
    what: dict[str, Any],
    element: Element,
    given: dict[str, Any],
    row: int,
    limit: float,
) -> Target:
    template = str(what.get("api") or what.get("command"))
    args = {str(k): v for k, v in (what.get("args") or {}).items()} if "api" in what else None
    entry = _entry(grounds, verb, template, element, args)
    if args is not None:
        return _call(grounds, entry, element, given, row)
    named = [*slots.names(template), *(n for n in entry.undo_slots if n in given)]
    filled = {name: _slot(grounds, entry, element, name, given) for name in named}
    unused = set(given) - set(filled)
    if unused:
        raise InputError(f"no slot {', '.join(sorted(unused))} in {template}")
    deadline = min(limit, entry.deadline) if entry.verb == "change" else None
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


def _entry(grounds: Grounds, verb: str, template: str, element: Element, args: dict[str, Any] | None) -> entries.Entry:
    kind = grounds.kind if element.name == grounds.element.name else element.kind
    wanted = "look" if verb in ("look", "prove") else "change"
    entry = grounds.scope.find(template, wanted, kind, args)
    service = grounds.service
    of_service = service and args is None and template and template in (service.config_test, service.probe)
    if entry is None and wanted == "look" and of_service:
        entry = entries.Entry(template, "look")
    if entry is None:
        raise _not_in_scope(grounds, wanted, template, kind, args)
    if not _may_be_on(grounds, entry, element):
        raise RefusedError(
            f"the scope does not allow this {wanted} on {element.name}",
            where=grounds.element.name,
            command=template,
            next=f"start a run on {element.name}" if element.name != grounds.element.name else "give it on=",
        )
    return entry


def _may_be_on(grounds: Grounds, entry: entries.Entry, element: Element) -> bool:
    if entry in entries.common_looks():
        return True
    if element.name == grounds.element.name:
        return "element" in entry.on
    peer = "peer" in entry.on and element.name == grounds.element.peer
    container = "containers" in entry.on and element.is_container and element.host == grounds.element.name
    return peer or container or element.kind in entry.on


def _not_in_scope(grounds: Grounds, wanted: str, template: str, kind: str, args: dict[str, Any] | None) -> RefusedError:
    other = [e.template for e in grounds.scope.entries if e.verb == wanted and kind in e.kinds and e.args is None]
    near = next((t for t in other if t.split()[:2] == template.split()[:2]), "")
    hint = (
        f"the scope has: {near}" if near else f"opsguide show {grounds.scope.activity} lists the commands of its scope"
    )
    shown = template if args is None else f"{template}({', '.join(f'{k}={v!r}' for k, v in args.items())})"
    return RefusedError(
        f"not in the scope of {grounds.scope.activity} as a {wanted} on {kinds.words(kind)}",
        command=shown[:400],
        next=hint,
    )


def _slot(grounds: Grounds, entry: entries.Entry, element: Element, name: str, given: dict[str, Any]) -> str:
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


def _ctid(element: Element, entry: entries.Entry, given: bool) -> str:
    if given or element.ctid is None:
        words = "cannot be given" if given else f"has no value: {element.name} is no container"
        raise RefusedError(f"the container's number is bound by the broker and {words}", command=entry.template)
    return str(element.ctid)


def _of_broker(entry: entries.Entry, name: str, given: bool) -> str:
    """What stands for a word that only the broker has, wherever the command is shown."""
    if given:
        raise RefusedError(f"slot {name} is filled by the broker and cannot be given", command=entry.template)
    return STANDS[entry.slots[name]].format(entry.handed.api if entry.handed else "")


def _of_row(entry: entries.Entry, name: str, value: Any) -> str:
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


def handing(grounds: Grounds, target: Target, rule: entries.Handed) -> Target:
    """The call that hands out what a change runs; its slots are parameters of the run."""
    return _call(grounds, entries.Entry(rule.api, "look", args=rule.args), target.element, {}, 0)


def listing(grounds: Grounds, target: Target, rule: entries.Handed) -> Target:
    """The call that lists what must not be there yet."""
    return _call(grounds, entries.Entry(rule.unless, "look", args={}), target.element, {}, 0)


def _call(grounds: Grounds, entry: entries.Entry, element: Element, given: dict[str, Any], row: int) -> Target:
    platform, method = grounds.platform, entry.template
    if platform.api is None:
        raise InputError("this platform has no API", where=str(platform.file), next="set api: url and token there")
    binding = calls.Binding(platform, element, grounds.chosen_related(), row)
    bound = {
        name: calls.argument(binding, value, lambda slot: _slot(grounds, entry, element, slot, given))
        for name, value in (entry.args or {}).items()
    }
    shown = calls.shown(platform, method, bound)
    return Target(entry, element, platform.element(element.host), method, {}, "", shown, bound)
