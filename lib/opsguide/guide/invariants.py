"""Invariants: what no change may break, and the shortest story of what would go wrong. No I/O: the broker looks.

- Never both members of a pair out: a change that takes out, reboots or removes is refused where the other member of a
  pair is out, is held, does not run, or where its host is out or rebooting.
- A change of a host is a change of every container on it.
- At most n of a kind at once: n hosts of a hardware node group, n containers of a component.
- Room before evacuation: what the host uses, and the head-room, is free on the hosts that take its containers.
- No host reboots while an update, a migration or a backup is under way on it: a cut-off update may not boot again.
- What nobody can tell counts as out: a host that does not answer, a hold that cannot be read.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from opsguide.guide import maps
from opsguide.guide.kinds import words

DEEDS = {"takes-out": "taking {} out", "reboots": "rebooting {}", "removes": "removing {}", "empties": "emptying {}"}
UNLIMITED = 2**50
"""A number this large is a limit that was never set; such a container is not counted."""


@dataclass(frozen=True)
class Part:
    """An element as these rules see it; `host` is the element's own name for a host."""

    name: str
    kind: str
    host: str
    peer: str = ""
    group: str = ""
    component: str = ""


@dataclass(frozen=True)
class Out:
    """Why an element does not serve: `how` is out, rebooting, held (by a harmless change) or unclear.

    `back` is the next step of whoever wants it back.
    """

    element: str
    how: str
    since: str
    person: str
    run: str
    back: str = ""

    @property
    def words(self) -> str:
        """In one phrase."""
        said = "is held" if self.how in ("held", "unclear") else f"is {self.how}"
        since = self.since[:16].replace("T", " ")
        return f"{self.element} {said} since {since} by {self.person} (run {self.run})"


@dataclass(frozen=True)
class Story:
    """What would go wrong, in one chain; the next step; where it stands."""

    words: str
    next: str
    where: str = ""


@dataclass(frozen=True)
class Pair:
    """The rule on pairs; `alive` is the look on the other member's host."""

    says: str
    effects: tuple[str, ...]
    alive: str
    source: str


@dataclass(frozen=True)
class AtMost:
    """At most `n` elements of `kinds` with the same `per` (a field of Part)."""

    name: str
    says: str
    n: int
    kinds: tuple[str, ...]
    per: str
    effects: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Sum:
    """A look and what its numbers are multiplied by to give the rule's unit."""

    look: str
    factor: float

    def of(self, text: str) -> float:
        """The first number of each line, added up."""
        found = (re.search(r"\d+", line) for line in text.splitlines())
        return sum(float(m[0]) for m in found if m and int(m[0]) < UNLIMITED) * self.factor


@dataclass(frozen=True)
class Room:
    """What an emptied host needs elsewhere; `head_room` 0.2 wants 20 % more."""

    name: str
    says: str
    effects: tuple[str, ...]
    unit: str
    need: Sum
    have: Sum
    head_room: float
    source: str


@dataclass(frozen=True)
class Quiet:
    """What must not be at work on a host: `look` ends with the exit status `idle` when nothing is."""

    says: str
    effects: tuple[str, ...]
    kinds: tuple[str, ...]
    look: str
    idle: int
    source: str


@dataclass(frozen=True)
class Rules:
    """The invariants."""

    pair: Pair
    at_most: tuple[AtMost, ...]
    room: tuple[Room, ...]
    quiet: Quiet

    def applying(self, effects: Iterable[str]) -> list[str]:
        """The sentences of the rules that changes of these effects could break."""
        rules: list[Pair | AtMost | Room | Quiet] = [self.pair, *self.at_most, *self.room, self.quiet]
        found = [rule for rule in rules if set(rule.effects) & set(effects)]
        return [r.says.replace("{n}", str(r.n)) if isinstance(r, AtMost) else r.says for r in found]


@cache
def load() -> Rules:
    """The shipped rules."""
    return maps.read("invariants.toml", parse)


def parse(text: str) -> Rules:
    """The rules from the text of their file; an error of Python's for a row that is none."""
    table = tomllib.loads(text)
    return Rules(
        Pair(**_tuples(table["pair"])),
        tuple(AtMost(**_tuples(row)) for row in table["at-most"]),
        tuple(Room(**_tuples(row)) for row in table["room"]),
        Quiet(**_tuples(table["quiet"])),
    )


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    sums = {key: Sum(**value) for key, value in row.items() if isinstance(value, dict)}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()} | sums


def falls(parts: Mapping[str, Part], element: str) -> list[str]:
    """What is out when the element is: itself and, for a host, every container on it."""
    return [element, *(p.name for p in parts.values() if p.host == element and p.name != element)]


def others(parts: Mapping[str, Part], element: str) -> list[str]:
    """The other members of the pairs that a change of the element takes down; those must run."""
    falling = falls(parts, element)
    return [parts[name].peer for name in falling if parts[name].peer and parts[name].peer not in falling]


