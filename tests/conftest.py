"""The lab once for all tests, a records root and a broker of our own, and the count of tests that met a real sshd."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
IN_CI = os.environ.get("CI") == "true"
REAL = ("tests/a_cells", "tests/b_truth", "tests/d_wire", "tests/lab", "tests/runbooks")
BINARIES = Path(sys.executable).parent

met_sshd: set[str] = set()
sealed_records = 0


def pytest_configure(config: pytest.Config) -> None:
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
    for hold in Path("/var/lib/opsguide-lab/state/holds").glob("*.json"):
        hold.unlink()
    yield opsguide_lab
    if not was_up:
        opsguide_lab.down(lambda words: None)


@dataclass
class Outcome:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


@dataclass
class Desk:
    """An operator's desk: a records root of its own and the command line."""

    records: Path
    env: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        return {**os.environ, "OPSGUIDE_RECORDS": str(self.records), **self.env}

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            words, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, cwd=options.pop("cwd", REPOSITORY), **options,
        )  # fmt: skip

    def __call__(self, *words: str, timeout: float = 180) -> Outcome:
        return self.run(str(BINARIES / "opsguide"), *words, timeout=timeout)

    def run(self, *words: str, timeout: float = 180) -> Outcome:
        process = self.start(*words)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"{words} took more than {timeout} s\n{out}\n{err}")
        return Outcome(process.returncode, out, err)

    def folders(self) -> list[Path]:
        return sorted(p for p in self.records.glob("[0-9]*/[0-9]*/*") if p.is_dir())

    def record(self, which: int = -1) -> Record:
        return Record(self.folders()[which])


@dataclass
class Record:
    """A record as any reader finds it: JSON files in a folder."""

    path: Path

    @property
    def sealed(self) -> bool:
        return not self.path.name.endswith("-unfinished")

    @property
    def intent(self) -> dict[str, Any]:
        return json.loads((self.path / "intent.json").read_text())

    @property
    def seal(self) -> dict[str, Any]:
        return json.loads((self.path / "seal.json").read_text())

    @property
    def state(self) -> str:
        return self.seal["state"]

    def events(self, *types: str) -> list[dict[str, Any]]:
        lines = (self.path / "events.jsonl").read_text().splitlines()
        return [e for e in map(json.loads, lines) if not types or e["type"] in types]

    def sent(self, *verbs: str) -> list[dict[str, Any]]:
        return [e for e in self.events("send") if not verbs or e["verb"] in verbs]


@pytest.fixture
def desk(tmp_path: Path, lab: Any) -> Iterator[Desk]:
    """A desk on the lab; afterwards nothing may be held, and its records are counted."""
    global sealed_records
    made = Desk(tmp_path / "records")
    yield made
    sealed_records += sum(1 for p in made.folders() if not p.name.endswith("-unfinished"))
    for hold in Path("/var/lib/opsguide-lab/state/holds").glob("*.json"):
        hold.unlink()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed and report.nodeid.startswith(REAL):
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
