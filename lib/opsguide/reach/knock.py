"""The way to a host's SSH server: a socket on which it has begun to speak.

- A server that turns us away at the door (MaxStartups, a restart) is asked three times in all, with growing
  pauses; every other failure is final.
- What the server says first is looked at, not taken.
- Nagle's algorithm is off: a command is a small packet that somebody waits for.
"""

from __future__ import annotations

import socket
import time

from opsguide.errors import UnreachableError
from opsguide.reach.elements import Element

PAUSES = (0.3, 1.0)
_AWAY = (b"Exceeded MaxStartups", b"Not allowed at this time")


def unreachable(host: Element, words: str, next_step: str) -> UnreachableError:
    """The error for a host, with the next step to take."""
    return UnreachableError(words, where=host.name, next=next_step)


def _at(host: Element) -> str:
    address = f"[{host.address}]" if ":" in host.address else host.address
    return f"{address}:{host.port}"


def knock(host: Element, until: float) -> socket.socket:
    """A connected socket on which the server has begun to speak SSH; nothing is read off it."""
    for pause in (*PAUSES, 0.0):
        sock = _tcp(host, until)
        said = _greeting(host, sock, until)
        if b"SSH-" in said:
            return sock
        sock.close()
        if not pause or time.monotonic() + pause >= until:
            break
        time.sleep(pause)
    if said:
        words = f"{host.name} takes no further connections ({_printable(said)})"
        raise unreachable(host, words, "wait for others to finish logging in, or raise MaxStartups there")
    words = f"{host.name} closes every connection to {_at(host)} before saying a word"
    raise unreachable(host, words, "it may be starting or shutting down; look at sshd's log on its console")


def _tcp(host: Element, until: float) -> socket.socket:
    left = until - time.monotonic()
    try:
        sock = socket.create_connection((host.address, host.port), timeout=max(0.05, left))
    except ConnectionRefusedError:
        words = f"{host.name} refuses connections on {_at(host)}"
        step = "check on its console that sshd runs (systemctl status sshd), and the address in the inventory"
        raise unreachable(host, words, step) from None
    except TimeoutError:
        words = f"{host.name} does not answer on {_at(host)} within {max(0.0, left):.0f} s"
        raise unreachable(host, words, "check its power, its network and the firewall between") from None
    except socket.gaierror as reason:
        words = f"the address {host.address} of {host.name} has no entry in DNS: {reason.strerror}"
        raise unreachable(host, words, "correct the address in the inventory, or the resolver") from None
    except OSError as reason:
        words = f"{host.name} cannot be reached on {_at(host)}: {reason.strerror}"
        raise unreachable(host, words, "check the route to it (ip route get ADDRESS)") from None
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _greeting(host: Element, sock: socket.socket, until: float) -> bytes:
    """What the server says first, without taking it: up to SSH-, or the words that turn us away, or b""."""
    said = b""
    patience = until
    while (left := patience - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            said = sock.recv(1024, socket.MSG_PEEK)
        except TimeoutError:
            break
        except OSError:
            return b""
        if not said or said.startswith(_AWAY) or b"SSH-" in said:
            return said
        if b"\n" in said:
            patience = min(patience, time.monotonic() + 1)
        time.sleep(0.02)
    sock.close()
    if said:
        words = f"{_at(host)} of {host.name} speaks something else than SSH: {_printable(said)}"
        raise unreachable(host, words, "correct the address or the port in the inventory")
    words = f"{host.name} accepts the connection to {_at(host)} and then says nothing"
    raise unreachable(host, words, "the host is overloaded or frozen, or something else listens there")


def _printable(said: bytes) -> str:
    line = said.split(b"\n")[0][:80].decode("utf-8", "backslashreplace").strip()
    return "".join(c if c.isprintable() else "?" for c in line)
