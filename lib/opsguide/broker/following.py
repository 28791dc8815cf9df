"""What a run follows: a plan that it carries out, or an earlier run that it goes on from.

- A plan or run is followed only as it was written; one that was changed is refused.
- Platform, activity, element, parameters, edition, scope, runbook and version must be the same: changed inputs need a
  new plan.
- A plan is carried out once; an earlier run is gone on from once, by its newest follower that sent a change.
- When another run has changed the element since the first of them began, nothing is followed: the world has moved. So
  says the state folder, for all users and records roots, and the archive, also of runs that began earlier.
- All this is asked before there is a record, and again when the element is locked.
- A parameter that the record hides is not known any more: its run is not followed.
- A change that ended well in the run before is not sent again: it is proved again. One that was settled as done counts
  as done, one settled as not done is sent. One whose proof failed in a run that went on is sent by the next.
- A look at the starting state (`pin`) gives a resumed run the answer that the first run got.
- What the run before removed from the platform is not asked of the platform again.
- A run that only asks again what another one proved, or listed for the vendor's acceptance, knows the rows of that one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from opsguide.broker import plans
from opsguide.broker.plans import Plan
from opsguide.broker.state import State
from opsguide.broker.targets import Target
from opsguide.errors import HeldError, InputError, RefusedError
from opsguide.record import lineage, redaction
from opsguide.record.archive import Archive
from opsguide.record.lineage import Past

OWN = ("mode", "reason", "follows")


@dataclass(frozen=True)
class Following:
    """What is followed, empty for most runs. `done`: (step, key) → run; `seen`: (step, key) → recorded answer."""

    run: str = ""
    how: str = ""
    plan: Plan | None = None
    done: dict[tuple[str, str], str] = field(default_factory=dict)
    seen: dict[tuple[str, str], str] = field(default_factory=dict)
    removed: bool = False

    def facts(self) -> dict[str, str] | None:
        """For the intent."""
        if not self.run:
            return None
        return {
            "run": self.run,
            "how": self.how,
            "plan": self.plan.run if self.plan else "",
            "digest": self.plan.digest if self.plan else "",
        }

    def gone(self, target: Target) -> bool:
        """Whether the platform no longer knows what is asked about, because the run before removed it."""
        return self.removed and "@element" in (target.entry.args or {}).values()


def load(archive: Archive, facts: dict[str, Any], state: State) -> Following:
    """What a run with these facts (its intent) follows. InputError, RefusedError, HeldError, TamperedError."""
    wanted = str(facts["parameters"].get("follows") or "")
    if not wanted:
        return Following()
    past = lineage.read_back(archive, wanted)
    if facts["mode"] != "apply":
        raise InputError("only a run that applies follows another", next="opsguide run --plan RUN, or resume RUN")
    _refuse_hidden(past)
    _refuse_other_inputs(past, facts)
    if past.intent.get("mode") == "plan":
        return _of_plan(archive, past, state)
    return _of_run(archive, past, state)


def rows_again(archive: Archive, facts: dict[str, Any]) -> list[set[str]]:
    """The rows with which the run that is asked again (`again`) asked or listed something; none for most runs."""
    if not facts.get("again"):
        return []
    past = lineage.read_back(archive, str(facts["again"]))
    names = (("platform", "name"), ("activity", "slug"), ("element", "name"))
    if facts["mode"] == "apply" or any(past.intent[key][name] != facts[key][name] for key, name in names):
        raise InputError(f"{past.run} can be asked again on its own element only, and nothing is changed then")
    listed = [e.get("ask") or {} for e in past.events if e.get("type") == "planned"]
    rows = [row for ask in listed for row in ask.get("each") or ()]
    return [set(map(str, row.values())) for row in [*(e["slots"] for e in past.sends("look", "prove")), *rows]]


def _refuse_hidden(past: Past) -> None:
    hidden = [n for n, v in past.intent["parameters"].items() if n not in OWN and redaction.has_hidden(v)]
    if hidden:
        words = f"the record of {past.run} hides the parameter {', '.join(hidden)}: what it was is not known any more"
        raise InputError(words, next="begin a run of its own")


def _refuse_other_inputs(past: Past, facts: dict[str, Any]) -> None:
    was = past.intent
    pairs = [
        ("platform", was["platform"]["name"], facts["platform"]["name"]),
        ("version", was["broker"]["version"], facts["broker"]["version"]),
        ("activity", was["activity"]["slug"], facts["activity"]["slug"]),
        ("element", was["element"], facts["element"]),
        ("edition", was["edition"]["digest"], facts["edition"]["digest"]),
        ("scope", was["activity"]["scope_digest"], facts["activity"]["scope_digest"]),
        ("runbook", was["runbook"]["sha256"], facts["runbook"]["sha256"]),
    ]
    before, now = was["parameters"], facts["parameters"]
    names = [n for n in {**before, **now} if n not in OWN and n != "confirm"]
    pairs += [(f"parameter {name}", before.get(name), now.get(name)) for name in names]
    changed = [f"{name}: {str(old)[:60]} is {str(new)[:60]} now" for name, old, new in pairs if old != new]
    if changed:
        words = f"this is not what {past.run} was about: {'; '.join(changed)}"
        raise InputError(words, next="changed inputs need a new plan, or a run of their own")


def _of_plan(archive: Archive, past: Past, state: State) -> Following:
    if past.state != "succeeded":
        raise InputError(f"the plan {past.run} ended {past.state}", next="plan again until it succeeds")
    used = next(iter(lineage.followers(archive, past)), None)
    if used:
        raise InputError(f"the plan {past.run} was carried out by {used.run}", next=_next_of(used))
    _refuse_moved(archive, [past], state)
    return Following(past.run, "plan", plans.read(past))


def _next_of(used: Past) -> str:
    return "plan again" if used.state == "succeeded" else f"opsguide resume {used.run}"


def _of_run(archive: Archive, past: Past, state: State) -> Following:
    if past.intent.get("mode") != "apply" or past.state in ("succeeded", "requested"):
        words = f"{past.run} ended {past.state}: there is nothing to go on from"
        raise InputError(words, next="begin a run of its own")
    newer = lineage.followers(archive, past)
    if newer:
        raise InputError(f"{past.run} was gone on from already, by {newer[-1].run}", next=_next_of(newer[-1]))
    runs = lineage.lineage(archive, past)
    _refuse_moved(archive, runs, state)
    applied = [one for one in runs if one.intent.get("mode") == "apply"]
    plan = plans.read(runs[0]) if runs[0].intent.get("mode") == "plan" else None
    done: dict[tuple[str, str], str] = {}
    for one in applied:
        done = _done(one, state, done)
    removed = any(e.get("effect") == "removes" and (e["step"], e["key"]) in done for r in applied for e in r.events)
    return Following(past.run, "resume", plan, done, _seen(applied), removed)


def _refuse_moved(archive: Archive, runs: list[Past], state: State) -> None:
    """RefusedError when a run that is none of these has changed the element since the first of them began."""
    first, own = runs[0], {one.run for one in runs}
    name, other = first.intent["element"]["name"], lineage.changed_since(archive, first, own)
    by = other.run if other else _changed_elsewhere(archive, first, own, state)
    if by:
        forked = other is not None and other.follows in own and other.state != "succeeded"
        then = f"opsguide resume {by}" if forked else "the world has moved: make a new plan"
        raise RefusedError(f"{by} has changed {name} since {runs[-1].run}", next=then)


def _changed_elsewhere(archive: Archive, first: Past, own: set[str], state: State) -> str:
    last = state.changed(first.intent["element"]["name"])
    if last is None or last.run in own or last.at < first.intent["at"]:
        return ""
    return "" if lineage.changed_nothing(archive, last.run) else last.run


def _done(past: Past, state: State, before: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """What is done by the end of a run that followed one by whose end `before` was."""
    found = {k: run for k, run in before.items() if k not in _disproved(past)}
    by_look = {e.get("command") for e in past.events if e.get("type") == "settled" and e.get("found") == "done"}
    for send in past.sends("change"):
        number, name = send["command"], (send["step"], send["key"])
        came = "ok" if number in by_look else past.answer(number).get("state", "unknown")
        if send.get("effect") == "reboots" and came == "ok" and number not in by_look:
            came = "unknown"  # that the command ended well does not say that anything rebooted
        said = state.settled(past.run, number) if came not in ("ok", "failed", "not-run", "refused") else ""
        if came in ("timeout", "lost", "unknown") and not said:
            raise HeldError(
                f"nobody has said whether command {number} of {past.run} took effect",
                where=send["on"],
                command=send["line"],
                next=f'look for yourself, then: opsguide resume {past.run} --found done|not-done --why "…"',
            )
        if came == "ok" or said == "done":
            found[name] = past.run
        else:
            found.pop(name, None)
    return found


def _disproved(past: Past) -> set[tuple[str, str]]:
    """What a run took as done before, and whose proof on its element it then saw fail."""
    if past.state != "failed":
        return set()
    last = {(e["step"], e["on"], e["template"]): e["command"] for e in past.sends("prove")}
    failed = {(step, on) for (step, on, _), c in last.items() if past.answer(c).get("state") == "failed"}
    before = (e for e in past.events if e.get("type") == "done-before")
    return {(e["step"], e["key"]) for e in before if (e["step"], e["on"]) in failed}


def _seen(runs: list[Past]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for past in runs:
        for send in past.sends("look"):
            if send.get("pin") and past.answer(send["command"]).get("state") == "ok":
                found.setdefault((send["step"], send["key"]), past.text(send["command"]))
    return found


def without(following: Following, step: str, key: str) -> Following:
    """The same, with one change no longer counted as done: its proof did not hold."""
    return replace(following, done={k: v for k, v in following.done.items() if k != (step, key)})
