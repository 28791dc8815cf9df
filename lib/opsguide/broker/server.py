"""The listening socket: one thread a session, so that a slow host never blocks another run.

- The socket is its user's alone, and each peer's account is asked from the kernel.
- The broker ends a minute after its last session.
- A client that takes nothing for ten seconds is gone: it must not hold up a deadline.
- On SIGTERM it takes no more sessions and lets the running ones end.
- Leaving, it takes its socket's name away first, then still serves whoever had come in before; another broker's
  socket of the same name is left alone.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import struct
import threading
import time
from pathlib import Path

from opsguide import places
from opsguide.broker.session import Session
from opsguide.broker.world import World
from opsguide.errors import OpsguideError
from opsguide.reach import people, policy
from opsguide.wire import DEAF_SECONDS, Lines


class Server:
    """Serves one platform file on one socket."""

    def __init__(self, platform: Path, path: Path) -> None:
        rules = policy.load(places.home() / "parameters" / "policy.yml")
        self._world, self._path, self._linger = World(platform, rules.idle), path, rules.linger
        self._busy, self._last, self._stop = 0, time.monotonic(), False
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Accept sessions until there have been none for the linger time."""
        signal.signal(signal.SIGTERM, self._end)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            self._path.unlink(missing_ok=True)
            listener.bind(str(self._path))
            self._path.chmod(0o600)
            listener.listen(64)
            own = self._path.stat().st_ino
            while not (self._stop or self._idle()):
                self._took(listener, 0.5)
            with contextlib.suppress(OSError):
                if self._path.stat().st_ino == own:
                    self._path.unlink()
            while self._took(listener, 0.2) or self._busy:
                pass
        self._world.close()

    def _took(self, listener: socket.socket, seconds: float) -> bool:
        listener.settimeout(seconds)
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return False
        with self._lock:
            self._busy += 1
        threading.Thread(target=self._session, args=(connection,), daemon=True).start()
        return True

    def _end(self, *_: object) -> None:
        self._stop = True

    def _idle(self) -> bool:
        with self._lock:
            return not self._busy and time.monotonic() - self._last > self._linger

    def _session(self, connection: socket.socket) -> None:
        session = None
        try:
            connection.settimeout(None)
            deaf = struct.pack("ll", DEAF_SECONDS, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, deaf)
            pid, uid = people.peer(connection)
            person = people.person(uid, places.home() / "parameters" / "people.yml")
            session = Session(self._world, Lines(connection), pid, person)
            self._world.sessions.append(session)
            session.serve()
        except OpsguideError as error:
            _refuse(connection, error)
        finally:
            if session in self._world.sessions:
                self._world.sessions.remove(session)
            connection.close()
            with self._lock:
                self._busy -= 1
                self._last = time.monotonic()


def _refuse(connection: socket.socket, error: OpsguideError) -> None:
    """Answer a hello that no session can come of."""
    connection.settimeout(DEAF_SECONDS)
    lines = Lines(connection)
    with contextlib.suppress(OSError, OpsguideError):
        lines.receive()
        lines.send({"error": error.as_dict()})
