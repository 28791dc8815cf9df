"""The lab once for all tests, a records root and a broker of our own, and the count of tests that met a real sshd."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import BINARIES, Desk

IN_CI = os.environ.get("CI") == "true"
REAL = ("tests/a_cells", "tests/b_truth", "tests/d_wire", "tests/lab", "tests/runbooks")

met_sshd: set[str] = set()
sealed_records = 0


def pytest_configure(config: pytest.Config) -> None:
    # A shell's background job ignores Ctrl-C, and so would all that the tests start and interrupt.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # One broker for this test session, apart from the user's own; a Unix socket's path must be short.
    runtime = tempfile.mkdtemp(prefix="opsg-", dir="/tmp")
    config.stash[RUNTIME] = Path(runtime)
    os.environ["XDG_RUNTIME_DIR"] = runtime
    os.environ["OPSGUIDE_RECORDS"] = str(Path(runtime) / "records")
    os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
    os.environ["IPYTHONDIR"] = str(Path(runtime) / "ipython")
    os.environ["PATH"] = f"{BINARIES}{os.pathsep}{os.environ['PATH']}"


RUNTIME: pytest.StashKey[Path] = pytest.StashKey()


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The practice platform, up; skipped where it cannot run, which is a failure in CI."""
    import opsguide_lab

    missing = opsguide_lab.missing()
    if missing:
        (pytest.fail if IN_CI else pytest.skip)("the lab cannot run here: " + "; ".join(missing))
    was_up = all(host.up for host in opsguide_lab.status())
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        opsguide_lab.up(lambda words: print(f"  lab: {words}", flush=True))
    _nothing_left()
    yield opsguide_lab
    if not was_up:
        opsguide_lab.down(lambda words: None)


@pytest.fixture
def desk(tmp_path: Path, lab: Any) -> Iterator[Desk]:
    """A desk on the lab; afterwards nothing is held or out, and its records are counted."""
    global sealed_records
    made = Desk(tmp_path / "records")
    yield made
    sealed_records += sum(1 for p in made.folders() if not p.name.endswith("-unfinished"))
    _nothing_left()


@pytest.fixture
def as_built(lab: Any) -> Iterator[None]:
    """The platform as its topology says and no fault in force, before and after; nothing stays noted as open."""
    _as_built(lab)
    yield
    _as_built(lab)
    for note in Path("/var/lib/opsguide-lab/state/open").glob("*.json"):
        note.unlink()


def _as_built(lab: Any) -> None:
    lab.api_fault("")
    lab.restore()


def _nothing_left() -> None:
    """No hold, note or settlement of an earlier test."""
    state = Path("/var/lib/opsguide-lab/state")
    for kept in [path for name in ("holds", "open", "settled") for path in state.glob(f"{name}/*.json")]:
        kept.unlink(missing_ok=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    result = yield
    report = result.get_result()
    real = "lab" in getattr(item, "fixturenames", ()) or item.nodeid.startswith("tests/d_wire")
    if report.when == "call" and report.passed and real:
        met_sshd.add(report.nodeid)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    terminalreporter.write_line(f"{len(met_sshd)} tests touched a real sshd; {sealed_records} records were sealed")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    whole = not session.config.args or session.config.args == ["tests"]
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    skipped = [r.nodeid for r in reporter.stats.get("skipped", []) if r.nodeid.startswith(REAL)] if reporter else []
    if IN_CI and whole and (skipped or not met_sshd or not sealed_records):
        print(f"\nin CI the lab must run: {len(skipped)} skipped, {len(met_sshd)} met sshd, {sealed_records} records")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    _end_broker(session.config.stash[RUNTIME])


def _end_broker(runtime: Path) -> None:
    """Only the broker that this session started: the process that listens on our socket."""
    from opsguide.broker.people import peer

    for path in runtime.glob("opsguide/*.sock"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            os.kill(peer(connection)[0], signal.SIGTERM)
    shutil.rmtree(runtime, ignore_errors=True)
