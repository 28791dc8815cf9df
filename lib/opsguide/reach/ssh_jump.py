"""The way to a host through another one: a tunnel on the kept connection of the jump host.

- The jump host's key is checked like any other, before the tunnel; the host's own key is checked at its end.
- Nothing of ours is left on the jump host: it passes bytes on, and no agent is forwarded to it.
- What goes wrong on the way names the hop where it went wrong.
- A connection that carries tunnels is not closed under them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NoReturn

import paramiko
from paramiko.ssh_exception import ChannelException

from opsguide.errors import UnreachableError
from opsguide.reach.elements import Element
from opsguide.reach.knock import unreachable
from opsguide.reach.ssh_lane import Lane
from opsguide.reach.ssh_link import GoneError


@dataclass(frozen=True)
class Way:
    """A tunnel's end, and the keys that the hops before it have proven: "ih-01 SHA256:…", several by commas."""

    channel: paramiko.Channel
    jump_host_key: str


def way(host: Element, jump: Lane, until: float) -> Way:
    """A tunnel to `host` through the jump host of a lane; UnreachableError names the hop."""
    started = time.monotonic()
    try:
        link, channel = jump.tunnel((host.address, host.port), until)
    except ChannelException as reason:
        _refused(host, jump.host, reason)
    except TimeoutError:
        words = f"{host.name} does not answer {jump.host.name} within {time.monotonic() - started:.0f} s"
        raise unreachable(host, words, f"check its power and its network, as {jump.host.name} sees it") from None
    except GoneError:
        words = f"the jump host {jump.host.name} of {host.name} does not answer"
        raise unreachable(jump.host, words, f"check {jump.host.name} first") from None
    except UnreachableError as reason:
        words = f"{host.name} is reached through {jump.host.name}: {reason.words}"
        raise UnreachableError(words, where=reason.where, next=reason.next) from None
    before = link.facts.get("jump_host_key")
    key = f"{jump.host.name} {link.facts['host_key']}"
    return Way(channel, f"{before}, {key}" if before else key)


def _refused(host: Element, jump: Element, reason: ChannelException) -> NoReturn:
    if reason.code == 1:
        words = f"the jump host {jump.name} lets no connection to {host.name} through ({reason.text})"
        step = "allow it in its sshd_config (AllowTcpForwarding, PermitOpen)"
        raise unreachable(jump, words, step) from None
    words = f"{jump.name} cannot connect to {host.name} on {host.address} port {host.port} ({reason.text})"
    step = f"check that sshd runs on {host.name}, and the network between the two"
    raise unreachable(host, words, step) from None
