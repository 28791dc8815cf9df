"""`make demo`: the main job on the practice platform, headless, from the table to the sealed records.

It reboots and removes hosts: it acts on the practice platform, and its records go into `records/` of the repository,
whatever OPSGUIDE_PLATFORM and OPSGUIDE_RECORDS say.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import opsguide_lab

WHY = "demo"
ABOUT = """\
The Operations Guide is one table: who does which maintenance on what. opsguide makes it run. Nine jobs follow. Look for
  table:               whose cell it is; that decides what happens, whatever was asked
  look, CHANGE, prove  each command before it is sent, its answer, and whether it is as it should be
  record:              the folder that keeps all of it
"""
COMMAND = (sys.executable, "-m", "opsguide.launch")
RECORDS = Path(__file__).resolve().parents[2] / "records"


@dataclass(frozen=True)
class Part:
    """One command of the demo: what it shows, its words after `opsguide`, the exit code that is right."""

    shows: str
    words: tuple[str, ...]
    exit: int = 0


def _part(shows: str, how: str, activity: str, element: str, *parameters: str, exit: int = 0) -> Part:
    settings = tuple(word for parameter in parameters for word in ("-p", parameter))
    return Part(f"{shows} ({element})", (how, activity, "--on", element, *settings, "--reason", WHY), exit)


RESTART, EDIT, REBOOT, EMPTY = (
    "restarting-processes", "editing-system-files", "rebooting-host-container", "user-host-decommission",
)  # fmt: skip
OWNER = ("path=/etc/motd", "settings=owner = opsguide demo")
PARTS = (
    _part("a service of a user host", "run", RESTART, "uh-01", "service=zabbix-agent", "settle=2 s"),
    _part("one of a pair: drained, restarted, enabled", "run", RESTART, "hcore1", "service=nginx", "settle=2 s"),
    _part("a service of an end-user container, by the platform", "run", RESTART, "node101", "service=nginx"),
    _part("a plan of an edit: looked at, nothing changed", "plan", EDIT, "uh-01", *OWNER),
    Part("that plan carried out, exactly (uh-01)", ("run", "--plan", "last", "--reason", WHY)),
    _part("a host rebooted, its containers back", "run", REBOOT, "uh-01", "confirm=uh-01", "boot_wait=2 min"),
    _part("a host evacuated and removed", "run", EMPTY, "uh-02", "confirm=uh-02"),
    _part("a cell of Jelastic Operations", "run", EDIT, "hcore1", *OWNER, exit=3),
    _part("a cell that is N/A", "run", EMPTY, "ih-01", exit=4),
)
MEANING = {0: "succeeded", 3: "request written for Jelastic Operations", 4: "refused: not applicable"}


def main() -> int:
    """Run all parts; 0 when every one ended as it should and all records verify."""
    missing = opsguide_lab.missing()
    if missing:
        print("The demo needs the practice platform, and this machine cannot run it: " + "; ".join(missing))
        return 2
    opsguide_lab.up(_lab)
    print(f"\n{ABOUT}", flush=True)
    _say("matrix")
    verdicts = [(part, *_run(part)) for part in PARTS]
    print("\nThe host that was removed comes back to the lab:\n", flush=True)
    opsguide_lab.up(_lab)
    print("\nThe verdicts:\n")
    for part, code, seconds in verdicts:
        mark = "as it should" if code == part.exit else f"WRONG, {part.exit} was expected"
        print(f"  exit {code} in {seconds:4.1f} s  {part.shows}: {MEANING.get(code, 'failed')}, {mark}")
    print(f"\nThe records are in {RECORDS}; each has a notebook and report.html to read. Checking all:\n", flush=True)
    verified = _say("verify", "--all")
    print("\nA copy of one, in which somebody has made one answer another:\n", flush=True)
    noticed = _edited(RECORDS)
    other = any(os.environ.get(name) for name in ("OPSGUIDE_PLATFORM", "OPSGUIDE_RECORDS"))
    here = f"opsguide --platform lab --records {RECORDS}" if other else "opsguide"
    print(f"\n`{here} handoff list` shows the request. The lab stays up: `{here} elements`, `opsguide lab down`.")
    return 0 if (verified, noticed) == (0, 8) and all(code == part.exit for part, code, _ in verdicts) else 1


def _edited(records: Path) -> int:
    """What `verify` says of a copy of a record in which one digit of the journal was changed."""
    journals = sorted(records.glob("[0-9]*/[0-9]*/*/events.jsonl"))
    run = next(one.parent for one in reversed(journals) if '"type": "answer"' in one.read_text())
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / run.relative_to(records)
        shutil.copytree(run, copy)
        shutil.copy(records / "ledger.jsonl", scratch)
        journal = copy / "events.jsonl"
        journal.chmod(0o600)
        journal.write_text(journal.read_text().replace('"exit": 0', '"exit": 1', 1))
        return _say("--records", scratch, "verify", run.name)


def _lab(words: str) -> None:
    print(f"lab: {words}", flush=True)


def _run(part: Part) -> tuple[int, float]:
    print(f"\n######## {part.shows}\n", flush=True)
    start = time.monotonic()
    code = _say(*part.words)
    return code, time.monotonic() - start


def _say(*words: str) -> int:
    print(f"$ opsguide {' '.join(repr(w) if ' ' in w else w for w in words)}", flush=True)
    practice = {"OPSGUIDE_PLATFORM": "lab", "OPSGUIDE_RECORDS": str(RECORDS)}
    return subprocess.run([*COMMAND, *words], env={**os.environ, **practice}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
