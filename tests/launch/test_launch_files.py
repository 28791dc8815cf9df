"""The file handler: whole or not at all, and never over what another run has left."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from opsguide.errors import InputError, StoreError
from opsguide.launch.files import AtomicFiles


def test_a_file_of_another_run_is_refused_and_stays(tmp_path: Path) -> None:
    place = tmp_path / "out.ipynb"
    place.write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        AtomicFiles.write("other", f"opsguide://{place}")
    assert place.read_text() == "mine"


def test_a_run_writes_its_own_file_again(tmp_path: Path) -> None:
    place = f"opsguide://{tmp_path}/out.ipynb"
    AtomicFiles.write("one", place)
    AtomicFiles.write("two", place)
    assert AtomicFiles.read(place) == "two"
    assert AtomicFiles.pretty_path(place) == f"{tmp_path}/out.ipynb"
    assert AtomicFiles.listdir(f"opsguide://{tmp_path}") == [place]


def test_a_file_that_was_put_in_its_place_meanwhile_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "out.ipynb"
    AtomicFiles.write("one", f"opsguide://{place}")
    place.unlink()
    (tmp_path / "other").write_text("theirs")
    (tmp_path / "other").rename(place)
    with pytest.raises(StoreError, match="was changed by somebody"):
        AtomicFiles.write("two", f"opsguide://{place}")
    assert place.read_text() == "theirs"


def test_a_full_disk_leaves_the_last_good_file_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "out.ipynb"
    AtomicFiles.write("good", f"opsguide://{place}")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        AtomicFiles.write("cut", f"opsguide://{place}")
    assert place.read_text() == "good"
    assert [p.name for p in tmp_path.iterdir()] == ["out.ipynb"]


def test_a_missing_folder_and_an_unreadable_file_are_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        AtomicFiles.write("x", f"opsguide://{tmp_path}/none/out.ipynb")
    with pytest.raises(InputError, match="cannot be read"):
        AtomicFiles.read(f"opsguide://{tmp_path}/none.ipynb")
