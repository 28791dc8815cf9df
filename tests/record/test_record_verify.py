"""Suite E as far as a chain without signatures can go: every edit that is not a consistent rewriting is caught."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from opsguide.errors import InputError
from opsguide.record import durable
from opsguide.record.archive import Archive
from opsguide.record.checks import check_run
from opsguide.record.verify import first_bad, verify
from record import sample

DOCUMENT = Path(__file__).parents[2] / "docs/record.md"


@pytest.fixture
def root(tmp_path):
    """Three sealed runs, the second with a file of output."""
    for write in (sample.sealed, sample.long_one, sample.sealed):
        write(tmp_path / "records")
    return tmp_path / "records"


def runs(root: Path) -> list[str]:
    return [json.loads(line)["run"] for line in (root / "ledger.jsonl").read_bytes().splitlines()[::2]]


def folder(root: Path, number: int) -> Path:
    run = runs(root)[number]
    return root / run[:4] / run[4:6] / run


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def edit(path: Path, *changes: tuple[bytes, bytes]) -> None:
    content = path.read_bytes()
    for old, new in changes:
        assert old in content
        content = content.replace(old, new, 1)
    sample.overwrite(path, content)


def shell_says_ok(root: Path) -> bool:
    """The second verifier: the shell lines of docs/record.md."""
    script = DOCUMENT.read_text().split("<!-- verify -->\n```sh\n")[1].split("```")[0]
    place = {"RECORDS": str(root), "PATH": os.environ["PATH"]}
    done = subprocess.run(["bash", "-c", script], env=place, capture_output=True, text=True, check=False)
    return done.returncode == 0


def test_untouched_records_are_ok_by_both_verifiers(root):
    assert [(finding.run, finding.verdict) for finding in verify(root)] == [(run, "OK") for run in runs(root)]
    assert shell_says_ok(root)


def edited_output(root):
    edit(folder(root, 1) / "output/c0001.out", (b"line 7\n", b"line 8\n"))
    return 1, "output/c0001.out"


def edited_answer(root):
    edit(folder(root, 0) / "events.jsonl", (b'"out": "812', b'"out": "813'))
    return 0, "events.jsonl line 5"


def edited_answer_with_digests_mended_in_the_journal(root):
    path = folder(root, 0) / "events.jsonl"
    edit(path, (b'"out": "812', b'"out": "813'))
    events, prev = (
        [json.loads(line) for line in lines(path)],
        durable.digest((path.parent / "intent.json").read_bytes()),
    )
    whole = b""
    for event in events:
        line = durable.json_line({**event, "prev": prev})
        whole, prev = whole + line + b"\n", durable.digest(line)
    sample.overwrite(path, whole)
    return 0, f"events.jsonl line {len(events)}"


def edited_intent(root):
    edit(folder(root, 0) / "intent.json", (b"Anna Berg", b"Otto Berg"))
    return 0, "intent.json"


def edited_seal(root):
    edit(folder(root, 2) / "seal.json", (b"succeeded", b"requested"))
    return 2, "seal.json"


def edited_seal_and_journal_together(root):
    edited_answer_with_digests_mended_in_the_journal(root)
    path = folder(root, 0)
    seal = json.loads((path / "seal.json").read_text())
    content = (path / "events.jsonl").read_bytes()
    seal["files"]["events.jsonl"] = durable.digest(content)
    seal["last"] = durable.digest(content.splitlines()[-1])
    sample.overwrite(path / "seal.json", durable.json_file(seal))
    return 0, "seal.json"


def edited_notebook(root):
    path = folder(root, 0)
    edit(path / f"{path.name}.ipynb", (b"812", b"813"))
    return 0, f"{path.name}.ipynb"


def edited_page(root):
    edit(folder(root, 0) / "report.html", (b"812", b"813"))
    return 0, "report.html"


def swapped_notebooks(root):
    one, two = (folder(root, number) / f"{folder(root, number).name}.ipynb" for number in (0, 2))
    first, second = one.read_bytes(), two.read_bytes()
    sample.overwrite(one, second)
    sample.overwrite(two, first)
    return 0, one.name


def swapped_folders(root):
    one, two = folder(root, 0), folder(root, 2)
    one.rename(root / "aside")
    two.rename(one)
    (root / "aside").rename(two)
    return 0, "seal.json"


def removed_a_run(root):
    shutil.rmtree(folder(root, 1))
    return 1, runs(root)[1]


def removed_runs_in_a_row(root):
    for number in (0, 1):
        shutil.rmtree(folder(root, number))
    return 0, runs(root)[0]


def removed_a_run_and_its_lines_in_the_ledger(root):
    run = runs(root)[1]
    shutil.rmtree(folder(root, 1))
    kept = [line for line in lines(root / "ledger.jsonl") if run.encode() not in line]
    sample.overwrite(root / "ledger.jsonl", b"".join(kept))
    return "ledger.jsonl", "ledger.jsonl line 3"


def removed_the_ledger(root):
    (root / "ledger.jsonl").unlink()
    return "ledger.jsonl", "ledger.jsonl"


def emptied_the_ledger(root):
    first = min(runs(root))
    sample.overwrite(root / "ledger.jsonl", b"")
    return first, "ledger.jsonl"


def cut_the_ledgers_last_line(root):
    sample.overwrite(root / "ledger.jsonl", b"".join(lines(root / "ledger.jsonl")[:-1]))
    return 2, "ledger.jsonl"


def edited_the_ledger(root):
    edit(root / "ledger.jsonl", (b'"type": "seal"', b'"type": "Seal"'))
    return "ledger.jsonl", "ledger.jsonl line 2"


def repeated_a_line_of_the_ledger(root):
    found = lines(root / "ledger.jsonl")
    sample.overwrite(root / "ledger.jsonl", b"".join([*found, found[-1]]))
    return "ledger.jsonl", "ledger.jsonl line 7"


def reordered_the_ledger(root):
    found = lines(root / "ledger.jsonl")
    sample.overwrite(root / "ledger.jsonl", b"".join([*found[:2], found[3], found[2], *found[4:]]))
    return "ledger.jsonl", "ledger.jsonl line 3"


def reordered_events(root):
    path = folder(root, 0) / "events.jsonl"
    found = lines(path)
    sample.overwrite(path, b"".join([*found[:4], found[5], found[4], *found[6:]]))
    return 0, "events.jsonl line 5"


def repeated_an_event(root):
    path = folder(root, 0) / "events.jsonl"
    found = lines(path)
    sample.overwrite(path, b"".join([*found[:5], found[4], *found[5:]]))
    return 0, "events.jsonl line 6"


def removed_an_event(root):
    path = folder(root, 0) / "events.jsonl"
    found = lines(path)
    sample.overwrite(path, b"".join([*found[:4], *found[5:]]))
    return 0, "events.jsonl line 5"


def added_an_event(root):
    path = folder(root, 0) / "events.jsonl"
    found = lines(path)
    event = {"seq": len(found), "at": "2026-01-01T00:00:00.000Z", "type": "note", "words": "forged"}
    event["prev"] = durable.digest(found[-1][:-1])
    sample.overwrite(path, b"".join([*found, durable.json_line(event) + b"\n"]))
    return 0, f"events.jsonl line {len(found) + 1}"


def added_a_file(root):
    (folder(root, 0) / "evidence.txt").write_text("x")
    return 0, "evidence.txt"


def added_a_file_of_output(root):
    (folder(root, 1) / "output/c0009.out").write_text("x")
    return 1, "output/c0009.out"


def added_a_folder(root):
    (folder(root, 0) / ".ipynb_checkpoints").mkdir()
    return 0, ".ipynb_checkpoints"


def removed_a_file(root):
    (folder(root, 0) / "report.html").unlink()
    return 0, "report.html"


def removed_the_seal(root):
    (folder(root, 0) / "seal.json").unlink()
    return 0, "seal.json"


def replaced_a_file_by_a_link(root):
    path = folder(root, 0) / "report.html"
    path.rename(root / "real.html")
    path.symlink_to(root / "real.html")
    return 0, "report.html"


def replaced_a_file_by_a_pipe(root):
    path = folder(root, 0) / "report.html"
    path.unlink()
    os.mkfifo(path)
    return 0, "report.html"


def replaced_a_run_by_a_link(root):
    path = folder(root, 0)
    path.rename(root / "aside")
    path.symlink_to(root / "aside")
    return 0, path.name


def back_to_unfinished(root):
    path = folder(root, 0)
    (path / "seal.json").unlink()
    path.rename(path.with_name(path.name + "-unfinished"))
    return 0, "seal.json"


def copied_a_run_under_a_new_name(root):
    path = folder(root, 0)
    shutil.copytree(path, path.with_name(path.name[:-8] + "0123abcd"))
    return path.name[:-8] + "0123abcd", "ledger.jsonl"


def moved_a_run_into_another_month(root):
    path = folder(root, 0)
    (root / "1999/01").mkdir(parents=True)
    path.rename(root / "1999/01" / path.name)
    return 0, path.name


def put_in_a_whole_run_from_elsewhere_that_is_about_to_get_its_name(root):
    path = sample.sealed(root / "elsewhere")
    path.rename(folder(root, 0).with_name(path.name + "-unfinished"))
    shutil.rmtree(root / "elsewhere")
    return path.name, "ledger.jsonl"


def replaced_a_file_of_output_by_a_link(root):
    path = folder(root, 1) / "output/c0001.out"
    path.rename(root / "real.out")
    path.symlink_to(root / "real.out")
    return 1, "output/c0001.out"


def put_an_unfinished_twin_beside_a_run(root):
    path = folder(root, 0)
    shutil.copytree(path, path.with_name(path.name + "-unfinished"))
    return 0, path.name


def copied_a_run_into_another_month(root):
    path = folder(root, 0)
    shutil.copytree(path, root / "1999/01" / path.name)
    return 0, path.name


ATTACKS = [
    edited_output, edited_answer, edited_answer_with_digests_mended_in_the_journal, edited_intent, edited_seal,
    edited_seal_and_journal_together, edited_notebook, edited_page, swapped_notebooks, swapped_folders, removed_a_run,
    removed_runs_in_a_row, removed_a_run_and_its_lines_in_the_ledger, removed_the_ledger, emptied_the_ledger,
    cut_the_ledgers_last_line, edited_the_ledger, repeated_a_line_of_the_ledger, reordered_the_ledger, reordered_events,
    repeated_an_event, removed_an_event, added_an_event, added_a_file, added_a_file_of_output, added_a_folder,
    removed_a_file, removed_the_seal, replaced_a_file_by_a_link, replaced_a_file_by_a_pipe, replaced_a_run_by_a_link,
    back_to_unfinished, copied_a_run_under_a_new_name, copied_a_run_into_another_month,
    put_an_unfinished_twin_beside_a_run, moved_a_run_into_another_month, replaced_a_file_of_output_by_a_link,
    put_in_a_whole_run_from_elsewhere_that_is_about_to_get_its_name,
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_the_first_bad_record_is_named(root, attack):
    names = runs(root)
    where, what = attack(root)
    found = first_bad(verify(root))
    assert found is not None
    assert (found.run, found.first_bad) == (names[where] if isinstance(where, int) else where, what)
    assert found.words
    assert not shell_says_ok(root)


def found_with(path: Path, entries: list[dict], **digests: str) -> tuple[str, str]:
    """The verdict where the ledger names these digests: its lines were mended as well."""
    said = [{**entry, "digest": digests.get(entry["type"], entry["digest"])} for entry in entries]
    refs = Archive(path.parents[2]).runs()
    found = check_run(path.name, refs, said)
    return found.verdict, found.first_bad


@pytest.mark.parametrize(
    ("said", "first_bad"),
    [
        ({"run": "20261123T100000Z-another-uh-01-0123abcd"}, "seal.json"),
        ({"files": []}, "seal.json"),
        ({"version": 2}, "seal.json"),
        ({"state": "failed"}, "events.jsonl line 11"),
        ({"exit": 1}, "events.jsonl line 11"),
        ({"events": 10}, "events.jsonl line 11"),
        ({"last": "0" * 64}, "events.jsonl line 11"),
    ],
)
def test_a_seal_that_says_otherwise_than_its_record_is_caught_though_the_ledger_names_it(tmp_path, said, first_bad):
    path = sample.sealed(tmp_path)
    entries = Archive(tmp_path).ledger.read().entries
    assert found_with(path, entries) == ("OK", "")
    seal = json.loads((path / "seal.json").read_text())
    sample.overwrite(path / "seal.json", durable.json_file({**seal, **said}))
    named = durable.file_digest(path / "seal.json")
    assert found_with(path, entries, seal=named) == ("TAMPERED", first_bad)


def test_an_intent_of_another_run_is_caught_though_the_ledger_names_it(tmp_path):
    path = sample.sealed(tmp_path)
    edit(path / "intent.json", (path.name.encode(), b"20261123T100000Z-another-uh-01-0123abcd"))
    named = durable.file_digest(path / "intent.json")
    assert found_with(path, Archive(tmp_path).ledger.read().entries, intent=named) == ("TAMPERED", "intent.json")


@pytest.mark.parametrize("order", ["s", "si", "iss", "is?", "ii"])
def test_a_ledger_that_names_a_run_otherwise_than_once_each_is_caught(tmp_path, order):
    path = sample.sealed(tmp_path)
    intent, seal = Archive(tmp_path).ledger.read().entries
    named = {"i": intent, "s": seal, "?": {**seal, "type": "witness"}}
    assert found_with(path, [named[one] for one in order]) == ("TAMPERED", "ledger.jsonl")


def test_a_run_that_has_begun_and_is_not_in_the_ledger_is_not_called_unfinished(root):
    run = sample.begin(root)
    cut = lines(root / "ledger.jsonl")[:-1]
    sample.overwrite(root / "ledger.jsonl", b"".join(cut))
    found = first_bad(verify(root))
    assert (found.run, found.first_bad) == (run.run, "ledger.jsonl")
    (run.path / "events.jsonl").write_bytes(b"")
    assert first_bad(verify(root)) is None, "nothing was sent yet"


def test_an_unfinished_run_whose_intent_was_changed_and_its_journal_mended_is_caught(root):
    run = sample.begin(root)
    edit(run.path / "intent.json", (b"Anna Berg", b"Otto Berg"))
    event = {
        **json.loads((run.path / "events.jsonl").read_text()),
        "prev": durable.file_digest(run.path / "intent.json"),
    }
    (run.path / "events.jsonl").write_bytes(durable.json_line(event) + b"\n")
    found = first_bad(verify(root))
    assert (found.run, found.first_bad) == (run.run, "intent.json")


@pytest.mark.parametrize("name", ["intent.json", "events.jsonl", "seal.json", "report.html", "*.ipynb"])
@pytest.mark.parametrize("how", ["cut", "appended"])
def test_a_file_cut_at_any_byte_or_with_bytes_appended_is_caught(tmp_path, name, how):
    path = next(sample.sealed(tmp_path).glob(name))
    whole = path.read_bytes()
    step = 1 if name in ("intent.json", "events.jsonl", "seal.json") else 29
    if how == "cut":
        changed = (whole[:cut] for cut in range(0, len(whole), step))
    else:
        changed = (whole + more for more in (b"\n", b" ", b"\0", b"x", b"{}\n", whole))
    archive = Archive(tmp_path)
    refs, entries = archive.runs(), archive.ledger.read().entries
    path.chmod(0o640)
    for content in changed:
        path.write_bytes(content)
        found = check_run(refs[0].run, refs, entries)
        assert found.verdict == "TAMPERED", len(content)
        assert found.first_bad.startswith(path.name)
    assert first_bad(verify(tmp_path)) == found


def test_a_ledger_cut_anywhere_never_verifies(root):
    path = root / "ledger.jsonl"
    whole = path.read_bytes()
    for cut in {*range(0, len(whole), 7), *range(len(whole) - 500, len(whole))}:
        path.write_bytes(whole[:cut])
        assert {finding.verdict for finding in verify(root)} != {"OK"}, cut


def test_a_cut_ledger_whose_last_run_was_removed_too_is_not_ok(root):
    shutil.rmtree(folder(root, 2))
    path = root / "ledger.jsonl"
    found = lines(path)
    path.write_bytes(b"".join(found[:4]) + found[4][:50])
    assert [finding.verdict for finding in verify(root)] == ["UNFINISHED", "OK", "OK"]


def test_what_a_chain_alone_cannot_see_is_written_down(root):
    """The last run removed with both its whole lines: only a witness outside would know (docs/record.md)."""
    shutil.rmtree(folder(root, 2))
    path = root / "ledger.jsonl"
    path.write_bytes(b"".join(lines(path)[:4]))
    assert {finding.verdict for finding in verify(root)} == {"OK"}
    assert "cannot" in DOCUMENT.read_text()


def test_a_live_run_is_unfinished_and_the_others_are_ok(root):
    run = sample.begin(root)
    found = verify(root)
    assert [finding.verdict for finding in found] == ["OK", "OK", "OK", "UNFINISHED"]
    assert first_bad(found) is None
    run.journal.close()
    edit(run.path / "events.jsonl", (b"proven", b"proved"))
    sample.send(run := sample.begin(root), 1)
    assert first_bad(verify(root)) is None
    (run.path / "events.jsonl").write_bytes(b"{}\n" + (run.path / "events.jsonl").read_bytes())
    assert first_bad(verify(root)).run == run.run


def test_one_run_can_be_asked_for(root):
    assert [finding.run for finding in verify(root, "last")] == [max(runs(root))]
    assert [finding.run for finding in verify(root, runs(root)[1][-8:])] == [runs(root)[1]]
    with pytest.raises(InputError):
        verify(root, "nonsense")
    shutil.rmtree(folder(root, 1))
    assert first_bad(verify(root, runs(root)[1])).run == runs(root)[1]


def test_no_record_is_bad_input(tmp_path):
    with pytest.raises(InputError, match="no record"):
        verify(tmp_path)


def test_a_stray_file_is_named_and_is_no_tampering(root):
    (root / "notes.txt").write_text("x")
    found = verify(root)
    assert [(finding.run, finding.verdict) for finding in found if finding.verdict != "OK"] == [("notes.txt", "EXTRA")]
    assert first_bad(found) is None


def test_progress_is_told(root):
    told = []
    verify(root, progress=lambda done, whole: told.append((done, whole)))
    assert told == [(0, 3)]


def test_sealed_files_cannot_be_saved_over_by_mistake(root):
    modes = {path.stat().st_mode & 0o222 for path in folder(root, 1).rglob("*") if path.is_file()}
    assert modes == {0}
