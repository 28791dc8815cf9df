"""An activity of one's own, as README's list says: a row in an own edition, an own platform file, a scope, a runbook.

The files are in `private/`, and are laid into a copy of the repository; the copy's own code runs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import REPOSITORY, Desk, Outcome

PRIVATE = Path(__file__).parent / "private"
ROW = "Trim Journal,Hosting Provider,Hosting Provider,N/A,N/A\n"
RUNBOOK, SCOPE = "25-trim-journal.ipynb", "trim-journal.toml"
REASON = ("--reason", "the disk fills up")


def copy(folder: Path) -> Path:
    """A copy of the repository with the row in an edition of its own, named by a platform file of its own."""
    for name in ("lib", "runbooks", "parameters"):
        shutil.copytree(
            REPOSITORY / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    platforms, guide = folder / "parameters" / "platforms", folder / "lib" / "opsguide" / "guide"
    (platforms / "ours.csv").write_text((guide / "editions" / "seed.csv").read_text() + ROW)
    lab = (platforms / "lab.yml").read_text().replace("platform: lab", "platform: ours")
    (platforms / "ours.yml").write_text(lab.replace("edition: seed", "edition: ours.csv"))
    shutil.copy(PRIVATE / SCOPE, guide / "scopes")
    shutil.copy(PRIVATE / RUNBOOK, folder / "runbooks")
    return folder


def of(home: Path) -> dict[str, str]:
    """The environment in which the copy's code, runbooks and platform are meant."""
    return {"PYTHONPATH": str(home / "lib"), "OPSGUIDE_HOME": str(home), "OPSGUIDE_PLATFORM": "ours"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return copy(tmp_path / "ours")


@pytest.fixture
def own(desk: Desk, home: Path) -> Desk:
    """A desk that works with the copy."""
    desk.env |= of(home)
    return desk


@pytest.fixture
def author(tmp_path: Path, home: Path) -> Desk:
    """The same for what needs no lab."""
    return Desk(tmp_path / "records", of(home))


@pytest.fixture
def journal(lab: Any) -> Iterator[Path]:
    """The journal's folder on uh-01, with an archived file that ended ten days ago."""
    lab.inside("uh-01", ["journalctl", "--rotate"])
    root = Path(lab.host_root("uh-01")) / "var/log/journal"
    folder = next(p for p in root.iterdir() if p.is_dir())
    archived = next(folder.glob("system@*.journal"))
    old = folder / "system@0123456789abcdef0123456789abcdef-0000000000000001-0000000000000001.journal"
    shutil.copy(archived, old)
    aged(old)
    yield folder
    for file in folder.glob("*@*.journal"):
        file.unlink()


def aged(path: Path) -> None:
    """Last written ten days ago."""
    at = path.stat().st_mtime - 10 * 86_400
    os.utime(path, (at, at))


def pytest_in(desk: Desk, *words: str) -> Outcome:
    return desk.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words)


@pytest.mark.lab
def test_it_is_planned_carried_out_as_planned_and_only_old_files_are_gone(own: Desk, journal: Path) -> None:
    before = {p.name for p in journal.iterdir()}
    planned = own("plan", "trim-journal", "--on", "uh-01")
    assert planned.code == 0, planned
    assert "journalctl --vacuum-time=7d" in planned.out
    assert {p.name for p in journal.iterdir()} == before
    done = own("run", "--plan", "last", *REASON)
    assert done.code == 0, done
    assert {p.name for p in journal.iterdir()} == {name for name in before if "-0000000000000001.journal" not in name}
    record = own.record()
    digest = hashlib.sha256((PRIVATE / RUNBOOK).read_bytes()).hexdigest()
    assert record.intent["runbook"] == {"name": RUNBOOK, "sha256": digest}
    assert record.events("compared")[0]["not_made"] == []
    assert own("verify", "--all").code == 0


@pytest.mark.lab
def test_a_run_that_failed_is_gone_on_from(own: Desk, journal: Path) -> None:
    kept = journal / "kept@by-somebody.journal"
    kept.write_text("")
    aged(kept)
    failed = own("run", "trim-journal", "--on", "uh-01", *REASON)
    assert failed.code == 1, failed
    assert "opsguide resume" in failed.out
    kept.unlink()
    done = own("resume", "last")
    assert done.code == 0, done
    assert "DONE BEFORE" in done.out
    assert [len(own.record(n).sent("change")) for n in (0, 1)] == [1, 0]


@pytest.mark.lab
@pytest.mark.parametrize(("element", "code"), [("hcore1", 4), ("node101", 4)])
def test_its_row_of_the_table_is_enforced(own: Desk, element: str, code: int) -> None:
    done = own("run", "trim-journal", "--on", element, *REASON)
    assert done.code == code, done
    assert not own.record().sent()


def test_it_is_held_to_the_form_as_every_runbook(author: Desk) -> None:
    done = pytest_in(author, "tests/runbooks/test_form.py", "-k", "25")
    assert done.code == 0, done
    book = Path(author.env["OPSGUIDE_HOME"]) / "runbooks" / RUNBOOK
    book.write_text(book.read_text().replace("vacuum-time={days}d", "vacuum-time={days}h"))
    broken = pytest_in(author, "tests/runbooks/test_form.py", "-k", "25")
    assert "trim: the scope has no change 'journalctl --vacuum-time={days}h'" in broken.out


def test_the_runbook_that_is_made_from_the_scope_lacks_only_its_words(author: Desk) -> None:
    book = Path(author.env["OPSGUIDE_HOME"]) / "runbooks" / RUNBOOK
    book.unlink()
    made = author.run(sys.executable, str(REPOSITORY / "tests" / "new_runbook.py"), "trim-journal")
    assert made.code == 0, made
    done = pytest_in(author, "tests/runbooks/test_form.py", "-k", "25")
    failed = {line.split("[")[1].split("]")[0] for line in done.out.splitlines() if line.startswith("FAILED")}
    assert failed == {"25-trim-journal-prose_is_plain"}
    again = author.run(sys.executable, str(REPOSITORY / "tests" / "new_runbook.py"), "trim-journal")
    assert again.code == 1
    assert "is there already" in again.err
