"""The wire between the machine and the hosts, and where it is broken on purpose. One process for all hosts.

It listens on each host's loopback address, on the machine and in the namespaces of all other hosts, and connects inside
the host's network namespace; a socket stays in the namespace where it was made, so no bridge, route or address of the
machine is needed. So hosts reach each other under the same addresses as the machine does.

Rules:
- A fault of a host's wire is met by the machine and by the other hosts alike.
- refuse: nothing listens. reset: a connection is accepted and reset. hang: it is accepted and nothing is forwarded.
- delay=SECONDS: every chunk arrives that much later, in both directions. freeze: live and new connections stay open
  and nothing passes any more. cut: live connections are reset once, and the wire is whole again.
- Inside each host the addresses of the platform API and of the resolvers answer as well: see inward. No fault of a wire
  touches that.
- The empty word mends the wire. A fault is in force when the question that sets it has been answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
from dataclasses import dataclass, field

from opsguide_lab import control, inward
from opsguide_lab.control import Answer
from opsguide_lab.inward import door_in, socket_in
from opsguide_lab.places import RELAY_SOCKET
from opsguide_lab.topology import PORT

CHUNK = 1 << 16
WORDS = ("", "refuse", "reset", "hang", "freeze", "cut")


def delay_of(word: str) -> float:
    """The seconds of `delay=0.2`, 0 for any other word; ValueError when the word is none that the relay knows."""
    name, _, value = word.partition("=")
    if name == "delay":
        return float(value)
    if word not in WORDS:
        raise ValueError(f"no fault is called {word!r}; there are {', '.join(WORDS[1:])} and delay=SECONDS")
    return 0.0


def reset(line: socket.socket) -> None:
    """Close a connection so that its other end sees a reset."""
    with contextlib.suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


@dataclass
class Wire:
    """The way to one host. `near` are the namespaces of the other hosts, by name, where it listens too."""

    address: str
    namespace: int
    word: str = ""
    near: dict[str, int] = field(default_factory=dict)
    flow: asyncio.Event = field(default_factory=asyncio.Event)
    live: set[asyncio.Task[None]] = field(default_factory=set)
    doors: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    home: list[asyncio.Server] = field(default_factory=list)

    async def put(self, word: str) -> None:
        """Put a fault in force, or mend the wire."""
        delay_of(word)
        self.word = "" if word == "cut" else word
        (self.flow.clear if word == "freeze" else self.flow.set)()
        if word == "cut":
            await self._end(self.live)
        if word == "refuse":
            await self.close_doors()
        else:
            self._open_doors()

    def _open_doors(self) -> None:
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        try:
            for name, namespace in {"": own, **self.near}.items():
                if name not in self.doors:
                    self.doors[name] = asyncio.create_task(self._listen(self._open_door(namespace)))
        finally:
            os.close(own)

    def _open_door(self, namespace: int) -> socket.socket:
        door = door_in(namespace, (self.address, PORT))
        door.listen(256)
        return door

    async def _listen(self, door: socket.socket) -> None:
        with door:
            while True:
                client, _ = await asyncio.get_running_loop().sock_accept(door)
                task = asyncio.create_task(self._carry(client))
                self.live.add(task)
                task.add_done_callback(self.live.discard)

    async def _carry(self, client: socket.socket) -> None:
        host = socket_in(self.namespace)
        try:
            if self.word == "reset":
                return
            if self.word == "hang":
                await asyncio.Event().wait()
            await asyncio.get_running_loop().sock_connect(host, ("127.0.0.1", 22))
            for line in (client, host):
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._both_ways(client, host)
            client.shutdown(socket.SHUT_RDWR)
            client.close()
        except OSError:
            return  # one of the ends went: the other one sees a reset
        finally:
            reset(client)
            reset(host)

    async def _both_ways(self, client: socket.socket, host: socket.socket) -> None:
        """Until both ways have ended. Where one breaks the other is given up before its socket is closed: a number
        that is still watched would be the next connection's, which would be broken, too."""
        ways = {asyncio.create_task(self._pump(*ends)) for ends in ((client, host), (host, client))}
        try:
            await asyncio.gather(*ways)
        finally:
            await self._end(ways)

    async def _pump(self, source: socket.socket, target: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        writer = asyncio.create_task(self._deliver(late, target))
        try:
            while chunk := await loop.sock_recv(source, CHUNK):
                await late.put((loop.time() + delay_of(self.word), chunk))
            await late.put((loop.time(), b""))
            await writer
        finally:
            await self._end({writer})

    async def _deliver(self, late: asyncio.Queue[tuple[float, bytes]], target: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, chunk = await late.get()
            if (early := due - loop.time()) > 0:
                await asyncio.sleep(early)
            await self.flow.wait()
            if not chunk:
                return target.shutdown(socket.SHUT_WR)
            await loop.sock_sendall(target, chunk)

    async def _end(self, tasks: set[asyncio.Task[None]]) -> None:
        ending = list(tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def meet(self, name: str, namespace: int) -> None:
        """Listen in the namespace of another host, too."""
        self.near[name] = namespace
        if self.word != "refuse":
            self._open_doors()

    async def part(self, name: str) -> None:
        """The other host is gone: its namespace is given up."""
        self.near.pop(name, None)
        if door := self.doors.pop(name, None):
            await self._end({door})

    async def close_doors(self) -> None:
        """Stop listening: who connects now is refused."""
        await self._end(set(self.doors.values()))
        self.doors.clear()

    async def close(self) -> None:
        """Give the host up: doors, connections and namespace."""
        await self.close_doors()
        await self._end(self.live)
        for server in self.home:
            server.close()
        os.close(self.namespace)


class Relay:
    """All wires, and the questions that `up`, `down` and the tests ask."""

    def __init__(self) -> None:
        self.wires: dict[str, Wire] = {}
        self.loop = asyncio.new_event_loop()

    def handle(self, question: Answer) -> Answer:
        """Answer one question, from the control thread."""
        return asyncio.run_coroutine_threadsafe(self._do(question), self.loop).result(25)

    async def _do(self, question: Answer) -> Answer:
        name, do = str(question.get("host", "")), question["do"]
        if do in ("attach", "detach") and name in self.wires:
            for other in self.wires.values():
                await other.part(name)
            await self.wires.pop(name).close()
        if do == "attach":
            namespace = os.open(f"/proc/{int(question['pid'])}/ns/net", os.O_RDONLY)
            wire = self.wires[name] = Wire(str(question["address"]), namespace)
            wire.home = await inward.listen(namespace)
            for near, its in self.wires.items():
                if near != name:
                    await its.meet(name, namespace)
                    wire.near[near] = its.namespace
            await wire.put("")
        if do == "fault":
            if name not in self.wires:
                return {"error": f"{name} is not up"}
            await self.wires[name].put(str(question["word"]))
        return {"wires": {n: {"word": w.word, "live": len(w.live)} for n, w in self.wires.items()}}


def main() -> int:
    """Run until killed."""
    relay = Relay()
    control.serve(RELAY_SOCKET, relay.handle)
    relay.loop.run_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
