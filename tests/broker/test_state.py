from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsguide.broker.state import Changed, Hold, Settled, State
from opsguide.errors import HeldError, LockedError, StoreError
from opsguide.launch import holding


def holder(state: State, element: str) -> tuple[str, str] | None:
    """Who has a lock, as others see it: run and person."""
    found = holding.locks(state.folder).get(element)
    return (found.run, found.person) if found else None


ME = {"run": "r1", "person": "Anna Berg"}
HOLD = Hold("uh-01", "r1", "/records", 3, "ssh … systemctl restart nginx", "20261123T100000Z", "Anna Berg")

OTHER = """
import os, sys
from pathlib import Path
from opsguide.broker.state import Changed, State
state = State(Path(sys.argv[1]))
locks = state.lock(sys.argv[2:], {"run": "r-other", "person": "Bo Ek"})
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def other(state: State) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the locks of uh-01 and uh-02."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(state.folder), "uh-01", "uh-02"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


# Locks


def test_an_element_that_another_process_has_locked_is_refused_and_says_who_has_it(
    state: State, other: subprocess.Popen[str]
) -> None:
    with pytest.raises(LockedError) as refused:
        state.lock(["uh-02"], ME)
    assert refused.value.where == "r-other, by Bo Ek"
    assert refused.value.exit_code == 7
    assert refused.value.next
    assert holder(state, "uh-02") == ("r-other", "Bo Ek")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_crash_frees_the_lock(state: State, other: subprocess.Popen[str], how: signal.Signals) -> None:
    other.send_signal(how)
    other.wait()
    assert holder(state, "uh-01") is None
    state.lock(["uh-01", "uh-02"], ME).free()


def test_a_lock_tells_its_newest_holder_and_no_other(state: State) -> None:
    state.lock(["uh-01"], {**ME, "note": "a long one that was written before"}).free()
    locks = state.lock(["uh-01"], ME)
    assert holder(state, "uh-01") == ("r1", "Anna Berg")
    assert json.loads((state.folder / "locks" / "uh-01.lock").read_text()) == ME
    locks.free()


def test_a_lock_that_the_same_process_has_for_another_run_refuses_too(state: State) -> None:
    locks = state.lock(["uh-01"], ME)
    with pytest.raises(LockedError, match="uh-01 is locked"):
        state.lock(["uh-01"], {"run": "r2"})
    locks.free()
    state.lock(["uh-01"], {"run": "r2"}).free()


def test_all_elements_are_locked_or_none(state: State, other: subprocess.Popen[str]) -> None:
    with pytest.raises(LockedError):
        state.lock(["ih-01", "uh-01", "zz-01"], ME)
    assert holder(state, "ih-01") is None
    assert holder(state, "zz-01") is None


def test_none_stays_locked_when_a_name_is_no_name(state: State) -> None:
    with pytest.raises(StoreError):
        state.lock(["aa", "zz/../zz"], ME)
    assert holder(state, "aa") is None


def test_none_stays_locked_when_a_lock_cannot_be_written(state: State) -> None:
    (state.folder / "locks" / "zz.lock").mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        state.lock(["aa", "zz"], ME)
    assert holder(state, "aa") is None


def test_an_element_named_twice_is_locked_once(state: State) -> None:
    state.lock(["uh-01", "uh-01"], ME).free()


def test_an_element_that_nobody_has_has_no_holder(state: State) -> None:
    assert holder(state, "uh-01") is None
    state.lock(["uh-01"], ME).free()
    assert holder(state, "uh-01") is None


def test_who_only_asks_who_has_a_lock_never_makes_somebody_fail_to_lock(state: State) -> None:
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            holder(state, "uh-01")

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(200):
            state.lock(["uh-01"], ME).free()
    finally:
        stop.set()
        asking.join()


def test_a_lock_file_whose_text_is_broken_still_locks(state: State) -> None:
    locks = state.lock(["uh-01"], ME)
    (state.folder / "locks" / "uh-01.lock").write_text("[1, 2")
    with pytest.raises(LockedError) as refused:
        state.lock(["uh-01"], ME)
    assert refused.value.where == "?, by ?"
    assert holder(state, "uh-01") == ("?", "?")
    locks.free()


def test_whoever_is_in_the_group_can_use_what_somebody_else_left(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    folder.chmod(0o2770)
    before = os.umask(0o077)
    try:
        state = State(folder)
        state.lock(["uh-01"], ME).free()
        state.hold(HOLD)
    finally:
        os.umask(before)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in folder.rglob("*")}
    folders = dict.fromkeys(("locks", "holds", "open", "settled", "changed"), 0o2770)
    assert modes == {**folders, "uh-01.lock": 0o660, "uh-01.json": 0o660}


# Holds


def test_a_hold_refuses_everybody_until_it_is_released(state: State) -> None:
    state.hold(HOLD)
    for who in (state, State(state.folder)):
        with pytest.raises(HeldError) as refused:
            who.refuse_held(["ih-01", "uh-01"])
        assert "opsguide resume r1 --found done|not-done" in refused.value.next
        assert refused.value.command == HOLD.line
        assert "Anna Berg" in refused.value.where
        assert refused.value.exit_code == 5
    state.release("uh-01")
    state.refuse_held(["ih-01", "uh-01"])
    state.release("uh-01")


def test_a_hold_survives_the_crash_of_the_process_that_wrote_it(state: State) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom opsguide.broker.state import *\n"
        "State(Path(sys.argv[1])).hold(Hold('uh-01', 'r9', '/r', 1, 'x', 't', 'p'))\nos.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(state.folder)], check=False).returncode == -9
    assert [h.run for h in state.holds()] == ["r9"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"element": "uh-01"}',
        b"\xff\xfe",
        b"{}" * 3,
        b"[" * 100_000,
        json.dumps({**HOLD.__dict__, "more": 1}).encode(),
    ],
    ids=range(9),
)
def test_a_hold_that_cannot_be_read_holds(state: State, content: bytes) -> None:
    (state.folder / "holds" / "uh-01.json").write_bytes(content)
    with pytest.raises(HeldError, match="uh-01 is held"):
        state.refuse_held(["uh-01"])
    assert [h.element for h in state.holds()] == ["uh-01"]


def test_a_hold_that_is_a_folder_or_a_loop_holds(state: State) -> None:
    (state.folder / "holds" / "uh-01.json").mkdir()
    (state.folder / "holds" / "uh-02.json").symlink_to("uh-02.json")
    for name in ("uh-01", "uh-02"):
        with pytest.raises(HeldError):
            state.refuse_held([name])


def test_a_hold_holds_the_element_of_its_file_whatever_it_says(state: State) -> None:
    state.hold(HOLD)
    (state.folder / "holds" / "uh-01.json").rename(state.folder / "holds" / "uh-02.json")
    held = state.held(["uh-02"])
    assert held
    assert held.element == "uh-02"
    assert state.held(["uh-01"]) is None


def test_a_hold_that_was_only_half_written_is_none(state: State) -> None:
    (state.folder / "holds" / "uh-01.new").write_text("{")
    state.refuse_held(["uh-01"])
    assert state.holds() == []


def test_a_hold_reads_back_as_it_was_written(state: State) -> None:
    state.hold(HOLD)
    assert state.held(["uh-01"]) == HOLD
    assert state.holds() == [HOLD]


@given(st.text(max_size=60))
def test_any_text_in_a_hold_is_kept(tmp_path_factory: pytest.TempPathFactory, line: str) -> None:
    state = State(tmp_path_factory.getbasetemp() / "held")
    hold = Hold("uh-01", "r", "/r", 1, line, "t", "p")
    state.hold(hold)
    assert state.held(["uh-01"]) == hold


# Names and folders


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc/x", "a\n", "a\x00", "A", "-a", "a.json", "é", "a" * 64]
)
def test_what_is_not_the_name_of_an_element_reaches_no_file(state: State, name: str) -> None:
    for deed in (
        lambda: state.lock([name], ME),
        lambda: state.held([name]),
        lambda: state.release(name),
        lambda: state.hold(Hold(name, "r", "/r", 1, "x", "t", "p")),
    ):
        with pytest.raises(StoreError, match="not the name"):
            deed()
    assert not [p for p in state.folder.rglob("*") if p.is_file()]


def test_a_state_folder_that_cannot_be_made_says_how_to_make_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as refused:
        State(tmp_path / "file" / "state")
    assert "install -d -m 2770" in refused.value.next
    assert refused.value.exit_code == 2


def test_a_hold_that_cannot_be_written_or_taken_away_is_an_error(state: State) -> None:
    (state.folder / "holds" / "uh-01.json").mkdir()
    (state.folder / "holds" / "uh-01.json" / "x").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        state.hold(HOLD)
    with pytest.raises(StoreError, match="cannot be taken away"):
        state.release("uh-01")


# Settlements

FOUND = Settled("20261125T021405Z-x-uh-01-12345678", 3, "uh-01", "not-done", "looked", "Anna Berg", "t")


def test_what_was_found_of_a_change_is_kept_by_run_and_command(state: State) -> None:
    state.settle(FOUND)
    assert State(state.folder).settled(FOUND.run, 3) == "not-done"
    assert state.settled(FOUND.run, 4) == ""
    (state.folder / "settled" / f"{FOUND.run}.3.json").write_text("[1")
    assert state.settled(FOUND.run, 3) == ""


@pytest.mark.parametrize("run", ["", "../x", "a/b", "a.json"])
def test_what_is_not_the_id_of_a_run_reaches_no_settlement(state: State, run: str) -> None:
    with pytest.raises(StoreError, match="not the id"):
        state.settled(run, 1)


def test_several_that_write_the_same_note_at_once_all_write_it_whole(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    with ThreadPoolExecutor(8) as many:
        list(many.map(lambda n: state.changes(Changed("uh-01", f"run-{n}", "2026-03-01")), range(200)))
    found = state.changed("uh-01")
    assert found is not None
    assert found.run.startswith("run-")
    assert not list((tmp_path / "state/changed").glob("*.new"))


def test_nothing_is_written_through_a_link_that_another_of_the_group_laid_there(state: State, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("kept")
    theirs.chmod(0o600)
    (state.folder / "locks/uh-01.lock").symlink_to(theirs)
    with pytest.raises(StoreError):
        state.lock(["uh-01"], ME)
    (state.folder / f"holds/uh-01.{os.getpid()}-{threading.get_ident()}.new").symlink_to(theirs)
    with pytest.raises(StoreError):
        state.hold(HOLD)
    assert (theirs.read_text(), stat.S_IMODE(theirs.stat().st_mode)) == ("kept", 0o600)
