"""The wire between notebook or command line and the broker: JSON lines over a Unix socket.

- One broker per user and platform; it is started when first needed, in a session of its own.
- The socket lives in a folder that only its user may enter.
- A client names its version, platform file and records root; another version is refused in one sentence.
- A request is one object with `do`; the answers are any number of {"say": [lines]} and one {"done": …} or {"error": …}.
- When the broker ends in mid-run the run is over: the client never connects again in the same run.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from opsguide import __version__
from opsguide.errors import InputError, OpsguideError, UnknownError

START_SECONDS = 60.0
LONGEST_LINE = 32 << 20
GREETINGS = 5
DEAF_SECONDS = 10
LONGEST_PATH = 107
Say = Callable[[list[str]], None]


def folder() -> Path:
    """The folder of this user's sockets: mode 0700, owned by the user; InputError otherwise."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    path = Path(base).absolute() / "opsguide" if base else Path(f"/tmp/opsguide-{os.getuid()}")
    try:
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700, parents=True)
        found = path.lstat()
    except OSError as error:
        words = f"the folder of the broker's socket cannot be made: {error.strerror}"
        raise InputError(words, where=str(path), next="set XDG_RUNTIME_DIR to a folder of your own") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise InputError(f"{path} must be a folder that only you may enter", next=f"remove {path}, then try again")
    return path


def socket_path(platform: Path) -> Path:
    """Where the broker of this user and platform file listens."""
    name = hashlib.sha256(str(platform.resolve()).encode()).hexdigest()[:16]
    path = folder() / f"{platform.stem}-{name}.sock"
    if len(os.fsencode(path)) > LONGEST_PATH:
        words = "the path of the broker's socket is too long"
        raise InputError(words, where=str(path), next="set XDG_RUNTIME_DIR to a shorter path")
    return path


def is_served(path: Path) -> bool:
    """Whether a broker listens there; a socket that a killed one left behind is none."""
    found = _try(path)
    if found:
        found.close()
    return found is not None


class Lines:
    """JSON objects over a stream socket, one a line; reading ends at EOF."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._file = connection.makefile("rb")

    def send(self, message: dict[str, Any]) -> None:
        """Write one object whole."""
        self._socket.sendall(json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """The next object, or None at the end of the stream."""
        line = self._file.readline(LONGEST_LINE)
        if not line.endswith(b"\n"):
            return None
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            raise InputError("not JSON on the wire") from None
        if not isinstance(message, dict):
            raise InputError("not an object on the wire")
        return message

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.receive, None)

    def end(self) -> None:
        """Let both sides see the end of the stream."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the stream for both sides."""
        self.end()
        self._file.close()
        self._socket.close()


class Client:
    """One session with the broker."""

    def __init__(self, platform: Path, records: Path, frontend: str) -> None:
        self._numbers = itertools.count()
        self._asking, self._sending = threading.Lock(), threading.Lock()
        hello = {"version": __version__, "platform": str(platform.resolve()), "records": str(records.resolve())}
        self.facts: dict[str, Any] = self._greet(platform.resolve(), {"do": "hello", "frontend": frontend, **hello})

    def ask(self, request: dict[str, Any], say: Say | None = None) -> Any:
        """Send one request and give `say` the lines that come; the result, or the broker's error raised here.

        KeyboardInterrupt is passed on to the broker, which ends a look at once and lets a change come to its end.
        One thread asks at a time; others wait for their turn.
        """
        with self._asking:
            return self._answer(request, say)

    def _answer(self, request: dict[str, Any], say: Say | None) -> Any:
        number, interrupted = next(self._numbers), False
        self._send({**request, "n": number})
        while True:
            try:
                message = self._lines.receive()
            except KeyboardInterrupt:
                interrupted = True
                self._send({"do": "interrupt", "n": number})
                continue
            except (OSError, InputError):
                message = None
            if message is None:
                raise self._gone()
            if "say" in message and say:
                say(message["say"])
            if "error" in message:
                raise OpsguideError.from_dict(message["error"])
            if message.get("interrupted") or ("done" in message and interrupted):
                raise KeyboardInterrupt
            if "done" in message:
                return message["done"]

    def tell(self, message: dict[str, Any]) -> None:
        """Send something that has no answer; silence when the broker is gone."""
        with contextlib.suppress(OSError, OpsguideError):
            self._send(message)

    def close(self) -> None:
        """End the session; the broker seals what was not finished."""
        self._lines.close()

    def _send(self, message: dict[str, Any]) -> None:
        try:
            with self._sending:
                self._lines.send(message)
        except OSError:
            raise self._gone() from None

    def _greet(self, platform: Path, hello: dict[str, Any]) -> Any:
        """Say hello; a broker that was about to leave when we came in is not a broken run: the next one is asked."""
        for _ in range(GREETINGS):
            self._lines = Lines(_connected(platform))
            try:
                return self.ask(hello)
            except UnknownError:
                self._lines.close()
            except BaseException:
                self._lines.close()
                raise
        where = str(socket_path(platform))
        raise InputError("the broker ended before it answered", where=where, next="opsguide doctor")

    @staticmethod
    def _gone() -> UnknownError:
        return UnknownError(
            "the broker ended in mid-run: what it had sent may have happened, and the run is not continued",
            next="`opsguide verify last` closes the record with the truth and tells what is unknown",
        )


def _connected(platform: Path) -> socket.socket:
    path = socket_path(platform)
    found = _try(path)
    if found:
        return found
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _try(path) or _started(platform, path)


def _started(platform: Path, path: Path) -> socket.socket:
    log = path.with_suffix(".log")
    with log.open("wb") as out:
        broker = subprocess.Popen(
            [sys.executable, "-m", "opsguide.broker", "--platform", str(platform), "--socket", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd="/",
        )
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        found = _try(path)
        if found:
            broker.returncode = 0  # it outlives us; nobody waits for it
            return found
        if broker.poll() is not None:
            break
        time.sleep(0.01)
    said = log.read_text("utf-8", "replace").strip().splitlines()
    raise _why(said[-1] if said else "the broker did not start", log)


def _why(said: str, log: Path) -> OpsguideError:
    """The error that the broker left as its last words, or these words."""
    with contextlib.suppress(ValueError, AttributeError):
        return OpsguideError.from_dict(json.loads(said))
    return InputError(said, where=str(log), next="opsguide doctor")


def _try(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    return connection
