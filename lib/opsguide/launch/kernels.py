"""The kernel that a headless run gets: this Python, on Unix sockets that only this user can reach.

- Kernels on TCP can be read by other users of the machine; the IPC transport lies in a folder of mode 0700.
- The kernel is the Python that runs opsguide, whatever kernel the user has installed as python3.
- Nothing that an operator types goes into IPython's history.
- When the launcher is gone the kernel ends by itself within two seconds (ipykernel's own parent poller).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from opsguide import wire

PREFIX = "kernel-"


class ThisPython(KernelSpecManager):
    """Knows one kernel: the Python that runs now."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """That kernel, under whatever name."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False"]
        return KernelSpec(argv=argv, display_name="Python 3 (ipykernel)", language="python", interrupt_mode="signal")


def folder() -> Path:
    """A new folder for the sockets of one kernel; folders of launchers that are gone are removed."""
    for old in wire.folder().glob(f"{PREFIX}*-*"):
        pid = old.name.split("-")[1]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(old, ignore_errors=True)
    made = wire.folder() / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    made.mkdir(mode=0o700)
    return made


def new(place: Path) -> Any:
    """A kernel manager whose sockets are in `place`; the kernel is not started yet."""
    return AsyncKernelManager(
        kernel_name="python3", kernel_spec_manager=ThisPython(), transport="ipc",
        connection_file=str(place / "k.json"), shutdown_wait_time=1.0,
    )  # fmt: skip


def kill(manager: Any) -> None:
    """End the kernel's process group at once."""
    provisioner = getattr(manager, "provisioner", None)
    if provisioner is not None and provisioner.pid:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(provisioner.pid, 9)
