"""Stand-in for the platform API of the practice platform: NOT the real one. Runs as a process of its own.

Rules:
- A host that joins asks below /join/ with the key of its command: see `platform_joining`. Of calls:
- The HTTP status is always 200; `result` 0 is success, 8202 is a wrong session, 5 something that is not there.
- A session is the token of the lab or of a user, as `session` or `token`: who may call what is in `platform_people`.
- Every call that arrives is a line in `requests.jsonl`, written before it is answered; no session is in it.
- It can be told to fail: see `platform_faults`.
- Containers that were being moved when the last process died are settled as soon as this one runs.
"""

from __future__ import annotations

import contextlib
import copy
import json
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from opsguide_lab import control, platform_faults, platform_joining, platform_moves, platform_people, platform_state
from opsguide_lab.errors import LabError
from opsguide_lab.places import API, API_SOCKET
from opsguide_lab.platform_answers import DENIED, NOT_FOUND, Failure
from opsguide_lab.platform_methods import METHODS, SLOW, contradicted
from opsguide_lab.topology import API_ADDRESS, API_PORT

PATHS = re.compile(r"/(?:1\.0|JElastic|JBilling)/([a-z]+)/([a-z]+)/rest/([a-z0-9]+)", re.IGNORECASE)
LIMIT = 1 << 20


class Platform:
    """The state, the fault in force, and the door."""

    def __init__(self) -> None:
        self.state = platform_state.load()
        self.count = 0  # calls since the fault was set
        self.mended = threading.Event()
        self.lock = self.state.lock
        self.door: ThreadingHTTPServer | None = None

    def open(self) -> None:
        """Listen, where it does not yet."""
        if self.door is None:
            self.door = Door((API_ADDRESS, API_PORT), type("Calls", (Calls,), {"platform": self}))
            threading.Thread(target=self.door.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop listening: who connects is refused."""
        if self.door is not None:
            self.door.shutdown()
            self.door.server_close()
            self.door = None

    def handle(self, question: dict[str, Any]) -> dict[str, Any]:
        """Answer a question of the lab's own: ping, a fault to put in force, or everything back to the topology."""
        match question["do"]:
            case "fault":
                return self._break(str(question["word"]))
            case "panel":
                return self._panel(*(str(question[name]) for name in ("action", "login", "role")))
            case "renew":
                if not platform_moves.end_all(self.state):
                    return {"error": "a container that is being moved does not arrive"}
                self.state.renew()
        return {"word": self.state.fault}

    def _panel(self, action: str, login: str, role: str) -> dict[str, Any]:
        try:
            with self.lock:
                platform_people.panel(self.state, action, login, role)
        except LabError as error:
            return {"error": str(error)}
        return {}

    def _break(self, word: str) -> dict[str, Any]:
        if not platform_faults.known(word):
            return {"error": f"no fault of the platform API is called {word!r}"}
        with self.lock:
            self.state.fault, self.count = word, 0
        self.mended.set()
        self.mended = threading.Event()
        (self.close if word == "down" else self.open)()
        return {"word": word}

    def fault_of_call(self) -> str:
        """What the fault in force means for the call that just arrived."""
        with self.lock:
            self.count += 1
            return platform_faults.for_call(self.state.fault, self.count)

    def call(self, method: str, arguments: dict[str, str], fault: str) -> dict[str, Any]:
        """One call: written down, then done."""
        token = arguments.pop("session", "") or arguments.pop("token", "")
        arguments.pop("token", None)
        with self.lock:
            user = platform_people.caller(self.state, token)
            valid = user is not None and platform_people.may(self.state, user, method)
        line: dict[str, Any] = {"at": time.time(), "method": method, "args": arguments}
        line["session"] = "valid" if valid else "wrong" if token else "none"
        if fault == "hang":
            self._note({**line, "result": None})
            self.mended.wait()
            return {}
        own = {"@caller": user["email"]} if user and method.startswith("users.") else {}
        answer = self._answer(method, {**arguments, **own}, fault) if valid else _failed(DENIED, "permission denied")
        self._note({**line, "result": answer["result"]})
        return contradicted(answer) if fault == "contradict" else answer

    def _note(self, line: dict[str, Any]) -> None:
        with self.lock, (API / "requests.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")

    def _answer(self, method: str, arguments: dict[str, str], fault: str) -> dict[str, Any]:
        if code := platform_faults.code_for(fault, method):
            return _failed(code, "failed as the lab was told to")
        if method not in METHODS:
            return _failed(NOT_FOUND, f"method {method} is not found")
        try:
            # a call that reaches into a container takes its time and changes nothing in the state
            with contextlib.nullcontext() if method in SLOW else self.lock:
                return {"result": 0, **copy.deepcopy(METHODS[method](self.state, arguments))}
        except Failure as failure:
            return _failed(failure.result, str(failure))


def _failed(result: int, words: str) -> dict[str, Any]:
    return {"result": result, "error": words, "source": "lab"}


class Door(ThreadingHTTPServer):
    """Listens on the loopback; a thread for each connection."""

    daemon_threads = True
    allow_reuse_address = True


class Calls(BaseHTTPRequestHandler):
    """One connection."""

    platform: Platform
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def do_GET(self) -> None:
        """A call with its arguments in the address."""
        self._call(b"")

    def do_POST(self) -> None:
        """A call with its arguments in the body."""
        self._call(self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LIMIT)))

    def _call(self, body: bytes) -> None:
        address = urlsplit(self.path)
        pairs = parse_qsl(address.query, keep_blank_values=True) + parse_qsl(body.decode(), keep_blank_values=True)
        if address.path.startswith("/join/"):
            return self._join(address.path.removeprefix("/join/"), dict(pairs))
        if (fault := self.platform.fault_of_call()) == "down":
            self.close_connection = True
            return
        path = PATHS.fullmatch(address.path)
        method = ".".join(path.groups()).lower() if path else address.path
        answer = self.platform.call(method, dict(pairs), fault)
        if fault in ("lose", "hang"):
            self.close_connection = True
            return
        return self._send(200, "application/json", json.dumps(answer).encode())

    def _join(self, path: str, told: dict[str, str]) -> None:
        """A host that joins: its script, or a step of it; no call of the API, so neither logged nor counted."""
        try:
            with self.platform.lock:
                self._send(200, "text/plain", platform_joining.join(self.platform.state, path, told).encode())
        except Failure as failure:
            self._send(403, "text/plain", f"{failure}\n".encode())

    def _send(self, status: int, kind: str, text: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: `requests.jsonl` is the log."""


def main() -> int:
    """Run until killed."""
    platform = Platform()
    platform.open()
    platform_moves.in_background(platform.state, lambda: platform_moves.settle(platform.state))
    control.serve(API_SOCKET, platform.handle).join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
