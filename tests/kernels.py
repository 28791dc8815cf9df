"""A notebook by hand: a real kernel whose cells a test runs one by one, and a unit that counts its starts."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.manager import KernelManager

from desk import REPOSITORY, Desk

UNIT = "zabbix-agent"


@dataclass
class Hand:
    """An operator stepping through a runbook in a kernel of their own."""

    desk: Desk
    runbook: str
    parameters: dict[str, Any]
    printed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        notebook = json.loads((REPOSITORY / "runbooks" / self.runbook).read_text())
        self.sources = {c["id"]: "".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"}
        filled = (f"{name} = {value!r}" for name, value in self.parameters.items())
        self.sources["filled"] = "# Parameters\n" + "\n".join(filled)
        names = [name for name in self.sources if name not in ("parameters", "filled")]
        self.order = ["parameters", "filled", *names]
        self._start()

    def _start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="opsk-", dir="/tmp"))
        where = str(self.folder / "kernel.json")
        self.manager = KernelManager(kernel_name="python3", transport="ipc", connection_file=where)
        self.manager.start_kernel(env=self.desk.environment(), cwd=str(REPOSITORY / "runbooks"))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)

    def send(self, source: str) -> str:
        """Start a cell without waiting; its message id."""
        return self.client.execute(self.sources.get(source, source))

    def wait(self, message: str, seconds: float = 240) -> str:
        """Wait for a cell; empty when it went well, else the error's name and text."""
        end, error = time.monotonic() + seconds, ""
        while time.monotonic() < end:
            try:
                found = self.client.get_iopub_msg(timeout=0.2)
            except Empty:
                if not self.manager.is_alive():
                    return "dead"
                continue
            if found["parent_header"].get("msg_id") != message:
                continue
            content = found["content"]
            if found["msg_type"] == "stream":
                self.printed.append(content["text"])
            if found["msg_type"] == "error":
                error = content["ename"] + ": " + "\n".join(content["traceback"])
            if found["msg_type"] == "status" and content["execution_state"] == "idle":
                return error
        raise AssertionError(f"the cell did not end in {seconds} s")

    def cell(self, source: str) -> str:
        return self.wait(self.send(source))

    def up_to(self, last: str) -> None:
        """Run all cells up to and with this one."""
        for name in self.order[: self.order.index(last) + 1]:
            error = self.cell(name)
            assert not error, f"{name}: {error}"

    def after(self, first: str) -> None:
        """Run all cells after this one."""
        for name in self.order[self.order.index(first) + 1 :]:
            error = self.cell(name)
            assert not error, f"{name}: {error}"

    @property
    def text(self) -> str:
        return "".join(self.printed)

    def kill(self) -> None:
        self.manager.shutdown_kernel(now=True)

    def restart(self) -> None:
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)

    def close(self) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class Counter:
    """The unit on uh-01, made slow, and each of its starts counted on the host itself."""

    lab: Any
    marks: Path
    dropin: Path

    @property
    def starts(self) -> int:
        return len(self.marks.read_text().splitlines()) if self.marks.exists() else 0

    @property
    def gate(self) -> Path:
        return self.marks.with_name("go")

    def slow(self, seconds: float = 80) -> None:
        """Each start takes so long, or until `go`. At 90 s systemd and the change's own deadline give it up."""
        self.gate.unlink(missing_ok=True)
        self.dropin.parent.mkdir(parents=True, exist_ok=True)
        wait = f'; timeout {seconds} sh -c "until test -e /root/go; do sleep 0.05; done" || true' if seconds else ""
        line = f"+/bin/sh -c 'echo start >> /root/starts{wait}'"
        often = "[Unit]\nStartLimitIntervalSec=0\n"
        self.dropin.write_text(f"{often}[Service]\nExecStartPre={line}\n")
        self.lab.inside("uh-01", ["systemctl", "daemon-reload"])

    def go(self) -> None:
        """Let the start that waits go on, and all after it."""
        self.gate.touch()


def counted(lab: Any) -> Iterator[Counter]:
    """The unit while its starts are counted, as it was afterwards."""
    root = Path(lab.host_root("uh-01"))
    made = Counter(lab, root / "root/starts", root / f"etc/systemd/system/{UNIT}.service.d/counted.conf")
    made.marks.unlink(missing_ok=True)
    made.slow(0)
    made.marks.unlink(missing_ok=True)
    yield made
    made.go()
    made.dropin.unlink(missing_ok=True)
    lab.inside("uh-01", ["systemctl", "daemon-reload"])
    lab.inside("uh-01", ["systemctl", "restart", UNIT])
    made.gate.unlink()
