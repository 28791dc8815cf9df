"""What breaks things does so on the practice platform only, whatever platform the shell names."""

from __future__ import annotations

import os

import pytest

from opsguide.errors import InputError
from opsguide.launch import lab
from opsguide_lab import demo


def test_the_tests_act_on_the_practice_platform() -> None:
    assert os.environ["OPSGUIDE_PLATFORM"] == "lab"


def test_taking_the_lab_down_needs_root_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(lab, "_timed", lambda what, deed: None)
    with pytest.raises(InputError) as refused:
        lab.lab_command.main(["down"], standalone_mode=False)
    assert (refused.value.words, refused.value.exit_code) == ("the lab is root's", 2)
    assert "as root" in refused.value.next


def test_the_demo_acts_on_the_practice_platform(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPSGUIDE_PLATFORM", "example")
    assert demo._say("elements") == 0
    said = capfd.readouterr().out
    assert "PRACTICE" in said
    assert "REAL" not in said
