"""Changes in batches."""

from __future__ import annotations

from typing import Any

import pytest

from opsguide.broker import batches
from opsguide.errors import FailedError, HeldError, InputError, UnknownError


@pytest.mark.parametrize(("asked", "found"), [(None, 1), (1, 1), (6, 6), (50, 50)])
def test_a_batch_has_as_many_as_asked_and_one_otherwise(asked: Any, found: int) -> None:
    assert batches.size(asked) == found


@pytest.mark.parametrize("asked", [0, -1, 51, "6", 1.5, True, [6]])
def test_what_is_no_number_of_changes_is_refused(asked: Any) -> None:
    with pytest.raises(InputError, match="from 1 to 50"):
        batches.size(asked)


def test_the_last_batch_may_be_shorter() -> None:
    assert list(batches.cut([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]


def test_what_is_unknown_is_told_before_what_failed() -> None:
    lost = UnknownError("lost")
    assert batches.worst([FailedError("a"), lost, FailedError("b")]) is lost


def test_several_that_failed_are_told_together() -> None:
    told = batches.worst([FailedError("a", where="uh-01", answer="no init"), FailedError("b", answer="no disk")])
    assert isinstance(told, FailedError)
    assert told.words == "2 changes failed, the first: a"
    assert told.answer == "no init; no disk"


def test_one_error_is_told_as_it_is() -> None:
    held = HeldError("held")
    assert batches.worst([held]) is held
