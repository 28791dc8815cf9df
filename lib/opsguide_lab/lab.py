"""The practice platform as a whole: up, down, status, reset.

Rules:
- `up` is complete only when each host's own host key answers and its containers have started; else it is an error.
- `up` on a lab that is up changes nothing; where something is down it heals that and nothing else.
- `up` of the whole lab also restores it: what moves is stopped, the platform API knows the hosts and nodes of the
  topology again, and a host whose containers or services differ from it is built anew. `up` of named hosts does not.
- `down` ends every process of the lab, also of a lab that was killed half-way up, and nothing else on the machine.
- A process of the lab outlives the command that started it.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from opsguide_lab import access, base, certificates, cgroups, control, hosts, layers, places, rise, topology, trust
from opsguide_lab.errors import LabError
from opsguide_lab.topology import Container, Host

Say = Callable[[str], None]
SERVICES = "services"


@dataclass(frozen=True)
class HostState:
    """One host as it is now. `detail` says what is wrong when `up` is false or a container is down."""

    name: str
    up: bool
    address: str
    port: int
    detail: str
    containers: dict[str, bool] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether the host and all containers that it is built with are up."""
        return self.up and all(self.containers.values())


def up(say: Say, names: Sequence[str] | None = None) -> None:
    """Bring the named hosts, or all, up with their containers. LabError says what does not come up and why."""
    begun = time.monotonic()
    wanted = topology.chosen(names)
    with _alone():
        root = base.ensure(say)
        built = layers.ensure(root)
        access.ensure()
        trust.ensure()
        certificates.ensure()
        _serve()
        if control.ask(places.API_SOCKET, do="ping")["word"]:
            control.ask(places.API_SOCKET, do="fault", word="")
        if names is None:
            control.ask(places.API_SOCKET, 240, do="renew")
        with ThreadPoolExecutor(len(wanted)) as many:
            list(many.map(lambda h: _up(h, root, built, say, begun, whole=names is None), wanted))
        say(f"the lab is up: {len(wanted)} hosts, {time.monotonic() - begun:.1f} s")


def _up(host: Host, root: Path, built: Path, say: Say, begun: float, *, whole: bool) -> None:
    if rise.rise(host, root, built, restore=whole):
        count = len(topology.containers_on(host.name))
        say(f"  {time.monotonic() - begun:4.1f} s  {host.name} with {count} containers")


def down(say: Say, names: Sequence[str] | None = None) -> None:
    """Take the named hosts, or the whole lab, down: no mount, process, namespace or cgroup stays."""
    begun = time.monotonic()
    wanted = topology.chosen(names)
    with _alone():
        if names is None:
            _end("")
            (places.API / "state.json").unlink(missing_ok=True)
            shutil.rmtree(places.RUN, ignore_errors=True)
            layers.forget()
        else:
            with contextlib.suppress(LabError):
                for host in wanted:
                    control.ask(places.RELAY_SOCKET, do="detach", host=host.name)
            with ThreadPoolExecutor(len(wanted)) as many:
                list(many.map(hosts.stop, wanted))
    say(f"the lab is down, {time.monotonic() - begun:.1f} s")


def _end(part: str) -> None:
    if not cgroups.kill(part) or not cgroups.remove(part):
        raise LabError(f"processes of the lab do not end: {cgroups.processes(part)}")


def reset(say: Say) -> None:
    """A lab as new: down, its state and its keys gone, up."""
    down(say)
    for place in (places.STATE, places.HOSTS, places.KEYS, places.API):
        shutil.rmtree(place, ignore_errors=True)
    up(say)


def status() -> list[HostState]:
    """All hosts as they are now, each proven by its own host key."""
    with ThreadPoolExecutor(len(topology.HOSTS)) as many:
        return list(many.map(_status, topology.HOSTS))


def _status(host: Host) -> HostState:
    built = topology.containers_on(host.name)
    containers = {c.name: bool(hosts.leader_on(c, host.name)) for c in built}
    detail = ""
    if not hosts.wrapper_pid(host.name):
        detail = "not started"
    elif not (key := hosts.offered_key(host)):
        detail = "its sshd does not answer"
    elif hosts.host_key(host.name) not in key:
        detail = "another host key answers"
    up = not detail
    if up and not all(containers.values()):
        detail = "down: " + ", ".join(c.name + _elsewhere(c) for c in built if not containers[c.name])
    return HostState(host.name, up, host.address, topology.PORT, detail, containers)


def _elsewhere(one: Container) -> str:
    place = next((name for name in hosts.homes(one) if hosts.leader_on(one, name)), "")
    return f" (it runs on {place})" if place else ""


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One `up` or `down` at a time."""
    places.ROOT.mkdir(parents=True, exist_ok=True)
    with places.LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _serve() -> None:
    """Start the relay and the platform API where they do not run yet, or run the code of another version."""
    doors = {"relay": places.RELAY_SOCKET, "platform_api": places.API_SOCKET}
    for module, place in doors.items():
        there = control.greet(place)
        if there.get("version") == control.version():
            continue
        if there:
            cgroups.end(int(there.get("pid", 0)))
        entries = cgroups.make(SERVICES)
        log = places.RUN / f"{module}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        hosts.born([str(e) for e in entries], [sys.executable, "-m", f"opsguide_lab.{module}"], log)
    for module, place in doors.items():
        if not hosts.wait(partial(_current, place), 60):
            raise LabError(f"{module} of the lab does not start; see {places.RUN / f'{module}.log'}")


def _current(place: Path) -> bool:
    return bool(control.greet(place).get("version") == control.version())
