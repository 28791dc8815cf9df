"""One run, from when it has a record to its seal.

- The related elements that it may change are locked when it asks for them.
- A run that is left is sealed with the truth: unknown, failed, refused or interrupted.
- `finish` returns after the seal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opsguide.broker import changing, plans, registering, related, requests
from opsguide.broker.cells import Cells
from opsguide.broker.commands import Commands
from opsguide.broker.grounds import Grounds
from opsguide.broker.state import Locks
from opsguide.broker.work import Work
from opsguide.errors import InputError, OpsguideError, RefusedError, UnknownError
from opsguide.guide import alive, kinds, services
from opsguide.guide.decision import Decision
from opsguide.reach.inventory import Element
from opsguide.record import seal as sealing
from opsguide.record.archive import RunFolder


class Run:
    """A run that has begun: it has a record, an element and a mode."""

    def __init__(self, folder: RunFolder, work: Work, cell: Decision) -> None:
        self.folder, self.work, self.cell = folder, work, cell
        self.locks = Locks()
        self.cells = Cells(work.commands)
        self.refusal: OpsguideError | None = None
        self.trouble = ""
        self.sealed = ""
        self.admitted = False

    @property
    def commands(self) -> Commands:
        """The sender of this run."""
        return self.work.commands

    @property
    def grounds(self) -> Grounds:
        """What this run stands on."""
        return self.work.grounds

    def facts(self) -> dict[str, Any]:
        """What the notebook is told of its run."""
        return {"run": self.folder.run, "mode": self.work.mode, "element": shape(self.grounds.element)}

    def step(self, slug: str, applies: bool) -> None:
        """Start a step."""
        step = self.work.steps.start(slug, applies)
        self.refusal = None
        step.cell = self.cells.open or 0
        event = self.commands.write("step", step=slug, attempt=step.attempt, applies=applies, words="")
        self.commands.show(event)

    def service(self, name: str) -> dict[str, Any]:
        """The service map's row for the run's service, with the peer where draining is called for."""
        element, wanted = self.grounds.element, self.grounds.scope.service
        if not wanted or name != self.grounds.parameters.get(wanted):
            raise InputError(f"run.service takes the run's own service, the parameter {wanted or '(none)'}")
        found = services.find(self.grounds.kind, element.component, name)
        self.work.grounds = replace(self.grounds, service=found)
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
            self.work.grounds = replace(self.grounds, chosen=names)
        return [shape(found[n]) for n in names]

    def holder(self) -> dict[str, Any]:
        """What the locks of this run say of it."""
        return {"run": self.folder.run, "person": self.commands.person, "since": self.folder.intent["at"]}

    def cell_ends(self, number: int, state: str, seconds: float) -> None:
        """A cell ended; one that failed fails the step that it began."""
        self.cells.ends(number, state, seconds)
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
        passed, own = self.work.steps.passed_over(), self.cells.own
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
            if self.cells.open is not None:
                self.cells.ends(self.cells.open, "ok" if state in ("succeeded", "requested") else "interrupted", 0)
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


def refusal(error: OpsguideError, step: str, cell: Decision | None = None) -> dict[str, Any]:
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


def shape(element: Element) -> dict[str, Any]:
    """An element as the notebook sees it."""
    kept = ("name", "kind", "host", "env", "ctid", "peer")
    drained = bool(element.peer) and element.component in alive.load().drained
    return {**{name: getattr(element, name) for name in kept}, "drained": drained}
