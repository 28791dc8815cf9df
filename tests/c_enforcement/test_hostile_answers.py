"""A host whose answers draw on the operator's terminal: by our launcher, by stock papermill, and in the record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import Desk
from launchers import OURS, USUAL, papermill

pytestmark = pytest.mark.lab
ACT = set("\x1b\x07\x9b\u202e\x7f\r")
SAYS = "Use%\n97% \x1b]0;owned\x07\x1b[2J\x1b[1;1H\r\x9b31m\u202eKO\x7f OK  all is well"
LAST = "\\x9b31m\\u202eKO␡ OK  all is well"
SHOWN = f"97% ␛]0;owned␇␛[2J␛[1;1H␍{LAST}"


@pytest.fixture
def hostile(lab: Any) -> Iterator[None]:
    """On uh-01 somebody has put a `df` of his own before the system's."""
    place = Path(lab.host_root("uh-01")) / "usr/local/bin/df"
    (place.parent / "df.says").write_bytes(SAYS.encode() + b"\n")
    place.write_text("#!/bin/sh\ncat /usr/local/bin/df.says; cat /usr/local/bin/df.says >&2\n")
    place.chmod(0o755)
    yield
    place.unlink()
    (place.parent / "df.says").unlink()


def test_a_run_whose_reader_goes_comes_to_its_end(desk: Desk, lab: Any) -> None:
    process = desk.start(*OURS)
    assert process.stdout
    assert process.stdout.readline() == "lab (PRACTICE)\n"
    process.stdout.close()
    assert (process.wait(240), desk.record().state) == (0, "succeeded")
    assert len(desk.record().sent("change")) == 1
    assert process.stderr
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def texts(value: Any) -> Iterator[str]:
    """Every text in a notebook's cells."""
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(one)


def test_what_a_host_says_acts_on_no_screen_and_stands_true_in_the_record(
    desk: Desk, hostile: None, tmp_path: Path
) -> None:
    words = ("plan", "restarting-processes", "--on", "uh-01", "-p", f"service={USUAL['service']}")
    stock = papermill(tmp_path, "--log-output", "--no-progress-bar", **{**USUAL, "mode": "plan"})
    said = [desk(*words, "--out", str(tmp_path / "ours.ipynb")), desk.run(*stock)]
    for done in said:
        assert done.code == 1, done
        assert not ACT & set(done.out + done.err), done
        assert f"answer:  {LAST}" in done.out + done.err, done
        assert f"! {SHOWN}" in done.out + done.err, "a streamed line of its standard error"
        assert not [line for line in (done.out + done.err).splitlines() if line.startswith("OK  all")]
    for notebook in (tmp_path / "ours.ipynb", tmp_path / "out.ipynb"):
        assert not ACT & set("".join(texts(json.loads(notebook.read_text())["cells"])))
    assert len(desk.folders()) == len(said)
    for which in range(len(said)):
        record = desk.record(which)
        assert [e["out"] for e in record.events("answer") if "owned" in e["out"]] == [f"{SAYS}\n"]
        page, book = record.path / "report.html", next(record.path.glob("*.ipynb"))
        assert not ACT & set(page.read_text())
        assert not ACT & set("".join(texts(json.loads(book.read_text())["cells"])))
        assert SHOWN in "".join(texts(json.loads(book.read_text())["cells"]))
