"""A real sshd of our own on loopback, and a relay in front of it that can be told to fail.

Nothing here stands in for SSH: the server is OpenSSH's, started as a child with generated keys in a scratch
folder, and ended with the test. `Relay` passes bytes through and can cut, stall or reset them.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from opsguide.reach.inventory import Element, SshSettings
from opsguide.reach.ssh import Connections

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


def missing() -> str:
    """What keeps a real sshd from running here, or an empty text."""
    if SSHD is None:
        return "sshd is not installed (apt-get install openssh-server)"
    if shutil.which("ssh-keygen") is None:
        return "ssh-keygen is not installed (apt-get install openssh-client)"
    return ""


def wait_for(condition: Callable[[], object], within: float = 60.0, what: str = "") -> None:
    """Poll every 10 ms; AssertionError at the end of `within`."""
    last = time.monotonic() + within
    while not condition():
        assert time.monotonic() < last, f"waited {within} s for {what or condition}"
        time.sleep(0.01)


def until(gate: Path) -> str:
    """A command that waits for a file, for a minute at most."""
    return f"timeout 60 sh -c 'until test -e {gate}; do sleep 0.05; done'"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def keygen(path: Path, type_: str = "ed25519") -> str:
    """A key pair; the public half as 'type blob'."""
    bits = ["-b", "2048"] if type_ == "rsa" else []
    command = ["ssh-keygen", "-q", "-t", type_, *bits, "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


class Sshd:
    """One server: `host` is its element, `settings` how to reach it, `log` what it said."""

    def __init__(self, folder: Path, *options: str, keys: tuple[str, ...] = ("ed25519",)) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.options, self.before = folder, options, list[str]()
        self.public = {t: keygen(folder / f"host_{t}", t) for t in keys}
        self.client = keygen(folder / "client")
        (folder / "authorized_keys").write_text(f"{self.client} test\n")
        self.known_hosts, self.logfile = folder / "known_hosts", folder / "sshd.log"
        self.port = free_port()
        self.child: subprocess.Popen[bytes] | None = None
        self.trust(self.port)

    def trust(self, *ports: int, name: str = "") -> None:
        """Write known_hosts for the given ports of 127.0.0.1, or for a name."""
        names = [name] if name else [f"[127.0.0.1]:{port}" for port in ports]
        self.known_hosts.write_text("".join(f"{n} {key}\n" for n in names for key in self.public.values()))

    def start(self) -> Sshd:
        for _ in range(3):
            if self._started():
                return self
            self.port = free_port()
            self.trust(self.port)
        raise AssertionError(f"sshd does not start: {self.log}")

    def _started(self) -> bool:
        assert SSHD is not None
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        conf = self.folder / "sshd_config"
        conf.write_text(self._config())
        self.logfile.write_text("")
        command = [*self.before, SSHD, "-D", "-f", str(conf), "-E", str(self.logfile)]
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        last = time.monotonic() + 60
        while time.monotonic() < last and self.child.poll() is None:
            if "Server listening" in self.log:
                return True
            time.sleep(0.01)
        self.stop()
        return False

    def _config(self) -> str:
        mine = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            *(f"HostKey {self.folder}/host_{t}" for t in self.public),
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            f"PidFile {self.folder}/pid",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "StrictModes no",
            "UsePAM no",
            "LogLevel VERBOSE",
            "SetEnv SHLVL=2",  # else bash takes the tester's own ~/.bashrc for a part of the test
        ]
        return "\n".join([*self.options, *mine]) + "\n"

    @property
    def log(self) -> str:
        return self.logfile.read_text(errors="replace") if self.logfile.exists() else ""

    @property
    def sessions(self) -> int:
        """How many commands it has started."""
        return self.log.count("Starting session:")

    @property
    def logins(self) -> int:
        return self.log.count("Accepted publickey")

    @property
    def knocks(self) -> int:
        return self.log.count("Connection from ")

    def element(self, port: int | None = None, name: str = "uh-01") -> Element:
        return Element(name, "user-host", name, "127.0.0.1", port or self.port)

    @property
    def settings(self) -> SshSettings:
        key = f"file:{self.folder}/client"
        return SshSettings(getpass.getuser(), key, self.known_hosts, self.folder / "ssh_config", self.port)

    def connections(self, *, watchdog: float = 15.0, patience: float = 30.0) -> Connections:
        return Connections(self.settings, watchdog=watchdog, patience=patience)

    def serving(self) -> list[int]:
        """The processes that serve one connection each (sshd's own children and theirs, named sshd)."""
        assert self.child is not None
        found, todo = [], [self.child.pid]
        while todo:
            for pid in _children(todo.pop()):
                todo.append(pid)
                with contextlib.suppress(OSError):
                    if Path(f"/proc/{pid}/comm").read_text().startswith("sshd"):
                        found.append(pid)
        return found

    def freeze(self) -> None:
        """SIGSTOP to every serving process and the listener; the kernel still accepts for them."""
        assert self.child is not None
        self._signal(signal.SIGSTOP, *self.serving(), self.child.pid)

    def thaw(self) -> None:
        assert self.child is not None
        self._signal(signal.SIGCONT, self.child.pid, *self.serving())

    def kill_sessions(self) -> None:
        self._signal(signal.SIGKILL, *self.serving())

    @staticmethod
    def _signal(which: signal.Signals, *pids: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, which)

    def stop(self) -> None:
        if self.child is None:
            return
        pids = self.serving() if self.child.poll() is None else []
        self._signal(signal.SIGKILL, *pids, self.child.pid)
        self.child.wait(60)
        self.child = None


def _children(pid: int) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class Relay:
    """Passes TCP to a port until it is told otherwise."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._gates: list[threading.Event] = []
        self._stalled, self._lock = False, threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.passed = 0
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)

    def _spawn(self, what: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=what, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            gate = threading.Event()
            with self._lock:
                if not self._stalled:
                    gate.set()
                self._gates.append(gate)
                self._pairs.append((near, far))
            self._spawn(self._pass, near, far, gate)
            self._spawn(self._pass, far, near, gate)

    def _pass(self, source: socket.socket, sink: socket.socket, gate: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                gate.wait()
                self.passed += len(chunk)
                sink.sendall(chunk)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def stall(self, *, newcomers: bool = True) -> None:
        """From now on nothing passes, on new connections too unless told otherwise; all stay connected."""
        with self._lock:
            self._stalled = newcomers
            for gate in self._gates:
                gate.clear()

    def cut(self) -> None:
        """Reset both sides of every connection."""
        for pair in self._pairs:
            for sock in pair:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for gate in self._gates:
            gate.set()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(60)  # no pair comes after it
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(60)
        for pair in self._pairs:
            for sock in pair:
                sock.close()
