"""Addresses of the containers of a host: whether configuration, kernel, routes and proxy entries agree. And the pools.

- A container counts while it runs. What it must have stands in IP_ADDRESS of its file, without masks.
- Each of these addresses stands in `/proc/vz/veinfo` from the fourth column on, in the main routes as a route of its
  own to venet0, and among the proxy entries. Where it does not, it is Missing there.
- An address that stands in one of the three and in no such file is Unexpected there; one of two containers, too.
- A route to a network is none to a container; link-local addresses do not count. Two ways to write one are one address.
- A pool is told by its figures, and by how many addresses it lists (X: their names; no source says).

Source: the vendor's public code (which sets must be equal). VMs are not looked at: their routes go to vme devices.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from opsguide.notebook.readings import Reading

CONFIGURED = re.compile(r'^\S*/([^/\s]+)\.conf:IP_ADDRESS="?([^"]*)"?$', re.MULTILINE)


@dataclass(frozen=True)
class Addresses:
    """By address: its containers and its state, `ok`, `Missing in …` or `Unexpected in …`."""

    rows: dict[str, str]

    @property
    def wrong(self) -> dict[str, str]:
        """Those that do not agree."""
        return {address: told for address, told in self.rows.items() if not told.endswith(" ok")}

    def __repr__(self) -> str:
        head = {"address": "container, and whether all four agree"} if self.rows else {}
        return "\n".join(f"{address:40} {told}" for address, told in {**head, **self.rows}.items())


def container_addresses(listed: str, configured: str, veinfo: str, routes: str, proxies: str) -> Addresses:
    """The answers of `vzlist -o ctid,hostname,ip,status`, `grep -H IP_ADDRESS`, veinfo, `ip route`, `ip neigh`."""
    running = {line.split()[0]: line.split()[1] for line in listed.splitlines() if line.split()[-1:] == ["running"]}
    wanted: dict[str, list[str]] = {}
    for ctid, text in CONFIGURED.findall(configured):
        for address in _single(text.split() if ctid in running else []):
            wanted.setdefault(address, []).append(f"{ctid} {running[ctid]}")
    found = {
        "veinfo": _each(veinfo, lambda words: words[3:]),
        "routes": _each(routes, _to_a_container),
        "proxies": _each(proxies, lambda words: words[:1]),
    }
    known = sorted(set(wanted).union(*found.values()), key=lambda one: (":" in one, ip_address(one)))
    return Addresses({one: _told(one, wanted.get(one, []), found) for one in known})


def pool_counts(**pools: Reading) -> dict[str, str]:
    """By pool: `total 64, used 11, free 53; 11 addresses listed`."""
    return {name: _counted(one.text) for name, one in pools.items()}


def _told(address: str, containers: list[str], found: dict[str, set[str]]) -> str:
    here = [name for name, many in found.items() if address in many]
    if not containers:
        return f"- Unexpected in {', '.join(here)}"
    missing = ", ".join(name for name in found if name not in here)
    state = f"Missing in {missing}" if missing else "ok" if len(containers) == 1 else "Unexpected in two containers"
    return f"{', '.join(containers)} {state}"


def _each(text: str, taken: Callable[[list[str]], list[str]]) -> set[str]:
    return {address for line in text.splitlines() for address in _single(taken(line.split()))}


def _to_a_container(words: list[str]) -> list[str]:
    main = "venet0" in words and "table" not in words
    return words[:1] if main and words[0].partition("/")[2] in ("", "32", "128") else []


def _single(words: list[str]) -> list[str]:
    """The words that are addresses, without their masks."""
    found = []
    for word in words:
        try:
            address = ip_address(word.partition("/")[0])
        except ValueError:
            continue
        if not address.is_link_local and not address.is_multicast:
            found.append(str(address))
    return found


def _counted(text: str) -> str:
    figures = [f"{name} {number}" for name, number in re.findall(r'"(total|used|busy|free)": ?([0-9]+)', text)]
    listed = set(_single(re.findall(r'"([0-9a-fA-F]*[.:][0-9a-fA-F.:]+)"', text)))
    return f"{', '.join(figures) or 'no figures'}; {len(listed)} addresses listed"
