"""One headless plan of 06 on a host of the lab: our launcher against stock papermill, on the same notebook, in turn.

Both leave a full record. The third row is stock papermill on twelve trivial cells, without opsguide: its own floor.
CPU is that of the process and its children, and in brackets that of the broker, which outlives them.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import nbformat

import opsguide_lab
from opsguide import places
from opsguide.wire import Client

ROUNDS = 5
BINARIES = Path(sys.executable).parent


@dataclass(frozen=True)
class Sample:
    """Seconds: wall, CPU of the process tree, CPU of the broker, and wall by phase."""

    wall: float
    cpu: float
    broker: float
    phases: dict[str, float]


def trivial(folder: Path) -> Path:
    """Twelve cells that do next to nothing."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"x = {i}") for i in range(12)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = folder / "trivial.ipynb"
    nbformat.write(notebook, path)
    return path


def broker_cpu(pid: int) -> float:
    """CPU seconds that the broker has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(command: list[str], broker: int, records: Path, recorded: bool) -> Sample:
    """Run a command once."""
    before, at, busy = resource.getrusage(resource.RUSAGE_CHILDREN), time.time(), broker_cpu(broker)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end, after = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    phases = _phases(records, at, end) if recorded else {}
    return Sample(end - at, cpu, broker_cpu(broker) - busy, phases)


def _phases(records: Path, start: float, end: float) -> dict[str, float]:
    folders = records.glob("[0-9]*/[0-9]*/*")
    newest = max(folders, key=lambda p: json.loads((p / "intent.json").read_text())["at"])
    events = [json.loads(line) for line in (newest / "events.jsonl").read_text().splitlines()]
    began, ended = (datetime.fromisoformat(e["at"]).timestamp() for e in (events[0], events[-1]))
    return {"start, imports, kernel": began - start, "cells": ended - began, "seal, kernel away, exit": end - ended}


def main() -> None:
    """Measure and print."""
    opsguide_lab.up(lambda words: None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        records = folder / "records"
        os.environ["OPSGUIDE_RECORDS"] = str(records)
        client = Client(places.platform_file("lab"), records, "benchmark")
        pid = int(client.facts["pid"])
        asked = folder / "p.yml"
        asked.write_text("element: uh-01\nservice: zabbix-agent\nmode: plan\n")
        runbook = str(places.runbooks() / "06-restarting-processes.ipynb")
        ours = [
            str(BINARIES / "opsguide"),
            "plan",
            "restarting-processes",
            "--on",
            "uh-01",
            "-p",
            "service=zabbix-agent",
        ]
        stock = [str(BINARIES / "papermill"), runbook, str(folder / "out.ipynb"), "-f", str(asked)]
        floor = [str(BINARIES / "papermill"), str(trivial(folder)), str(folder / "floor.ipynb")]
        rows = {"opsguide plan": (ours, True), "papermill, same notebook": (stock, True),
                "papermill, 12 trivial cells": (floor, False)}  # fmt: skip
        samples: dict[str, list[Sample]] = {label: [] for label in rows}
        for turn in range(ROUNDS + 1):
            for label, (command, recorded) in rows.items():
                sample = measure(command, pid, records, recorded)
                if turn:
                    samples[label].append(sample)
        client.close()
    _print(samples)


def _print(samples: dict[str, list[Sample]]) -> None:
    peer = statistics.median(s.wall for s in samples["papermill, same notebook"])
    print(f"medians of {ROUNDS} rounds in turn, after one warm-up\n")
    for label, taken in samples.items():
        wall, cpu, broker = (statistics.median(getattr(s, k) for s in taken) for k in ("wall", "cpu", "broker"))
        spread = f"{min(s.wall for s in taken):.2f} to {max(s.wall for s in taken):.2f}"
        print(
            f"{label:28} wall {wall:5.2f} s ({spread})  cpu {cpu:5.2f} s (broker {broker:.2f})  ratio {wall / peer:.2f}"
        )
        for phase in taken[0].phases:
            print(f"    {phase:26} {statistics.median(s.phases[phase] for s in taken):5.2f} s")


if __name__ == "__main__":
    main()
