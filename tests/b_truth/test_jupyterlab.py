"""Suite B in a real JupyterLab with a real browser: closed in mid-run, interrupted, restarted, forgotten, saved again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from browser import CHROMIUM, Chromium, Jupyter, Tab
from desk import REPOSITORY, Desk, Record, wait_for
from kernels import UNIT, Counter
from launchers import gone, sealed
from opsguide import wire
from opsguide.places import platform_file

pytestmark = pytest.mark.lab
GIVEN = ("--on", "uh-01", "-p", f"service={UNIT}", "-p", "settle=1 s", "-p", "mode=apply", "--reason", "test")


@pytest.fixture
def jupyter(desk: Desk, tmp_path: Path) -> Iterator[Jupyter]:
    started = Jupyter(desk, tmp_path, GIVEN)
    yield started
    started.close()


@pytest.fixture
def tab(jupyter: Jupyter) -> Iterator[Tab]:
    if not CHROMIUM:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(
            "chromium is not installed: make test as root installs it, or apt-get install chromium"
        )
    chromium = Chromium()
    try:
        yield Tab(chromium, jupyter)
    finally:
        chromium.close()


def in_change(desk: Desk, counter: Counter) -> None:
    wait_for(lambda: counter.starts, what="the change reached the host")
    assert desk.record().sent("change")


def answered(record: Record) -> list[str]:
    numbers = [sent["command"] for sent in record.sent("change")]
    return [e["state"] for e in record.events("answer") if e["command"] in numbers]


def test_a_tab_that_is_kept_open_and_saved_again_after_the_end_leaves_the_record_as_it_was(
    desk: Desk, counter: Counter, jupyter: Jupyter, tab: Tab
) -> None:
    tab.run_all()
    record = sealed(desk)
    assert (record.state, counter.starts, record.intent["frontend"]) == ("succeeded", 1, "jupyter")
    assert "SUCCEEDED" not in jupyter.copy.read_text()

    def saved() -> bool:
        tab.click("docmanager:save")
        return "SUCCEEDED" in jupyter.copy.read_text()

    wait_for(saved, what="the tab is saved with its verdict")
    verified = desk("verify", "--all")
    assert verified.code == 0, verified


def test_a_browser_closed_in_the_change_does_not_stop_the_run(
    desk: Desk, counter: Counter, jupyter: Jupyter, tab: Tab
) -> None:
    counter.slow()
    tab.run_all()
    in_change(desk, counter)
    tab.chromium.close()
    counter.go()
    record = sealed(desk)
    assert (record.state, counter.starts, answered(record)) == ("succeeded", 1, ["ok"])


def test_the_buttons_for_interrupt_and_restart_leave_the_truth_and_one_change_each_run(
    desk: Desk, counter: Counter, jupyter: Jupyter, tab: Tab
) -> None:
    counter.slow()
    tab.run_all()
    in_change(desk, counter)
    tab.click("notebook:interrupt-kernel")
    wait_for(lambda: "Kernel interrupted" in jupyter.said(), what="the kernel is interrupted")
    counter.go()
    wait_for(lambda: answered(desk.record()), what="the change came to its end")
    assert counter.starts == 1
    old = jupyter.kernels()
    tab.click("notebook:restart-kernel")
    tab.accept()
    first = sealed(desk)
    assert (first.state, answered(first), counter.starts) == ("interrupted", ["ok"], 1)
    wait_for(lambda: set(jupyter.kernels()) - set(old), what="the kernel is another")
    tab.ready()
    tab.run_all()
    wait_for(lambda: len(desk.folders()) == 2, what="a new run begins")
    assert (sealed(desk).state, counter.starts) == ("succeeded", 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_jupyterlab_ended_in_the_change_leaves_one_known_change_and_no_kernel(
    desk: Desk, counter: Counter, jupyter: Jupyter, tab: Tab, number: signal.Signals
) -> None:
    counter.slow()
    tab.run_all()
    in_change(desk, counter)
    kernels = jupyter.kernels()
    assert len(kernels) == 1, "no tab of an earlier JupyterLab was opened again"
    jupyter.process.send_signal(number)
    wait_for(lambda: all(gone(pid) for pid in kernels), what="the kernels are gone")
    counter.go()
    record = sealed(desk)
    assert (record.state, counter.starts, answered(record)) == ("interrupted", 1, ["ok"])


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A broker of its own whose policy forgets a tab after six seconds."""
    home, runtime = tmp_path / "home", tempfile.mkdtemp(prefix="opsi-", dir="/tmp")  # a socket's path must be short
    shutil.copytree(REPOSITORY / "parameters", home / "parameters")
    (home / "parameters/policy.yml").write_text("idle: 6 s\n")
    (home / "runbooks").symlink_to(REPOSITORY / "runbooks")
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    path, platform = wire.socket_path(platform_file("lab")), str(platform_file("lab"))
    broker = subprocess.Popen(
        [sys.executable, "-m", "opsguide.broker", "--platform", platform, "--socket", str(path)],
        env={**os.environ, "OPSGUIDE_HOME": str(home)}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: wire.is_served(path), what="the broker listens")
    yield
    broker.send_signal(signal.SIGTERM)
    broker.wait(120)
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.mark.parametrize("after", ["drain", "restart"])
def test_a_forgotten_tab_is_sealed_as_interrupted_and_its_element_is_free(
    desk: Desk, counter: Counter, impatient: None, hand: Callable[..., Any], after: str
) -> None:
    run = hand()
    run.up_to(after)
    record = sealed(desk)
    assert (record.state, counter.starts) == ("interrupted", int(after == "restart"))
    assert "idle" in record.seal.get("words", "") + record.events("end")[0]["words"]
    assert "UnknownError" in run.cell("restart" if after == "drain" else "reload")
    assert counter.starts == int(after == "restart"), "a tab that comes back sends nothing"
    hand().up_to("finish")
    assert [Record(path).state for path in desk.folders()] == ["interrupted", "succeeded"]
