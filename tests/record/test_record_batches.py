"""The record over the runs of a batch: what is caught by both verifiers, and how one that was left behind is closed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from opsguide.errors import InputError, LockedError
from opsguide.record import batch_orphans, batches, durable
from opsguide.record.batch_checks import check_batch
from opsguide.record.batches import BatchFolder, tag
from opsguide.record.ledger import Ledger
from opsguide.record.redaction import Redactor
from opsguide.record.verify import first_bad, verify
from record import sample
from record.test_record_verify import edit, shell_says_ok

ROWS = [
    {"row": n, "wave": n, "where": f"s.csv:{n + 1}", "activity": "restarting-processes", "element": "uh-01",
     "mode": "apply", "values": {"service": "nginx"}, "hidden": []}
    for n in (1, 2, 3)
]  # fmt: skip


def begin(root: Path, **fields: object) -> BatchFolder:
    whole = {"name": "agents", "sheet": {"path": "/s.csv"}, "rows": ROWS, **fields}
    return batches.start(root, "Agents (all)", whole, Redactor({"token": "hunter22"}))


def ran(folder: BatchFolder, row: int) -> str:
    """A row that ran and is sealed; its run."""
    folder.write("row-start", row=row)
    run = sample.sealed(folder.root, batch=tag(folder.batch, row)).name
    folder.write("row-end", row=row, run=run, state="succeeded", exit=0, words="done", record="")
    return run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A batch of three rows, of which two ran, beside a run of its own."""
    records = tmp_path / "records"
    sample.sealed(records)
    folder = begin(records)
    ran(folder, 1)
    ran(folder, 2)
    folder.end("interrupted", 5, "stopped")
    return records


def place(root: Path) -> Path:
    return batches.folders(root)[0]


def test_an_untouched_batch_is_ok_by_both_verifiers(root: Path) -> None:
    found = verify(root)
    assert [finding.verdict for finding in found] == ["OK"] * 4
    assert found[-1].run == place(root).name
    assert [f.run for f in verify(root, place(root).name)] == [place(root).name]
    assert shell_says_ok(root)


def edited_row(root: Path) -> str:
    edit(place(root) / "batch.json", (b'"uh-01"', b'"uh-02"'))
    return "batch.json"


def edited_end_of_a_row(root: Path) -> str:
    edit(place(root) / "events.jsonl", (b'"state": "succeeded"', b'"state": "failed___"'))
    return "events.jsonl line 2"


