"""The engine, a tiny notebook for each behaviour: what the metadata says is what happened, and nothing stays behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import wait_for
from launchers import gone

from .conftest import NOTEBOOKS

ENGINE = Path(__file__).parent / "engine_process.py"


class Engine:
    """One execution in a process of its own."""

    def __init__(self, name: str, out: Path, *words: str) -> None:
        self.out = out
        command = [sys.executable, str(ENGINE), str(NOTEBOOKS / f"{name}.ipynb"), str(out), *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = ""

    def until(self, pattern: str) -> str:
        """Read its output until a line matches."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said += line
            if found := re.search(pattern, line):
                return found[1] if found.groups() else line
        pytest.fail(f"it never said {pattern}: {self.said} {self.process.stderr and self.process.stderr.read()}")

    def end(self) -> int:
        out, self.err = self.process.communicate(timeout=120)
        self.said += out
        return self.process.returncode

    def states(self) -> dict[str, str]:
        cells = json.loads(self.out.read_text())["cells"]
        return {c["id"]: c["metadata"]["papermill"]["status"] for c in cells if c["cell_type"] == "code"}

    def notebook(self) -> dict[str, Any]:
        return json.loads(self.out.read_text())


def kernels_of(launcher: int) -> str:
    """The command lines of kernels that this launcher started: their connection files carry its process id."""
    return subprocess.run(
        ["pgrep", "-a", "-f", f"kernel-{launcher}-"], capture_output=True, text=True, check=False
    ).stdout


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    started = []

    def start(name: str, *words: str, out: str = "out.ipynb") -> Engine:
        started.append(Engine(name, tmp_path / out, *words))
        return started[-1]

    yield start
    for run in started:
        run.process.kill()
        run.process.communicate()


def test_a_notebook_that_ends_well_is_completed_and_its_output_is_streamed(engine: Any) -> None:
    run = engine("ends-well", "word=hello")
    assert run.end() == 0
    assert "said hello []" in run.said
    assert "'hello'" in run.said
    assert set(run.states().values()) == {"completed"}


def test_a_cell_that_raises_is_failed_and_the_later_ones_stay_pending(engine: Any) -> None:
    run = engine("raises")
    assert run.end() == 1
    assert run.states()["fail"] == "failed"
    assert run.states()["later"] == "pending"
    assert "later ran" not in run.said


def test_an_error_of_opsguide_is_shown_in_its_own_lines(engine: Any) -> None:
    run = engine("refuses")
    assert run.end() == 1
    shown = run.err.partition("Traceback (most recent")[0]
    assert "HeldError: planted\n  where:   uh-01\n  next:    look" in shown


def test_a_tag_that_allows_errors_does_not_let_a_run_go_on(engine: Any) -> None:
    run = engine("allows-errors")
    assert run.end() == 1
    assert "later ran" not in run.said


def test_system_exit_in_a_cell_is_a_failure(engine: Any) -> None:
    run = engine("exits-zero")
    assert run.end() == 1
    assert run.states()["leave"] == "failed"
    assert run.states()["later"] == "pending"


def test_a_kernel_that_dies_fails_its_cell_and_the_later_ones_stay_pending(engine: Any) -> None:
    run = engine("dies")
    assert run.end() == 1
    assert run.states()["die"] == "failed"
    assert run.states()["later"] == "pending"
    assert run.notebook()["metadata"]["papermill"]["exception"] is True


def test_a_cell_over_its_time_fails(engine: Any) -> None:
    """The time is long enough for the cells before it, also where they are slow."""
    for seconds in (1, 5, 25):
        run = engine("sleeps", f"timeout={seconds}", out=f"{seconds}.ipynb")
        assert run.end() == 1
        if run.states()["sleep"] != "pending":
            break
    assert run.states() == {"parameters": "completed", "mark": "completed", "sleep": "failed", "later": "pending"}
    if pid := re.search(r"pid (\d+)", run.said):
        wait_for(lambda: gone(int(pid[1])), what="the kernel is gone")


