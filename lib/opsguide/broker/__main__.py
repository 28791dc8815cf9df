"""The broker as a process: `python -m opsguide.broker --platform FILE --socket PATH`; started by the first client."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from opsguide.broker.server import Server
from opsguide.errors import OpsguideError


def main() -> int:
    """Serve until a minute after the last session."""
    parser = argparse.ArgumentParser(prog="opsguide.broker")
    parser.add_argument("--platform", type=Path, required=True)
    parser.add_argument("--socket", type=Path, required=True)
    asked = parser.parse_args()
    for one in (signal.SIGINT, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    os.umask(0o027)
    try:
        Server(asked.platform, asked.socket).serve()
    except OpsguideError as error:
        print(json.dumps(error.as_dict()), file=sys.stderr)
        return error.exit_code
    return 0


sys.exit(main())
