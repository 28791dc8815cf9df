"""Stand-in for vzpid of the opsguide practice platform: NOT the real program.

usage: vzpid PID...     to which container each process belongs; 0 is the host itself
"""

# ruff: noqa: PTH115

from __future__ import annotations

import os
import sys

from opsguide_lab.standin import containers as ct


def main(argv: list[str]) -> int:
    """Print Pid, CTID and Name of each process; 1 when one of them does not exist."""
    if not argv or argv[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if argv else 1
    homes = {_space(one.init): one.ctid for one in ct.all_containers() if one.running}
    print("Pid\tCTID\tName")
    return max(_print(pid, homes) for pid in argv)


def _print(pid: str, homes: dict[str, int]) -> int:
    try:
        name = ct.text_of(f"/proc/{int(pid)}/comm").strip()
        print(f"{pid}\t{homes.get(_space(int(pid)), 0)}\t{name}")
    except (OSError, ValueError):
        print(f"Unable to read the process {pid}", file=sys.stderr)
        return 1
    return 0


def _space(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/pid")
