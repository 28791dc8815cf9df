"""One run from its beginning to its seal.

- Bad input raises before there is a record; from then on every end is a sealed record.
- The run's own cell decides first, on the inventory's kind, without connecting; N/A is a sealed refusal.
- A run that applies refuses an element that is held or locked, then locks its own, the peer, a host's containers and
  their peers; the related ones that it may change are locked when it asks for them.
- A run whose scope only looks locks nothing, and looks at what is held or locked, too.
- What it follows is asked again once the element is locked: another run may have followed it meanwhile.
- The kind is proven on the host, the cell decided once more on what was proven, and then pinned.
- A run that is left is sealed with the truth: unknown, failed, refused or interrupted.
- `finish` returns after the seal.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from opsguide import __version__, places
from opsguide.broker import (
    calls,
    changing,
    following,
    invariants,
    plans,
    proof,
    recorded,
    registering,
    related,
    requests,
    sources,
)
from opsguide.broker.commands import Commands
from opsguide.broker.grounds import Grounds
from opsguide.broker.order import Steps
from opsguide.broker.state import Locks, State
from opsguide.broker.targets import Target, own
from opsguide.broker.transit import Command, Reach
from opsguide.broker.work import Work
from opsguide.errors import InputError, OpsguideError, RefusedError, StoreError, UnknownError, UnreachableError
from opsguide.guide import alive, custom, decision, editions, entries, kinds, scopes, services
from opsguide.guide.parameters import COMMON, Parameters
from opsguide.reach.inventory import Element, Platform
from opsguide.record import seal as sealing
from opsguide.record import words
from opsguide.record.archive import Archive, RunFolder

PROOF_SECONDS = 20.0
API_PROOF_SECONDS = 5.0


@dataclass(frozen=True)
class Asker:
    """Who asks, through what, for which records root."""

    person: dict[str, Any]
    pid: int
    frontend: str
    records: Path


class Run:
    """A run that has begun: it has a record, an element and a mode."""

    def __init__(self, folder: RunFolder, grounds: Grounds, work: Work, cell: decision.Decision) -> None:
        self.folder, self.grounds, self.work, self.cell = folder, grounds, work, cell
        self.locks = Locks()
        self.cells = sources.Sources(folder.intent["runbook"]["name"])
        self.open_cell: dict[str, Any] | None = None
        self.refusal: OpsguideError | None = None
        self.trouble = ""
        self.own_cells = 0
        self.sealed = ""
        self.admitted = False

    @property
    def commands(self) -> Commands:
        """The sender of this run."""
        return self.work.commands

    def facts(self) -> dict[str, Any]:
        """What the notebook is told of its run."""
        return {"run": self.folder.run, "mode": self.work.mode, "element": shape(self.grounds.element)}

    def step(self, slug: str, applies: bool) -> None:
        """Start a step."""
        step = self.work.steps.start(slug, applies)
        self.refusal = None
        step.cell = self.open_cell["cell"] if self.open_cell else 0
        event = self.commands.write("step", step=slug, attempt=step.attempt, applies=applies, words="")
        self.commands.show(event)

    def service(self, name: str) -> dict[str, Any]:
        """The service map's row for the run's service, with the peer where draining is called for."""
        element, wanted = self.grounds.element, self.grounds.scope.service
        if not wanted or name != self.grounds.parameters.get(wanted):
            raise InputError(f"run.service takes the run's own service, the parameter {wanted or '(none)'}")
        found = services.find(self.grounds.kind, element.component, name)
        self.grounds = self.work.grounds = replace(self.grounds, service=found)
        peer = self.grounds.platform.element(element.peer) if element.peer and found.drained else None
        return {
            "name": found.name,
            "config_test": found.config_test or None,
            "probe": found.probe or None,
            "healthy": found.healthy,
            "peer": shape(peer) if peer else None,
        }

    def related(self, kind: str, named: list[str]) -> list[dict[str, Any]]:
        """The related elements of a kind, the named ones or all."""
        found = self.grounds.named_related(kind)
        wrong = [n for n in named if n not in found]
        if wrong:
            raise RefusedError(
                f"{wrong[0]} is not a related {kinds.words(kind) if kind in kinds.KINDS else kind}",
                next=f"eligible: {', '.join(found)}",
            )
        names = tuple(named or found)
        if self.work.mode == "apply" and kind in related.changed_kinds(self.grounds):
            self.locks.join(related.reserve(self.work.state, names, self.locks, self.holder()))
        if kind == self.grounds.element.kind:
            self.grounds = self.work.grounds = replace(self.grounds, chosen=names)
        return [shape(found[n]) for n in names]

    def holder(self) -> dict[str, Any]:
        """What the locks of this run say of it."""
        return {"run": self.folder.run, "person": self.commands.person, "since": self.folder.intent["at"]}

    def cells_so_far(self, cells: list[str]) -> None:
        """The cells that ran before `begin`, and the one that `begin` stands in."""
        for number, source in enumerate(cells, start=1):
            self.cell_starts(number, "", source)
            if number < len(cells):
                self.cell_ends(number, "ok", 0)

    def cell_starts(self, number: int, name: str, source: str) -> None:
        """A cell of the notebook starts."""
        known = self.cells.known(source)
        self.own_cells += known is False
        named = name or self.cells.name(source)
        self.open_cell = self.commands.write("cell", cell=number, id=named, source=source, known=known)

    def cell_shows(self, fields: dict[str, Any]) -> None:
        """A cell printed or displayed something."""
        kept = {k: fields[k] for k in ("cell", "kind", "name", "text", "html", "png") if k in fields}
        self.commands.write("output", **kept)

    def cell_ends(self, number: int, state: str, seconds: float) -> None:
        """A cell ended; one that failed fails the step that it began."""
        self.commands.write("cell-end", cell=number, state=state, seconds=seconds)
        self.open_cell = None
        step = self.work.steps.current
        if state != "ok" and step and step.cell == number:
            self.work.steps.fail("interrupt" if state == "interrupted" else "error")

    def refused(self, error: OpsguideError) -> None:
        """Journal a refusal that came in mid-run."""
        if self.work.steps.failed() is None:
            self.refusal = error
        self.work.steps.fail("refusal")
        self.commands.write(
            "refused", **refusal(error, self.work.steps.current.slug if self.work.steps.current else "")
        )

    def finish(self) -> dict[str, Any]:
        """Seal a run whose steps are all done."""
        self.work.steps.all_done()
        if self.work.unknown:
            raise UnknownError("a change of this run is unknown", next=f"opsguide resume {self.folder.run} --found …")
        if self.work.mode == "request" and self.folder.intent.get("confirms"):
            return self._confirmed()
        if self.work.mode == "request":
            requests.judge_rows(self.commands, self.grounds)
            number = requests.write(self.folder, self.grounds, self.cell, self.work.listed)
            return self.end(
                "requested",
                3,
                f"request written for {self.cell.who_may}: hand-off {number}; opsguide handoff show {number}",
            )
        kept = registering.finished(self.work)
        if self.work.mode == "plan":
            planned = self._planned()
            return self.end("succeeded", 0, kept or planned)
        changing.keep(self.work)
        return self.end("succeeded", 0, kept or self._done())

    def _confirmed(self) -> dict[str, Any]:
        """The acceptance test of a hand-off was asked: passed when each check was met, and there was one."""
        asked, said = self.work.accepted, f"acceptance test of hand-off {self.folder.intent['confirms']}"
        if asked and all(asked):
            return self.end("succeeded", 0, f"{said} passed: {len(asked)} of {len(asked)} met")
        return self.end("failed", 1, f"{said}: {asked.count(False)} of {len(asked)} not met")

    def _planned(self) -> str:
        """Seal the plan into the record; how many changes it lists."""
        count = sum(e["verb"] in ("change", "edit") for e in self.work.listed)
        digest = plans.write(self.folder, self.work.listed, self.work.pins)
        return f"planned: {count} change{'' if count == 1 else 's'} listed, nothing changed; plan {digest[:12]}"

    def _done(self) -> str:
        """What was done, what was passed over, and whether cells were the operator's own."""
        passed, own = self.work.steps.passed_over(), self.own_cells
        cells = f"{own} cell{'s' if own > 1 else ''} not the runbook's" if own else ""
        return "; ".join(
            filter(None, ("every step done and proved", f"passed over: {', '.join(passed)}" if passed else "", cells))
        )

    def left(self, how: str) -> None:
        """Seal a run that nobody will finish, with the truth."""
        if self.sealed:
            return
        failed = self.work.steps.failed()
        self.work.reboots.leave(self.commands)
        if self.work.unknown:
            self.end("unknown", 5, f"{self.trouble or how}; a change is unknown and its element is held")
        elif self.refusal:
            self.end("refused", self.refusal.exit_code, self.refusal.words)
        elif failed and failed.failed_by != "interrupt":
            self.end("failed", 1, f"step {failed.slug} failed: {self.trouble or how}")
        else:
            self.end("interrupted", 5, how)

    def end(self, state: str, status: int, why: str) -> dict[str, Any]:
        """Seal the record and free the locks; {run, state, exit, record}."""
        try:
            if self.open_cell:
                done = "ok" if state in ("succeeded", "requested") else "interrupted"
                self.commands.write("cell-end", cell=self.open_cell["cell"], state=done, seconds=0)
            if plan := self.work.follow.plan:
                against = plan.compared(self.work.made, self.work.follow.done)
                self.commands.show(self.commands.write("compared", **against))
            sealed = sealing.seal(self.folder, state, status, why)
            self.sealed = state
            self.commands.show({"type": "end", "state": state, "words": why, "exit": status})
            return {"run": self.folder.run, "state": state, "exit": status, "record": str(sealed)}
        finally:
            self.locks.free()
            self.folder.journal.close()


