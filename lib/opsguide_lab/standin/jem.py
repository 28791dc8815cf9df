"""Stand-in for jem of the opsguide practice platform: NOT the real program.

usage: jem service start|stop|restart|reload [NAME]
       jem firewall fwstatus

Answers one JSON object, its values as text, and exits 0 whatever came of it: result "0", else "4182" restart failed,
"4183" start, "4184" stop, "4185" reload. Without a NAME the node's own service, SERVICE in /etc/jelastic/metainf.conf.
It uses `service`, as the real one does. Source: public code of jem.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

CODES = {"restart": 4182, "start": 4183, "stop": 4184, "reload": 4185}
LOG = Path("/var/log/jem.log")


def main(argv: list[str]) -> int:
    """Do one command and print its answer."""
    if argv[:1] in ([], ["-h"], ["--help"]):
        print(__doc__)
        return 0 if argv else 2
    if argv == ["firewall", "fwstatus"]:
        return _answer(0, "Firewall enabled")
    if argv[0] != "service" or len(argv) < 2 or argv[1] not in CODES:
        print(f"Action {' '.join(argv)} unknown")
        return 1
    return _service(argv[1], argv[2] if len(argv) > 2 else _own_service())


def _service(action: str, name: str) -> int:
    done = subprocess.run(["/usr/sbin/service", name, action], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    with LOG.open("a") as log:
        log.write(f"{time.strftime('%F %T')} service {name} {action}: {done.returncode}\n")
    if done.returncode:
        words = (done.stderr or done.stdout).strip() or f"{name} is not running"
        return _answer(CODES[action], f"result {done.returncode} {words}")
    return _answer(0, "Ok")


def _own_service() -> str:
    for line in Path("/etc/jelastic/metainf.conf").read_text().splitlines():
        if line.startswith("SERVICE="):
            return line.partition("=")[2].strip('"')
    return ""


def _answer(result: int, message: str) -> int:
    print(json.dumps({"result": str(result), "execTime": "0", "message": message}))
    return 0
