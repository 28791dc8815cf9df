import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsguide.errors import LockedError, TamperedError
from opsguide.record import journal
from opsguide.record.archive import Archive
from opsguide.record.orphans import NEVER_BEGAN, close_orphan
from opsguide.record.verify import verify
from record import sample


def killed(scene: str, place: Path) -> int:
    command = [sys.executable, "-m", "record.killer", scene, str(place)]
    tests = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=tests, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@contextlib.contextmanager
def not_root(folder: str) -> Iterator[None]:
    """As an account whose write-protected files are write-protected; the folder is its own."""
    before = os.geteuid()
    if before == 0:
        os.chown(folder, 65534, -1)
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def verdicts(root: Path) -> set[str]:
    return {finding.verdict for finding in verify(root)}


def closed(root: Path) -> list:
    found = [close_orphan(ref.path, "killed") for ref in Archive(root).unfinished()]
    assert not Archive(root).unfinished()
    return found


def test_a_run_killed_at_any_step_on_the_disk_is_closed_with_the_truth(tmp_path):
    moments = killed("whole run", tmp_path)
    assert moments > 60
    states = set()
    for moment in range(1, moments + 1):
        root, left = tmp_path / str(moment), (tmp_path / f"{moment}.left").exists()
        if not (root / "ledger.jsonl").exists() and not Archive(root).runs():
            assert not left
            continue
        if (root / "ledger.jsonl").read_bytes() or Archive(root).runs():
            assert "TAMPERED" not in verdicts(root), moment
        found = closed(root)
        sample.sealed(root)
        assert verdicts(root) == {"OK"}, moment
        for one in found:
            states.add(one.state)
            events = [] if one.path is None else journal.read(one.path)
            kinds = [event["type"] for event in events]
            assert ("send" in kinds) >= left
            assert bool(one.unknown) == ("send" in kinds and "answer" not in kinds)
            assert (one.state == "unknown") == bool(one.unknown)
            assert ("hold" in kinds) == bool(one.unknown)
    assert states == {NEVER_BEGAN, "interrupted", "unknown", "succeeded"}


def test_closing_killed_at_any_step_is_finished_by_closing_again(tmp_path):
    moments = killed("closing", tmp_path)
    assert moments > 30
    for moment in range(1, moments + 1):
        root = tmp_path / str(moment)
        assert "TAMPERED" not in verdicts(root)
        closed(root)
        ref = Archive(root).find("last")
        assert close_orphan(ref.path.with_name(ref.run + "-unfinished"), "again").state == "unknown"
        assert verdicts(root) == {"OK"}, moment
        kinds = [event["type"] for event in journal.read(ref.path)]
        assert (kinds.count("hold"), kinds.count("end")) == (1, 1)
        assert kinds.count("note") >= 1
        assert (ref.path / "torn-line-1.txt").exists()


def test_a_copy_cut_anywhere_in_its_journal_is_closed_with_the_truth(tmp_path):
    whole = tmp_path / "whole"
    run = sample.begin(whole)
    sample.work(run)
    run.journal.close()
    content = (run.path / "events.jsonl").read_bytes()
    cuts = {0, *range(0, len(content), 97)}
    cuts |= {place + near for place, byte in enumerate(content) if byte == 10 for near in (0, 1, 2)}
    for cut in sorted(cut for cut in cuts if cut <= len(content)):
        copy = tmp_path / "copy"
        shutil.copytree(whole, copy)
        (copy / run.path.relative_to(whole) / "events.jsonl").write_bytes(content[:cut])
        one = closed(copy)[0]
        events = journal.read(one.path)
        sent = {event["command"] for event in events if event["type"] == "send" and event["verb"] == "change"}
        told = {event["command"] for event in events if event["type"] == "answer"}
        assert [event["command"] for event in one.unknown] == sorted(sent - told)
        assert one.state == ("unknown" if sent - told else "interrupted")
        assert verdicts(copy) == {"OK"}
        shutil.rmtree(copy)


def test_a_crash_just_before_the_final_name_is_closed_by_who_is_not_root_too():
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, not_root(folder):
        run = sample.begin(Path(folder))
        run.journal.append("end", state="succeeded", exit=0, words="")
        run.journal.close()
        (run.path / "events.jsonl").chmod(0o440)
        assert [one.state for one in closed(Path(folder))] == ["succeeded"]
        assert verdicts(Path(folder)) == {"OK"}


def test_a_live_run_is_not_an_orphan(tmp_path):
    run = sample.begin(tmp_path)
    with pytest.raises(LockedError):
        close_orphan(run.path, "somebody thought so")
    assert [event["type"] for event in journal.read(run.path)] == ["proof"]


@pytest.mark.parametrize("state", ["timeout", "lost", "unknown"])
def test_a_change_whose_answer_does_not_tell_is_unknown(tmp_path, state):
    run = sample.begin(tmp_path)
    sample.send(run, 1, "edit", settle="sha256sum /etc/nginx/nginx.conf")
    sample.answer(run, 1, state=state, exit=None)
    run.journal.close()
    one = close_orphan(run.path, "the broker was killed")
    assert [(event["command"], event["on"]) for event in one.unknown] == [(1, "uh-01")]
    hold = next(event for event in journal.read(one.path) if event["type"] == "hold")
    assert (hold["element"], hold["settle"]) == ("uh-01", "sha256sum /etc/nginx/nginx.conf")


@pytest.mark.parametrize(("settled", "state"), [(False, "unknown"), (True, "interrupted")])
def test_a_reboot_that_ended_well_is_unknown_until_it_was_seen(tmp_path, settled, state):
    run = sample.begin(tmp_path)
    sample.send(run, 1, "change", effect="reboots", settle="cat /proc/sys/kernel/random/boot_id")
    sample.answer(run, 1, state="ok", exit=0)
    if settled:
        run.journal.append("settled", element="uh-01", command=1, found="done", why="", how="seen: another boot id")
    run.journal.close()
    one = close_orphan(run.path, "the broker was killed")
    assert (one.state, [event["command"] for event in one.unknown]) == (state, [] if settled else [1])


def test_a_command_that_was_never_sent_and_a_look_without_an_answer_hold_nothing(tmp_path):
    run = sample.begin(tmp_path)
    sample.send(run, 1, "change")
    sample.answer(run, 1, state="not-run", exit=None, words="no route to host")
    sample.send(run, 2, "look")
    run.journal.close()
    one = close_orphan(run.path, "the broker was killed")
    assert (one.state, one.unknown) == ("interrupted", [])


def test_settling_another_runs_command_does_not_settle_ones_own(tmp_path):
    run = sample.begin(tmp_path)
    run.journal.append("settled", element="uh-01", command=1, found="done", why="seen", run="another-run")
    sample.send(run, 1, "change")
    run.journal.close()
    assert close_orphan(run.path, "killed").state == "unknown"


def test_an_intent_that_the_ledger_knows_is_never_taken_for_one_that_never_began(tmp_path):
    run = sample.begin(tmp_path)
    run.journal.close()
    (run.path / "intent.json").write_bytes(b"{")
    with pytest.raises(TamperedError):
        close_orphan(run.path, "killed")
    assert run.path.exists()
