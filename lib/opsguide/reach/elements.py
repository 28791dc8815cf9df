"""What an inventory says of a platform: its elements and how they are reached. Plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from opsguide.errors import InputError
from opsguide.reach.lined import close_matches

HOST_KINDS = ("user-host", "infrastructure-host")
CONTAINER_KINDS = ("infrastructure-container", "end-user-container")
WITH_ARTICLE = {
    "user-host": "a user host",
    "infrastructure-host": "an infrastructure host",
    "infrastructure-container": "an infrastructure container",
    "end-user-container": "an end-user container",
}
HOST_OF = {"infrastructure-container": "infrastructure-host", "end-user-container": "user-host"}


@dataclass(frozen=True)
class Become:
    """Lines are run by sudo; `password` is a secret reference, "" where sudo asks for none."""

    password: str = ""


@dataclass(frozen=True)
class Element:
    """One real host or container.

    `host` is the name of the host that carries it, for a host its own. `address` and `port` are those of
    a host, "" and 0 for a container. `ctid` is the container's number on its host; `node` and `id` are the
    numbers by which the platform API knows a container and a host. `joining` is the kind that a host will
    join as. `jump` is the host through which a host is reached, "" for directly; `become` is None where the
    account that logs in is the one that acts.
    """

    name: str
    kind: str
    host: str
    address: str = ""
    port: int = 0
    ctid: int | None = None
    component: str = ""
    peer: str = ""
    env: str = ""
    node: int | None = None
    id: int | None = None
    machine_id: str = ""
    group: str = ""
    region: str = ""
    joining: str = ""
    jump: str = ""
    become: Become | None = None

    @property
    def is_user_host(self) -> bool:
        """Whether it carries end users' containers."""
        return self.kind == "user-host"

    @property
    def is_infrastructure_host(self) -> bool:
        """Whether it carries the platform's own containers."""
        return self.kind == "infrastructure-host"

    @property
    def is_infrastructure_container(self) -> bool:
        """Whether it is one of the platform's own containers."""
        return self.kind == "infrastructure-container"

    @property
    def is_end_user_container(self) -> bool:
        """Whether it is a node of an end user's environment."""
        return self.kind == "end-user-container"

    @property
    def is_host(self) -> bool:
        """Whether it is a host of either kind."""
        return self.kind in HOST_KINDS

    @property
    def is_container(self) -> bool:
        """Whether it is a container of either kind."""
        return not self.is_host


@dataclass(frozen=True)
class SshSettings:
    """How the hosts are reached: `key` is a secret reference, `config` an ssh_config for the shown lines."""

    user: str
    key: str
    known_hosts: Path
    config: Path
    port: int = 22
    role_marker: str = "/etc/opsguide/role"


@dataclass(frozen=True)
class ApiSettings:
    """Where the platform API is: `token` is a secret reference, `timeout` in seconds."""

    url: str
    token: str
    timeout: float


@dataclass(frozen=True)
class SmtpSettings:
    """The mail server: `security` is starttls, tls or plain; `password` a secret reference; `timeout` in seconds."""

    host: str
    port: int
    security: str
    user: str
    password: str
    ca: Path | None
    timeout: float


@dataclass(frozen=True)
class SupportSettings:
    """How requests reach Jelastic Support: by mail from `sender` to `to`, or as files in `folder`."""

    to: str = ""
    sender: str = ""
    folder: Path | None = None
    smtp: SmtpSettings | None = None


@dataclass(frozen=True)
class Platform:
    """One platform as its inventory file has it; `digest` is the SHA-256 of that file in hex."""

    name: str
    practice: bool
    edition: str
    domain: str
    file: Path
    digest: str
    state: Path
    ssh: SshSettings
    api: ApiSettings | None
    support: SupportSettings = field(default_factory=SupportSettings)
    elements: dict[str, Element] = field(default_factory=dict)

    def element(self, name: str) -> Element:
        """The element of that name; InputError with close matches where there is none."""
        if name in self.elements:
            return self.elements[name]
        hint = close_matches(name, self.elements)
        words = f"{self.name} has no element {name[:80]!r}{hint}"
        raise InputError(words, where=str(self.file), next="opsguide elements lists them all")

    def region_of(self, element: Element) -> str:
        """The region of an element's host, "" where the file names none."""
        return self.host_of(element).region

    def containers_on(self, host: str | Element) -> list[Element]:
        """The containers that the inventory places on a host, in the file's order."""
        name = host if isinstance(host, str) else host.name
        return [e for e in self.elements.values() if e.is_container and e.host == name]

    def touched(self, element: Element) -> list[str]:
        """What a change of an element may reach: itself, its peer, a host's containers, and the peers of those."""
        on_it = self.containers_on(element) if element.is_host else []
        names = [element.name, element.peer, *(one.name for one in on_it), *(one.peer for one in on_it)]
        return [name for name in dict.fromkeys(names) if name]

    def host_of(self, element: Element) -> Element:
        """The host that carries an element; a host carries itself."""
        return self.elements[element.host]
