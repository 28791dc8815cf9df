"""Who comes in where by key, besides the operator: the platform into every host, and the hosts into each other.

Rules:
- A host's key has the comment `migration@NAME`, the platform's `platform@DOMAIN`: keys that must never be dropped.
- Hosts that are to join are trusted by nobody yet, and have no key.
- Hosts know each other's host keys by address; a host key that was changed since is refused, as it should be.
- Keys stay the same until `reset`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from opsguide_lab import hosts, places, topology
from opsguide_lab.topology import Host

PLATFORM = f"platform@{topology.DOMAIN}"
PATIENCE = 10


def ensure() -> None:
    """Make what is not there yet: the hosts' own keys, and those that are trusted."""
    for host in topology.HOSTS:
        hosts.give_key(host)
        if not host.joining:
            _make(_key(host.name), f"migration@{host.name}")
    _make(_key("platform"), PLATFORM)


def seed(host: Host) -> None:
    """Write what root of a host knows, and who may come in, into its layer."""
    folder = places.host_folder(host.name) / "layer/root/.ssh"
    trusted = [] if host.joining else [_key("platform"), *map(_key, _members(host))]
    keys = [places.CLIENT_KEY, *trusted]
    places.write(folder / "authorized_keys", "".join(map(_public, keys)), 0o600)
    if host.joining:
        return
    for suffix, mode in (("", 0o600), (".pub", 0o644)):
        places.write(folder / f"id_ed25519{suffix}", Path(f"{_key(host.name)}{suffix}").read_text(), mode)
    known = [f"[{h.address}]:{topology.PORT} {hosts.host_key(h.name)}\n" for h in topology.HOSTS if not h.joining]
    places.write(folder / "known_hosts", "".join(known), 0o600)


def platform_comes_in(host: Host) -> bool:
    """Whether the platform's key opens a new session on a host, now."""
    options = {
        "IdentityFile": str(_key("platform")), "IdentitiesOnly": "yes", "IdentityAgent": "none", "BatchMode": "yes",
        "UserKnownHostsFile": str(places.KNOWN_HOSTS), "HostKeyAlias": host.name, "StrictHostKeyChecking": "yes",
        "ConnectTimeout": str(PATIENCE),
    }  # fmt: skip
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    line = ["ssh", "-F", "/dev/null", *words, "-p", str(topology.PORT), f"root@{host.address}", "true"]
    try:
        return subprocess.run(line, capture_output=True, timeout=2 * PATIENCE).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _members(host: Host) -> list[str]:
    return [h.name for h in topology.HOSTS if not h.joining and h.name != host.name]


def _key(name: str) -> Path:
    return places.KEYS / "trusted" / name


def _public(key: Path) -> str:
    return key.with_suffix(".pub").read_text()


def _make(key: Path, comment: str) -> None:
    if not key.exists():
        key.parent.mkdir(mode=0o700, exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(key)], check=True)
