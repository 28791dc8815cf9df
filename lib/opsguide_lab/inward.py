"""The ways from inside a host of the lab to what is no host: the platform API, and containers that customers reach.

Their addresses answer in the network namespace of every host. A connection goes on outside of it: to the platform API,
or to port 443 in the container, wherever it runs now. While that is down, who connects is hung up on.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from opsguide_lab import hosts
from opsguide_lab.topology import API_ADDRESS, API_PORT, CONTAINERS, Container

CLONE_NEWNET = 0x40000000
IP_FREEBIND = 15  # the host's loopback may not be up yet
HTTPS = 443
CHUNK = 1 << 16
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Way = Callable[[], Awaitable[Streams]]


def socket_in(namespace: int) -> socket.socket:
    """A TCP socket made inside a network namespace that is given as an open file."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/self/ns/net").open("rb") as own:
        if libc.setns(namespace, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            return socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        finally:
            libc.setns(own.fileno(), CLONE_NEWNET)


def door_in(namespace: int, address: tuple[str, int]) -> socket.socket:
    """A socket bound inside that namespace, also where its loopback is not up yet; OSError when it cannot be."""
    door = socket_in(namespace)
    try:
        door.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
    except OSError as error:
        door.close()
        raise OSError(f"cannot listen on {address[0]}:{address[1]}: {error.strerror}") from None
    return door


async def listen(namespace: int) -> list[asyncio.Server]:
    """Serve all those addresses in the network namespace of a host."""
    ways: dict[tuple[str, int], Way] = {(API_ADDRESS, API_PORT): _to_the_platform}
    ways |= {(one.front, HTTPS): partial(_to_container, one) for one in CONTAINERS if one.front}
    return [
        await asyncio.start_server(partial(_carry, way), sock=door_in(namespace, address))
        for address, way in ways.items()
    ]


async def _to_the_platform() -> Streams:
    return await asyncio.open_connection(API_ADDRESS, API_PORT)


async def _to_container(one: Container) -> Streams:
    namespace = os.open(f"/proc/{hosts.container_leader(one)}/ns/net", os.O_RDONLY)
    try:
        line = socket_in(namespace)
    finally:
        os.close(namespace)
    await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", HTTPS))
    return await asyncio.open_connection(sock=line)


async def _carry(way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        back, forth = await way()
        await asyncio.gather(_pump(reader, forth), _pump(back, writer))
        forth.close()
    writer.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(CHUNK):
            target.write(chunk)
            await target.drain()
        target.write_eof()
    except OSError:  # one of the ends went: the other one does not wait for it
        target.transport.abort()
