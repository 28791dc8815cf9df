"""An opsguide process that a batch has started: what it says goes to files, its outcome is its JSON.

- It has a session of its own: Ctrl-C in the terminal reaches it once, passed on by the batch.
- It writes to files, not pipes: when the batch is killed it goes on to its end.
- It inherits the journal of the batch, and so its lock: nobody closes the batch's record before it has ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import fields
from typing import Any

import yaml

from opsguide.launch.outcome import Outcome

TAIL = 4096
STOPPED = 5


class Child:
    """One process; `since` is the time of its start on the monotonic clock."""

    def __init__(self, words: list[str], environment: dict[str, str], journal: int, values: dict[str, Any]) -> None:
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        self.since = time.monotonic()
        with tempfile.TemporaryFile() as given:
            given.write(yaml.safe_dump(values, allow_unicode=True).encode())
            given.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "opsguide.launch", *words, "--json"],
                stdin=given, stdout=self._out, stderr=self._err, env=environment, start_new_session=True,
                pass_fds=(journal,) if journal >= 0 else (),
            )  # fmt: skip

    @property
    def status(self) -> int | None:
        """Its exit status once it has ended; a process that a signal ended counts as stopped."""
        found = self._process.poll()
        return found if found is None or found >= 0 else STOPPED

    def last(self) -> str:
        """The last line that it said, apart from the JSON."""
        size = os.fstat(self._err.fileno()).st_size
        tail = os.pread(self._err.fileno(), TAIL, max(0, size - TAIL)).decode("utf-8", "replace")
        said = [line.strip() for line in tail.splitlines() if line.strip()]
        return said[-1] if said else ""

    def outcome(self, activity: str, element: str) -> Outcome:
        """What it said of its run, once it has ended."""
        self._out.seek(0)
        try:
            told = json.loads(self._out.read())
            return Outcome(**{f.name: told[f.name] for f in fields(Outcome) if f.name in told})
        except (ValueError, TypeError):
            words = f"its process ended with {self._process.returncode} and told of no run: {self.last()[:200]}"
            return Outcome(None, "unknown", self.status or STOPPED, words, activity=activity, element=element)

    def signal(self, number: int) -> None:
        """Pass a signal on."""
        self._process.send_signal(number)
