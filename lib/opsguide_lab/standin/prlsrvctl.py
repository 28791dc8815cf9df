"""Stand-in for prlsrvctl of the opsguide practice platform: NOT the real program.

usage: prlsrvctl info [--license] | set --backup-path PATH | set --backup-storage USER@SERVER | backup [-f|-i]
       prlsrvctl net list -j
       the state of the licence is that of /etc/vz/licence, ACTIVE without the file
"""

# Imports are few for the reason that containers.py gives.
# ruff: noqa: PTH110, PTH117, PTH123

from __future__ import annotations

import json
import os
import sys

from opsguide_lab.standin import backups
from opsguide_lab.standin import containers as ct
from opsguide_lab.standin.sources import FAILED


def main(argv: list[str]) -> int:
    """Do one command; 255 where it cannot."""
    try:
        return _do(argv)
    except ct.Refusal as refusal:
        print(f"Failed: {refusal}", file=sys.stderr)
        return FAILED


def _do(argv: list[str]) -> int:
    if argv[:1] == ["info"]:
        if argv[1:] != ["--license"]:
            kept = backups.settings()
            server = [f"Default backup storage: {kept['BACKUP_STORAGE']}"] if kept.get("BACKUP_STORAGE") else []
            print(f"Hostname: {os.uname().nodename}", *server, f"Backup path: {kept['BACKUP_PATH']}", sep="\n")
            print("Backup mode: push")
        state = ct.text_of("/etc/vz/licence").strip() if os.path.exists("/etc/vz/licence") else "ACTIVE"
        print(f'License: state="{state}" type="hypervisor" max_vms=unlimited')
        return 0
    if argv == ["net", "list", "-j"]:
        print(json.dumps([{"Network ID": "Bridged", "Type": "bridged", "Bound To": "eth0", "Bridge": "br0"}]))
        return 0
    if argv[:1] == ["backup"]:
        return backups.save_all(argv[1:])
    if argv[:1] == ["set"] and argv[1:2] in (["--backup-path"], ["--backup-storage"]) and len(argv) == 3:
        if argv[1] == "--backup-path" and not os.path.isabs(argv[2]):
            raise ct.Refusal(FAILED, f"The backup path {argv[2]} is not absolute")
        kept = {**backups.settings(), argv[1].lstrip("-").replace("-", "_").upper(): argv[2]}
        with open(backups.SETTINGS, "w") as file:
            file.writelines(f'{key}="{value}"\n' for key, value in kept.items())
        return 0
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(__doc__)
        return 0 if argv else 2
    raise ct.Refusal(FAILED, f"Unrecognized command '{' '.join(argv)}'")
