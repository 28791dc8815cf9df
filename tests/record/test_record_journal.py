import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from opsguide.errors import LockedError, StoreError, TamperedError
from opsguide.record import durable, journal
from opsguide.record.archive import Archive
from opsguide.record.ledger import Ledger
from record import sample


def lines(folder: Path) -> list[bytes]:
    return (folder / "events.jsonl").read_bytes().split(b"\n")[:-1]


def test_every_line_names_the_digest_of_the_line_before(tmp_path):
    path = sample.sealed(tmp_path)
    prev = hashlib.sha256((path / "intent.json").read_bytes()).hexdigest()
    for number, line in enumerate(lines(path)):
        event = json.loads(line)
        assert (event["seq"], event["prev"]) == (number, prev)
        prev = hashlib.sha256(line).hexdigest()


def test_an_event_comes_back_as_it_was_written(tmp_path):
    run = sample.begin(tmp_path)
    hostile = 'é \u2028 \x00 \x1b[31m "quoted" \\ \ud800 中\n'
    written = run.journal.append("note", words=hostile, inputs=[1, 2.5, None, True, {"a": []}])
    found = journal.read(run.path)[-1]
    assert found == written
    assert found["words"] == hostile
    assert found["at"].endswith("Z")


def test_numbers_that_json_lacks_become_text(tmp_path):
    run = sample.begin(tmp_path)
    run.journal.append("require", inputs={"used": float("nan"), "free": [float("inf")]})
    assert journal.read(run.path)[-1]["inputs"] == {"used": "nan", "free": ["inf"]}


def test_the_journals_own_fields_cannot_be_passed(tmp_path):
    with pytest.raises(ValueError, match="seq"):
        sample.begin(tmp_path).journal.append("note", seq=7)


def test_nothing_follows_the_end(tmp_path):
    run = sample.begin(tmp_path)
    run.journal.append("end", state="succeeded", exit=0, words="")
    with pytest.raises(StoreError):
        run.journal.append("note", words="late")
    assert journal.read(run.path)[-1]["type"] == "end"


