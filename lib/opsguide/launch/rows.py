"""One row of a batch as a child process: `opsguide run --json`, its parameters by standard input."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from typing import IO, Any

import yaml

from opsguide.launch.asked import Asked
from opsguide.launch.outcome import Outcome
from opsguide.reach.inventory import Element, Platform

REQUESTED, STOPPED = 3, 5


class Line:
    """A row that waits, runs, or has ended with `code`; `ended` is the time of its end on the monotonic clock."""

    def __init__(self, number: int, asked: Asked, environment: dict[str, str], platform: Platform) -> None:
        self.number, self.asked = number, asked
        self.code: int | None = None
        self.ended = 0.0
        self.outcome = Outcome(None, "not-run", 0, "", activity=asked.activity.slug, element=asked.element.name)
        self._environment, self._locked = environment, locked(platform, asked.element)
        self._process: subprocess.Popen[bytes] | None = None
        self._out: IO[bytes] | None = None

    @property
    def waiting(self) -> bool:
        """Whether it has not been started."""
        return self._process is None

    @property
    def running(self) -> bool:
        """Whether its process goes on."""
        return self._process is not None and self.code is None

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than well; a request that was written is well."""
        return self.code not in (None, 0, REQUESTED)

    def touches(self, other: Line) -> bool:
        """Whether both may lock the same element."""
        return bool(self._locked & other._locked)

    def start(self) -> None:
        """Start its process, in a session of its own: Ctrl-C in the terminal is passed on, not doubled."""
        mode = "plan" if self.asked.mode == "plan" else "run"
        words = [sys.executable, "-m", "opsguide.launch", mode, self.asked.activity.slug, "--json", "--quiet"]
        values = {name: value for name, value in self.asked.values.items() if name != "mode"}
        self._out = tempfile.TemporaryFile()  # noqa: SIM115
        with tempfile.TemporaryFile() as given:
            given.write(yaml.safe_dump(values, allow_unicode=True).encode())
            given.seek(0)
            self._process = subprocess.Popen(
                [*words, "-f", "/dev/stdin"],
                stdin=given,
                stdout=self._out,
                env=self._environment,
                start_new_session=True,
            )

    def poll(self) -> bool:
        """Whether its process has ended by now; then `code` and `outcome` are known."""
        if self._process is None or self._out is None or self._process.poll() is None:
            return False
        status = self._process.returncode
        self.code, self.ended = status if status >= 0 else STOPPED, time.monotonic()
        self._out.seek(0)
        try:
            self.outcome = Outcome(**json.loads(self._out.read()))
        except (ValueError, TypeError):
            words = f"its process ended with {status} and said nothing; opsguide records tells whether a run had begun"
            self.outcome = Outcome(None, "unknown", self.code, words, activity=self.outcome.activity,
                                   element=self.outcome.element)  # fmt: skip
        self._out.close()
        return True

    def signal(self, number: int) -> None:
        """Pass a signal on to its process."""
        if self.running and self._process:
            self._process.send_signal(number)

    def columns(self) -> tuple[str, ...]:
        """As the summary shows it."""
        told, code = self.outcome, "" if self.code is None else str(self.code)
        said = told.record or told.words
        return str(self.number), self.asked.activity.slug, self.asked.element.name, told.state, code, said

    def as_dict(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {"row": self.number, **self.outcome.as_dict(), "exit": self.code}


def locked(platform: Platform, element: Element) -> set[str]:
    """The elements that a run on this one locks: itself, its peer, a host's containers."""
    peer = {element.peer} if element.peer else set()
    return {element.name, *peer, *(one.name for one in platform.containers_on(element))}