def begin(
    asker: Asker,
    platform: Platform,
    state: State,
    reach: Reach,
    request: dict[str, Any],
    say: Callable[[list[str]], None],
    watch: Callable[[Run], None],
) -> Run:
    """Start a run. InputError leaves no record; every other refusal is a sealed one. `watch` gets the run at once."""
    edition = editions.load(platform.edition, platform.file.parent)
    activity = edition.activity(str(request.get("activity", "")))
    given = {str(k): v for k, v in (request.get("parameters") or {}).items()}
    scope = scopes.load(activity.slug)
    element = platform.element(str(COMMON[0].check(given.get("element", ""))))
    kind = element.joining if element.joining and activity.slug == "adding-new-host" else element.kind
    mode = COMMON[1].check(given.get("mode", "plan"))
    cell = decision.decide(edition, activity.slug, kind, mode)
    if scope is None and cell.exit != 4:
        raise InputError(
            f"the runbook of {activity.title} is still to come", next="opsguide matrix shows which are here"
        )
    ruled = scope if cell.exit != 4 else None
    parameters = ruled.parameters.check(given) if ruled else given
    if ruled:
        custom.hold(activity.slug, parameters)
    chosen = services.find(kind, element.component, parameters[ruled.service]) if ruled and ruled.service else None
    intent = intent_of(asker, platform, edition, activity, scope, element, cell, parameters, request)
    follow = following.load(Archive(asker.records), reach.redactor.value(intent), state)  # type: ignore[arg-type]
    intent["follows"] = follow.facts()
    known = following.rows_again(Archive(asker.records), intent)
    folder = Archive(asker.records).start(reach.redactor.value(intent))  # type: ignore[arg-type]
    commands = Commands(folder, state, reach, say, asker.person["name"], str(asker.records))
    if scope is None:
        scope = scopes.Scope(activity.slug, "", (), Parameters(), (), (), {})
    grounds = Grounds(platform, scope, element, kind, parameters, chosen)
    work = Work(grounds, commands, state, Steps(scope.steps), cell.mode, follow=follow)
    work.rows.knew(known)
    run = Run(folder, grounds, work, cell)
    watch(run)
    cells = request.get("cells")
    run.cells_so_far([str(source) for source in cells] if isinstance(cells, list) else [])
    say(words.banner(folder.intent))
    try:
        _admit(run, state, asker, reach)
        run.admitted = True
    except StoreError:
        raise
    except OpsguideError as error:
        _seal_refused(run, error)
        raise error.with_texts(commands.hidden) from None
    return run


