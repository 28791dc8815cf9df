"""Stand-in for grubby of the opsguide practice platform: NOT the real program.

usage: grubby --default-kernel | --set-default /boot/vmlinuz-VERSION

`grubby --lab-boot` is the lab's own: it decides which kernel this boot runs, for the lab's uname.
"""

from __future__ import annotations

import sys

from opsguide_lab.standin import packages as known


def main(argv: list[str]) -> int:
    """Do one command; 1 for a kernel that is not installed."""
    packages = known.load()
    match argv:
        case ["--default-kernel"]:
            print(f"/boot/vmlinuz-{packages.default}")
        case ["--set-default", path] if path.removeprefix("/boot/vmlinuz-") in packages.installed["vzkernel"]:
            packages.default = path.removeprefix("/boot/vmlinuz-")
            packages.save()
        case ["--set-default", path]:
            print(f"The param {path} is incorrect", file=sys.stderr)
            return 1
        case ["--lab-boot"]:
            known.boot()
        case ["--help"]:
            print(__doc__)
        case _:
            print("grubby: see grubby --help", file=sys.stderr)
            return 1
    return 0
