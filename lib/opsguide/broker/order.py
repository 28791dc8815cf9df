"""The order of steps.

- A step refuses until the earlier applicable ones of the run are complete, and each must have been asked for.
- A step that does not apply is passed over; one that has failed is not: it is run again.
- A finished step run again proves again and sends no change.
- A failed step may be run again, unless its change is unknown. A change that ended well is sent again only when what
  failed was its proof. What failed must be asked again and end well: an empty cell does not mend a step.
- A step whose last change has no prove is unproven, unless the scope entry says why: the run does not go on, and
  running the step again without a prove does not help.
- Nothing is repeated by itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from opsguide.errors import FailedError, InputError, RefusedError


@dataclass
class Step:
    """What is known of one step: `state` is open, complete, failed or passed; `failed_by` the verb that failed."""

    slug: str
    attempt: int = 0
    state: str = "open"
    failed_by: str = ""
    unproven: str = ""
    unproven_on: set[str] = field(default_factory=set)
    owed: dict[Hashable, str] = field(default_factory=dict)
    unknown: bool = False
    cell: int = 0
    ended: set[Hashable] = field(default_factory=set)

    def may_send(self, change: Hashable) -> bool:
        """Whether this change is to be sent, now."""
        return change not in self.ended

    def changed(self, element: str, shown: str) -> None:
        """A change ended well that must be proved on its element."""
        self.unproven = shown
        self.unproven_on.add(element)

    def proved(self, element: str) -> None:
        """A prove was met on an element."""
        self.unproven_on.discard(element)
        if not self.unproven_on:
            self.unproven = ""


class Steps:
    """The steps of one run, in the scope's order."""

    def __init__(self, slugs: Sequence[str]) -> None:
        self._known = {slug: Step(slug) for slug in slugs}
        self.current: Step | None = None

    def start(self, slug: str, applies: bool) -> Step:
        """Start a step; InputError for an unknown one, RefusedError when it is not its turn."""
        if slug not in self._known:
            raise InputError(f"the scope has no step {slug!r}", next=f"its steps: {', '.join(self._known)}")
        if self.current is None or self.current.slug != slug:
            self.leave()
        for step in self._known.values():
            if step.slug == slug:
                break
            self._refuse_before(step, slug)
        step = self._known[slug]
        if step.unknown:
            raise RefusedError(f"step {slug} sent a change that is unknown", next="begin again once it is settled")
        if not applies and (step.state == "failed" or step.unproven):
            words = f"step {slug} has not ended well and cannot be passed over"
            raise RefusedError(words, next=f"run step {slug} again as it was")
        if step.state == "failed" and step.failed_by == "prove":
            step.ended.clear()
        step.attempt, step.failed_by = step.attempt + 1, ""
        if applies:
            step.state = "open"
        elif step.state != "complete":
            step.state = "passed"
        self.current = step if applies else None
        return step

    def is_after(self, slug: str, other: str) -> bool:
        """Whether one step comes after another."""
        order = list(self._known)
        return slug in order and order.index(slug) > order.index(other)

    def leave(self) -> None:
        """End the current step: complete, or FailedError when its last change was not proved."""
        step, self.current = self.current, None
        if step is None or step.state == "failed":
            return
        if step.unproven:
            step.state, step.failed_by = "failed", "interrupt"
            raise FailedError(
                f"step {step.slug} changed something and did not prove it",
                command=step.unproven,
                next=f"run the cell of step {step.slug} again: what was sent is not sent again",
            )
        if step.owed:
            step.state, step.failed_by = "failed", "look"
            raise FailedError(
                f"step {step.slug} failed before, and what failed has not ended well since",
                command=next(iter(step.owed.values())),
                next=f"run the cell of step {step.slug} again as it was",
            )
        step.state = "complete"

    def fail(self, by: str, owed: Hashable = None, shown: str = "") -> None:
        """The current step failed in this verb; `owed` is what must end well before the step is done."""
        if self.current is None:
            return
        if owed is not None:
            self.current.owed[owed] = shown
        if self.current.state != "failed":
            self.current.state, self.current.failed_by = "failed", by

    def all_done(self) -> None:
        """RefusedError when a step was never run or has failed."""
        self.leave()
        for step in self._known.values():
            self._refuse_before(step, "finish")

    def passed_over(self) -> list[str]:
        """The steps that were said not to apply."""
        return [s.slug for s in self._known.values() if s.state == "passed"]

    def failed(self) -> Step | None:
        """The first step that has failed and not been mended."""
        return next((s for s in self._known.values() if s.state == "failed"), None)

    @staticmethod
    def _refuse_before(step: Step, wanted: str) -> None:
        if step.state == "failed":
            raise RefusedError(
                f"step {wanted} refuses: step {step.slug} has failed", next=f"run step {step.slug} again first"
            )
        if step.attempt == 0 or step.state == "open":
            raise RefusedError(
                f"step {wanted} refuses: step {step.slug} has not been run", next=f"run step {step.slug} first"
            )
