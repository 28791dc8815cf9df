"""Suite B: power lost right after any sync of a whole run, on a disk that keeps only what was synced."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import REPOSITORY, Desk, wait_for
from kernels import Counter
from launchers import OURS
from opsguide import wire
from opsguide.places import platform_file
from opsguide.record.archive import Archive
from opsguide.record.journal import read
from opsguide.record.orphans import NEVER_BEGAN, close_orphan
from opsguide.record.verify import OK, verify

pytestmark = pytest.mark.lab
HOLDS = Path("/var/lib/opsguide-lab/state/holds")


@pytest.fixture
def forgetful(desk: Desk, counter: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A broker of its own on a disk that forgets; the folder of what each power loss would leave."""
    place, runtime = tmp_path / "lost", tempfile.mkdtemp(prefix="opsp-", dir="/tmp")  # a socket's path must be short
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    desk.records.mkdir()
    path = wire.socket_path(platform_file("lab"))
    words = [place, desk.records, HOLDS, counter.marks, "--platform", platform_file("lab"), "--socket", path]
    broker = subprocess.Popen(
        [sys.executable, "-m", "synced", *map(str, words)], cwd=REPOSITORY / "tests", stdin=subprocess.DEVNULL
    )
    wait_for(lambda: wire.is_served(path), what="the broker listens")
    yield place
    broker.send_signal(signal.SIGTERM)
    broker.wait(120)
    shutil.rmtree(runtime, ignore_errors=True)


def test_power_lost_after_any_sync_of_a_run_leaves_the_truth_on_the_disk(
    desk: Desk, counter: Counter, forgetful: Path
) -> None:
    counter.slow(0.2)
    done = desk.run(*OURS)
    assert done.code == 0, done
    moments = sorted(forgetful.iterdir())
    assert len(moments) > 10
    told = {moment.name: judged(moment) for moment in moments}
    assert set(told.values()) >= {"nothing", "not-sent", "unknown", "ok"}, told
    order = [word for i, word in enumerate(told.values()) if i == 0 or word != list(told.values())[i - 1]]
    assert order == ["nothing", "not-sent", "unknown", "ok"], "the truth goes forward only"


def judged(moment: Path) -> str:
    """What is left says of the change, after it was closed; compared with the host's count at that moment."""
    records, starts = moment / "records", len((moment / "starts").read_text().splitlines())
    runs = Archive(records).runs()
    closed = [close_orphan(ref.path, "the power was lost") for ref in runs if not ref.sealed]
    if not runs or (closed and closed[0].state == NEVER_BEGAN):
        assert starts == 0, moment
        return "nothing"
    assert [finding.verdict for finding in verify(records)] == [OK], (moment, verify(records))
    word = said(read(Archive(records).runs()[0].path))
    assert starts in {"not-sent": (0,), "ok": (1,), "unknown": (0, 1)}[word], (moment, word, starts)
    assert word != "unknown" or (moment / "holds" / "uh-01.json").read_bytes(), "what is unknown is held"
    return word


def said(events: Any) -> str:
    sent = [event["command"] for event in events if event["type"] == "send" and event["verb"] == "change"]
    answers = [event["state"] for event in events if event["type"] == "answer" and event["command"] in sent]
    return (answers or ["unknown"])[0] if sent else "not-sent"
