"""How a run begins: what is asked, its record, and whether it is admitted.

- Bad input raises before there is a record; from then on every end is a sealed record.
- The run's own cell decides first, on the inventory's kind, without connecting; N/A is a sealed refusal.
- A run that applies refuses an element that is held or locked, then locks its own, the peer, a host's containers and
  their peers.
- A run whose scope only looks locks nothing, and looks at what is held or locked, too.
- What it follows is asked again once the element is locked: another run may have followed it meanwhile.
- The kind is proven on the host, the cell decided once more on what was proven, and then pinned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opsguide.broker import following, identity, intent, invariants, recorded
from opsguide.broker.commands import Commands
from opsguide.broker.grounds import Grounds
from opsguide.broker.intent import Case
from opsguide.broker.means import Means
from opsguide.broker.order import Steps
from opsguide.broker.run import Run, refusal
from opsguide.broker.work import Work
from opsguide.errors import InputError, OpsguideError, RefusedError, StoreError, UnreachableError
from opsguide.guide import decision, editions, scopes, services
from opsguide.guide.parameters import COMMON, Parameters
from opsguide.reach.inventory import Platform
from opsguide.record import words
from opsguide.record.archive import Archive


def begin(means: Means, request: dict[str, Any], watch: Callable[[Run], None]) -> Run:
    """Start a run. InputError leaves no record; every other refusal is a sealed one. `watch` gets the run at once."""
    case = _case(means.platform, request)
    grounds, archive = _grounds(case), Archive(means.asker.records)
    facts = intent.of(case, means.asker, request)
    follow = following.load(archive, means.hidden(facts), means.state)
    known = following.rows_again(archive, facts)
    folder = archive.start(means.hidden({**facts, "follows": follow.facts()}))
    commands = Commands(folder, means)
    work = Work(grounds, commands, means.state, Steps(grounds.scope.steps), case.cell.mode, follow=follow)
    work.rows.knew(known)
    run = Run(folder, work, case.cell)
    watch(run)
    cells = request.get("cells")
    run.cells.so_far([str(source) for source in cells] if isinstance(cells, list) else [])
    means.say(words.banner(folder.intent))
    try:
        _admit(run, means)
        run.admitted = True
    except StoreError:
        raise
    except OpsguideError as error:
        _seal_refused(run, error)
        told = error.with_texts(commands.hidden)
        told.sent = commands.sent
        raise told from None
    return run


def _case(platform: Platform, request: dict[str, Any]) -> Case:
    """What is asked, as inventory and table have it; the parameters are checked where the cell is anybody's."""
    edition = editions.load(platform.edition, platform.file.parent)
    activity = edition.activity(str(request.get("activity", "")))
    given = {str(k): v for k, v in (request.get("parameters") or {}).items()}
    scope = scopes.load(activity.slug)
    element = platform.element(str(COMMON[0].check(given.get("element", ""))))
    kind = element.joining if element.joining and activity.slug == "adding-new-host" else element.kind
    cell = decision.decide(edition, activity.slug, kind, COMMON[1].check(given.get("mode", "plan")))
    if scope is None and cell.exit != 4:
        words = f"the runbook of {activity.title} is still to come"
        raise InputError(words, next="opsguide matrix shows which are here")
    if scope and cell.exit != 4:
        given = scope.parameters.check(given)
    return Case(platform, edition, activity, scope, element, cell, given)


def _grounds(case: Case) -> Grounds:
    scope = case.scope or scopes.Scope(case.activity.slug, "", (), Parameters(), (), (), {})
    service = None
    if scope.service and case.cell.exit != 4:
        service = services.find(case.cell.kind, case.element.component, case.parameters[scope.service])
    return Grounds(case.platform, scope, case.element, case.cell.kind, case.parameters, service)


def _admit(run: Run, means: Means) -> None:
    cell, locked = run.cell, run.grounds.locked()
    if cell.exit == 4:
        error = RefusedError(cell.words, where=run.grounds.element.name, next=cell.next)
        error.exit_code = 4
        raise error
    if cell.mode == "apply" and not run.grounds.scope.only_looks:
        run.locks = means.state.lock(locked, run.holder())
        means.state.refuse_held(locked)
        run.work.follow = following.load(Archive(means.asker.records), run.folder.intent, means.state)
        invariants.refuse_beside(run.grounds, means.state)
    identity.prove(run.grounds, run.commands, means.reach.connections, cell)
    identity.decide_again(run.grounds, cell)
    if cell.mode == "apply":
        invariants.refuse_reboot(run.grounds, run.commands, means.state)
    recorded.compare_with_plan(run.work)


def _seal_refused(run: Run, error: OpsguideError) -> None:
    run.commands.write("refused", **refusal(error, "", run.cell))
    state = "failed" if isinstance(error, UnreachableError) else "refused"
    run.end(state, error.exit_code, error.words)
