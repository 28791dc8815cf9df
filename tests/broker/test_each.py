"""A later reading stands for rows in a plan; in apply it would pass a change over in silence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from opsguide.broker.verbs import Verbs
from opsguide.errors import InputError

LATER = {"each": {"later": 1}}


def verbs(mode: str) -> Verbs:
    said = SimpleNamespace(write=lambda *a, **k: {}, show=lambda event: None)
    return Verbs(cast(Any, None), cast(Any, said), cast(Any, None), cast(Any, None), mode)


def test_rows_that_are_not_known_are_refused_in_apply() -> None:
    with pytest.raises(InputError, match="not known"):
        verbs("apply")._each(LATER)


def test_rows_that_are_not_known_are_only_noted_in_a_plan() -> None:
    assert verbs("plan")._each(LATER) == []
