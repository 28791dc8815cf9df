"""Stand-in for vzmigrate of the opsguide practice platform: NOT the real program. It moves nothing.

usage: vzmigrate [--online] [-r yes|no] --dry-run HOST CTID...     prints what would be checked, and checks the source

Moving by hand leaves the platform pointing at the old host, so without --dry-run it exits 4, no connection.
Exit codes are the manual page's: 0 ok, 3 cannot lock, 4 no connection, 5 container broken, 10 missing on the source.
"""

# ruff: noqa: PTH112

from __future__ import annotations

import os
import sys

from opsguide_lab.standin import containers as ct

CANNOT_LOCK, NO_CONNECTION, BROKEN, MISSING = 3, 4, 5, 10
CHECKS = ("connection", "CPU features", "kernel modules", "disk space", "bridges", "addresses in use")


def main(argv: list[str]) -> int:
    """Check the containers here; say what would be checked there."""
    if not argv or "--help" in argv or "-h" in argv:
        print(__doc__)
        return 0 if argv else 1
    words = [w for w in argv if not w.startswith("-") and w not in ("yes", "no")]
    if "--dry-run" not in argv:
        print("Can not connect: the lab moves containers only through the platform API", file=sys.stderr)
        return NO_CONNECTION
    host, keys = words[0], words[1:]
    return max((_check(host, key) for key in keys), default=1)


def _check(host: str, key: str) -> int:
    try:
        one = ct.find(key)
        ct.refuse_locked(one)
    except ct.Refusal as refusal:
        print(f"CT {key}: {refusal}", file=sys.stderr)
        return CANNOT_LOCK if refusal.code == ct.LOCKED else MISSING
    if not os.path.isdir(f"/vz/private/{one.ctid}/fs"):
        print(f"CT {key}: its private area is broken", file=sys.stderr)
        return BROKEN
    for check in CHECKS:
        print(f"CT {one.ctid}: would check {check} on {host} (stand-in: not checked)")
    return 0
