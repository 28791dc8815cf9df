"""nbval runs every cell of every runbook, on prepared copies, in plan mode: nothing is changed, every cell must run.

No secret of the lab stands in what they keep, in any form.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import kept
from desk import REPOSITORY, Desk

pytestmark = pytest.mark.lab
RUNS = sorted((REPOSITORY / "parameters" / "runs").glob("*.yml"))
RUNBOOKS = sorted(p for p in (REPOSITORY / "runbooks").glob("*.ipynb") if p.name != "start-here.ipynb")


def begins(runbook: Path) -> str:
    """How the names of its run files begin: its number, or of a note its name."""
    return runbook.name[:2] if runbook.name[0].isdigit() else runbook.stem


def runbook_of(run: Path) -> Path | None:
    return next((r for r in RUNBOOKS if run.name.startswith(f"{begins(r)}-")), None)


def prepared(runbook: Path, parameters: dict[str, Any], folder: Path, name: str) -> Path:
    """A copy of the runbook with a cell that sets the parameters, after the one that declares them."""
    notebook = json.loads(runbook.read_text())
    where = next(i for i, c in enumerate(notebook["cells"]) if "parameters" in c["metadata"].get("tags", []))
    source = "# Parameters\n" + "".join(f"{n} = {v!r}\n" for n, v in parameters.items())
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": "filled",
        "metadata": {},
        "outputs": [],
        "source": source,
    }
    notebook["cells"].insert(where + 1, cell)
    copy = folder / f"{name}.ipynb"
    copy.write_text(json.dumps(notebook))
    return copy


def test_every_runbook_has_parameters_for_the_lab() -> None:
    assert {runbook_of(run) for run in RUNS} == set(RUNBOOKS)


def test_nbval_runs_every_cell_of_every_runbook_in_plan_mode(desk: Desk, lab: Any, tmp_path: Path) -> None:
    copies = []
    for run in RUNS:
        runbook = runbook_of(run)
        assert runbook
        copies.append(prepared(runbook, {**yaml.safe_load(run.read_text()), "mode": "plan"}, tmp_path, run.stem))
    cells = sum(c["cell_type"] == "code" for p in copies for c in json.loads(p.read_text())["cells"])
    command = (sys.executable, "-m", "pytest", "-q", "--nbval-lax", "--nbval-kernel-startup-timeout=300", "-p", "no:cacheprovider",
               "-c", "/dev/null",
               *map(str, copies))  # fmt: skip
    done = subprocess.run(
        command, env=desk.environment(), cwd=tmp_path, capture_output=True, text=True, timeout=1500, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert f"{cells} passed" in done.stdout
    records = [json.loads((p / "seal.json").read_text()) for p in desk.folders()]
    assert len(records) == len(RUNS)
    assert {r["state"] for r in records} <= {"succeeded", "requested"}
    sent = [e for p in desk.folders() for e in map(json.loads, (p / "events.jsonl").read_text().splitlines())]
    assert not [e for e in sent if e["type"] == "send" and e["verb"] in ("change", "edit")]
    assert kept.found_in(tmp_path, kept.secrets(lab), all_forms=True) == []