def _admit(run: Run, state: State, asker: Asker, reach: Reach) -> None:
    cell, locked = run.cell, run.grounds.locked()
    if cell.exit == 4:
        error = RefusedError(cell.words, where=run.grounds.element.name, next=cell.next)
        error.exit_code = 4
        raise error
    if cell.mode == "apply" and not run.grounds.scope.only_looks:
        run.locks = state.lock(locked, run.holder())
        state.refuse_held(locked)
        run.work.follow = following.load(Archive(asker.records), run.folder.intent, state)
        invariants.refuse_beside(run.grounds, state)
    _prove(run, reach)
    if cell.mode == "apply":
        invariants.refuse_reboot(run.grounds, run.commands, state)
    recorded.compare_with_plan(run.work)


def _prove(run: Run, reach: Reach) -> None:
    platform, element = run.grounds.platform, run.grounds.element
    host = platform.element(element.host)

    def ask(command: str) -> proof.Asked:
        target = own(platform, host, command.split())
        seen = run.commands.send(Command(target, "proof", "", PROOF_SECONDS, screen="nothing", judged=False))
        if seen.exit is None:
            raise _unreached(host, seen.note)
        return proof.Asked(seen.exit, seen.text)

    def ask_api(method: str, args: dict[str, Any]) -> proof.Asked | None:
        entry = entries.Entry(method, "look", args=args)
        target = Target(entry, element, host, method, {}, "", calls.shown(platform, method, args), args)
        seen = run.commands.send(Command(target, "proof", "", API_PROOF_SECONDS, screen="nothing", judged=False))
        return proof.Asked(seen.exit, seen.text) if seen.exit is not None else None

    leaving = run.cell.slug == "user-host-decommission"
    found = proof.prove(platform, element, ask, ask_api, lambda: reach.connections.shown_keys(host), leaving)
    event = run.commands.write(
        "proof", element=element.name, verdict=found.verdict, evidence=found.evidence, api=found.api, words=found.words
    )
    run.commands.show(event)
    if found.verdict != "proven":
        raise RefusedError(
            found.words, where=element.name, next=f"correct {platform.file.name} or the host, then begin again"
        )
    again = decision.decide(
        editions.load(platform.edition, platform.file.parent),
        run.cell.slug,
        run.grounds.kind,
        run.cell.mode if run.cell.mode != "request" else "plan",
    )
    if again.mode != run.cell.mode:
        raise RefusedError(f"the edition changed under the run: {again.words}", next="begin again")


