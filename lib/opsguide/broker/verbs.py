"""The five verbs, as the broker carries them out in the three modes.

- look: sent in every mode; unmet fails in plan and apply and is evidence in a request; later looks are sent in apply.
- require: recorded as judged in the notebook, with its inputs; it never blocks a request.
- change: listed in plan and request; in apply sent once for each row and element, stopping at the first failure.
- prove: listed in plan; the acceptance test in a request; in apply asked until it is met or its time is over.
- A row of each= is one that a look of this run returned.
- No change is sent to an element that is held, nor one that the plan which is carried out does not have.
- No change is sent that an invariant forbids; a plan says which would be refused now.
- What a followed run has done is not sent again: it is proved.
- Changes go one after another unless at_a_time= lets several go together: see batches.
- The end of a reboot is seen by its prove: see reboots.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from opsguide.broker import (
    batches,
    calls,
    edits,
    following,
    invariants,
    opened,
    paths,
    pins,
    rows,
    service_map,
    settling,
)
from opsguide.broker.commands import UNCLEAR, Command, Commands, Seen
from opsguide.broker.order import Step, Steps
from opsguide.broker.reboots import Reboots
from opsguide.broker.state import State
from opsguide.broker.targets import TIMEOUT_GRACE, Grounds, Target, own, refuse_into_containers, targets
from opsguide.errors import FailedError, InputError, OpsguideError, RefusedError, UnknownError
from opsguide.guide import expectations, scopes
from opsguide.guide.durations import duration

FIRST_PAUSE, LONGEST_PAUSE, SAY_EVERY = 0.2, 5.0, 5.0
AT_ONCE = 16


@dataclass
class Verbs:
    """The verbs of one run in one mode (`plan`, `apply`, `request`)."""

    grounds: Grounds
    commands: Commands
    state: State
    steps: Steps
    mode: str
    listed: list[dict[str, Any]] = field(default_factory=list)
    open: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    out: set[tuple[str, str]] = field(default_factory=set)
    later: int = 0
    unknown: int = 0
    rows: rows.Rows = field(default_factory=rows.Rows)
    plain: set[str] = field(default_factory=set)
    follow: following.Following = field(default_factory=following.Following)
    pins: list[dict[str, Any]] = field(default_factory=list)
    made: list[tuple[str, str]] = field(default_factory=list)
    reboots: Reboots = field(default_factory=Reboots)
    alive: service_map.ServiceMap = field(default_factory=service_map.ServiceMap)

    def look(self, request: dict[str, Any]) -> dict[str, Any]:
        """{answers: [{on, text, exit, state}]} or {later: number}."""
        step = self._step(request)
        if service_map.asked(request):
            return self._look_at_services(step, request)
        found = self._targets("look", step, request)
        expect = expectations.checked(request.get("expect"))
        if request.get("when") == "apply" and self.mode != "apply":
            self.later += 1
            self._plan(found, "look", step, expectations.words(expect), "known only in apply")
            return {"later": self.later}
        there = [t for t in found if not self.follow.gone(t)]
        answers = [self._not_asked(step, t) for t in found if t not in there]
        commands = [self._look(step, t, request) for t in there]
        for command, seen in zip(commands, self._ask_all(commands), strict=True):
            if command.pin:
                self._pinned(step, command, seen, request)
            if seen.state != "ok" and self.mode != "request":
                raise self._failed("look", command.target, seen, request)
            step.owed.pop(_debt("look", command.target), None)
            self.rows.saw(seen.text)
            answers.append(
                {"on": command.target.element.name, "text": seen.text, "exit": seen.exit, "state": seen.state}
            )
        if request.get("among") is not None and self.mode == "apply":
            self._refuse_outside(answers, request["among"])
        return {"answers": answers}

    def _look(self, step: Step, target: Target, request: dict[str, Any]) -> Command:
        pin = request.get("pin") is True
        judged = not (pin and (step.slug, target.key) in self.follow.seen)
        deadline = self._deadline(request, target)
        return Command(target, "look", step.slug, deadline, expect=request.get("expect"), pin=pin, judged=judged)

    def _not_asked(self, step: Step, target: Target) -> dict[str, Any]:
        """The recorded answer of what the followed run has removed from the platform."""
        self._note(f"not asked, {self.follow.run} has removed {target.element.name} from the platform: {target.shown}")
        text = self.follow.seen.get((step.slug, target.key), "")
        self.rows.saw(text)
        return {"on": target.element.name, "text": text, "exit": 0, "state": "ok"}

    def _pinned(self, step: Step, command: Command, seen: Seen, request: dict[str, Any]) -> None:
        """A look at the starting state: sealed in a plan, compared with it in its run, kept when a run goes on."""
        key = (step.slug, command.target.key)
        if key in self.follow.seen:
            words = pins.kept(seen, self.follow.seen[key], request.get("expect"))
            return self._note(f"{words} ({self.follow.run})")
        if self.follow.plan and seen.state == "ok":
            pins.refuse_moved(self.follow.plan.pin(*key), command.target, seen.text, self.follow.plan.run)
        if seen.state == "ok":
            self.pins.append(pins.of(step.slug, command.target, seen.text, request))
        return None

    def _ask_all(self, commands: list[Command]) -> list[Seen]:
        """One look as it comes; several at the same time, shown one after another when all have answered."""
        if len(commands) == 1:
            return [self.commands.send(commands[0])]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda c: self.commands.send(replace(c, screen="nothing")), commands))
        for seen in found:
            self.commands.show(seen.sent)
            self.commands.show_answer(seen)
        return found

    def _refuse_outside(self, answers: list[dict[str, Any]], among: list[dict[str, Any]]) -> None:
        outside = rows.outside([a["text"] for a in answers], among)
        if outside:
            self.steps.fail("look")
            raise FailedError(
                "the answer has a row that the plan did not see",
                answer=outside[:200],
                next="look again from the first step",
            )

    def require(self, request: dict[str, Any]) -> None:
        """Journal what the notebook judged; FailedError when it did not hold."""
        met, words = request.get("met") is True, str(request.get("words", ""))[:400]
        step, inputs = self._step(request), request.get("inputs", {})
        self.commands.show(
            self.commands.write(
                "require", step=step.slug, met=met, words=words, inputs=inputs, judged="in the notebook"
            )
        )
        if met:
            step.owed.pop(("require", words), None)
        elif self.mode != "request":
            self.steps.fail("require", ("require", words), words)
            raise FailedError(f"not so: {words}", next="see what the looks above answered")

    def change(self, request: dict[str, Any]) -> None:
        """Send or list a change. UnknownError keeps the element held."""
        step = self._step(request)
        found = [t for one in self._each("change", request) for t in targets(self.grounds, "change", one)]
        for target in found:
            _refuse_elsewhere(step, target)
        undo = str(request.get("undo", ""))
        found = [self._whole(step, target, request) for target in found]
        if self.mode != "apply":
            words = f"to take it back: {undo}" if undo else ""
            self._plan(found, "change", step, "exit 0", words, request.get("what"))
            return self._foresee(found, step)
        errors: list[OpsguideError] = []
        for batch in batches.cut(found, batches.size(request.get("at_a_time"), found)):
            errors += self._change_some(step, batch, undo, request)
            if errors and not all(t.entry.independent for t in batch):
                break
            if any(isinstance(error, UnknownError) for error in errors):
                break
        if errors:
            raise batches.worst(errors)
        return None

    def _whole(self, step: Step, target: Target, request: dict[str, Any]) -> Target:
        """A call that stores a whole record: the record is read, and only what is wanted is changed in it."""
        rule = target.entry.record
        if rule is None or target.args is None or (step.slug, target.key) in self.follow.done:
            return target
        entry = scopes.Entry(rule.read, "look", args={})
        shown = calls.shown(self.grounds.platform, rule.read, {})
        ask = replace(target, entry=entry, template=rule.read, shown=shown, args={})
        seen = self.commands.send(Command(ask, "look", step.slug, entry.deadline, screen="failure"))
        if seen.state != "ok":
            raise self._failed("look", ask, seen, request)
        step.owed.pop(_debt("look", ask), None)
        found = calls.whole(rule, target.args, seen.raw.decode("utf-8", "replace"))
        same = json.dumps(target.args, sort_keys=True)
        shown = calls.shown(self.grounds.platform, target.template, found.args)
        made = replace(target, args=found.args, shown=shown, same=same, pin=found.digest)
        if self.follow.plan and self.mode == "apply":
            pins.refuse_other_record(self.follow.plan.named(step.slug, made.key), made, self.follow.plan.run)
        return made

    def _each(self, verb: str, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The request once for each row; each row must be one that a look of this run returned."""
        each = request.get("each")
        if each is None:
            return [request]
        if isinstance(each, dict) and self.mode == "apply":
            raise InputError("each= got rows that are not known", next="take them from a look of this run, in apply")
        if isinstance(each, dict):
            self._rule(verb, request)
            return []
        given = request.get("slots") or {}
        return [
            {**request, "slots": {**given, **self.rows.checked(row)}, "row": True, "turn": turn}
            for turn, row in enumerate(each)
        ]

    def _rule(self, verb: str, request: dict[str, Any]) -> None:
        """List a command whose rows are known only in apply."""
        what = request.get("what") or {}
        template = str(what.get("api") or what.get("command") or "")
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
            )
            self.listed.append(event)
            self.commands.show(event)

    def _change_some(self, step: Step, batch: list[Target], undo: str, request: dict[str, Any]) -> list[OpsguideError]:
        """Send the changes of one batch together; what failed."""
        ready = [found for target in batch if (found := self._ready(step, target, undo, request))]
        answers = batches.send(self.commands, ready, self._send)
        came = [
            seen if isinstance(seen, OpsguideError) else self._came(step, command, seen, request)
            for command, seen in zip(ready, answers, strict=True)
        ]
        return [error for error in came if error]

    def _ready(self, step: Step, target: Target, undo: str, request: dict[str, Any]) -> Command | None:
        """The change to send; None when it is not to be sent."""
        if not step.may_send(target.key):
            self._note(f"already done in this run, not sent again: {target.shown}")
            return None
        if self._done_before(step, target, undo):
            return None
        self.follow.refuse_beyond(step.slug, target)
        self.state.refuse_held([target.element.name])
        invariants.refuse(self.grounds, self.commands, self.state, step.slug, target)
        deadline = self._deadline(request, target)
        if target.entry.effect == "reboots":
            self.reboots.read(self.commands, self.grounds.platform, target, step.slug)
        target = settling.with_look(self.grounds, target, request.get("slots") or {})
        undo = opened.undo_of(self.grounds, target, undo)
        return Command(target, "change", step.slug, deadline, holds=True, undo=undo)

    def _send(self, command: Command, together: bool) -> Seen:
        """Send a change; what takes it back is noted first."""
        note = opened.about(self.grounds, self.commands, command.target, command.undo)
        shown = replace(command, screen="sent") if together else command
        return opened.sent(self.state, note, lambda: self.commands.send(shown))

    def _came(self, step: Step, command: Command, seen: Seen, request: dict[str, Any]) -> OpsguideError | None:
        """A change was sent and this came of it; the error to raise for it, if any."""
        target = command.target
        if self.reboots.sent(target, seen):
            self.unknown += 1
        elif seen.state in UNCLEAR:
            self.unknown, step.unknown = self.unknown + 1, True
            return self._failed("change", target, seen, request)
        elif seen.state != "ok":
            return self._failed("change", target, seen, request)
        step.owed.pop(_debt("change", target), None)
        self.made.append((step.slug, target.key))
        self._ended(step, target, command.undo)
        return None

    def _ended(self, step: Step, target: Target, undo: str) -> None:
        step.ended.add(target.key)
        if not target.entry.unproven:
            step.changed(target.element.name, target.shown)
        self._opened(target, undo)

    def _done_before(self, step: Step, target: Target, undo: str) -> bool:
        """Whether the followed run has done it, and that can be seen again: then it is proved, not sent.

        It counts once: when its proof fails, running the step again sends it. What nothing proves counts where a later
        step was built on it: containers that were stopped for a reboot which is over are not stopped again.
        """
        by = self.follow.done.get((step.slug, target.key))
        built_on = any(self.steps.is_after(slug, step.slug) for slug, _ in self.follow.done)
        seen_again = not target.entry.unproven or built_on or opened.is_out(self.state, target.element.name)
        if by is None or not seen_again:
            return False
        self.follow = following.without(self.follow, step.slug, target.key)
        effect = {"effect": target.entry.effect} if target.entry.effect else {}
        self.commands.show(
            self.commands.write(
                "done-before",
                step=step.slug,
                on=target.element.name,
                key=target.key,
                line=target.shown,
                run=by,
                **effect,
            )
        )
        self._ended(step, target, undo)
        return True

    def _foresee(self, found: list[Target], step: Step) -> None:
        """A plan says what an invariant would refuse now."""
        for target in found if self.mode == "plan" else ():
            story = invariants.against(self.grounds, self.commands, self.state, step.slug, target)
            if story:
                self._note(f"would be refused now: {story.words}; next: {story.next}")

    def _opened(self, target: Target, undo: str) -> None:
        name, undo = target.element.name, opened.undo_of(self.grounds, target, undo)
        for undone in opened.ended_well(self.state, self.grounds.scope, opened.of_target(target)):
            self.open.pop((name, undone), None)
            self.commands.write("closed", element=name, undo=undone)
        if undo:
            what = {"element": name, "words": f"{target.said} is in force", "undo": undo}
            self.open[name, undo] = what
            if target.entry.effect == opened.OUT:
                self.out.add((name, undo))
            self.commands.write("open", **what)

    def keep(self) -> None:
        """The run succeeded: what is in force is as wanted, but for an element that is out: that stays open."""
        for (name, undo), what in self.open.items():
            if (name, undo) in self.out:
                self.commands.show({"type": "open", **what})
                continue
            opened.kept(self.state, name, undo)
            self.commands.show(self.commands.write("closed", element=name, undo=undo, kept=True))
        self.open.clear()

    def edit(self, request: dict[str, Any]) -> None:
        """Show, and in apply make, the change of one file."""
        step = self._step(request)
        plan = edits.Edit(self.grounds, self.commands, step.slug, request, asked=self.mode == "request").prepared()
        event = self.commands.write("planned", **plan.planned())
        self.listed.append(event)
        self.commands.show(event)
        if self.mode != "apply" or not plan.diff:
            return
        if self.follow.plan:
            pins.refuse_other_edit(self.follow.plan.named(step.slug, event["key"]), event, self.follow.plan.run)
        self.state.refuse_held([plan.target.element.name])
        try:
            plan.apply(lambda undo: self._edited(plan, undo))
        except UnknownError:
            self.unknown, step.unknown = self.unknown + 1, True
            self.steps.fail("change")
            raise
        except FailedError:
            by = "interrupt" if self.commands.cancel.is_set() else "change"
            self.steps.fail(by, ("edit", plan.path), f"the edit of {plan.path}")
            raise
        step.owed.pop(("edit", plan.path), None)
        self.made.append((step.slug, event["key"]))

    def _edited(self, plan: edits.Edit, undo: str) -> None:
        what = {"element": plan.target.element.name, "words": f"{plan.path} is changed", "undo": undo}
        self.open[plan.target.element.name, undo] = what
        self.commands.write("open", **what)

    def prove(self, request: dict[str, Any]) -> None:
        """Ask until the expectation is met, or see it met all through `hold`."""
        step = self._step(request)
        if service_map.asked(request):
            return self._prove_services(step, request)
        found = self._targets("prove", step, request)
        expect = expectations.checked(request.get("expect"))
        within, hold = (_seconds(request, k, 0.0) for k in ("within", "hold"))
        if self.mode != "apply":
            when = f" within {request['within']}" if within else f" for {request['hold']}" if hold else ""
            return self._plan(found, "prove", step, expectations.words(expect) + when, "")
        for target in found:
            if self.follow.gone(target):
                self._not_asked(step, target)
            else:
                self._prove_one(step, target, within, hold, request)
            step.proved(target.element.name)
            step.owed.pop(_debt("prove", target), None)
        return None

    def _prove_one(self, step: Step, target: Target, within: float, hold: float, request: dict[str, Any]) -> None:
        start, tries, pause, said = time.monotonic(), 0, FIRST_PAUSE, 0.0
        while True:
            tries += 1
            seen = self.commands.send(self._ask(step, target, request, tries))
            passed = time.monotonic() - start
            met = seen.state == "ok"
            over = passed + pause > (hold if hold else within)
            if self.commands.cancel.is_set() or (over if met == bool(hold) else True):
                break
            if passed - said >= SAY_EVERY:
                said = passed
                self._tell_progress(step, passed, seen, request)
            self.commands.cancel.wait(pause)
            pause = min(pause * 1.6, LONGEST_PAUSE)
        self.commands.show_answer(seen)
        if met and hold and not over:
            seen.note = "given up before its time was over"
            raise self._failed("prove", target, seen, request)
        if not met:
            raise self._unmet(step, target, seen, request)
        if self.reboots.settle(self.commands, target):
            self.unknown -= 1

    def _unmet(self, step: Step, target: Target, seen: Seen, request: dict[str, Any]) -> OpsguideError:
        """A prove was not met: failed; unknown where a reboot was to be seen, unless somebody gave up waiting."""
        failed = self._failed("prove", target, seen, request)
        if self.reboots.awaited(target) is None or self.commands.cancel.is_set():
            return failed
        step.unknown = True
        self.reboots.leave(self.commands)
        return self.reboots.unseen(target, self.commands.run)

    def _look_at_services(self, step: Step, request: dict[str, Any]) -> dict[str, Any]:
        """The service map as a look: one answer an element, a line a check."""
        wanted = service_map.wanted(request.get("expect"))
        found = self.alive.ask(self.commands, service_map.checks(self.grounds, request), step.slug, "look")
        self.alive.remember(found)
        service_map.tell(self.commands, found)
        bad = [one for one in found if not one.healthy]
        step.owed.pop(("look", "services"), None)
        if bad and wanted and self.mode != "request":
            raise self._unhealthy("look", bad)
        texts = service_map.texts(found)
        for text in texts.values():
            self.rows.saw(text)
        return {"answers": [{"on": on, "text": text, "exit": 0, "state": "ok"} for on, text in texts.items()]}

    def _prove_services(self, step: Step, request: dict[str, Any]) -> None:
        """Ask until every check is healthy that was so before, or was not looked at before."""
        found, within = service_map.checks(self.grounds, request), _seconds(request, "within", 0.0)
        if self.mode != "apply":
            when = f" within {request['within']}" if within else ""
            return service_map.plan(self.commands, found, step.slug, when)
        bad = self.alive.wait(self.commands, found, step.slug, within, LONGEST_PAUSE, SAY_EVERY)
        if bad:
            raise self._unhealthy("prove", bad)
        step.owed.pop(("prove", "services"), None)
        for name in {one.target.element.name for one in found}:
            step.proved(name)
        return None

    def _unhealthy(self, verb: str, bad: list[service_map.State]) -> FailedError:
        first = bad[0]
        self.steps.fail("interrupt" if self.commands.cancel.is_set() else verb, (verb, "services"), first.target.shown)
        for what in self.open.values():
            self.commands.show({"type": "open", **what})
        return service_map.error(bad, self.commands.runbook)

    def _tell_progress(self, step: Step, passed: float, seen: Seen, request: dict[str, Any]) -> None:
        """What a wait looks like from outside, now and then: the progress look's first line, or the last answer."""
        words = seen.note
        if request.get("progress"):
            for target in targets(self.grounds, "look", {**request, "what": request["progress"], "slots": {}}):
                command = Command(target, "look", step.slug, target.entry.deadline, screen="nothing", judged=False)
                words = (self.commands.send(command).text.strip().splitlines() or [words])[0]
        self.commands.show({"type": "note", "words": f"{passed:.0f} s: {words[:200]}"})

    def _ask(self, step: Step, target: Target, request: dict[str, Any], tries: int) -> Command:
        deadline, screen = self._deadline(request, target), "sent" if tries == 1 else "nothing"
        expect = self.reboots.expected(target) or request.get("expect")
        return Command(target, "prove", step.slug, deadline, expect=expect, tries=tries, screen=screen)

    def _step(self, request: dict[str, Any]) -> Step:
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

    def _targets(self, verb: str, step: Step, request: dict[str, Any]) -> list[Target]:
        """What a look or a prove would ask; RefusedError for a path that is not this activity's."""
        found = [t for one in self._each(verb, request) for t in targets(self.grounds, verb, one)]
        for target in found:
            paths.refuse_parameters(self.grounds, target, self.mode == "request")
            if self.mode == "apply" or (verb == "look" and request.get("when") != "apply"):
                self._refuse_links(step, target)
        return found

    def _refuse_links(self, step: Step, target: Target) -> None:
        """A path may be a link into a container, or to another activity's file: RefusedError when it leads there."""
        if not target.element.is_host and not self.grounds.scope.files:
            return
        for path in sorted({value for value in target.filled.values() if value.startswith("/")} - self.plain):
            ask = own(self.grounds.platform, target.element, ["readlink", "-m", path])
            seen = self.commands.send(
                Command(ask, "look", step.slug, ask.entry.deadline, screen="nothing", judged=False)
            )
            real = seen.text.strip()
            if target.element.is_host:
                refuse_into_containers(real)
            if self.grounds.scope.files and target.entry not in scopes.common_looks() and real != path:
                paths.refuse_others(self.grounds, real, self.mode == "request")
            self.plain.add(path)

    def compare_with_plan(self) -> None:
        """Before the first change: look again at all that the plan pinned. RefusedError for what has moved."""
        plan = self.follow.plan
        if plan is None or self.follow.how != "plan":
            return
        for pin in plan.pins:
            request = {"what": pin["what"], "on": [pin["on"]], "slots": pin["slots"]}
            for target in targets(self.grounds, "look", request):
                command = Command(target, "look", pin["step"], target.entry.deadline, screen="failure", judged=False)
                pins.refuse_moved(pin, target, self.commands.send(command).text, plan.run)
        for planned in plan.changes:
            self._compare_planned(planned, plan.run)

    def _compare_planned(self, planned: dict[str, Any], plan: str) -> None:
        if planned["verb"] == "edit":
            ask = own(self.grounds.platform, self.grounds.element, ["sha256sum", planned["path"]])
            command = Command(ask, "look", planned["step"], ask.entry.deadline, screen="failure", judged=False)
            pins.refuse_other_file(planned, self.commands.send(command).text, plan)
        elif planned.get("pin"):
            request = {"what": planned["what"], "on": [planned["on"]]}
            for target in targets(self.grounds, "change", request):
                self._whole(Step(planned["step"]), target, request)

    def _plan(
        self, found: list[Target], verb: str, step: Step, expect_words: str, words: str, what: Any = None
    ) -> None:
        for target in found:
            event = self.commands.write(
                "planned",
                command=self.commands.number(),
                step=step.slug,
                verb=verb,
                on=target.element.name,
                line=target.shown,
                expect_words=expect_words,
                words=words,
                key=target.key,
                **({"pin": target.pin, "what": what} if target.pin else {}),
            )
            self.listed.append(event)
            self.commands.show(event)

    def _deadline(self, request: dict[str, Any], target: Target) -> float:
        asked = _seconds(request, "timeout", target.entry.deadline)
        limit = min(asked, target.entry.deadline) if target.entry.verb == "change" else asked
        return limit + (TIMEOUT_GRACE if target.entry.verb == "change" else 0.0)

    def _note(self, words: str) -> None:
        self.commands.show(self.commands.write("note", words=words))

    def _failed(self, verb: str, target: Target, seen: Seen, request: dict[str, Any]) -> FailedError | UnknownError:
        asked = request.get("expect") is not None or target.entry not in scopes.common_looks()
        by = "interrupt" if self.commands.cancel.is_set() and seen.state in ("ok", "unknown", "not-run") else verb
        self.steps.fail(by, _debt(verb, target) if asked else None, target.shown)
        for what in self.open.values():
            self.commands.show({"type": "open", **what})
        where, answer = target.element.name, (seen.text.strip().splitlines() or [""])[-1][:200]
        if verb == "change" and seen.state in UNCLEAR:
            look = target.look or "look for yourself"
            return UnknownError(
                f"the change ended {seen.state}: nobody knows whether it took effect, and {where} is held",
                where=where,
                command=target.shown,
                next=f'{look}, then: opsguide resume {self.commands.run} --found done|not-done --why "…"',
            )
        words = {"not-run": "nothing was sent"}.get(
            seen.state, f"the {verb} {'failed' if seen.state == 'failed' else seen.state}"
        )
        then = f'see "If it goes wrong" in runbooks/{self.commands.runbook}; nothing was repeated'
        return FailedError(f"{words}: {seen.note}", where=where, command=target.shown, answer=answer, next=then)


def _refuse_elsewhere(step: Step, target: Target) -> None:
    """RefusedError for a change that belongs to another step."""
    if step.slug not in target.entry.steps:
        its = " or ".join(target.entry.steps)
        raise RefusedError(f"this change belongs to step {its}", command=target.template, next=f"run step {its}")


def _seconds(request: dict[str, Any], key: str, default: float) -> float:
    try:
        return duration(str(request[key])) if request.get(key) else default
    except ValueError as error:
        raise InputError(f"{key}=: {error}", next='durations are words like "60 s" or "5 min"') from None


def _debt(verb: str, target: Target) -> tuple[object, ...]:
    """What names a command that has failed until it ends well; of a change also its values, they may be many rows."""
    return (verb, target.element.name, target.template, *([target.key] if verb == "change" else []))