def cut_journal(root: Path) -> str:
    path = place(root) / "events.jsonl"
    sample.overwrite(path, b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    return "events.jsonl line 4"


def edited_end_of_the_batch(root: Path) -> str:
    edit(place(root) / "events.jsonl", (b'"interrupted"', b'"succeeded"'))
    return "events.jsonl line 5"


def added_file(root: Path) -> str:
    (place(root) / "more.txt").write_text("x")
    return "more.txt"


def removed_batch(root: Path) -> str:
    for path in place(root).iterdir():
        path.unlink()
    place(root).rmdir()
    return ""


def batch_that_the_ledger_does_not_know(root: Path) -> str:
    known, path = place(root), place(root).with_name("20200101T000000Z-x-00000000")
    path.mkdir()
    for name in ("batch.json", "events.jsonl"):
        (path / name).write_bytes((known / name).read_bytes())
    return "ledger.jsonl"


EDITS = [
    edited_row,
    edited_end_of_a_row,
    edited_end_of_the_batch,
    cut_journal,
    added_file,
    removed_batch,
    batch_that_the_ledger_does_not_know,
]


@pytest.mark.parametrize("change", EDITS)
def test_every_edit_of_a_batch_is_caught_by_both_verifiers(root: Path, change: Callable[[Path], str]) -> None:
    said = change(root)
    bad = first_bad(verify(root))
    assert bad is not None
    assert said in (bad.first_bad, "") or bad.first_bad.startswith("20")
    assert not shell_says_ok(root)


@pytest.mark.parametrize("said", [{"batch": "20200101T000000Z-x-00000000"}, {"version": 2}])
def test_a_first_file_of_another_batch_is_caught_though_the_ledger_names_it(
    root: Path, said: dict[str, object]
) -> None:
    path, ledger = place(root), Ledger(root).read().entries
    first = {**json.loads((path / "batch.json").read_bytes()), **said}
    sample.overwrite(path / "batch.json", durable.json_file(first))
    named = [{**e, "digest": durable.file_digest(path / "batch.json")} for e in ledger if e["type"] == "batch"]
    found = check_batch(path, named, set())
    assert (found.verdict, found.first_bad) == ("TAMPERED", "batch.json")


def test_a_batch_that_names_a_run_which_is_gone_is_tampered(root: Path) -> None:
    run = next(row["run"] for row in batches.tell(place(root))["rows"] if row["run"])
    (root / run[:4] / run[4:6] / run).rename(root.parent / run)
    said = [(f.run, f.first_bad) for f in verify(root) if f.bad]
    assert (place(root).name, "events.jsonl line 2") in said


def test_a_stray_file_among_the_batches_belongs_to_no_record(root: Path) -> None:
    (root / "batches" / "notes.txt").write_text("x")
    assert [f.run for f in verify(root) if f.verdict == "EXTRA"] == ["batches/notes.txt"]


def test_what_is_told_of_a_batch_is_what_its_rows_did(root: Path) -> None:
    told = batches.tell(place(root))
    assert (told["state"], told["exit"]) == ("interrupted", 5)
    assert [(r["row"], r["state"], r["exit"]) for r in told["rows"]] == [
        (1, "succeeded", 0), (2, "succeeded", 0), (3, "not-run", None),
    ]  # fmt: skip


def test_a_batch_is_found_by_its_id_its_end_or_last(root: Path) -> None:
    name = place(root).name
    assert batches.find(root, name) == batches.find(root, name[-8:]) == batches.find(root, "last") == place(root)
    assert name.split("-", 1)[1].startswith("agents-all-")
    for wrong in ("", "none", "../x"):
        with pytest.raises(InputError):
            batches.find(root, wrong)


def test_no_secret_is_in_the_record_of_a_batch(tmp_path: Path) -> None:
    folder = begin(tmp_path, reason="the password = tiger and hunter22")
    folder.write("row-end", row=1, words="token hunter22")
    folder.end("failed", 1, "hunter22")
    whole = b"".join(path.read_bytes() for path in folder.path.iterdir())
    assert b"hunter22" not in whole
    assert b"tiger" not in whole


def test_a_batch_that_was_left_behind_is_closed_with_what_its_runs_say(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    ran(folder, 1)
    folder.write("row-start", row=2)
    run = sample.sealed(tmp_path, batch=tag(folder.batch, 2)).name
    folder.write("row-start", row=3)
    folder.journal.close()
    assert [f.verdict for f in verify(tmp_path)][-1] == "UNFINISHED"
    assert batch_orphans.close_all(tmp_path, Redactor({})) == []
    told = batches.tell(folder.path)
    assert (told["state"], told["exit"], told["words"]) == ("interrupted", 5, batch_orphans.LEFT)
    assert [(r["state"], r["run"]) for r in told["rows"]][1:] == [("succeeded", run), ("not-run", None)]
    assert "no run had begun" in told["rows"][2]["words"]
    assert [f.verdict for f in verify(tmp_path)] == ["OK"] * 3
    assert shell_says_ok(tmp_path)


def test_it_is_not_closed_while_one_of_its_runs_is_not_sealed(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    folder.write("row-start", row=1)
    run = sample.begin(tmp_path, batch=tag(folder.batch, 1))
    folder.journal.close()
    assert batch_orphans.close_all(tmp_path, Redactor({})) == [folder.batch]
    run.journal.close()
    assert shell_says_ok(tmp_path)


def test_a_process_that_inherited_the_journal_keeps_the_batch_from_being_closed(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    fd = folder.journal.fileno()
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(fd,))
    folder.journal.close()
    with pytest.raises(LockedError):
        batch_orphans.close(folder.path, Redactor({}))
    child.communicate()
    assert batch_orphans.close(folder.path, Redactor({}))


def test_a_crash_between_the_end_and_the_ledger_is_mended(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    folder.write("end", state="succeeded", exit=0, words="")
    folder.journal.close()
    assert not batches.ended(folder.path), "the ledger does not name its end"
    assert batch_orphans.close_all(tmp_path, Redactor({})) == []
    assert batches.tell(folder.path)["state"] == "succeeded"
    assert [f.verdict for f in verify(tmp_path)] == ["OK"]


def test_a_folder_in_which_nothing_was_finished_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "batches" / "20200101T000000Z-x-00000000"
    folder.mkdir(parents=True)
    (folder / "batch.json.part").write_text("{")
    batch_orphans.close_all(tmp_path, Redactor({}))
    assert not folder.exists()


def test_the_document_names_every_event_and_field_of_a_batch(root: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/record.md").read_text().split("## A batch")[1].split("\n## ")[0]
    for name in ("wave", "row-start", "row-end", "gate-start", "gate-end", "pause", "asked", "stop", "end"):
        assert f"`{name}`" in text
    for name in (
        *json.loads((place(root) / "batch.json").read_text()),
        "options",
        "limits",
        "reason",
        "person",
        "client",
    ):
        assert f"`{name}`" in text