def _unreached(host: Element, note: str) -> OpsguideError:
    return UnreachableError(
        f"{host.name} could not be asked what it is: {note}", where=host.name, next="opsguide doctor"
    )


def _seal_refused(run: Run, error: OpsguideError) -> None:
    run.commands.write("refused", **refusal(error, "", run.cell))
    state = "failed" if isinstance(error, UnreachableError) else "refused"
    run.end(state, error.exit_code, error.words)


def refusal(error: OpsguideError, step: str, cell: decision.Decision | None = None) -> dict[str, Any]:
    """The fields of a `refused` event."""
    return {
        "step": step,
        "words": error.words,
        "rule": type(error).__name__,
        "cell": cell.words if cell else "",
        "who_may": cell.who_may if cell else "",
        "next": error.next,
        "exit": error.exit_code,
    }


def intent_of(
    asker: Asker,
    platform: Platform,
    edition: editions.Edition,
    activity: editions.Activity,
    scope: scopes.Scope | None,
    element: Element,
    cell: decision.Decision,
    parameters: dict[str, Any],
    request: dict[str, Any],
) -> dict[str, Any]:
    """What intent.json says of a run that is about to begin."""
    source = places.runbooks() / activity.runbook
    digest = hashlib.sha256(source.read_bytes()).hexdigest() if source.is_file() else ""
    return {
        "platform": {"name": platform.name, "practice": platform.practice, "digest": platform.digest},
        "edition": {"name": edition.name, "digest": edition.digest},
        "activity": {
            "slug": activity.slug,
            "number": activity.number,
            "title": activity.title,
            "scope_digest": scope.digest if scope else "",
        },
        "element": {
            "name": element.name,
            "kind": element.kind,
            "host": element.host,
            "ctid": element.ctid,
            "env": element.env,
            "node": element.node,
        },
        "cell": {"party": cell.party, "text": cell.words},
        "mode": cell.mode,
        "parameters": parameters,
        "reason": str(parameters.get("reason", "")),
        "person": asker.person,
        "frontend": asker.frontend,
        "launch": str(request.get("launch", ""))[:64],
        "batch": str(request.get("batch", ""))[:160],
        **{name: str(request[name])[:160] for name in ("confirms", "again") if request.get(name)},
        "client": {"pid": asker.pid, "version": __version__},
        "runbook": {"name": activity.runbook, "sha256": digest, "matches": None},
        "broker": {"pid": os.getpid(), "version": __version__, "host": socket.gethostname()},
    }


def shape(element: Element) -> dict[str, Any]:
    """An element as the notebook sees it."""
    kept = ("name", "kind", "host", "env", "ctid", "peer")
    drained = bool(element.peer) and element.component in alive.load().drained
    return {**{name: getattr(element, name) for name in kept}, "drained": drained}