def pair(
    parts: Mapping[str, Part], outs: Iterable[Out], runs: Mapping[str, bool | None], element: str, effect: str
) -> Story | None:
    """The shortest story of a pair that would be out, or None; `runs` tells who was looked at: yes, no, no answer."""
    falling, found = falls(parts, element), []
    for name in (one for one in falling if parts[one].peer):
        peer = parts[parts[name].peer]
        deed = _deed(effect, element) + ("" if name == element else f" takes {name} down")
        then = f"then nobody answers for {parts[name].component or 'the pair'}"
        if peer.name in falling:
            found.append(Story(f"{deed}, and {peer.name} with it: {then}", f"move {peer.name} to another host first"))
        elif why := _not_serving(peer, list(outs), runs):
            found.append(Story(f"{why[0]}; {deed}: {then}", why[1], peer.name))
    return min(found, key=lambda story: len(story.words), default=None)


def _not_serving(peer: Part, outs: list[Out], runs: Mapping[str, bool | None]) -> tuple[str, str] | None:
    """Why the other member does not serve, and what to do about it."""
    of_host = [o for o in outs if o.element == peer.host != peer.name and o.how != "held"]
    if out := next((o for o in [*(o for o in outs if o.element == peer.name), *of_host]), None):
        on = f" with {peer.name} on it" if out.element != peer.name else ""
        return out.words + on, out.back
    if runs.get(peer.name, True) is None:
        return f"{peer.host} does not answer, so {peer.name} may be down", f"see to {peer.host} first"
    if not runs.get(peer.name, True):
        return f"{peer.name} does not run on {peer.host}", f"start {peer.name} first"
    return None


def at_most(
    rule: AtMost, n: int, parts: Mapping[str, Part], outs: Iterable[Out], element: str, effect: str
) -> Story | None:
    """What would be one too many, or None."""
    own = parts[element]
    if effect not in rule.effects or own.kind not in rule.kinds:
        return None
    same = {p.name for p in parts.values() if p.kind in rule.kinds and _key(p, rule.per) == _key(own, rule.per)}
    away = {o.element: o for o in outs if o.element in same - {element} and o.how != "held"}
    if len(away) < n:
        return None
    first = next(iter(away.values()))
    more = f", and {len(away) - 1} more" if len(away) > 1 else ""
    of = f"of {rule.per} {_key(own, rule.per)}"
    words = (
        f"{first.words}{more}; {_deed(effect, element)} makes {len(away) + 1} {of}, and at most {n} may be out at once"
    )
    return Story(words, first.back, first.element)


def _key(part: Part, per: str) -> str:
    return str(getattr(part, per)) or words(part.kind) + "s"


def room(rule: Room, element: str, need: float, have: Mapping[str, float]) -> Story | None:
    """What would not fit, or None; `need` and `have` by host, in the rule's unit."""
    wanted, free = need * (1 + rule.head_room), sum(have.values())
    if free >= wanted:
        return None
    hosts = " and ".join(have) or "no other host"
    words = (
        f"{element} needs {need:.0f} {rule.unit} elsewhere, {wanted:.0f} with head-room; "
        f"{hosts} {'has' if len(have) < 2 else 'have'} {free:.0f} free: the evacuation would stop half-way"
    )
    return Story(words, "name further hosts to take the containers, or make room there first", hosts)


def quiet(element: str, effect: str, at_work: str | None) -> Story | None:
    """What a change of a host would cut off, or None; `at_work` is a line a process, None where nobody could tell."""
    if at_work is None:
        words = f"{element} does not say whether an update, a migration or a backup is under way on it"
        return Story(words, f"see to {element} first")
    first = next(iter(at_work.splitlines()), "")
    words = f"at work on {element}: {first[:120]}; {_deed(effect, element)} would cut it off"
    return Story(words, "wait until it has ended, then run the step again") if first else None


def beside(parts: Mapping[str, Part], outs: Iterable[Out], element: str) -> Story | None:
    """A run on a member whose other one is out, unless the member itself is: whatever it changes could take it down."""
    peer = parts[element].peer
    away = {o.element: o for o in outs if o.how in ("out", "rebooting")}
    if peer not in away or element in away:
        return None
    then = f"then nobody answers for {parts[element].component or 'the pair'}"
    return Story(f"{away[peer].words}; a change on {element} could take it down: {then}", away[peer].back, peer)


def limits(given: object) -> dict[str, int]:
    """The numbers of the at-most rules, with what a policy sets otherwise; ValueError for an unknown name."""
    known = {rule.name: rule.n for rule in load().at_most}
    if not isinstance(given, Mapping) or set(given) - set(known):
        raise ValueError(f"at_most maps {', '.join(known)} to numbers")
    if wrong := [name for name, n in given.items() if type(n) is not int or n < 1]:
        raise ValueError(f"at_most: {wrong[0]} is a whole number from 1")
    return {**known, **given}


def _deed(effect: str, element: str) -> str:
    return DEEDS[effect].format(element)
