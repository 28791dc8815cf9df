from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from opsguide.broker.order import Step, Steps
from opsguide.errors import FailedError, InputError, RefusedError

SLUGS = ("look", "drain", "restart", "verify")
CHANGE = ("uh-01", "systemctl restart nginx", "")


@pytest.fixture
def steps() -> Steps:
    return Steps(SLUGS)


def done(steps: Steps, *slugs: str) -> None:
    for slug in slugs:
        steps.start(slug, True)


def changed(step: Step, change: object = CHANGE) -> None:
    """What the verb does when a change has ended well."""
    step.ended.add(change)  # type: ignore[arg-type]
    step.unproven = "systemctl restart nginx"


def test_a_step_refuses_until_the_earlier_ones_are_complete(steps: Steps) -> None:
    for slug in SLUGS[1:]:
        with pytest.raises(RefusedError, match=f"step {slug} refuses: step look has not been run"):
            steps.start(slug, True)
    done(steps, "look")
    with pytest.raises(RefusedError, match="step drain has not been run"):
        steps.start("restart", True)


def test_each_step_must_have_been_asked_for_also_one_that_would_not_apply(steps: Steps) -> None:
    done(steps, "look")
    with pytest.raises(RefusedError, match="step drain"):
        steps.start("restart", True)
    steps.start("drain", False)
    steps.start("restart", True)


def test_a_step_that_does_not_apply_is_passed_over(steps: Steps) -> None:
    assert steps.start("look", False).state == "passed"
    assert steps.current is None
    assert steps.start("drain", True).state == "open"


def test_a_step_that_was_passed_over_may_be_run_after_all(steps: Steps) -> None:
    steps.start("look", False)
    assert steps.start("look", True).state == "open"


def test_an_unknown_step_is_bad_input_and_leaves_the_current_one_as_it_is(steps: Steps) -> None:
    done(steps, "look")
    with pytest.raises(InputError, match="no step 'polish'") as refused:
        steps.start("polish", True)
    assert "look, drain, restart, verify" in refused.value.next
    assert steps.current
    assert steps.current.slug == "look"


def test_a_finished_step_run_again_proves_again_and_sends_no_change(steps: Steps) -> None:
    step = steps.start("look", True)
    changed(step)
    step.unproven = ""
    done(steps, "drain")
    again = steps.start("look", True)
    assert again.attempt == 2
    assert not again.may_send(CHANGE)
    assert again.may_send(("uh-02", *CHANGE[1:]))


def test_a_finished_step_that_applies_no_more_stays_finished(steps: Steps) -> None:
    done(steps, "look", "drain")
    assert steps.start("look", False).state == "complete"


def test_a_failed_step_stops_the_later_ones_until_it_is_run_again(steps: Steps) -> None:
    done(steps, "look", "drain")
    steps.fail("look")
    with pytest.raises(RefusedError, match="step drain has failed"):
        steps.start("restart", True)
    done(steps, "drain", "restart")


@pytest.mark.parametrize("by", ["look", "change", "prove", "require", "interrupt"])
def test_a_failed_step_is_not_passed_over(steps: Steps, by: str) -> None:
    done(steps, "look")
    steps.fail(by)
    with pytest.raises(RefusedError, match="cannot be passed over"):
        steps.start("look", False)
    with pytest.raises(RefusedError, match="step look has failed"):
        steps.start("drain", True)
    done(steps, "look", "drain")


def test_a_step_that_changed_something_unproved_is_not_passed_over(steps: Steps) -> None:
    changed(steps.start("look", True))
    with pytest.raises(RefusedError, match="cannot be passed over"):
        steps.start("look", False)


@pytest.mark.parametrize(
    ("by", "sent_again"), [("prove", True), ("look", False), ("interrupt", False), ("change", False)]
)
def test_a_change_that_ended_well_is_sent_again_only_when_what_failed_was_its_proof(
    steps: Steps, by: str, sent_again: bool
) -> None:
    changed(steps.start("look", True))
    steps.fail(by)
    assert steps.start("look", True).may_send(CHANGE) is sent_again


def test_the_first_failure_of_a_step_is_what_failed(steps: Steps) -> None:
    done(steps, "look")
    steps.fail("prove")
    steps.fail("interrupt")
    failed = steps.failed()
    assert failed
    assert failed.failed_by == "prove"


def test_nothing_fails_when_no_step_is_current(steps: Steps) -> None:
    steps.fail("look")
    assert steps.failed() is None


