"""How `up` and the tests talk to the lab's own two processes: one JSON line there, one back, on a Unix socket."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opsguide_lab.errors import LabError
from opsguide_lab.layers import digest_of
from opsguide_lab.places import HERE

Answer = dict[str, Any]


def ask(place: Path, patience: float = 30.0, **question: Any) -> Answer:
    """Send one question and return its answer; LabError when the process is not there or says no."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(patience)
            line.connect(str(place))
            line.sendall(json.dumps(question).encode() + b"\n")
            with line.makefile() as back:
                answer: Answer = json.loads(back.readline() or "{}")
    except (OSError, ValueError) as error:
        raise LabError(f"{place.stem} of the lab does not answer ({error}); `opsguide lab up` starts it") from None
    if "error" in answer:
        raise LabError(str(answer["error"]))
    return answer


def version() -> str:
    """Which code a process of the lab runs: a digest of the modules."""
    return digest_of(sorted(HERE.glob("*.py")))


def greet(place: Path) -> Answer:
    """The `pid` and `version` of the process behind that socket; empty when there is none. A slow one is there."""
    try:
        return ask(place, do="ping")
    except LabError:
        return {}


def serve(place: Path, handle: Callable[[Answer], Answer]) -> threading.Thread:
    """Answer questions in a thread of its own until the process ends."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(place))
    place.chmod(0o600)
    door.listen(16)
    who = {"pid": os.getpid(), "version": version()}
    thread = threading.Thread(target=_serve, args=(door, handle, who), daemon=True)
    thread.start()
    return thread


def _serve(door: socket.socket, handle: Callable[[Answer], Answer], who: Answer) -> None:
    while True:
        line, _ = door.accept()
        with line, line.makefile() as question:
            try:
                answer = {**who, **handle(json.loads(question.readline()))}
            except (KeyError, ValueError, OSError, TimeoutError) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            try:
                line.sendall(json.dumps(answer).encode() + b"\n")
            except OSError:
                continue
