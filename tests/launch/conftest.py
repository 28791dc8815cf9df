"""A platform that nothing answers, a desk on it, and the engine in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from desk import wait_for

NOTEBOOKS = Path(__file__).parent / "notebooks"
HALT = """\
import sys, time
from pathlib import Path

if "ipykernel_launcher" in sys.orig_argv:
    Path(__file__).with_name("begun").touch()
    while True:
        time.sleep(0.02)
"""
BINARIES = Path(sys.executable).parent
PLATFORM = """\
platform: far
practice: true
edition: seed
domain: far.example
state: {folder}/state
ssh: {{user: root, key: "file:{folder}/key", known_hosts: {folder}/known_hosts, config: {folder}/ssh_config, port: 1}}
hosts:
  ih-01: {{kind: infrastructure-host, address: 127.0.0.1}}
  ih-02: {{kind: infrastructure-host, address: 127.0.0.2}}
  uh-01: {{kind: user-host, address: 127.0.0.3}}
  uh-02: {{kind: user-host, address: 127.0.0.4}}
  new-01: {{joining: infrastructure-host, address: 127.0.0.5}}
containers:
  hcore1: {{kind: infrastructure-container, component: hcore, host: ih-01, ctid: 305, peer: hcore2}}
  hcore2: {{kind: infrastructure-container, component: hcore, host: ih-02, ctid: 305, peer: hcore1}}
  node101: {{kind: end-user-container, host: uh-01, ctid: 101, env: shop, node: 1001}}
"""


@dataclass
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def began(record: Path) -> str:
    try:
        return json.loads((record / "intent.json").read_text())["at"]
    except FileNotFoundError:
        return ""


@dataclass
class FarDesk:
    """The command line on a platform whose hosts refuse connections."""

    folder: Path

    @property
    def records(self) -> Path:
        return self.folder / "records"

    @property
    def platform(self) -> Path:
        return self.folder / "far.yml"

    def environment(self) -> dict[str, str]:
        return {**os.environ, "OPSGUIDE_PLATFORM": str(self.platform), "OPSGUIDE_RECORDS": str(self.records)}

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [str(BINARIES / "opsguide"), *words]
        return subprocess.Popen(command, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)  # fmt: skip

    def __call__(self, *words: str) -> Said:
        process = self.start(*words)
        with process:
            try:
                out, err = process.communicate(timeout=300)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Said(process.returncode, out, err)

    def folders(self) -> list[Path]:
        """All records, in the order in which they began."""
        return sorted(self.records.glob("[0-9]*/*/*"), key=lambda path: (began(path), path))

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path


@pytest.fixture
def halted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Kernels begin to start and come no further; waits until one has begun."""
    folder = tmp_path / "halted"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HALT)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return lambda: wait_for((folder / "begun").exists, what="a kernel begins to start")


@pytest.fixture
def far(tmp_path: Path) -> FarDesk:
    """A desk without a lab: every run on it is refused, or fails because nothing answers."""
    return far_desk(tmp_path)


def far_desk(folder: Path) -> FarDesk:
    """A desk on a platform of its own in this folder."""
    made = FarDesk(folder)
    made.write("far.yml", PLATFORM.format(folder=folder))
    made.write("known_hosts", "")
    made.write("ssh_config", "")
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    return made


@pytest.fixture
def later(far: FarDesk) -> FarDesk:
    """The same, with an edition that has one more row, whose runbook is still to come."""
    seed = (files("opsguide.guide") / "editions/seed.csv").read_text()
    far.write("later.csv", f"{seed}A Later Activity,Hosting Provider,N/A,Jelastic Operations,N/A\n")
    far.platform.write_text(far.platform.read_text().replace("edition: seed", "edition: later.csv"))
    return far
