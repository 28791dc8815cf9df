"""An operator's desk: the command line with a records root of its own, and records as any reader finds them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
BINARIES = Path(sys.executable).parent


def wait_for(condition: Callable[[], Any], seconds: float = 120, what: str = "") -> Any:
    """What the condition gives once it is true; AssertionError when that takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what or condition}")


def lines(journal: Path, *types: str) -> list[dict[str, Any]]:
    """The events of a journal that somebody may be writing: its whole lines."""
    whole = journal.read_bytes().split(b"\n")[:-1]
    return [e for e in map(json.loads, whole) if not types or e["type"] in types]


@dataclass
class Outcome:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


FOLDERS = "[0-9]*/[0-9]*/*"


@dataclass
class Desk:
    """An operator's desk: a records root of its own and the command line."""

    records: Path
    env: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        return {**os.environ, "OPSGUIDE_RECORDS": str(self.records), **self.env}

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            words, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, cwd=options.pop("cwd", REPOSITORY), **options,
        )  # fmt: skip
        self.started.append(process)
        return process

    def leave(self) -> None:
        """End what a test that broke off left running, so that the next one does not meet it."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait(timeout=60)
            for pipe in (process.stdout, process.stderr):
                if pipe:
                    pipe.close()

    def __call__(self, *words: str, timeout: float = 500) -> Outcome:
        return self.run(str(BINARIES / "opsguide"), *words, timeout=timeout)

    def run(self, *words: str, timeout: float = 500) -> Outcome:
        process = self.start(*words)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"{words} took more than {timeout} s\n{out}\n{err}")
        return Outcome(process.returncode, out, err)

    def folders(self) -> list[Path]:
        """All records, in the order in which they began; listed again while one of them gets its last name."""
        for _ in range(100):
            listed = set(self.records.glob(FOLDERS))
            try:
                intents = [p / "intent.json" for p in listed]
                began = {p.parent: json.loads(p.read_text())["at"] for p in intents if p.exists()}
            except FileNotFoundError:
                continue
            if listed == set(self.records.glob(FOLDERS)):
                return sorted(began, key=began.__getitem__)
        raise AssertionError(f"the folders of {self.records} have no lasting names")

    def record(self, which: int = -1) -> Record:
        return Record(self.folders()[which])


@dataclass
class Record:
    """A record as any reader finds it: JSON files in a folder."""

    path: Path

    @property
    def sealed(self) -> bool:
        return not self.path.name.endswith("-unfinished")

    @property
    def intent(self) -> dict[str, Any]:
        return json.loads((self.path / "intent.json").read_text())

    @property
    def seal(self) -> dict[str, Any]:
        return json.loads((self.path / "seal.json").read_text())

    @property
    def state(self) -> str:
        return self.seal["state"]

    def events(self, *types: str) -> list[dict[str, Any]]:
        """Its events up to now: none before its journal is there; of one that gets its last name meanwhile, all."""
        try:
            return lines(self.path / "events.jsonl", *types)
        except FileNotFoundError:
            if self.path.exists() and not self.sealed:
                return []
            return lines(self.path.with_name(self.path.name.removesuffix("-unfinished")) / "events.jsonl", *types)

    def answer(self, command: int) -> dict[str, Any]:
        return next((e for e in self.events("answer") if e["command"] == command), {"state": "unknown"})

    def sent(self, *verbs: str) -> list[dict[str, Any]]:
        return [e for e in self.events("send") if not verbs or e["verb"] in verbs]
