"""What the invariants need to know, asked before each change that could break one.

- Who is out comes from the notes and holds of the state folder, of all users and records roots.
- Only when these say nothing against it is the other member of each pair looked at, on its host.
- A run on a member whose other one is out is refused at its begin, before anything is sent; so is a run whose reboot
  would be refused, before it drains or stops what must go first.
- Right before a host reboots it is asked what is at work on it: the runbook's own look may be an hour old by then.
- A plan says what would be refused now; it sends looks only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from opsguide import places
from opsguide.broker import opened
from opsguide.broker.commands import Commands
from opsguide.broker.grounds import Grounds
from opsguide.broker.state import Hold, State
from opsguide.broker.targets import Target, own
from opsguide.broker.transit import Command
from opsguide.errors import LockedError
from opsguide.guide import invariants
from opsguide.guide.invariants import Out, Part, Room, Story
from opsguide.reach import policy
from opsguide.reach.inventory import Element, Platform

LOOK_SECONDS = 20.0
HOW = {"takes-out": "out", "removes": "out", "reboots": "rebooting", "?": "unclear"}


@dataclass(frozen=True)
class Asking:
    """How a run asks hosts of its platform: in its record, in one of its steps."""

    grounds: Grounds
    commands: Commands
    step: str

    def look(self, host: Element, look: str, empty: int = 0) -> str | None:
        """What a host answers to a look, None where it does not answer well; an exit status `empty` says nothing."""
        target = own(self.grounds.platform, host, look.split())
        seen = self.commands.send(Command(target, "look", self.step, LOOK_SECONDS, screen="nothing", judged=False))
        return seen.text if seen.state == "ok" and seen.exit in (0, empty) else None


def refuse_beside(grounds: Grounds, state: State) -> None:
    """LockedError when the element's other member is out."""
    story = invariants.beside(parts(grounds.platform), outs(state), grounds.element.name)
    if story:
        raise _refusal(story, grounds.element.name, "")


def refuse(grounds: Grounds, commands: Commands, state: State, step: str, target: Target) -> None:
    """LockedError with the story of what a change would break."""
    story = against(grounds, commands, state, step, target)
    if story:
        raise _refusal(story, target.element.name, target.shown)


def refuse_reboot(grounds: Grounds, commands: Commands, state: State) -> None:
    """LockedError when the reboot that the run is for would be refused now.

    A member that is out already is passed over: this run may be its way back.
    """
    name, changes = grounds.element.name, [e for e in grounds.scope.entries if e.verb == "change"]
    if any(e.effect == "reboots" and grounds.kind in e.kinds and "element" in e.on for e in changes):
        known, away = parts(grounds.platform), outs(state)
        back = {o.element for o in away if o.how == "out"} & set(invariants.falls(known, name))
        known |= {one: replace(known[one], peer="") for one in back}
        if story := _told(Asking(grounds, commands, ""), known, away, grounds.element, "reboots"):
            raise _refusal(story, name, "")


def against(grounds: Grounds, commands: Commands, state: State, step: str, target: Target) -> Story | None:
    """The story of what a change would break now, or None."""
    effect = target.entry.effect
    if not invariants.load().applying([effect]):
        return None
    ask = Asking(grounds, commands, step)
    story = _told(ask, parts(grounds.platform), outs(state), target.element, effect)
    return story or _at_work(ask, target.element, effect)


def _told(ask: Asking, known: dict[str, Part], away: list[Out], element: Element, effect: str) -> Story | None:
    rules, name = invariants.load(), element.name
    limits = policy.load(places.home() / "parameters" / "policy.yml").at_most
    for rule in rules.at_most:
        if story := invariants.at_most(rule, limits[rule.name], known, away, name, effect):
            return story
    if effect in rules.pair.effects:
        if story := invariants.pair(known, away, {}, name, effect):
            return story
        runs = _running(ask, invariants.others(known, name))
        return invariants.pair(known, away, runs, name, effect)
    found = (_room(ask, rule, element) for rule in rules.room if effect in rule.effects)
    return next((story for story in found if story), None)


def parts(platform: Platform) -> dict[str, Part]:
    """The platform's elements as the rules see them."""
    return {e.name: Part(e.name, e.kind, e.host, e.peer, e.group, e.component) for e in platform.elements.values()}


def outs(state: State) -> list[Out]:
    """Who is out or held, from the state folder."""
    noted = [Out(n.element, "out", n.since, n.person, n.run, _back(n)) for n in opened.notes(state) if n.out]
    return [*noted, *(_held(hold) for hold in state.holds())]


def _back(note: opened.Note) -> str:
    end = f" (its way back: {note.undo})" if note.undo not in ("", "?") else ""
    if not note.activity:
        return f"put {note.element} back first{end}"
    anew = f"opsguide run {note.activity} --on {note.element} … to its end"
    return f"put {note.element} back first: opsguide resume {note.run}, or {anew}{end}"


def _held(hold: Hold) -> Out:
    back = f'look for yourself, then: opsguide resume {hold.run} --found done|not-done --why "…"'
    return Out(hold.element, HOW.get(hold.effect, "held"), hold.since, hold.person, hold.run, back)


def _running(ask: Asking, members: list[str]) -> dict[str, bool | None]:
    """Whether each member runs, None where its host does not answer; one look for each host."""
    of_host: dict[str, list[Element]] = {}
    for one in map(ask.grounds.platform.element, members):
        of_host.setdefault(one.host, []).append(one)
    found: dict[str, bool | None] = {}
    for host, its in of_host.items():
        listed = ask.look(ask.grounds.platform.element(host), invariants.load().pair.alive)
        running = None if listed is None else listed.split()
        found |= {one.name: None if running is None else str(one.ctid) in running for one in its}
    return found


def _at_work(ask: Asking, element: Element, effect: str) -> Story | None:
    rule = invariants.load().quiet
    if effect not in rule.effects or element.kind not in rule.kinds:
        return None
    return invariants.quiet(element.name, effect, ask.look(element, rule.look, rule.idle))


def _room(ask: Asking, rule: Room, element: Element) -> Story | None:
    taking = [host for host in ask.grounds.chosen_related() if host.is_host]
    need = ask.look(element, rule.need.look)
    have = {host.name: ask.look(host, rule.have.look) for host in taking}
    silent = [name for name, text in {element.name: need, **have}.items() if text is None]
    if silent:
        words = f"{silent[0]} does not say how much there is of {rule.name}: nobody knows whether {element.name} fits"
        return Story(words, f"see to {silent[0]} first", silent[0])
    free = {name: rule.have.of(text or "") for name, text in have.items()}
    return invariants.room(rule, element.name, rule.need.of(need or ""), free)


def _refusal(story: Story, element: str, line: str) -> LockedError:
    return LockedError(story.words, where=story.where or element, command=line, next=story.next)
