"""From a process on the host to the operator's screen: every line is there within a second of being written."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import BINARIES, Desk
from kernels import UNIT, Hand

pytestmark = pytest.mark.lab
DRIP = "#!/bin/sh\nfor i in 1 2 3 4; do echo drip $(date +%s.%N); sleep 0.6; done\n"
WRITTEN = re.compile(r"drip (\d+\.\d+)")
PLAN = ("plan", "restarting-processes", "--on", "uh-01", "-p", f"service={UNIT}")


@pytest.fixture
def dripping(lab: Any) -> Iterator[None]:
    """On uh-01 the journal comes line by line, and each line tells when it was written."""
    place = Path(lab.host_root("uh-01")) / "usr/local/bin/journalctl"
    place.write_text(DRIP)
    place.chmod(0o755)
    yield
    place.unlink()


def delays(lines: list[tuple[float, str]]) -> list[float]:
    return [seen - float(found[1]) for seen, line in lines for found in [WRITTEN.search(line)] if found]


def test_each_line_is_on_the_launchers_screen_within_a_second(desk: Desk, dripping: None) -> None:
    process = desk.start(str(BINARIES / "opsguide"), *PLAN)
    assert process.stdout
    found = delays([(time.time(), line) for line in process.stdout])
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert len(found) == 4
    assert max(found) < 1, found


def test_each_line_is_on_stock_papermills_screen_within_a_second(desk: Desk, dripping: None, tmp_path: Path) -> None:
    given = ("-p", "element", "uh-01", "-p", "service", UNIT)
    out = str(tmp_path / "out.ipynb")
    book = "runbooks/06-restarting-processes.ipynb"
    process = desk.start(str(BINARIES / "papermill"), book, out, *given, "--log-output", "--no-progress-bar")
    assert process.stderr
    found = delays([(time.time(), line) for line in process.stderr])
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert len(found) == 4
    assert max(found) < 1, found


def test_each_line_is_in_the_notebook_within_a_second(desk: Desk, dripping: None) -> None:
    run = Hand(desk, "06-restarting-processes.ipynb", {"element": "uh-01", "service": UNIT, "reason": "test"})
    try:
        run.up_to("begin")
        message, lines = run.send("look"), list[tuple[float, str]]()
        while len(delays(lines)) < 4:
            found = run.client.get_iopub_msg(timeout=20)
            if found["parent_header"].get("msg_id") == message and found["msg_type"] == "stream":
                lines += [(time.time(), line) for line in found["content"]["text"].splitlines()]
        assert max(delays(lines)) < 1, delays(lines)
    finally:
        run.close()