def test_a_skipped_cell_is_not_called_completed(engine: Any) -> None:
    run = engine("skips")
    assert run.end() == 0
    assert run.states() == {**run.states(), "skipped": "skipped", "last": "completed"}


def test_what_a_cell_prints_past_one_mebibyte_is_shown_and_not_kept(engine: Any) -> None:
    run = engine("prints-much")
    assert run.end() == 0
    assert len(run.said) == 3000 * 1001
    assert run.out.stat().st_size < 1_200_000
    assert "the rest is not kept here" in run.out.read_text()


def test_the_kernel_is_on_unix_sockets_and_the_folder_of_them_goes(engine: Any) -> None:
    before = set(Path(os.environ["XDG_RUNTIME_DIR"], "opsguide").glob("kernel-*"))
    run = engine("starts")
    assert run.end() == 0
    assert "ipc" in run.said
    assert set(Path(os.environ["XDG_RUNTIME_DIR"], "opsguide").glob("kernel-*")) <= before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_the_launcher_ends_the_kernel_at_once(engine: Any, number: signal.Signals) -> None:
    run = engine("sleeps")
    pid = int(run.until(r"pid (\d+)"))
    run.process.send_signal(number)
    assert run.end() == 1
    assert gone(pid)
    assert "InterruptedRunError" in run.err
    assert run.states()["sleep"] == "failed"
    assert run.states()["later"] == "pending"
    assert "later ran" not in run.said


def test_a_second_ctrl_c_ends_a_kernel_that_does_not_listen(engine: Any) -> None:
    run = engine("deaf")
    pid = int(run.until(r"pid (\d+)"))
    run.process.send_signal(signal.SIGINT)
    run.until("ignored")
    run.process.send_signal(signal.SIGINT)
    assert run.end() == 1
    assert gone(pid)
    assert run.states() == {"parameters": "completed", "sleep": "failed", "later": "pending"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_kernel_starts_leaves_none_behind(
    engine: Any, halted: Callable[[], None], number: signal.Signals
) -> None:
    run = engine("sleeps")
    halted()
    run.process.send_signal(number)
    assert run.end() == 1
    assert run.err.rstrip().endswith("next:    its record says how far it came"), run.err
    assert "asleep" not in run.said
    assert set(run.states().values()) == {"pending"}
    assert not kernels_of(run.process.pid)


def test_a_launcher_that_is_killed_leaves_no_kernel(engine: Any) -> None:
    run = engine("sleeps")
    pid = int(run.until(r"pid (\d+)"))
    run.process.kill()
    run.end()
    wait_for(lambda: gone(pid), what="the kernel is gone")
    assert set(run.states().values()) == {"pending"}, "what was written before the start says nothing that is not so"


def test_a_parameter_that_is_not_declared_is_refused_before_a_kernel_starts(engine: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    run = engine("ends-well", f"x=1;open('{mark}','w');y=1")
    assert run.end() == 1
    assert "InputError: unknown parameter" in run.err
    run = engine("ends-well", f"word;open('{mark}','w')=1", out="second.ipynb")
    assert run.end() == 1
    assert not mark.exists()


def test_an_output_of_another_run_is_not_overwritten(engine: Any, tmp_path: Path) -> None:
    (tmp_path / "out.ipynb").write_text("mine")
    run = engine("ends-well")
    assert run.end() == 1
    assert "is there already" in run.err
    assert run.said == ""
    assert (tmp_path / "out.ipynb").read_text() == "mine"


def test_the_notebook_is_written_a_fixed_number_of_times(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from papermill.execute import execute_notebook

    from opsguide.launch.files import AtomicFiles

    written = []
    plain = AtomicFiles.write.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(AtomicFiles, "write", classmethod(lambda c, b, p: (written.append(p), plain(c, b, p))[1]))
    out = f"opsguide://{tmp_path}/out.ipynb"
    execute_notebook(str(NOTEBOOKS / "twelve-cells.ipynb"), out, engine_name="opsguide", progress_bar=False)
    assert len(written) == 3, "at the beginning, at the engine's end, and once by papermill itself"
