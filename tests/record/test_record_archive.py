import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from opsguide.errors import InputError, StoreError, TamperedError
from opsguide.record import journal
from opsguide.record.archive import Archive
from opsguide.record.ledger import Ledger
from opsguide.record.orphans import close_orphan
from opsguide.record.seal import seal
from opsguide.record.summary import summary
from opsguide.record.verify import verify
from record import sample


def test_a_run_that_has_begun_has_its_intent_and_its_line_in_the_ledger(tmp_path):
    run = Archive(tmp_path).start(sample.intent())
    intent = json.loads((run.path / "intent.json").read_text())
    assert run.path == tmp_path / run.run[:4] / run.run[4:6] / f"{run.run}-unfinished"
    assert (intent["version"], intent["run"], intent["reason"]) == (1, run.run, "nginx leaks memory")
    assert [(entry["type"], entry["run"]) for entry in Ledger(tmp_path).read().entries] == [("intent", run.run)]


def test_a_runs_id_and_time_cannot_be_passed_in(tmp_path):
    run = Archive(tmp_path).start(sample.intent(run="../../evil", at="1999-01-01", version=9))
    assert (run.intent["run"], run.intent["version"], run.intent["at"][:4]) == (run.run, 1, run.run[:4])


@pytest.mark.parametrize("name", ["", "../x", "a/b", "-x", "Uh-01", "x" * 81, "a\n", "a b"])
def test_a_name_that_cannot_be_a_folder_is_refused_and_leaves_nothing(tmp_path, name):
    with pytest.raises(InputError):
        Archive(tmp_path / "records").start(sample.intent(element={"name": name}))
    assert not (tmp_path / "records").exists()


def test_runs_are_found_by_id_beginning_end_and_last(tmp_path):
    archive, path = Archive(tmp_path), sample.sealed(tmp_path)
    run = sample.begin(tmp_path)
    assert archive.find(path.name).path == path
    assert archive.find(path.name[-8:]).sealed
    assert archive.find(run.run + "-unfinished").path == run.path
    assert {ref.run for ref in archive.unfinished()} == {run.run}
    assert archive.find("last").run == max(path.name, run.run)
    with pytest.raises(InputError, match="2 runs fit"):
        archive.find("2")
    with pytest.raises(InputError, match="no run is called"):
        archive.find("nonsense")


def test_no_record_yet_is_said(tmp_path):
    with pytest.raises(InputError, match="no record yet"):
        Archive(tmp_path / "none").find("last")


def test_a_summary_tells_a_listing_what_it_needs(tmp_path):
    run = sample.begin(tmp_path)
    assert (summary(run.path)["state"], summary(run.path)["seconds"]) == ("running", None)
    run.journal.append("open", element="uh-01", words="nginx is drained", undo="bash enable_me.sh")
    sample.work(run)
    run.journal.append("end", state="failed", exit=1, words="")
    found = summary(run.path)
    assert (found["run"], found["state"], found["exit"], found["commands"]) == (run.run, "failed", 1, 3)
    assert (found["activity"], found["element"], found["person"]) == ("restarting-processes", "uh-01", "Anna Berg")
    assert found["open"] == ["OPEN  uh-01: nginx is drained"]


def test_a_seal_that_does_not_fit_the_journal_beside_it_is_not_taken_into_the_ledger(tmp_path):
    other, run = sample.sealed(tmp_path), sample.begin(tmp_path)
    (run.path / "seal.json").write_bytes((other / "seal.json").read_bytes())
    with pytest.raises(TamperedError, match="does not fit the journal"):
        seal(run, "succeeded", 0, "")
    assert [entry["type"] for entry in Ledger(tmp_path).read().entries] == ["intent", "seal", "intent"]
    assert run.path.exists()


def test_a_run_is_not_sealed_over_a_folder_of_its_name(tmp_path):
    run = sample.begin(tmp_path)
    final = run.path.with_name(run.run)
    final.mkdir()
    with pytest.raises(TamperedError, match="same run id"):
        seal(run, "succeeded", 0, "")
    assert (run.path.exists(), list(final.iterdir())) == (True, [])


FULL = """
import resource, sys
from pathlib import Path
from record import sample
from opsguide.errors import StoreError
from opsguide.record.archive import Archive
root, limit = Path(sys.argv[1]), int(sys.argv[2])
sample.sealed(root)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    Archive(root).start(sample.intent())
except StoreError as error:
    print(error.exit_code, len(Archive(root).runs()))
"""


@pytest.mark.parametrize("limit", [100, 1000, None])
def test_a_run_that_cannot_be_written_does_not_begin(tmp_path, limit):
    sizes = sample.sealed(tmp_path / "before") and (tmp_path / "before/ledger.jsonl").stat().st_size
    limit = limit or sizes + 40
    code = [sys.executable, "-c", FULL, str(tmp_path / "records"), str(limit)]
    path = {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(code, capture_output=True, text=True, check=False, env=path)
    assert done.stdout.split() == ["2", "1"], done.stderr
    assert [finding.verdict for finding in verify(tmp_path / "records")] == ["OK"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != limit


def fill(run):
    for number in range(1000):
        sample.send(run, number)
        sample.answer(run, number, "y" * 2000)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a small file system of its own")
def test_a_full_disk_in_mid_run_loses_nothing_and_the_run_is_closed_when_there_is_room(tmp_path):
    root = tmp_path / "small"
    root.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", root], check=False).returncode:
        pytest.skip("this machine mounts no tmpfs")
    try:
        run = sample.begin(root)
        ballast = root / "ballast"
        ballast.write_bytes(b"x" * 900_000)
        with pytest.raises(StoreError):
            fill(run)
        assert not journal.read(run.path).torn
        run.journal.close()
        with pytest.raises(StoreError):
            close_orphan(run.path, "the disk was full")
        with pytest.raises(StoreError):
            sample.begin(root)
        ballast.unlink()
        assert close_orphan(run.path, "the disk was full").state == "interrupted"
        assert [finding.verdict for finding in verify(root)] == ["OK"]
    finally:
        subprocess.run(["umount", "--lazy", root], check=True)
