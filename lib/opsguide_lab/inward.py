"""The way from a host of the lab to its platform: the platform API's address answers inside the host, too.

It listens in the host's network namespace and connects outside of it; while the platform API is down, who connects is
hung up on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from opsguide_lab.topology import API_ADDRESS, API_PORT

IP_FREEBIND = 15  # the host's loopback may not be up yet
CHUNK = 1 << 16


async def listen(door: socket.socket) -> asyncio.Server:
    """Serve on a socket that was made inside a host."""
    door.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind((API_ADDRESS, API_PORT))
    return await asyncio.start_server(_carry, sock=door)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        back, forth = await asyncio.open_connection(API_ADDRESS, API_PORT)
        await asyncio.gather(_pump(reader, forth), _pump(back, writer))
        forth.close()
    writer.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(CHUNK):
            target.write(chunk)
            await target.drain()
        target.write_eof()
