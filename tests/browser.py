"""A real headless Chromium, told what to do over its own debugging protocol, and the JupyterLab that it shows."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import websocket

from desk import BINARIES, Desk, wait_for
from launchers import kernels_of

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
    "--window-size=1400,1000",
]
CHROMIUM = shutil.which("chromium")
LEFT = ("Inspected target navigated", "Cannot find default execution context", "Execution context was destroyed")


class Chromium:
    """One browser with one tab."""

    def __init__(self) -> None:
        assert CHROMIUM, "chromium is not installed (apt-get install chromium)"
        self._profile = Path(tempfile.mkdtemp(prefix="opsc-", dir="/tmp"))
        self._process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._line: Any = None
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        try:
            self._line = websocket.create_connection(self._page(), timeout=120)
        except BaseException:
            self.close()
            raise

    def _page(self) -> str:
        """The address of its tab, once it is up."""
        port = self._profile / "DevToolsActivePort"
        wait_for(lambda: port.exists() and len(port.read_text().splitlines()) > 1, what="the browser is up")
        listed = f"http://127.0.0.1:{port.read_text().splitlines()[0]}/json/list"

        def pages() -> list[str]:
            with urllib.request.urlopen(listed, timeout=120) as answer:
                return [t["webSocketDebuggerUrl"] for t in json.load(answer) if t["type"] == "page"]

        return wait_for(pages, what="its tab")[0]

    def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        message = self._answer(method, parameters)
        assert "error" not in message, message
        return message["result"]

    def _answer(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        self._line.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._line.recv())
            if message.get("id") == number:
                return message
            self.events.append(message)

    def watch(self) -> None:
        """From now on `events` has what the page asks for, says and is refused."""
        for domain in ("Network", "Page", "Log", "Runtime", "Audits"):
            self.tell(f"{domain}.enable")
        self.events.clear()

    def told(self, method: str) -> list[dict[str, Any]]:
        """The events of a name, up to now."""
        self.script("1")
        return [message["params"] for message in self.events if message.get("method") == method]

    def go(self, address: str) -> None:
        self.tell("Page.navigate", url=address)

    def script(self, source: str) -> Any:
        """What an expression in the page gives; a promise is waited for. A page that is left meanwhile is not asked."""
        asked = {"expression": source, "awaitPromise": True, "returnByValue": True}
        found = wait_for(lambda: self._there(self._answer("Runtime.evaluate", asked)), what="a page that stays")
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    @staticmethod
    def _there(message: dict[str, Any]) -> dict[str, Any] | None:
        """The result, None of a page that has gone before it answered."""
        if any(words in message.get("error", {}).get("message", "") for words in LEFT):
            return None
        assert "error" not in message, message
        return message["result"]

    def close(self) -> None:
        """The window is closed, as by its user."""
        if self._process.poll() is None:
            with contextlib.suppress(Exception):
                self.tell("Browser.close")
            if self._line:
                self._line.close()
            try:
                self._process.wait(60 if self._line else 0)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(60)
        shutil.rmtree(self._profile, ignore_errors=True)


@dataclass
class Jupyter:
    """JupyterLab as `opsguide open` starts it, on a filled copy of 06 or of another runbook."""

    desk: Desk
    folder: Path
    parameters: tuple[str, ...]
    activity: str = "restarting-processes"
    address: str = ""
    copy: Path = Path()
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        words = ("open", self.activity, *self.parameters, "--work", str(self.folder), "--no-browser")
        self.log = self.folder / "jupyter.log"
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [str(BINARIES / "opsguide"), *words], env=self.desk.environment(), stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, text=True, start_new_session=True,
            )  # fmt: skip
        try:
            found = wait_for(lambda: re.search(r"address: (\S+)\n", self.said()), what="JupyterLab's address")
            self.address = found[1]
            self.copy = Path(re.search(r"copy: (\S+)\n", self.said())[1])  # type: ignore[index]
            wait_for(lambda: "is running at" in self.said(), what="JupyterLab is up")
        except BaseException:
            self.close()
            raise

    def said(self) -> str:
        """What it has said up to now."""
        return self.log.read_text()

    def kernels(self) -> list[int]:
        """Its kernels' process ids."""
        return kernels_of(self.process.pid)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(60)


PRESS = """for (const kind of ["mousedown", "mouseup", "click"])
  document.querySelector({}).dispatchEvent(new MouseEvent(kind, {{bubbles: true, button: 0}}))"""
BUTTON = '.jp-NotebookPanel-toolbar [data-command="{}"]'


class Tab:
    """The runbook's tab: buttons are clicked, what it shows is read."""

    def __init__(self, chromium: Chromium, jupyter: Jupyter) -> None:
        self.chromium = chromium
        chromium.tell("Emulation.setFocusEmulationEnabled", enabled=True)
        chromium.go(jupyter.address)
        self.wait(BUTTON.format("notebook:restart-run-all"), "the runbook's toolbar")
        wait_for(jupyter.kernels, what="the kernel starts")
        self.ready()
        chromium.script("document.querySelector('.jp-NotebookPanel .jp-Notebook').focus()")

    def wait(self, selector: str, what: str) -> None:
        wait_for(lambda: self.chromium.script(f"!!document.querySelector({json.dumps(selector)})"), what=what)

    def ready(self) -> None:
        """The kernel is there and does nothing."""
        self.wait(".jp-Notebook-ExecutionIndicator[data-status=idle]", "the kernel is ready")

    def press(self, selector: str, what: str) -> None:
        """The mouse's button goes down and up on it."""
        self.wait(selector, what)
        self.chromium.script(PRESS.format(json.dumps(selector)))

    def click(self, command: str) -> None:
        """Click the toolbar's button of a command."""
        self.press(BUTTON.format(command), f"the button {command}")

    def accept(self) -> None:
        """Say yes to what JupyterLab asks."""
        self.press(".jp-Dialog .jp-mod-accept", "the question")
        wait_for(
            lambda: not self.chromium.script("!!document.querySelector('.jp-Dialog')"), what="the question is gone"
        )

    def run_all(self) -> None:
        """Restart the kernel and run all cells: the double arrow."""
        self.click("notebook:restart-run-all")
        self.accept()
