"""ssh as an operator would type it, and waiting without sleeping long."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

CONFIGURATION = "/var/lib/opsguide-lab/ssh_config"


def ssh(host: str, command: str, *options: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """One command over ssh with the lab's own configuration."""
    line = ["ssh", "-F", CONFIGURATION, *options, host, "--", command]
    return subprocess.run(line, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout)


def within(condition: Callable[[], bool], seconds: float = 120) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met
