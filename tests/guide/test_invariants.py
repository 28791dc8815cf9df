"""The invariants as rules: each a sentence, and no sequence of changes that they let through has a pair out."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from opsguide.guide import entries, invariants
from opsguide.guide.invariants import Out, Part, Room, Sum

UH, IH, IC = "user-host", "infrastructure-host", "infrastructure-container"


def made(*rows: Part) -> dict[str, Part]:
    return {row.name: row for row in rows}


PARTS = made(
    Part("ih-01", IH, "ih-01", group="infra"),
    Part("ih-02", IH, "ih-02", group="infra"),
    Part("uh-01", UH, "uh-01", group="users"),
    Part("uh-02", UH, "uh-02", group="users"),
    Part("uh-03", UH, "uh-03", group="others"),
    Part("hcore1", IC, "ih-01", peer="hcore2", component="hcore"),
    Part("hcore2", IC, "ih-02", peer="hcore1", component="hcore"),
    Part("gate1", IC, "ih-01", peer="gate2", component="gate"),
    Part("gate2", IC, "ih-02", peer="gate1", component="gate"),
    Part("uploader1", IC, "ih-01", component="uploader"),
)
ALL_RUN = {"hcore2": True, "gate2": True}


def out(element: str, how: str = "out") -> Out:
    return Out(element, how, "2026-11-25T02:14:05.123Z", "Ana", "20261125T021405Z-x", f"put {element} back")


def pair(element: str, effect: str, *outs: Out, runs: dict[str, bool | None] = ALL_RUN) -> str:
    story = invariants.pair(PARTS, outs, runs, element, effect)
    return story.words if story else ""


# Never both members of a pair out


def test_the_story_is_one_chain_from_who_is_out_to_who_would_not_answer() -> None:
    assert pair("ih-01", "reboots", out("hcore2")) == (
        "hcore2 is out since 2026-11-25 02:14 by Ana (run 20261125T021405Z-x); "
        "rebooting ih-01 takes hcore1 down: then nobody answers for hcore"
    )


@pytest.mark.parametrize("effect", ["takes-out", "reboots", "removes"])
@pytest.mark.parametrize("how", ["out", "held", "rebooting", "unclear"])
def test_a_member_is_not_taken_while_the_other_is_out_or_held(effect: str, how: str) -> None:
    assert "nobody answers for hcore" in pair("hcore1", effect, out("hcore2", how))
    assert not pair("gate1", effect, out("hcore2", how))


@pytest.mark.parametrize(("how", "counts"), [("out", 1), ("rebooting", 1), ("unclear", 1), ("held", 0)])
def test_a_member_whose_host_is_out_or_rebooting_is_out(how: str, counts: int) -> None:
    assert bool(pair("hcore1", "takes-out", out("ih-02", how))) == bool(counts)


def test_a_member_that_does_not_run_is_out_and_one_whose_host_is_silent_counts_as_out() -> None:
    assert "hcore2 does not run on ih-02" in pair("hcore1", "takes-out", runs={"hcore2": False})
    assert "ih-02 does not answer" in pair("hcore1", "takes-out", runs={"hcore2": None})
    assert not pair("hcore1", "takes-out")


def test_a_change_of_a_host_is_a_change_of_every_container_on_it() -> None:
    assert invariants.falls(PARTS, "ih-01") == ["ih-01", "hcore1", "gate1", "uploader1"]
    assert sorted(invariants.others(PARTS, "ih-01")) == ["gate2", "hcore2"]
    assert "takes gate1 down" in pair("ih-01", "reboots", runs={"hcore2": True, "gate2": False})


def test_two_members_on_one_host_are_not_taken_with_it() -> None:
    together = {**PARTS, "hcore2": dataclasses.replace(PARTS["hcore2"], host="ih-01")}
    story = invariants.pair(together, [], {}, "ih-01", "reboots")
    assert story is not None
    assert "hcore2 with it" in story.words or "hcore1 with it" in story.words


def test_of_several_stories_the_shortest_is_told() -> None:
    told = pair("ih-01", "reboots", out("hcore2"), runs={"hcore2": True, "gate2": False})
    assert told.startswith("gate2 does not run")


def test_a_run_beside_a_member_that_is_out_is_refused_unless_its_own_is_out_too() -> None:
    assert invariants.beside(PARTS, [out("hcore2")], "hcore1")
    assert invariants.beside(PARTS, [out("hcore2", "held")], "hcore1") is None
    assert invariants.beside(PARTS, [out("hcore2"), out("hcore1")], "hcore1") is None
    assert invariants.beside(PARTS, [out("hcore2")], "gate1") is None


# At most n at once


def at_most(name: str, n: int, element: str, effect: str, *outs: Out) -> str:
    found = next(one for one in invariants.load().at_most if one.name == name)
    story = invariants.at_most(found, n, PARTS, outs, element, effect)
    return story.words if story else ""


def test_at_most_n_hosts_of_a_group_are_out_at_once() -> None:
    told = at_most("hosts-of-a-group", 1, "uh-01", "takes-out", out("uh-02"))
    assert "taking uh-01 out makes 2 of group users, and at most 1 may be out at once" in told
    assert not at_most("hosts-of-a-group", 2, "uh-01", "takes-out", out("uh-02"))
    assert not at_most("hosts-of-a-group", 1, "uh-03", "takes-out", out("uh-02"))
    assert not at_most("hosts-of-a-group", 1, "uh-02", "reboots", out("uh-02"))
    assert not at_most("hosts-of-a-group", 1, "uh-01", "takes-out", out("uh-02", "held"))


def test_at_most_n_containers_of_a_component_are_drained_at_once() -> None:
    assert at_most("members-of-a-component", 1, "hcore1", "takes-out", out("hcore2"))
    assert not at_most("members-of-a-component", 1, "hcore1", "takes-out", out("gate2"))


def test_a_policy_sets_the_numbers_by_their_names() -> None:
    assert invariants.limits({}) == {"hosts-of-a-group": 1, "members-of-a-component": 1}
    assert invariants.limits({"hosts-of-a-group": 3})["hosts-of-a-group"] == 3
    for wrong in ({"hosts": 1}, {"hosts-of-a-group": 0}, {"hosts-of-a-group": True}, ["x"]):
        with pytest.raises(ValueError, match="at_most"):
            invariants.limits(wrong)


# Room before evacuation


def room(need: float, **have: float) -> str:
    disk = invariants.load().room[0]
    story = invariants.room(disk, "uh-01", need, {name.replace("_", "-"): free for name, free in have.items()})
    return story.words if story else ""


def test_what_a_host_uses_and_a_fifth_more_fits_the_hosts_that_take_it() -> None:
    assert not room(1000, uh_02=600, uh_03=600)
    assert room(1000, uh_02=600, uh_03=599) == (
        "uh-01 needs 1000 MiB of disk elsewhere, 1200 with head-room; "
        "uh-02 and uh-03 have 1199 free: the evacuation would stop half-way"
    )
    assert "no other host has 0 free" in room(1)


@pytest.mark.parametrize(
    ("text", "factor", "mib"),
    [(" Used\n    5\n", 1.0, 5), ("131072\n131072\n", 1 / 256, 1024), ("MemAvailable:   2048 kB", 1 / 1024, 2),
     ("9223372036854775807\n256\n", 1 / 256, 1), ("", 1.0, 0)],
)  # fmt: skip
def test_the_first_number_of_each_line_counts_and_no_limit_is_not_counted(text: str, factor: float, mib: int) -> None:
    assert Sum("look", factor).of(text) == mib


# The data


def test_every_rule_names_effects_that_scopes_have_and_its_source() -> None:
    rules = invariants.load()
    for one in (rules.pair, *rules.at_most, *rules.room, rules.quiet):
        assert set(one.effects) <= set(entries.EFFECTS)
        assert one.source
        assert one.says
    assert all(isinstance(one, Room) for one in rules.room)


def test_an_activity_is_told_the_rules_that_its_effects_could_break() -> None:
    told = invariants.load().applying(["takes-out"])
    assert "never both members of a pair out" in told
    assert any("at most 1 in maintenance" in words for words in told)
    assert invariants.load().applying(["empties"]) == [one.says for one in invariants.load().room]
    assert invariants.load().applying(["puts-back", ""]) == []


def test_no_host_reboots_while_something_is_under_way_or_nobody_can_tell() -> None:
    assert invariants.quiet("uh-01", "reboots", "") is None
    assert "would cut it off" in invariants.quiet("uh-01", "reboots", "7 yum\n").words  # type: ignore[union-attr]
    assert "does not say" in invariants.quiet("uh-01", "reboots", None).words  # type: ignore[union-attr]


# No reachable state has a pair out


class Cluster(RuleBasedStateMachine):
    """What really is, beside what is noted: a change may take effect or not, and its run may crash at any moment."""

    @initialize(hosts=st.integers(2, 4), places=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1,
                                                         max_size=4))  # fmt: skip
    def build(self, hosts: int, places: list[tuple[int, int]]) -> None:
        rows = [Part(f"h{n}", IH, f"h{n}", group=f"g{n}") for n in range(hosts)]
        for n, (one, two) in enumerate(places):
            a, b = one % hosts, two % hosts
            b = b if a != b else (a + 1) % hosts
            rows += [
                Part(f"c{n}a", IC, f"h{a}", peer=f"c{n}b", component=f"c{n}"),
                Part(f"c{n}b", IC, f"h{b}", peer=f"c{n}a", component=f"c{n}"),
            ]
        self.parts = made(*rows)
        self.noted: dict[str, Out] = {}
        self.drained: set[str] = set()
        self.away: set[str] = set()

    def runs(self, name: str) -> bool:
        """Whether it really runs: a look at its host shows that, but not that it is drained."""
        return self.parts[name].host not in self.away

    def allowed(self, element: str, effect: str) -> bool:
        outs = list(self.noted.values())
        looked = {name: self.runs(name) for name in invariants.others(self.parts, element)}
        return invariants.pair(self.parts, outs, looked, element, effect) is None

    def element(self, data: st.DataObject, kind: str) -> str:
        return data.draw(st.sampled_from(sorted(n for n, p in self.parts.items() if p.kind == kind)))

    @rule(data=st.data(), takes_effect=st.booleans())
    def takes_out(self, data: st.DataObject, takes_effect: bool) -> None:
        name = self.element(data, IC)
        if self.allowed(name, "takes-out"):
            self.noted[name] = out(name)
            self.drained |= {name} if takes_effect else set()

    @rule(data=st.data())
    def puts_back(self, data: st.DataObject) -> None:
        name = self.element(data, IC)
        if self.runs(name):
            self.drained.discard(name)
            self.noted.pop(name, None)

    @rule(data=st.data(), takes_effect=st.booleans())
    def reboots(self, data: st.DataObject, takes_effect: bool) -> None:
        name = self.element(data, IH)
        if self.allowed(name, "reboots"):
            self.noted[name] = out(name, "rebooting")
            self.away |= {name} if takes_effect else set()

    @rule()
    def takes_effect_late(self) -> None:
        """What nobody saw the end of may still come true, for as long as it is noted."""
        self.away |= {name for name, one in self.noted.items() if one.how == "rebooting"}
        self.drained |= {name for name, one in self.noted.items() if one.how == "out"}

    @rule(data=st.data())
    def is_seen_again(self, data: st.DataObject) -> None:
        name = self.element(data, IH)
        self.away.discard(name)
        self.noted.pop(name, None)

    @rule(data=st.data())
    def dies_by_itself(self, data: st.DataObject) -> None:
        """A host goes down on its own, where that leaves every pair a member: what comes next may not take that one."""
        name = self.element(data, IH)
        on_it = {n for n, p in self.parts.items() if p.host == name}
        hosts = self.away | {n for n in self.noted if self.parts[n].kind == IH}
        down = self.drained | set(self.noted) | {n for n, p in self.parts.items() if p.host in hosts} | on_it
        if not any(n in down and self.parts[n].peer in down for n in on_it):
            self.away.add(name)

    @invariant()
    def no_pair_is_out(self) -> None:
        for name, part in getattr(self, "parts", {}).items():
            if part.peer:
                down = [n for n in (name, part.peer) if n in self.drained or not self.runs(n)]
                assert len(down) < 2, f"{name} and {part.peer} are out"


TestNoReachableStateHasAPairOut = Cluster.TestCase
TestNoReachableStateHasAPairOut.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
