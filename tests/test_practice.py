"""What breaks things does so on the practice platform only, whatever platform the shell names."""

from __future__ import annotations

import os

import pytest

from opsguide_lab import demo


def test_the_tests_act_on_the_practice_platform() -> None:
    assert os.environ["OPSGUIDE_PLATFORM"] == "lab"


def test_the_demo_acts_on_the_practice_platform(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPSGUIDE_PLATFORM", "example")
    assert demo._say("elements") == 0
    said = capfd.readouterr().out
    assert "PRACTICE" in said
    assert "REAL" not in said
