"""`make demo`: the main job on the practice platform, headless, from the table to the sealed records."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import opsguide_lab

WHY = "demo"
COMMAND = (sys.executable, "-m", "opsguide.launch")


@dataclass(frozen=True)
class Part:
    """One run of the demo: what it shows, its command line, the exit code that is right."""

    shows: str
    activity: str
    element: str
    parameters: tuple[str, ...]
    exit: int = 0


PARTS = (
    Part("a service of a user host", "restarting-processes", "uh-01", ("service=zabbix-agent", "settle=3 s")),
    Part(
        "a service of an infrastructure host", "restarting-processes", "ih-01", ("service=zabbix-agent", "settle=3 s")
    ),
    Part(
        "one member of a pair: drained, restarted, enabled",
        "restarting-processes",
        "hcore1",
        ("service=nginx", "settle=3 s"),
    ),
    Part("a service of an end-user container, by the platform", "restarting-processes", "node101", ("service=nginx",)),
    Part(
        "a file of a user host", "editing-system-files", "uh-01", ("path=/etc/motd", "settings=owner = opsguide demo")
    ),
    Part(
        "a file in an infrastructure container: Jelastic Operations",
        "editing-system-files",
        "hcore1",
        ("path=/etc/motd", "settings=owner = opsguide demo"),
        3,
    ),
    Part("a cell that is N/A", "user-host-decommission", "ih-01", (), 4),
)
MEANING = {0: "succeeded", 3: "request written for Jelastic Operations", 4: "refused: not applicable"}


def main() -> int:
    """Run all parts; 0 when every one ended as it should and all records verify."""
    missing = opsguide_lab.missing()
    if missing:
        print("The demo needs the practice platform, and this machine cannot run it: " + "; ".join(missing))
        return 2
    opsguide_lab.up(lambda words: print(f"lab: {words}", flush=True))
    verdicts = [(part, *_run(part)) for part in PARTS]
    print("\nThe table (edition of the lab):\n", flush=True)
    _say("matrix")
    print("\nThe verdicts:\n")
    for part, code, seconds in verdicts:
        mark = "as it should" if code == part.exit else f"WRONG, {part.exit} was expected"
        print(
            f"  exit {code} in {seconds:4.1f} s  {part.shows} ({part.element}): {MEANING.get(code, 'failed')}, {mark}"
        )
    records = os.environ.get("OPSGUIDE_RECORDS") or Path(__file__).resolve().parents[2] / "records"
    print(f"\nThe records are in {records}; each has a notebook and report.html to read. Checking all:\n", flush=True)
    verified = _say("verify", "--all")
    print("\nThe lab stays up: `opsguide elements` shows it, `opsguide lab down` takes it away.")
    return 0 if verified == 0 and all(code == part.exit for part, code, _ in verdicts) else 1


def _run(part: Part) -> tuple[int, float]:
    print(f"\n######## {part.shows}\n", flush=True)
    settings = [word for parameter in part.parameters for word in ("-p", parameter)]
    start = time.monotonic()
    code = _say("run", part.activity, "--on", part.element, *settings, "--reason", WHY)
    return code, time.monotonic() - start


def _say(*words: str) -> int:
    print(f"$ opsguide {' '.join(repr(w) if ' ' in w else w for w in words)}", flush=True)
    return subprocess.run([*COMMAND, *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
