"""A hostile kernel: it speaks the wire itself and sends what no notebook would."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from opsguide import __version__, wire
from opsguide.guide import scopes
from opsguide.places import platform_file

STEPS = scopes.load("restarting-processes").steps
HELLO = {"do": "hello", "version": __version__, "frontend": "raw"}


CONNECT = """
import socket
from opsguide import wire
from opsguide.places import platform_file

made = wire._connected(platform_file("lab"))
socket.send_fds(socket.socket(fileno=0), [b"x"], [made.fileno()])
"""


def connected_by_another() -> socket.socket:
    """A connection that another process made: to the broker it is another kernel."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        subprocess.run([sys.executable, "-c", CONNECT], stdin=theirs, check=True, timeout=120)
        return socket.socket(fileno=socket.recv_fds(ours, 1, 1)[1][0])


def gone(pid: int) -> None:
    """Wait until a broker that was killed is gone: then nobody comes in at its door any more."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
        return
    with contextlib.suppress(ProcessLookupError), os.fdopen(os.pidfd_open(pid)) as process:
        assert select.select([process], [], [], 120)[0], f"{pid} lives"


class Raw:
    """One connection to the broker; `ask` gives the last message of an answer."""

    def __init__(self, records: Path, greet: bool = True, another: bool = False) -> None:
        self.records = records
        self.socket = connected_by_another() if another else wire._connected(platform_file("lab"))
        self.stream = self.socket.makefile("rb")
        self.said: list[str] = []
        self.facts: dict[str, Any] = {}
        if greet:
            self.greet()

    def greet(self) -> None:
        try:
            hello = {**HELLO, "platform": str(platform_file("lab")), "records": str(self.records)}
            self.facts = self.ask(hello).get("done", {})
        except ConnectionError:
            self.close()
            raise

    def send(self, message: Any) -> None:
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.socket.sendall(raw + b"\n")

    def answer(self, seconds: float = 120) -> dict[str, Any]:
        self.socket.settimeout(seconds)
        try:
            while line := self.stream.readline():
                message = json.loads(line)
                if "say" not in message:
                    return message
                self.said += message["say"]
        finally:
            self.socket.settimeout(None)
        return {"eof": True}

    def ask(self, message: Any, seconds: float = 120) -> dict[str, Any]:
        with contextlib.suppress(BrokenPipeError):
            self.send(message)
        return self.answer(seconds)

    def begin(self, element: str = "uh-02", mode: str = "apply", **more: Any) -> dict[str, Any]:
        usual = {"element": element, "service": "zabbix-agent", "mode": mode, "reason": "test", "settle": "1 s"}
        parameters = {**usual, **more.pop("parameters", {})}
        parameters = {name: value for name, value in parameters.items() if value is not None}
        request = {"do": "begin", "activity": "restarting-processes", "parameters": parameters, "cells": []}
        request |= more
        for _ in range(120):  # a run before may still have the element: its broker lets go once its record is sealed
            answer = self.ask(request)
            if "locked by another run" not in answer.get("error", {}).get("words", ""):
                break
            time.sleep(1)
        return answer

    def step(self, slug: str, applies: bool = True) -> dict[str, Any]:
        return self.ask({"do": "step", "step": slug, "applies": applies})

    def reach(self, slug: str) -> dict[str, Any]:
        """Start a step, passing over those before it."""
        for one in STEPS[: STEPS.index(slug)]:
            self.step(one, applies=False)
        return self.step(slug)

    def verb(self, verb: str, step: str, command: str, **more: Any) -> dict[str, Any]:
        return self.ask({"do": verb, "step": step, "what": {"command": command}, **more})

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.stream.close()
        self.socket.close()
