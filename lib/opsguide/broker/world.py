"""What all sessions of one broker share: the platform, kept connections, secrets, the state folder, who is running."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsguide.broker import stale
from opsguide.broker.state import Hold, State
from opsguide.errors import InputError, LockedError
from opsguide.reach import inventory, secrets
from opsguide.reach.inventory import Platform
from opsguide.reach.ssh import Connections
from opsguide.record import chain, orphans
from opsguide.record.archive import Archive
from opsguide.record.redaction import SHORTEST, Redactor

if TYPE_CHECKING:
    from opsguide.broker.session import Session
    from opsguide.reach.api import PlatformApi


def known_secrets(platform: Platform) -> dict[str, str]:
    """The values that no record may hold; without the mail server's where it cannot be read: runs send no mail."""
    found = {}
    for what, reference in secrets.of_platform(platform).items():
        try:
            found[what] = secrets.resolve(reference)
        except InputError:
            if what != secrets.MAIL:
                raise
    if len(found.get(secrets.MAIL, "")) < SHORTEST:
        found.pop(secrets.MAIL, None)
    return found


class Outside:
    """The way to the hosts and the API of one platform file, as it read when this was made."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.connections = Connections(platform.ssh, secrets.resolve, hosts=platform.elements)
        known = known_secrets(platform)
        self._token = known.get(secrets.TOKEN, "")
        self.redactor = Redactor(known)

    def api(self, timeout: float | None = None) -> PlatformApi:
        """The platform API's client; `timeout` in seconds."""
        from opsguide.reach.api import PlatformApi

        assert self.platform.api is not None
        return PlatformApi(self.platform.api.url, self._token, timeout or self.platform.api.timeout)


class World:
    """The shared part; thread safe."""

    def __init__(self, platform_file: Path, idle: float) -> None:
        self._file, self.idle = platform_file, idle
        self._lock = threading.RLock()
        self._outside: dict[str, Outside] = {}
        self.sessions: list[Session] = []

    def platform(self) -> Platform:
        """The platform as its file reads now; InputError for a broken one."""
        return inventory.load(self._file)

    def state(self) -> State:
        """The platform's state folder."""
        return State(self.platform().state)

    def reach(self, platform: Platform) -> Outside:
        """The kept way to a platform; made anew when its file or a secret has changed."""
        with self._lock:
            key = f"{platform.digest} {hash(frozenset(known_secrets(platform).items()))}"
            if key not in self._outside:
                self._outside[key] = Outside(platform)
            return self._outside[key]

    def displace(self, session: Session) -> None:
        """End an earlier session of the same process that has a run: a new `begin` in a kernel is a new run."""
        with self._lock:
            same = [s for s in self.sessions if s is not session and s.pid == session.pid > 0]
            older = [s for s in same if s.run and not s.run.sealed]
        for other in older:
            other.displace()

    def close_orphans(self, records: Path) -> None:
        """Seal what a crash left behind in a records root; hold what is unknown and not settled, free what is known."""
        with self._lock:
            archive = Archive(records)
            for ref in archive.unfinished():
                try:
                    closed = orphans.close_orphan(ref.path, "its broker ended in mid-run")
                except LockedError:
                    continue
                except Exception as error:  # one broken record must not keep everybody out
                    print(f"{ref.run}: not closed: {type(error).__name__}: {error}", flush=True)
                    continue
                if closed.unknown and closed.path and self._is_ours(closed.path):
                    self._hold(ref.run, records, closed.unknown)
            stale.free(self.state())

    def _is_ours(self, record: Path) -> bool:
        """Whether a record is of this platform; the records root may be shared with others."""
        intent = chain.parse((record / "intent.json").read_bytes()) or {}
        return bool((intent.get("platform") or {}).get("name") == self.platform().name)

    def _hold(self, run: str, records: Path, unknown: list[dict[str, Any]]) -> None:
        state = self.state()
        for sent in unknown:
            name, command, line = str(sent.get("on")), int(sent.get("command", 0)), str(sent.get("line", ""))
            if state.held([name]) is None and not state.settled(run, command):
                settle = str(sent.get("settle") or "")
                state.hold(Hold(name, run, str(records), command, line, str(sent.get("at", "")), "?", settle))

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for outside in self._outside.values():
                outside.connections.close()
