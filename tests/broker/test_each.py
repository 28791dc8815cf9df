"""A later reading stands for rows in a plan; in apply it would pass a change over in silence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from opsguide.broker.work import Work
from opsguide.errors import InputError

LATER = {"each": {"later": 1}, "step": "move", "what": {"command": "vzctl start {ctid}"}}


def verbs(mode: str) -> Work:
    said = SimpleNamespace(write=lambda *a, **k: k, show=lambda event: None, number=lambda: 1)
    grounds = SimpleNamespace(element=SimpleNamespace(name="uh-01"))
    return Work(cast(Any, grounds), cast(Any, said), cast(Any, None), cast(Any, None), mode)


def test_rows_that_are_not_known_are_refused_in_apply() -> None:
    with pytest.raises(InputError, match="not known"):
        verbs("apply").each("change", LATER)


def test_a_look_with_rows_is_not_pinned_for_the_run_of_a_plan_could_not_ask_it_again() -> None:
    with pytest.raises(InputError, match="cannot be pinned"):
        verbs("plan").each("look", {**LATER, "each": [], "pin": True})


def test_rows_that_are_not_known_stand_in_a_plan_as_a_rule() -> None:
    one = verbs("plan")
    assert one.each("change", LATER) == []
    assert [(e["step"], e["later"], e["on"]) for e in one.listed] == [("move", "vzctl start {ctid}", "uh-01")]