def test_nothing_is_written_through_a_link_that_somebody_laid_there(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.write_text("kept")
    for name, write in (
        ("events.jsonl", lambda: journal.Journal(tmp_path)),
        ("request.md.part", lambda: durable.write_file(tmp_path / "request.md", b"x")),
        ("ledger.jsonl", lambda: Ledger(tmp_path).append("intent", "r", "0")),
    ):
        (tmp_path / "intent.json").write_text("{}")
        (tmp_path / name).symlink_to(theirs)
        with pytest.raises(StoreError):
            write()
        (tmp_path / name).unlink(missing_ok=True)
    assert theirs.read_text() == "kept"


def test_a_second_writer_is_refused_while_the_first_lives(tmp_path):
    run = sample.begin(tmp_path)
    with pytest.raises(LockedError):
        Archive(tmp_path).reopen(run.path)
    run.journal.close()
    again = Archive(tmp_path).reopen(run.path)
    assert again.journal.append("note", words="on it goes")["seq"] == 1


def test_many_threads_write_one_chain(tmp_path):
    run = sample.begin(tmp_path)
    threads = [
        threading.Thread(target=lambda: [run.journal.append("note", words="x") for _ in range(25)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event["seq"] for event in journal.read(run.path)] == list(range(201))


def test_a_torn_last_line_is_read_over_and_moved_aside_when_writing_goes_on(tmp_path):
    run = sample.begin(tmp_path)
    sample.send(run, 1)
    run.journal.close()
    whole = (run.path / "events.jsonl").read_bytes()
    torn = b'{"seq": 2, "at": "2026-03'
    (run.path / "events.jsonl").write_bytes(whole + torn)
    found = journal.read(run.path)
    assert ([event["seq"] for event in found], found.torn) == ([0, 1], torn)
    again = Archive(tmp_path).reopen(run.path)
    assert (run.path / "torn-line-1.txt").read_bytes() == torn
    note = journal.read(run.path)[-1]
    assert (note["type"], note["torn_file"]) == ("note", "torn-line-1.txt")
    again.journal.close()
    Archive(tmp_path).reopen(run.path).journal.close()
    assert len(journal.read(run.path)) == 3


def test_a_last_line_of_zeros_is_torn_too(tmp_path):
    run = sample.begin(tmp_path)
    run.journal.close()
    with (run.path / "events.jsonl").open("ab") as stream:
        stream.write(b"\0" * 300 + b"\n")
    assert len(journal.read(run.path)) == 1
    assert Archive(tmp_path).reopen(run.path).journal.count == 2


def test_a_broken_chain_is_never_written_on(tmp_path):
    run = sample.begin(tmp_path)
    sample.work(run)
    run.journal.close()
    whole = (run.path / "events.jsonl").read_bytes()
    (run.path / "events.jsonl").write_bytes(b"\n".join(lines(run.path)[2:]) + b"\n")
    with pytest.raises(TamperedError, match="line 1"):
        Archive(tmp_path).reopen(run.path)
    with pytest.raises(TamperedError):
        journal.read(run.path)
    (run.path / "events.jsonl").write_bytes(whole)
    Archive(tmp_path).reopen(run.path).journal.close()  # whoever was refused does not keep it locked


def test_nothing_is_added_to_a_journal_that_somebody_else_wrote_to(tmp_path):
    run = sample.begin(tmp_path)
    with (run.path / "events.jsonl").open("ab") as stream:
        stream.write(b'{"type": "note", "words": "forged"}\n')
    changed = (run.path / "events.jsonl").read_bytes()
    with pytest.raises(StoreError, match="not as it was left"):
        run.journal.append("note", words="on it goes")
    assert (run.path / "events.jsonl").read_bytes() == changed


def test_a_run_with_another_ones_intent_is_not_written_on(tmp_path):
    run, other = sample.begin(tmp_path), sample.begin(tmp_path)
    run.journal.close()
    (run.path / "intent.json").write_bytes((other.path / "intent.json").read_bytes())
    (run.path / "events.jsonl").write_bytes((other.path / "events.jsonl").read_bytes())
    with pytest.raises(TamperedError, match="does not belong to this run"):
        Archive(tmp_path).reopen(run.path)


FULL = """
import resource, sys
from pathlib import Path
from record import sample
from opsguide.errors import StoreError
from opsguide.record import journal
run = sample.begin(Path(sys.argv[1]))
size = (run.path / "events.jsonl").stat().st_size
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300, hard))
before = (run.path / "events.jsonl").read_bytes()
for _ in range(2):
    try:
        run.journal.append("note", words="w" * 5000)
    except StoreError as error:
        print(error.exit_code, (run.path / "events.jsonl").read_bytes() == before)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
print(run.journal.append("note", words="room again")["seq"], len(journal.read(run.path)))
"""


def child(code: str, *args: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_a_line_that_does_not_fit_on_the_disk_leaves_the_last_good_state(tmp_path):
    assert child(FULL, str(tmp_path)) == ["2 True", "2 True", "1 2"]


def test_short_output_stays_in_the_answer(tmp_path):
    run = sample.begin(tmp_path)
    spool = run.journal.output(7, "out")
    spool.write("active\n")
    spool.write(b"\xff\n")
    assert spool.close() == {"out": "active\n\\xff\n", "out_file": "", "out_bytes": 9}
    assert not (run.path / "output").exists()


def test_long_output_goes_to_a_file_and_the_answer_keeps_both_ends(tmp_path):
    run = sample.begin(tmp_path)
    spool = run.journal.output(7, "err")
    text = "".join(f"line {number}\n" for number in range(20_000))
    for start in range(0, len(text), 1000):
        spool.write(text[start : start + 1000])
    fields = spool.close()
    assert (run.path / "output/c0007.err").read_text() == text
    assert fields["err_file"] == "output/c0007.err"
    assert fields["err"].startswith("line 0\n")
    assert fields["err_tail"].endswith("line 19999\n")
    assert (fields["err_lines"], fields["err_bytes"]) == (20_000, len(text))
    assert fields["err_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert len(fields["err"]) + len(fields["err_tail"]) <= 64 * 1024


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 1_000_000])
def test_one_endless_line_is_kept_whole(tmp_path, size):
    run = sample.begin(tmp_path)
    spool = run.journal.output(1, "out")
    spool.write(b"a" * size)
    fields = spool.close()
    stored = (run.path / fields["out_file"]).read_text() if fields["out_file"] else fields["out"]
    assert stored == "a" * size
