"""What a share of the rows is, sentence by sentence."""

from __future__ import annotations

import pytest

from opsguide.errors import InputError
from opsguide.launch.shares import Share, numbered, share, waves


def test_a_share_is_a_number_of_rows_or_a_percentage_of_all() -> None:
    assert share("3") == Share(3)
    assert share(" 10% ") == Share(10, percent=True)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "ten", "10 %", "%", "101%", "1%%", "9999999", "١"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        share(text)


def test_errors_in_percent_are_rounded_down() -> None:
    assert [share("10%").down(rows) for rows in (1, 9, 10, 19, 20)] == [0, 0, 1, 1, 2]
    assert share("100%").down(7) == 7
    assert share("3").down(2) == 3


@pytest.mark.parametrize(("sizes", "rows", "found"), [
    ("100%", 5, [5]),
    ("1", 3, [1, 1, 1]),
    ("1,10%,25%,100%", 20, [1, 2, 5, 12]),
    ("1,10%", 12, [1, 2, 2, 2, 2, 2, 1]),
    ("10%", 3, [1, 1, 1]),
    ("1,50%", 5, [1, 3, 1]),
    ("4,1", 2, [2]),
])  # fmt: skip
def test_a_wave_has_its_size_rounded_up_and_the_last_size_is_repeated(sizes: str, rows: int, found: list[int]) -> None:
    assert waves(sizes, rows) == found


@pytest.mark.parametrize("sizes", ["", "0", "1,,2", "0%", "1,x"])
def test_a_wave_has_at_least_one_row(sizes: str) -> None:
    with pytest.raises(InputError, match="--waves: "):
        waves(sizes, 5)


def test_the_rows_are_in_their_waves_in_order() -> None:
    assert numbered([1, 2, 1]) == [1, 2, 2, 3]
