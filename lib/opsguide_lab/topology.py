"""What the practice platform consists of: five hosts, and containers with the pairs split over two of them.

Rules:
- The members of a pair run on different infrastructure hosts.
- A container's number is the same on both hosts of a pair, as in the vendor's installer image (3xx).
- One end-user container of each user host is a member of a Galera cluster, as far as its process list tells.
- `parameters/platforms/lab.yml` says the same to opsguide; a test holds them equal.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opsguide_lab.errors import LabError

DOMAIN = "lab.example"
PORT = 2222
API_ADDRESS = "127.0.64.100"
API_PORT = 8080
VERSION = "8.3.2"
Machine = dict[str, object]
NAMESPACE = uuid.UUID("5d3e3a0c-1c7c-5a53-9a4a-0b6a3f2f6e10")


@dataclass(frozen=True)
class Host:
    """One host: `address` is where its relay listens, `id` the platform's number of it."""

    name: str
    id: int
    kind: str
    group: str
    joining: bool = False

    @property
    def address(self) -> str:
        """Loopback address of the relay, one per host."""
        return f"127.0.64.{self.id}"

    @property
    def hostname(self) -> str:
        """The name inside the host."""
        return f"{self.name}.{DOMAIN}"

    @property
    def machine_id(self) -> str:
        """32 hex digits, the same in every build of the lab."""
        return machine_id(self.name)


@dataclass(frozen=True)
class Container:
    """One container: `node` is the platform's number of an end-user container, 0 for infrastructure.

    `front` is the address under which customers reach its port 443; in the lab it answers inside the hosts.
    """

    name: str
    host: str
    ctid: int
    component: str = ""
    peer: str = ""
    env: str = ""
    node: int = 0
    kind_of_node: str = ""
    memory: int = 512  # MiB
    front: str = ""

    @property
    def hostname(self) -> str:
        """`hcore1.lab.example`, or `node1001-shop.lab.example` for an end-user container."""
        return f"node{self.node}-{self.env}.{DOMAIN}" if self.env else f"{self.name}.{DOMAIN}"

    @property
    def address(self) -> str:
        """The address in its configuration; only its own loopback answers in the lab."""
        return f"10.64.{host(self.host).id}.{self.ctid % 100 + 10}"

    @property
    def uuid(self) -> str:
        """The container's identifier in prlctl."""
        return str(uuid.uuid5(NAMESPACE, f"{self.host}/{self.ctid}"))

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers of its root above the base, topmost first."""
        return (self.component or self.kind_of_node, "infrastructure" if self.component else "end-user", "container")


HOSTS: tuple[Host, ...] = (
    Host("ih-01", 1, "infrastructure-host", "infra"),
    Host("ih-02", 2, "infrastructure-host", "infra"),
    Host("uh-01", 3, "user-host", "users"),
    Host("uh-02", 4, "user-host", "users"),
    Host("new-01", 5, "user-host", "users", joining=True),
)


def _pair(component: str, ctid: int, fronts: tuple[str, str] = ("", "")) -> tuple[Container, Container]:
    one, two = f"{component}1", f"{component}2"
    return (
        Container(one, "ih-01", ctid, component, peer=two, front=fronts[0]),
        Container(two, "ih-02", ctid, component, peer=one, front=fronts[1]),
    )


CONTAINERS: tuple[Container, ...] = (
    Container("zookeeper1", "ih-01", 301, "zookeeper"),
    *_pair("jelastic-db", 302),
    *_pair("jelcore", 303),
    *_pair("gate", 304),
    *_pair("hcore", 305),
    *_pair("resolver", 306, ("127.0.64.21", "127.0.64.22")),
    Container("uploader1", "ih-01", 307, "uploader"),
    Container("memcached-infra1", "ih-02", 308, "memcached-infra"),
    Container("node101", "uh-01", 101, env="shop", node=1001, kind_of_node="nginx"),
    Container("node102", "uh-01", 102, env="shop", node=1002, kind_of_node="memcached"),
    Container("node103", "uh-01", 103, env="shop", node=1003, kind_of_node="mariadb"),
    Container("node201", "uh-02", 201, env="blog", node=2001, kind_of_node="nginx"),
    Container("node202", "uh-02", 202, env="blog", node=2002, kind_of_node="memcached"),
    Container("node203", "uh-02", 203, env="blog", node=2003, kind_of_node="mariadb"),
)


# A virtual machine is listed by prlctl and does not run. This one stands for a Windows guest of a customer.
MACHINES: dict[str, tuple[Machine, ...]] = {
    "uh-01": ({
        "uuid": "{6f0d1f8e-2b8c-5a07-9d3a-5f2c4f6f2019}", "name": "win2019-1", "status": "running", "ip": "10.64.3.120",
        "type": "VM", "OS": "win-2019", "Description": "node2019-office.lab.example (practice)",
        "GuestTools": {"state": "installed", "version": "7.0-3239"}, "Snapshots": [],
        "Hardware": {"cpu": {"cpus": 2}, "memory": {"size": "4096Mb"}, "hdd0": {"size": "65536Mb"}},
    },),
}  # fmt: skip


# Users of the platform by login: name, role in the admin panel, whether they have two-factor auth, group.
PEOPLE = {
    "owner": ("Olga Vik", "owner", True, "billing"),
    "opsguide": ("opsguide", "admin", True, "billing"),  # the account behind the lab's API token
    "anna.berg": ("Anna Berg", "admin", True, "billing"),
    "break-glass": ("In an emergency", "admin", True, "billing"),
    "victor.sand": ("Victor Sand", "view", True, "billing"),
    "lena.holm": ("Lena Holm", "", False, "billing"),
    "try.out": ("Somebody", "", False, "trial"),
}


def people() -> dict[str, object]:
    """Users, tokens and two-factor auth of a platform that is new."""
    users = [
        {"uid": 100 + n, "email": f"{login}@{DOMAIN}", "name": name, "role": role, "twoFactorAuth": factor,
         "status": "ACTIVE", "group": group}
        for n, (login, (name, role, factor, group)) in enumerate(PEOPLE.items(), 1)
    ]  # fmt: skip
    token = {"id": 1, "uid": 102, "kind": "token", "digest": "the lab's own"}
    return {"users": users, "tokens": [token], "mandatory": {}, "trusted": []}


def machine_id(name: str) -> str:
    """A fixed identifier for a host or a container, so that an inventory can be written before the lab exists."""
    return uuid.uuid5(NAMESPACE, name).hex


def host(name: str) -> Host:
    """The host of that name; LabError when there is none."""
    for one in HOSTS:
        if one.name == name:
            return one
    raise LabError(f"the lab has no host {name!r}; it has {', '.join(h.name for h in HOSTS)}")


def container(name: str) -> Container:
    """The container of that name; LabError when there is none."""
    for one in CONTAINERS:
        if one.name == name:
            return one
    raise LabError(f"the lab has no element {name!r}")


def containers_on(name: str) -> list[Container]:
    """The containers that are built on a host, in the order of their numbers."""
    return sorted((c for c in CONTAINERS if c.host == name), key=lambda c: c.ctid)


def chosen(names: Sequence[str] | None) -> list[Host]:
    """The named hosts, or all."""
    wanted: Iterable[str] = names if names is not None else [h.name for h in HOSTS]
    return [host(name) for name in wanted]
