"""The lab once for all tests, a records root and a broker of our own, and the figures that a whole run states.

`pytest -n auto` runs them side by side in rooms (rooms.py), each with a lab of its own; a file's tests stay together.
"""

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
from hypothesis import HealthCheck, settings

import kept
import rooms
import secrets_and_inputs as suites_f_g
import suites
from a_cells import cells as suite_a
from b_truth import faults as suite_b
from c_enforcement import routes as suite_c
from d_wire import faults as suite_d
from desk import BINARIES, Desk, Record, wait_for
from h_pages.claims import CLAIMS
from i_stories.stories import STORIES
from j_failures.failures import FAILURES

IN_CI = os.environ.get("CI") == "true"

# No deadline an example, and none for making one: the machine is shared. Nothing kept on disk; the same examples in CI.
settings.register_profile(
    "steady", deadline=None, max_examples=50, database=None, derandomize=IN_CI,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("steady")

LONGEST = ("test_two_hundred_kills.py", "test_nbval.py", "test_decommission.py")
REAL = ("tests/a_cells", "tests/b_truth", "tests/d_wire", "tests/lab", "tests/runbooks")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """As many rooms as the machine carries."""
    return rooms.possible()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = Figures()
    config.pluginmanager.register(config.stash[FIGURES])
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        config.stash[ROOM] = rooms.enter(worker)
    elif getattr(config.option, "numprocesses", None):
        config.stash[RAISED] = rooms.prepare(config.option.numprocesses)
    # A shell's background job ignores Ctrl-C, and so would all that the tests start and interrupt.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # So does a run under nohup with the end of its terminal: a handler, unlike what is ignored, is not handed on.
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)
    # One broker for this test session, apart from the user's own; a Unix socket's path must be short.
    runtime = tempfile.mkdtemp(prefix="opsg-", dir="/tmp")
    config.stash[RUNTIME] = Path(runtime)
    os.environ["XDG_RUNTIME_DIR"] = runtime
    os.environ["OPSGUIDE_RECORDS"] = str(Path(runtime) / "records")
    os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
    os.environ["IPYTHONDIR"] = str(Path(runtime) / "ipython")
    os.environ["PATH"] = f"{BINARIES}{os.pathsep}{os.environ['PATH']}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take minutes come first, so that no process is left alone with one of them at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_collection_finish() -> None:
    """The tests break and remove hosts: they act on the practice platform. Only the form of runbooks, which is read while
    tests are collected, is held against the edition of the platform that the shell names."""
    os.environ["OPSGUIDE_PLATFORM"] = "lab"


RUNTIME = pytest.StashKey[Path]()
ROOM = pytest.StashKey[Path]()
RAISED = pytest.StashKey[int]()
FIGURES = pytest.StashKey["Figures"]()


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
def desk(tmp_path: Path, lab: Any, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk on the lab; afterwards nothing is held or out, and its records are counted."""
    made = Desk(tmp_path / "records")
    wanted = kept.secrets(lab)
    yield made
    made.leave()
    wait_for(lambda: not _locked_by(made), what="the broker has let go of what its runs had")
    sealed = [record for record in map(Record, made.folders()) if record.sealed]
    request.node.user_properties.append(("records", len(sealed)))
    request.node.user_properties.append(("cells", [cell for record in sealed if (cell := suite_a.cell(record))]))
    _nothing_left()
    assert kept.found_in(made.records, wanted) == []


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


def _locked_by(desk: Desk) -> set[str]:
    """The runs of this desk that still have an element: the next test would meet a lock."""
    from opsguide.launch import holding

    runs = {path.name.removesuffix("-unfinished") for path in desk.records.glob("*/*/*")}
    return runs & {lock.run for lock in holding.locks(Path("/var/lib/opsguide-lab/state")).values()}


def _nothing_left() -> None:
    """No hold, note or settlement of an earlier test."""
    state = Path("/var/lib/opsguide-lab/state")
    for left in [path for name in ("holds", "open", "settled") for path in state.glob(f"{name}/*.json")]:
        left.unlink(missing_ok=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    real = "lab" in getattr(item, "fixturenames", ()) or item.nodeid.startswith("tests/d_wire")
    item.user_properties.append(("sshd", real))


class Figures:
    """What the reports of all processes add up to."""

    def __init__(self) -> None:
        self.sshd: set[str] = set()
        self.records = 0
        self.cells: set[tuple[str, str]] = set()
        self._passed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = dict(report.user_properties)
        if report.when == "call" and report.passed:
            self._passed.add(report.nodeid)
            self.sshd |= {report.nodeid} if told.get("sshd") else set()
        if report.when == "teardown":
            self.records += told.get("records", 0)
            if report.nodeid.startswith("tests/a_cells") and report.nodeid in self._passed:
                self.cells |= {(slug, kind) for slug, kind in told.get("cells", [])}


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = config.stash[FIGURES]
    terminalreporter.write_line(suite_a.figure(found.cells))
    terminalreporter.write_line(suites.figure(terminalreporter, "B", "tests/b_truth", suite_b.FAULTS))
    terminalreporter.write_line(suites.figure(terminalreporter, "C", "tests", suite_c.ROUTES, "routes"))
    terminalreporter.write_line(suites.figure(terminalreporter, "D", "tests/d_wire", suite_d.FAULTS))
    terminalreporter.write_line(suites.figure(terminalreporter, "F", "tests", suites_f_g.SECRETS, "claims"))
    terminalreporter.write_line(suites.figure(terminalreporter, "G", "tests", suites_f_g.INPUTS, "claims"))
    terminalreporter.write_line(suites.figure(terminalreporter, "H", "tests/", CLAIMS, "claims"))
    terminalreporter.write_line(suites.figure(terminalreporter, "I", "tests/", STORIES, "stories"))
    terminalreporter.write_line(suites.figure(terminalreporter, "J", "tests/j_failures", FAILURES, "failures"))
    terminalreporter.write_line(f"{len(found.sshd)} tests touched a real sshd; {found.records} records were sealed")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if IN_CI and reporter and config.args in ([], ["tests"]):
        _refuse_gaps(session, reporter.stats, config.stash[FIGURES])
    if RAISED in config.stash:
        rooms.more_instances(-config.stash[RAISED])
    _end_broker(config.stash[RUNTIME])
    if ROOM in config.stash:  # not later: the process is ended as soon as its session is over
        rooms.leave(config.stash[ROOM])


def _refuse_gaps(session: pytest.Session, stats: dict[str, list[Any]], found: Figures) -> None:
    """In CI the lab must run, and every cell of the table must have been met."""
    skipped = [r.nodeid for r in stats.get("skipped", []) if r.nodeid.startswith(REAL)]
    missing = suite_a.missing(found.cells)
    if skipped or missing or not found.sshd or not found.records:
        print(f"\nin CI the lab must run: {len(skipped)} skipped, {len(found.sshd)} met sshd, {found.records} records")
        print(f"suite A: no sealed record of the end that the table wants: {'; '.join(missing) or 'none'}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _end_broker(runtime: Path) -> None:
    """Only the broker that this session started: the process that listens on our socket."""
    from opsguide.reach.people import peer

    for path in runtime.glob("opsguide/*.sock"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            os.kill(peer(connection)[0], signal.SIGTERM)
    shutil.rmtree(runtime, ignore_errors=True)
