"""The service map as a look and as a prove: what must be alive on each element, asked of all of it together.

- The checks are the guide's; a notebook names elements and nothing else, and only those of the run.
- Each check is a look of its own in the journal. The screen gets one line an element, and what is not healthy.
- A look shows what is not healthy; with `expect=healthy` it fails.
- A prove is met when every check is healthy that was so when this run looked first, or that it never looked at; one
  that was not healthy before is told as it was before.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from opsguide.broker.commands import Commands
from opsguide.broker.grounds import Grounds, related_element
from opsguide.broker.targets import Target, own
from opsguide.broker.transit import Command
from opsguide.broker.waiting import Waiting
from opsguide.errors import FailedError, InputError
from opsguide.guide import alive

AT_ONCE, DEADLINE, PAUSE = 8, 25.0, 0.5


@dataclass(frozen=True)
class Asking:
    """One check on one element, ready to send."""

    target: Target
    check: alive.Check

    @property
    def name(self) -> tuple[str, str]:
        """Element and check."""
        return self.target.element.name, self.check.name


@dataclass(frozen=True)
class State:
    """What one check answered."""

    target: Target
    name: str
    healthy: bool
    words: str


def asked(request: dict[str, Any]) -> bool:
    """Whether a look or a prove is about the service map."""
    what = request.get("what")
    return isinstance(what, dict) and what.get("services") is True


def wanted(expect: Any) -> bool:
    """Whether everything must be healthy; InputError for another expectation than `healthy`."""
    if expect is None:
        return False
    if not isinstance(expect, dict) or expect.get("name") != "healthy":
        raise InputError("the service map takes no expectation but healthy")
    return True


def checks(grounds: Grounds, request: dict[str, Any]) -> list[Asking]:
    """The checks of the elements that the request names, the run's own where it names none."""
    names = request.get("on")
    if not isinstance(names, list | None):
        raise InputError("on= takes a list")
    elements = [related_element(grounds, str(name)) for name in dict.fromkeys(names)] if names is not None else None
    found, known = [], alive.load()
    for element in [grounds.element] if elements is None else elements:
        for check in known.of(element.kind, element.component):
            found.append(Asking(own(grounds.platform, element, check.argv), check))
    return found


class ServiceMap:
    """What this run knows of the checks: how each was when it looked first."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], bool] = {}

    def remember(self, states: Iterable[State]) -> None:
        """Keep how a check was, unless it was looked at before."""
        for one in states:
            self._before.setdefault((one.target.element.name, one.name), one.healthy)

    def ask(self, commands: Commands, found: list[Asking], step: str, verb: str, tries: int = 1) -> list[State]:
        """Ask all of them, several at a time."""

        def one(asking: Asking) -> State:
            note = f"service map: {asking.check.name}"
            seen = commands.send(
                Command(
                    asking.target, verb, step, DEADLINE, asking.check.expect, note=note, tries=tries, screen="nothing"
                )
            )
            return State(asking.target, asking.check.name, seen.state == "ok", seen.note)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(one, found))

    def wait(self, commands: Commands, found: list[Asking], step: str, within: float) -> list[State]:
        """Ask again what must become healthy, until it is or the time is over; what is not."""
        waiting, tries, left = Waiting(commands.cancel, PAUSE), 0, list(found)
        states: dict[tuple[str, str], State] = {}
        while True:
            tries += 1
            states |= {a.name: s for a, s in zip(left, self.ask(commands, left, step, "prove", tries), strict=True)}
            left = [a for a in left if not states[a.name].healthy and self._before.get(a.name, True)]
            if waiting.is_over(within) or not left or commands.cancel.is_set():
                break
            if waiting.may_say():
                commands.show({"type": "note", "words": f"{waiting.passed:.0f} s: waiting for {_names(left)}"})
            waiting.rest()
        tell(commands, list(states.values()), self._before)
        return [states[a.name] for a in left]


def plan(commands: Commands, found: list[Asking], step: str, when: str, ask: dict[str, Any]) -> list[dict[str, Any]]:
    """List what a prove would ask, one event an element; `ask` is the look that asks it again."""
    events = []
    for name in dict.fromkeys(one.target.element.name for one in found):
        names = [one.check.name for one in found if one.target.element.name == name]
        fields = {"command": commands.number(), "step": step, "verb": "prove", "on": name, "line": ""}
        more = {"expect_words": f"healthy, or as before{when}", "ask": {**ask, "on": [name]}}
        events.append(commands.write("planned", **fields, **more, words=f"service map: {', '.join(names)}"))
        commands.show(events[-1])
    return events


def tell(commands: Commands, states: list[State], before: dict[tuple[str, str], bool] | None = None) -> None:
    """One line an element, in the journal too."""
    for name in dict.fromkeys(one.target.element.name for one in states):
        of_it = [one for one in states if one.target.element.name == name]
        bad = [one for one in of_it if not one.healthy]
        words = f"{name}: {len(of_it) - len(bad)} of {len(of_it)} healthy"
        told = "; ".join(_told(one, before) for one in bad)
        commands.show(commands.write("note", words=f"{words}; {told}" if told else words))


def _told(one: State, before: dict[tuple[str, str], bool] | None) -> str:
    as_before = before is not None and before.get((one.target.element.name, one.name)) is False
    return f"{one.name} is {'as before: ' if as_before else ''}NOT healthy ({one.words})"


def texts(states: list[State]) -> dict[str, str]:
    """By element: lines of element, check and state, as a reading takes them."""
    found: dict[str, str] = {}
    for one in states:
        name = one.target.element.name
        found[name] = found.get(name, "") + f"{name} {one.name} {'healthy' if one.healthy else 'unhealthy'}\n"
    return found


def error(bad: list[State], then: str) -> FailedError:
    """What an operator reads of checks that are not healthy."""
    first, count = bad[0], len(bad)
    names = ", ".join(f"{one.name} on {one.target.element.name}" for one in bad[:4]) + (" …" if count > 4 else "")
    return FailedError(
        f"not healthy: {names}",
        where=first.target.element.name,
        command=first.target.shown,
        answer=first.words,
        next=then,
    )


def _names(left: list[Asking]) -> str:
    shown = ", ".join(f"{a.check.name} on {a.target.element.name}" for a in left[:3])
    return shown + (f" and {len(left) - 3} more" if len(left) > 3 else "")
