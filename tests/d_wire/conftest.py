"""Servers and connections for suite D. Without sshd the tests are skipped; with CI=true they fail instead."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from d_wire import sshd as parts
from d_wire.sshd import Relay, Sshd
from opsguide.reach.ssh import Connections


@pytest.fixture(scope="session", autouse=True)
def _real_sshd() -> None:
    if reason := parts.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(f"suite D needs a real sshd: {reason}")
        pytest.skip(reason)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, _real_sshd: None) -> Iterator[Sshd]:
    """One server for all tests that leave it as it is."""
    running = Sshd(tmp_path_factory.mktemp("sshd"), "MaxStartups 50").start()
    yield running
    running.stop()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[..., Sshd]]:
    """A maker of servers with options of their own."""
    made: list[Sshd] = []

    def make(*options: str, keys: tuple[str, ...] = ("ed25519",)) -> Sshd:
        made.append(Sshd(tmp_path / f"sshd{len(made)}", *options, keys=keys).start())
        return made[-1]

    yield make
    for running in made:
        running.stop()


@pytest.fixture
def ssh(server: Sshd) -> Iterator[Connections]:
    """Connections to the common server."""
    opened = server.connections()
    yield opened
    opened.close()


@pytest.fixture
def opened() -> Iterator[Callable[..., Connections]]:
    """A maker of connections that are closed at the end."""
    made: list[Connections] = []

    def make(to: Sshd, *, watchdog: float = 15.0, patience: float = 30.0) -> Connections:
        made.append(to.connections(watchdog=watchdog, patience=patience))
        return made[-1]

    yield make
    for connections in made:
        connections.close()


@pytest.fixture
def relayed(own: Callable[..., Sshd]) -> Iterator[tuple[Sshd, Relay]]:
    """A server and a relay before it that its known_hosts covers."""
    running = own()
    relay = Relay(running.port)
    running.trust(running.port, relay.port)
    yield running, relay
    relay.close()


@pytest.fixture
def exec2(tmp_path: Path) -> str:
    """A folder with a vzctl that joins its arguments as exec2 does."""
    path = tmp_path / "vzctl"
    path.write_text('#!/bin/bash\n[ "$1 $2" = "exec2 305" ] || exit 99\nshift 2\nexec bash -c "$*"\n')
    path.chmod(0o755)
    return f"export PATH={tmp_path}:$PATH; "
