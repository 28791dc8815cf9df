"""Brokers that come and go: nobody is turned away, nothing is left behind, nobody's state is touched but our own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk import Desk, wait_for
from launchers import gone
from opsguide import wire
from opsguide.broker.state import Hold, State
from opsguide.errors import InputError
from opsguide.launch import holding
from opsguide.places import platform_file
from opsguide.record.archive import Archive

HOLDS = Path("/var/lib/opsguide-lab/state/holds")


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder of its own, so that this test's brokers are nobody else's."""
    path = Path(tempfile.mkdtemp(prefix="opsl-", dir="/tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(path))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def leaving(path: Path) -> threading.Thread:
    """A broker that is about to leave: a client comes in, nobody answers, its socket goes away."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)

    def leave() -> None:
        connection, _ = listener.accept()
        path.unlink()
        listener.close()
        connection.close()

    thread = threading.Thread(target=leave)
    thread.start()
    return thread


def test_a_client_that_meets_a_broker_about_to_leave_asks_the_next_one(runtime: Path, tmp_path: Path) -> None:
    thread = leaving(wire.socket_path(platform_file("lab")))
    client = wire.Client(platform_file("lab"), tmp_path / "records", "test")
    thread.join()
    assert client.facts["platform"] == "lab"
    os.kill(client.facts["pid"], signal.SIGTERM)
    client.close()


def test_on_sigterm_running_sessions_go_on_and_new_ones_find_another_broker(runtime: Path, tmp_path: Path) -> None:
    path, records = wire.socket_path(platform_file("lab")), tmp_path / "records"
    first = wire.Client(platform_file("lab"), records, "test")
    os.kill(first.facts["pid"], signal.SIGTERM)
    wait_for(lambda: not path.exists(), what="the name is gone")
    second = wire.Client(platform_file("lab"), records, "test")
    assert second.facts["pid"] != first.facts["pid"]
    assert first.ask({"do": "parameters", "activity": "restarting-processes"})
    first.close()
    wait_for(lambda: gone(first.facts["pid"]), what="the first broker is gone")
    assert path.exists(), "the second broker's socket was taken away by the first"
    assert second.ask({"do": "parameters", "activity": "restarting-processes"})
    os.kill(second.facts["pid"], signal.SIGTERM)
    second.close()


@pytest.mark.parametrize("folder", ["/proc", "/dev/null", "/tmp/" + "x" * 90])
def test_a_runtime_folder_that_cannot_serve_is_bad_input(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
    try:
        with pytest.raises(InputError, match=r"cannot be made|too long") as error:
            wire.socket_path(platform_file("lab"))
        assert "XDG_RUNTIME_DIR" in error.value.next
    finally:
        if folder.startswith("/tmp/x"):
            (Path(folder) / "opsguide").rmdir()
            Path(folder).rmdir()


@pytest.mark.lab
def test_a_client_that_takes_nothing_does_not_hold_up_a_deadline(desk: Desk, raw, lab, monkeypatch) -> None:
    big = Path(lab.host_root("uh-02")) / "var/log/zz-big"
    big.write_text("a line of a log\n" * 100_000)
    try:
        run = raw()
        run.begin()
        run.step("look")
        given = {"what": {"command": "tail -n {lines} {log}"}, "slots": {"lines": "999999", "log": "/var/log/zz-big"}}
        run.send({"do": "look", "step": "look", **given})
        wait_for(lambda: desk.record().sealed, what="the record is sealed")
        assert [a["state"] for a in desk.record().events("answer")][-1] != "lost"
    finally:
        big.unlink()


@pytest.mark.lab
def test_settling_waits_for_a_run_that_goes_on_and_leaves_no_half_record(desk: Desk, raw) -> None:
    run = raw()
    begun = run.begin()["done"]["run"]
    state = State(HOLDS.parent)
    state.hold(Hold("uh-02", begun, str(desk.records), 9, "x", "now", "me"))
    other = raw()
    ask = {"do": "resume", "run": begun, "found": "done", "why": "seen"}
    assert other.ask(ask)["error"]["error"] == "LockedError"
    assert len(desk.folders()) == 1
    run.close()
    wait_for(lambda: desk.record().sealed, what="the record is sealed")
    wait_for(lambda: "uh-02" not in holding.locks(state.folder))
    assert other.ask(ask)["done"]["released"] == ["uh-02"]
    assert "holds nothing" in other.ask(ask)["error"]["words"]


@pytest.mark.lab
def test_an_orphan_of_another_platform_holds_nothing_here(desk: Desk, raw) -> None:
    run = raw()
    run.begin()
    run.close()
    wait_for(lambda: desk.record().sealed, what="the record is sealed")
    intent = {**desk.record().intent, "platform": {"name": "elsewhere", "practice": False, "digest": ""}}
    orphan = Archive(desk.records).start({k: v for k, v in intent.items() if k not in ("run", "at", "version")})
    orphan.journal.append("send", command=1, step="x", verb="change", on="uh-02", line="x", template="x", slots={})
    orphan.journal.close()
    raw()
    wait_for(lambda: all(not p.name.endswith("-unfinished") for p in desk.folders()))
    assert not (HOLDS / "uh-02.json").exists()
    assert json.loads((desk.folders()[-1] / "seal.json").read_text())["state"] == "unknown"
