"""The inventory: one YAML file a platform, read whole and refused whole.

- Unknown and repeated keys are refused; every error names the file, the line and the key.
- A name is lower-case letters, digits and dashes, and stands for one element only.
- What must hold between elements stands in `agreement.py`, what the key `support` may hold in `support.py`.
- A host that is joining has the kind that it will join as.
- `jump` and `become` under `ssh:` are for all hosts; a host's own go before them. No host is its own jump host.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from opsguide.errors import InputError
from opsguide.guide.durations import duration
from opsguide.reach import addresses, agreement, secrets, support
from opsguide.reach.elements import (
    CONTAINER_KINDS,
    HOST_KINDS,
    WITH_ARTICLE,
    ApiSettings,
    Become,
    Element,
    Platform,
    SshSettings,
    SupportSettings,
)
from opsguide.reach.lined import Section, close_matches, parse

__all__ = ["ApiSettings", "Element", "Platform", "SshSettings", "find", "load"]

TOP = ("platform", "practice", "edition", "domain", "state", "ssh", "api", "support", "region", "hosts",
       "containers")  # fmt: skip
SSH = ("user", "key", "known_hosts", "config", "port", "role_marker", "jump", "become")
API = ("url", "token", "timeout")
HOST = ("kind", "address", "port", "id", "group", "region", "joining", "machine_id", "jump", "become")
BECOME = ("sudo", "password")
CONTAINER = ("kind", "host", "ctid", "component", "peer", "env", "node")
NAME = r"[a-z0-9][a-z0-9-]{0,62}"
_NAME_WORDS = "a name of lower-case letters, digits and dashes"
EDITION = rf"{NAME}|[A-Za-z0-9._/-]{{1,255}}\.csv"
_EDITION_WORDS = "the name of a shipped edition, or a CSV file, relative to this file"
_BIG = 2**53


def find(name: str, root: Path | None = None) -> Path:
    """The inventory file of a platform by its name ('lab') or by a path ('./here.yml')."""
    if "/" in name or name.endswith((".yml", ".yaml")):
        given = Path(name).expanduser()
        if not given.is_file():
            raise InputError(f"there is no inventory {name}", where=str(given))
        return given
    folder = (root or _repository()) / "parameters" / "platforms"
    path = folder / f"{name}.yml"
    if re.fullmatch(NAME, name) and path.is_file():
        return path
    there = sorted(p.stem for p in folder.glob("*.yml"))
    hint = close_matches(name, there) or f"; known are {', '.join(there) or 'none'}"
    raise InputError(f"there is no platform {name[:80]!r}{hint}", where=str(folder))


def _repository() -> Path:
    here = Path(__file__).resolve()
    for folder in (here.parents[3], *Path.cwd().resolve().parents, Path.cwd()):
        if (folder / "parameters" / "platforms").is_dir():
            return folder
    return Path.cwd()


def load(path: Path | str) -> Platform:
    """The platform that a file describes; InputError names file:line and key."""
    file = Path(path).expanduser().absolute()
    try:
        content = file.read_bytes()
    except OSError as reason:
        raise InputError(f"{file.name} cannot be read: {reason.strerror}", where=str(file)) from None
    top = parse(file, content, TOP)
    ssh = _ssh(top)
    return Platform(
        name=top.text("platform", form=NAME, fits=_NAME_WORDS),
        practice=top.flag("practice"),
        edition=top.text("edition", form=EDITION, fits=_EDITION_WORDS),
        domain=top.text("domain", form=addresses.DOMAIN, fits="a domain name"),
        file=file,
        digest=hashlib.sha256(content).hexdigest(),
        state=top.path("state"),
        ssh=ssh,
        api=_api(top) if "api" in top else None,
        support=support.settings(top) if "support" in top else SupportSettings(),
        elements=_elements(top, ssh),
    )


def _ssh(top: Section) -> SshSettings:
    section = top.section("ssh", SSH)
    marker = section.text("role_marker", "/etc/opsguide/role", r"/[A-Za-z0-9._/-]+", "an absolute path")
    return SshSettings(
        user=section.text("user", form=r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", fits="a user's name"),
        key=secrets.named(section, "key"),
        known_hosts=section.path("known_hosts"),
        config=section.path("config"),
        port=section.whole("port", 1, 65535) or 22,
        role_marker=marker,
    )


def _become(section: Section, default: Become | None = None) -> Become | None:
    if "become" not in section:
        return default
    become = section.section("become", BECOME)
    if become.flag("sudo"):
        return Become(secrets.named(become, "password") if "password" in become else "")
    if "password" in become:
        raise become.error("password", "only sudo takes one, and sudo is off")
    return None


def _jump(section: Section, default: str = "") -> str:
    return section.text("jump", default, f"|{NAME}", "the name of a host (or empty: reached directly)")


def _api(top: Section) -> ApiSettings:
    section = top.section("api", API)
    timeout = section.read("timeout", duration, 20.0)
    return ApiSettings(section.read("url", addresses.url), secrets.named(section, "token"), timeout)


def _elements(top: Section, ssh: SshSettings) -> dict[str, Element]:
    hosts = top.section("hosts", None)
    containers = top.section("containers", None) if "containers" in top else None
    general = _general(top, ssh)
    places: dict[str, Section] = {}
    found: dict[str, Element] = {}
    for group, keys in ((hosts, HOST), (containers, CONTAINER)):
        for name in group or ():
            assert group is not None
            _check_name(group, name, places)
            places[name] = group.section(name, keys)
            found[name] = _host(name, places[name], general) if group is hosts else _container(name, places[name])
    agreement.check(found, places)
    return dict(sorted(found.items(), key=lambda item: places[item[0]].line))


def _check_name(group: Section, name: str, places: dict[str, Section]) -> None:
    if not re.fullmatch(NAME, name, re.ASCII):
        raise group.error(name, f"the name of an element is not {_NAME_WORDS}")
    if name in places:
        raise group.error(name, f"the name is taken by {places[name].key} on line {places[name].line}")


def _machine_id(section: Section) -> str:
    return section.text("machine_id", "", r"[0-9a-f]{32}", "a machine id of 32 hexadecimal digits")


def _region(section: Section, default: str = "") -> str:
    return section.text("region", default, r"[!-~]([ -~]{0,62}[!-~])?", "the name of a region")


def _general(top: Section, ssh: SshSettings) -> Element:
    """What hosts have that say nothing else."""
    section = top.section("ssh", SSH)
    return Element("", "", "", port=ssh.port, region=_region(top), jump=_jump(section), become=_become(section))


def _host(name: str, section: Section, general: Element) -> Element:
    joining = section.choice("joining", HOST_KINDS, "")
    kind = section.choice("kind", HOST_KINDS, joining or None)
    if joining and kind != joining:
        raise section.error("joining", f"the host joins as {joining}, but its kind is {kind}")
    return Element(
        name=name,
        kind=kind,
        host=name,
        address=section.read("address", addresses.host),
        port=section.whole("port", 1, 65535) or general.port,
        id=section.whole("id", 1, _BIG),
        machine_id=_machine_id(section),
        group=section.text("group", "", r"[A-Za-z0-9][A-Za-z0-9._ -]*", "the name of a hardware node group"),
        region=_region(section, general.region),
        joining=joining,
        jump=_jump(section, general.jump if general.jump != name else ""),
        become=_become(section, general.become),
    )


def _container(name: str, section: Section) -> Element:
    kind = section.choice("kind", CONTAINER_KINDS)
    for key in ("host", "ctid", *(("component",) if kind == "infrastructure-container" else ("env", "node"))):
        if key not in section:
            raise section.error("", f"the key {key} is missing; {WITH_ARTICLE[kind]} needs it")
    wrong = ("env", "node") if kind == "infrastructure-container" else ("component", "peer")
    for key in wrong:
        if key in section:
            raise section.error(key, f"{WITH_ARTICLE[kind]} has no {key}")
    return Element(
        name=name,
        kind=kind,
        host=section.text("host"),
        ctid=section.whole("ctid", 1, 2**31 - 1),
        component=section.text("component", "", NAME, "the name of a component"),
        peer=section.text("peer", ""),
        env=section.text("env", "", NAME, "the name of an environment"),
        node=section.whole("node", 1, _BIG),
    )
