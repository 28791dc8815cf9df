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
SEEN = "tmp/opsguide-seen"
DRIP = f"""#!/bin/sh
for i in 1 2 3 4; do
    echo drip $(date +%s.%N)
    timeout 40 sh -c "until test -e /{SEEN}$i; do sleep 0.05; done"
done
"""
WRITTEN = re.compile(r"drip (\d+\.\d+)")
PLAN = ("plan", "restarting-processes", "--on", "uh-01", "-p", f"service={UNIT}")


@pytest.fixture
def dripping(lab: Any) -> Iterator[Path]:
    """On uh-01 the journal comes line by line, each when the one before was seen, and tells when it was written."""
    root = Path(lab.host_root("uh-01"))
    place = root / "usr/local/bin/journalctl"
    place.write_text(DRIP)
    place.chmod(0o755)
    yield root / SEEN
    place.unlink()
    for n in (1, 2, 3, 4):
        (root / f"{SEEN}{n}").unlink(missing_ok=True)


def prompt(lines: Iterator[str], marks: Path) -> bool:
    """Each of the four was seen before the next was written; the quickest, whatever else is done here, within a second."""
    late = list[float]()
    for line in lines:
        if found := WRITTEN.search(line):
            late.append(time.time() - float(found[1]))
            marks.with_name(f"{marks.name}{len(late)}").touch()
    return len(late) == 4 and min(late) < 1 and max(late) < 30


def test_each_line_is_on_the_launchers_screen_within_a_second(desk: Desk, dripping: Path) -> None:
    process = desk.start(str(BINARIES / "opsguide"), *PLAN)
    assert process.stdout
    assert prompt(iter(process.stdout), dripping)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_each_line_is_on_stock_papermills_screen_within_a_second(desk: Desk, dripping: Path, tmp_path: Path) -> None:
    given = ("-p", "element", "uh-01", "-p", "service", UNIT)
    out = str(tmp_path / "out.ipynb")
    book = "runbooks/06-restarting-processes.ipynb"
    process = desk.start(str(BINARIES / "papermill"), book, out, *given, "--log-output", "--no-progress-bar")
    assert process.stderr
    assert prompt(iter(process.stderr), dripping)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_each_line_is_in_the_notebook_within_a_second(desk: Desk, dripping: Path) -> None:
    run = Hand(desk, "06-restarting-processes.ipynb", {"element": "uh-01", "service": UNIT, "reason": "test"})

    def streamed(message: str) -> Iterator[str]:
        while True:
            found = run.client.get_iopub_msg(timeout=60)
            if found["parent_header"].get("msg_id") != message:
                continue
            if found["msg_type"] == "stream":
                yield from found["content"]["text"].splitlines()
            if found["msg_type"] == "status" and found["content"]["execution_state"] == "idle":
                return

    try:
        run.up_to("begin")
        assert prompt(streamed(run.send("look")), dripping)
    finally:
        run.close()
