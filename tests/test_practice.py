"""What breaks things does so on the practice platform only, whatever platform the shell names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from desk import REPOSITORY
from opsguide.errors import InputError
from opsguide.launch import lab
from opsguide_lab import demo
from record import sample


def test_the_tests_act_on_the_practice_platform() -> None:
    assert os.environ["OPSGUIDE_PLATFORM"] == "lab"


def test_taking_the_lab_down_needs_root_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(lab, "_timed", lambda what, deed: None)
    with pytest.raises(InputError) as refused:
        lab.lab_command.main(["down"], standalone_mode=False)
    assert (refused.value.words, refused.value.exit_code) == ("the lab is root's", 2)
    assert "as root" in refused.value.next


def test_the_demo_acts_on_the_practice_platform_and_its_records_stand_beside_no_real_ones(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("OPSGUIDE_PLATFORM", "example")
    monkeypatch.setenv("OPSGUIDE_RECORDS", str(tmp_path / "real"))
    assert demo.RECORDS == REPOSITORY / "records"
    assert demo._say("doctor") in (0, 2)
    said = capfd.readouterr().out
    assert "(PRACTICE)" in said
    assert f"{REPOSITORY / 'records'}" in said
    assert not [word for word in ("(REAL)", str(tmp_path)) if word in said]


def test_the_demo_s_copy_of_a_record_is_found_tampered_and_the_record_itself_is_as_it_was(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = sample.sealed(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert demo._edited(tmp_path) == 8
    assert f"TAMPERED  {run.name}" in capfd.readouterr().out
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert demo._say("--records", str(tmp_path), "verify", "--all") == 0
