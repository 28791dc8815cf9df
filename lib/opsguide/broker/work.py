"""What the verbs of one run share: grounds, sender, state, steps, and what has come of it so far.

- A row of each= is one that a look of this run returned; rows that are known only in apply stand in a plan as a rule.
- What a verb asks for is made into targets here, and a path in it must be this activity's.
- What failed says where, by which command, with which answer, and what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from opsguide.broker import following, paths, rows, service_map
from opsguide.broker.commands import Commands
from opsguide.broker.filling import refuse_into_containers
from opsguide.broker.grounds import Grounds
from opsguide.broker.order import Step, Steps
from opsguide.broker.reboots import Reboots
from opsguide.broker.state import State
from opsguide.broker.targets import TIMEOUT_GRACE, Target, own, targets
from opsguide.broker.transit import UNCLEAR, Command, Seen
from opsguide.errors import FailedError, InputError, RefusedError, UnknownError
from opsguide.guide import entries, expectations, mends
from opsguide.guide.durations import duration


@dataclass
class Work:
    """One run in one mode (`plan`, `apply`, `request`); the verbs are functions that take it.

    `open` and `out` are what is in force, by element and undo; `listed` what a plan or a request lists; `made` the
    changes that ended well, by step and key; `seen` the last good answer of each look at the run's own element, by
    template; `kept` how many custom settings were found as agreed; `handed` the digests of what the platform handed
    out; `unknown` counts the changes of which nobody knows.
    """

    grounds: Grounds
    commands: Commands
    state: State
    steps: Steps
    mode: str
    listed: list[dict[str, Any]] = field(default_factory=list)
    open: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    out: set[tuple[str, str]] = field(default_factory=set)
    later: int = 0
    among: dict[str, list[str] | None] = field(default_factory=dict)
    unknown: int = 0
    accepted: list[bool] = field(default_factory=list)
    rows: rows.Rows = field(default_factory=rows.Rows)
    plain: set[tuple[str, str, bool]] = field(default_factory=set)
    follow: following.Following = field(default_factory=following.Following)
    pins: list[dict[str, Any]] = field(default_factory=list)
    made: list[tuple[str, str]] = field(default_factory=list)
    handed: set[str] = field(default_factory=set)
    reboots: Reboots = field(default_factory=Reboots)
    seen: dict[str, str] = field(default_factory=dict)
    kept: int = 0
    alive: service_map.ServiceMap = field(default_factory=service_map.ServiceMap)

    def step(self, request: dict[str, Any]) -> Step:
        """The step that a verb stands in; InputError for another one, RefusedError when it has failed."""
        step = self.steps.current
        if step is None or step.slug != request.get("step"):
            raise InputError(
                f"step {request.get('step')!r} is not the current step", next="run its cell from its first line"
            )
        if step.state == "failed":
            raise RefusedError(
                f"step {step.slug} has failed in this attempt", next="run its cell again from its first line"
            )
        return step

    def each(self, verb: str, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The request once for each row; each row must be one that a look of this run returned."""
        each = request.get("each")
        if each is None:
            return [request]
        if request.get("pin"):
            raise InputError("a look with each= cannot be pinned: a plan could not ask it again", next="drop pin=")
        if isinstance(each, dict) and self.mode == "apply":
            raise InputError("each= got rows that are not known", next="take them from a look of this run, in apply")
        if isinstance(each, dict):
            self._rule(verb, request)
            return []
        given, found = request.get("slots") or {}, [self.rows.checked(row) for row in each]
        if verb == "change" and self.follow.plan:
            self.follow.plan.refuse_rows(str(request.get("step")), template_of(request), found)
        return [{**request, "slots": {**given, **row}, "row": True, "turn": turn} for turn, row in enumerate(found)]

    def _rule(self, verb: str, request: dict[str, Any]) -> None:
        """List a command whose rows are known only in apply."""
        template, among = template_of(request), self.among.get(str(request["each"].get("later")))
        for name in [self.grounds.element.name] if request.get("on") is None else request["on"]:
            event = self.commands.write(
                "planned",
                command=self.commands.number(),
                step=request["step"],
                verb=verb,
                on=str(name),
                line="",
                expect_words=expectations.words(expectations.checked(request.get("expect"))),
                words=f"{template}, for each row that the look before returns in apply",
                key="",
                later=template,
                **({"among": among} if among is not None else {}),
            )
            self.listed.append(event)
            self.commands.show(event)

    def targets(self, verb: str, step: Step, request: dict[str, Any]) -> list[Target]:
        """What a look or a prove would ask; RefusedError for a path that is not this activity's."""
        found = [t for one in self.each(verb, request) for t in targets(self.grounds, verb, one)]
        self.hold_paths(step, found, self.mode == "apply" or (verb == "look" and request.get("when") != "apply"))
        return found

    def hold_paths(self, step: Step, found: list[Target], asks: bool) -> None:
        """RefusedError for a path that is not this activity's; with `asks`, also for one that leads to such a path."""
        for target in found:
            paths.refuse_parameters(self.grounds, target, self.mode == "request")
            if asks:
                self._refuse_links(step, target)

    def _refuse_links(self, step: Step, target: Target) -> None:
        """A path may be a link into a container, or to another activity's file: RefusedError when it leads there."""
        reads = paths.reads(self.grounds, target)
        if not target.element.is_host and not self.grounds.scope.files and not reads:
            return
        name = target.element.name
        for path in sorted({value for value in target.filled.values() if value.startswith("/")}):
            if (name, path, reads) in self.plain:
                continue
            ask = own(self.grounds.platform, target.element, ["readlink", "-m", path])
            seen = self.commands.send(
                Command(ask, "look", step.slug, ask.entry.deadline, screen="nothing", judged=False)
            )
            real = seen.text.strip()
            if seen.exit != 0:
                words = f"where {path} leads cannot be asked: {seen.last or seen.note or f'exit {seen.exit}'}"
                raise RefusedError(words, where=name, command=ask.shown, next="see why readlink does not answer there")
            if target.element.is_host:
                refuse_into_containers(real)
            if self.grounds.scope.files and target.entry not in entries.common_looks() and real != path:
                paths.refuse_others(self.grounds, real, self.mode == "request")
            if reads:
                paths.refuse_secret(self.grounds, real)
            self.plain.add((name, path, reads))

    def list_planned(
        self,
        found: list[Target],
        verb: str,
        step: Step,
        expect_words: str,
        words: str,
        what: Any = None,
        ask: Any = None,
    ) -> None:
        """List commands that this mode does not send; a call of the platform API answers with a result, not an exit."""
        for target in found:
            called = target.args is not None and expect_words == "exit 0"
            event = self.commands.write(
                "planned",
                command=self.commands.number(),
                step=step.slug,
                verb=verb,
                on=target.element.name,
                line=target.shown,
                expect_words="result 0" if called else expect_words,
                words=words,
                key=target.key,
                **({"pin": target.pin, "what": what} if target.pin else {}),
                **({"ask": {**ask, "on": [target.element.name]}} if ask else {}),
            )
            self.listed.append(event)
            self.commands.show(event)

    def deadline(self, request: dict[str, Any], target: Target) -> float:
        """Seconds that a command may take; `timeout=` shortens what the scope gives a change."""
        asked = seconds(request, "timeout", target.entry.deadline)
        limit = min(asked, target.entry.deadline) if target.entry.verb == "change" else asked
        return limit + (TIMEOUT_GRACE if target.entry.verb == "change" else 0.0)

    def note(self, words: str) -> None:
        """A remark, on the screen and in the record."""
        self.commands.show(self.commands.write("note", words=words))

    def failed(self, verb: str, target: Target, seen: Seen, request: dict[str, Any]) -> FailedError | UnknownError:
        """The step has failed; the error to raise: unknown for a change of which nobody knows."""
        asked = request.get("expect") is not None or target.entry not in entries.common_looks()
        by = "interrupt" if self.commands.cancel.is_set() and seen.state in ("ok", "unknown", "not-run") else verb
        self.steps.fail(by, debt(verb, target) if asked else None, target.shown)
        for what in self.open.values():
            self.commands.show({"type": "open", **what})
        where, answer = target.element.name, seen.last
        if verb == "change" and seen.state in UNCLEAR:
            look = target.look or "look for yourself"
            return UnknownError(
                f"the change ended {seen.state}: nobody knows whether it took effect, and {where} is held",
                where=where,
                command=target.shown,
                next=f'{look}, then: opsguide resume {self.commands.run} --found done|not-done --why "…"',
            )
        asking = {"prove": "check"}.get(verb, verb)
        words = {"not-run": "nothing was sent"}.get(
            seen.state, f"the {asking} {'failed' if seen.state == 'failed' else seen.state}"
        )
        then = self._way_on(target, f"{seen.text}\n{seen.fields.get('err') or ''}")
        return FailedError(f"{words}: {seen.note}", where=where, command=target.shown, answer=answer, next=then)

    def unhealthy(self, verb: str, bad: list[service_map.State]) -> FailedError:
        """Checks of the service map were not healthy; the error to raise."""
        first = bad[0]
        self.steps.fail("interrupt" if self.commands.cancel.is_set() else verb, (verb, "services"), first.target.shown)
        for what in self.open.values():
            self.commands.show({"type": "open", **what})
        return service_map.error(bad, self._way_on(first.target, first.words))

    def _way_on(self, target: Target, answer: str) -> str:
        """What to do about a failure: this runbook's own words, and the activity that mends what was found."""
        then = f'see "If it goes wrong" in runbooks/{self.commands.runbook}; nothing was repeated'
        found = mends.mend(target.element.kind, target.said, answer, but=self.grounds.scope.activity)
        more = f"; for {found.what}: opsguide may {found.activity} {target.element.name}" if found else ""
        return then + more


def template_of(request: dict[str, Any]) -> str:
    """The command or the method that a request names."""
    what = request.get("what") or {}
    return str(what.get("api") or what.get("command") or "") if isinstance(what, dict) else ""


def seconds(request: dict[str, Any], key: str, default: float) -> float:
    """A duration of the request in seconds; InputError for words that are none."""
    try:
        return duration(str(request[key])) if request.get(key) else default
    except ValueError as error:
        raise InputError(f"{key}=: {error}", next='durations are words like "60 s" or "5 min"') from None


def debt(verb: str, target: Target) -> tuple[object, ...]:
    """What names a command that has failed until it ends well; of a change also its values, they may be many rows."""
    return (verb, target.element.name, target.template, *([target.key] if verb == "change" else []))
