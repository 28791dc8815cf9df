import contextlib
import json
import threading

import pytest

from opsguide.errors import InputError, TamperedError
from opsguide.record.ledger import Ledger
from opsguide.record.verify import verify
from record import sample


def test_many_runs_at_once_make_one_chain(tmp_path):
    threads = [threading.Thread(target=lambda: [sample.sealed(tmp_path) for _ in range(3)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    found = []
    while any(thread.is_alive() for thread in threads):
        with contextlib.suppress(InputError):
            found += verify(tmp_path)
    assert {finding.verdict for finding in found} <= {"OK", "UNFINISHED"}
    assert [finding.verdict for finding in verify(tmp_path)] == ["OK"] * 12


@pytest.mark.parametrize("held", ["turn", "still"])
def test_a_line_is_added_only_when_nobody_else_writes_or_reads(tmp_path, held):
    ledger = Ledger(tmp_path)
    ledger.append("intent", "run-0", "d" * 64)
    other = threading.Thread(target=lambda: Ledger(tmp_path).append("intent", "run-1", "d" * 64))
    with getattr(ledger, held)():
        other.start()
        other.join(0.3)
        assert other.is_alive()
        assert len(ledger.path.read_bytes().splitlines()) == 1
    other.join()
    assert len(ledger.read().entries) == 2


def test_the_ledger_is_not_read_while_somebody_writes_it(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.append("intent", "run-0", "d" * 64)
    other = threading.Thread(target=Ledger(tmp_path).read)
    with ledger.turn():
        other.start()
        other.join(0.3)
        assert other.is_alive()
    other.join()


@pytest.mark.parametrize("kept", [1, 40, -2])
def test_a_torn_last_line_is_cut_off_and_the_next_line_says_so(tmp_path, kept):
    ledger = Ledger(tmp_path)
    for number in range(2):
        ledger.append("intent", f"run-{number}", "d" * 64)
    whole = ledger.path.read_bytes()
    first = whole.index(b"\n") + 1
    torn = whole[first:][:kept]
    ledger.path.write_bytes(whole[:first] + torn)
    entry = ledger.append("intent", "run-2", "d" * 64)
    assert (entry["seq"], entry["repaired"]["cut"]) == (1, len(torn))
    found = ledger.read()
    assert (found.fault, found.torn, len(found.entries)) == ("", b"", 2)


def test_a_last_line_of_zeros_is_torn_too(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.append("intent", "run-0", "d" * 64)
    with ledger.path.open("ab") as stream:
        stream.write(b"\0" * 90 + b"\n")
    assert ledger.append("intent", "run-1", "d" * 64)["repaired"]["cut"] == 91
    assert (ledger.read().fault, len(ledger.read().entries)) == ("", 2)


def test_a_whole_last_line_that_lacks_its_newline_is_kept(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.append("intent", "run-0", "d" * 64)
    ledger.path.write_bytes(ledger.path.read_bytes()[:-1])
    entry = ledger.append("intent", "run-1", "d" * 64)
    assert (entry["seq"], entry["repaired"]) == (1, {"newline": True})
    assert not ledger.read().fault


def test_a_line_that_is_there_is_not_written_again(tmp_path):
    ledger = Ledger(tmp_path)
    first = ledger.append("seal", "run-0", "d" * 64)
    assert ledger.append("seal", "run-0", "d" * 64, once=True) == first
    with pytest.raises(TamperedError):
        ledger.append("seal", "run-0", "e" * 64, once=True)


def test_a_ledger_of_many_lines_is_appended_to_by_its_end(tmp_path):
    ledger = Ledger(tmp_path)
    for number in range(500):
        ledger.append("intent", f"run-{number}", "d" * 64)
    assert json.loads(ledger.path.read_bytes().splitlines()[-1])["seq"] == 499
    assert not ledger.read().fault


@pytest.mark.parametrize("last", [b'{"seq": "1"}', b'{"type": "seal"}', b"[]", b"7"])
def test_nothing_is_added_to_a_ledger_whose_last_line_cannot_be_read(tmp_path, last):
    ledger = Ledger(tmp_path)
    ledger.append("intent", "run-0", "d" * 64)
    changed = ledger.path.read_bytes() + last + b"\n" + (b"" if last.startswith(b"{") else b"{}\n")
    ledger.path.write_bytes(changed)
    with pytest.raises(TamperedError, match="last line"):
        ledger.append("intent", "run-1", "d" * 64)
    assert ledger.path.read_bytes() == changed