def test_a_step_whose_last_change_has_no_prove_does_not_let_the_run_go_on(steps: Steps) -> None:
    changed(steps.start("look", True))
    with pytest.raises(FailedError, match="did not prove it") as failed:
        steps.start("drain", True)
    assert "what was sent is not sent again" in failed.value.next
    with pytest.raises(RefusedError):
        steps.start("drain", True)
    with pytest.raises(RefusedError):
        steps.all_done()


def test_running_an_unproved_step_again_without_a_prove_does_not_help(steps: Steps) -> None:
    changed(steps.start("look", True))
    for _ in range(3):
        again = steps.start("look", True)
        assert not again.may_send(CHANGE)
        with pytest.raises(FailedError, match="did not prove it"):
            steps.start("drain", True)
    steps.start("look", True).unproven = ""  # what the verb does when a prove was met
    done(steps, "drain")


def test_an_unproved_last_step_does_not_let_the_run_finish() -> None:
    steps = Steps(["only"])
    changed(steps.start("only", True))
    with pytest.raises(FailedError, match="did not prove it"):
        steps.all_done()


def test_a_change_whose_entry_says_why_it_has_no_prove_lets_the_run_go_on(steps: Steps) -> None:
    steps.start("look", True).ended.add(CHANGE)
    done(steps, "drain")


def test_a_run_finishes_only_when_every_step_was_asked_for(steps: Steps) -> None:
    done(steps, "look", "drain", "restart")
    with pytest.raises(RefusedError, match="step finish refuses: step verify has not been run"):
        steps.all_done()
    done(steps, "verify")
    steps.all_done()


def test_a_run_does_not_finish_after_a_failed_step(steps: Steps) -> None:
    done(steps, *SLUGS)
    steps.fail("prove")
    with pytest.raises(RefusedError, match="step verify has failed"):
        steps.all_done()


def test_a_step_whose_change_is_unknown_is_not_run_again_in_this_run(steps: Steps) -> None:
    step = steps.start("look", True)
    steps.fail("change")
    step.unknown = True
    with pytest.raises(RefusedError, match="sent a change that is unknown"):
        steps.start("look", True)
    with pytest.raises(RefusedError, match="sent a change that is unknown"):
        steps.start("look", False)


def test_what_has_failed_is_owed_until_it_ends_well(steps: Steps) -> None:
    steps.start("look", True)
    steps.fail("look", ("look", "uh-01"), "ssh uh-01 -- df")
    steps.start("look", True)
    with pytest.raises(FailedError, match="has not ended well since") as refused:
        steps.start("drain", True)
    assert refused.value.command == "ssh uh-01 -- df"
    step = steps.start("look", True)
    step.owed.clear()
    done(steps, "drain")


def test_a_change_is_proved_on_each_element_that_it_changed(steps: Steps) -> None:
    step = steps.start("look", True)
    step.changed("uh-01", "ssh uh-01 -- restart")
    step.changed("uh-02", "ssh uh-02 -- restart")
    step.proved("uh-02")
    step.proved("ih-01")
    with pytest.raises(FailedError, match="did not prove it"):
        steps.start("drain", True)
    step = steps.start("look", True)
    step.proved("uh-01")
    done(steps, "drain")


def test_one_step_is_after_another_in_the_scopes_order_and_an_unknown_one_after_none(steps: Steps) -> None:
    assert [steps.is_after(slug, "drain") for slug in (*SLUGS, "polish")] == [False, False, True, True, False]


class AnyOrder(RuleBasedStateMachine):
    """A notebook whose cells are run in any order, with failures anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = Steps(SLUGS)
        self.sent: list[str] = []

    @rule(slug=st.sampled_from(SLUGS), applies=st.booleans())
    def start(self, slug: str, applies: bool) -> None:
        try:
            self.steps.start(slug, applies)
        except (RefusedError, FailedError):
            return
        for earlier in SLUGS[: SLUGS.index(slug)]:
            assert self.steps._known[earlier].state in ("complete", "passed")

    @rule()
    def change(self) -> None:
        step = self.steps.current
        if step and step.state == "open" and step.may_send(CHANGE):
            self.sent.append(step.slug)
            changed(step)

    @rule()
    def prove(self) -> None:
        if self.steps.current:
            self.steps.current.unproven = ""

    @rule(by=st.sampled_from(["look", "change", "interrupt", "require"]))
    def fail(self, by: str) -> None:
        self.steps.fail(by)

    @rule()
    def finish(self) -> None:
        try:
            self.steps.all_done()
        except (RefusedError, FailedError):
            return
        assert all(s.state in ("complete", "passed") and not s.unproven for s in self.steps._known.values())

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        assert len(set(self.sent)) == len(self.sent)

    @invariant()
    def complete_is_proved(self) -> None:
        assert not any(s.unproven for s in self.steps._known.values() if s.state in ("complete", "passed"))


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, database=None)
