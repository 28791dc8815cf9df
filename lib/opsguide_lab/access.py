"""How one comes into the hosts: the client's key, the hosts' keys, an ssh configuration, the platform API's token."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import threading

from opsguide_lab import hosts, places, topology

COMMON = """
Host *
    Port {port}
    User root
    IdentityFile {key}
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {known}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    KexAlgorithms curve25519-sha256
    BatchMode yes
"""


def ensure() -> None:
    """Make what is not there yet; keys stay the same until `reset`."""
    places.KEYS.mkdir(parents=True, exist_ok=True)
    places.KEYS.chmod(0o700)
    places.STATE.mkdir(parents=True, exist_ok=True)
    if not places.CLIENT_KEY.exists():
        line = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "opsguide-lab", "-f", str(places.CLIENT_KEY)]
        subprocess.run(line, check=True)
    if not places.API_TOKEN.exists():
        places.write(places.API_TOKEN, f"{secrets.token_hex(24)}\n", 0o600)
    rows = "".join(f"Host {h.name}\n    HostName {h.address}\n    HostKeyAlias {h.name}\n" for h in topology.HOSTS)
    common = COMMON.format(port=topology.PORT, key=places.CLIENT_KEY, known=places.KNOWN_HOSTS)
    places.write(places.SSH_CONFIG, f"# Written by the lab: ssh -F {places.SSH_CONFIG} HOST\n{rows}{common}")


def note_host_keys() -> None:
    """The keys of all hosts that have one, under their names and under their addresses."""
    lines = []
    for host in topology.HOSTS:
        with contextlib.suppress(OSError):
            lines.append(f"{host.name},[{host.address}]:{topology.PORT} {hosts.host_key(host.name)}\n")
    draft = places.KNOWN_HOSTS.with_name(f"known_hosts.{os.getpid()}.{threading.get_ident()}")
    places.write(draft, "".join(lines))
    draft.replace(places.KNOWN_HOSTS)
