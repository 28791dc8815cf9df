from __future__ import annotations

import pytest

from opsguide.guide.durations import duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("20 s", 20), ("2 min", 120), ("1.5 h", 5400), ("60s", 60), ("1 d", 86400), ("0.5 s", 0.5)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "s", "0 s", "-1 s", "1e3 s", "2 minutes", " 2 s", "2  s", "2 s\n", "nan s", "31 d", "٣ s"]
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|between"):
        duration(text)
