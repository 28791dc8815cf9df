"""The lab's own secrets, looked for in what runs have kept: plain after every test, in all usual forms after all runbooks."""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def secrets(lab: Any) -> dict[str, bytes]:
    """What no record may hold, by where it stands: token, private keys, password hashes, the database's account."""
    from opsguide_lab import places  # a room is entered before the lab is imported

    found = {"the API token": places.API_TOKEN.read_bytes().strip()}
    found |= _of_key(places.CLIENT_KEY)
    for host in ("ih-01", "uh-01"):
        found |= _of_key(Path(lab.host_root(host)) / "etc/ssh/ssh_host_ed25519_key")
        found |= _of_key(Path(lab.host_root(host)) / "root/.ssh/id_ed25519")
        found |= _hashes(Path(lab.host_root(host)) / "etc/shadow")
    account = Path(lab.container_root("jelastic-db1")) / "root/.opsguide.cnf"
    found[str(account)] = re.findall(rb"password=(\S+)", account.read_bytes())[0]
    return found


def _of_key(path: Path) -> dict[str, bytes]:
    """One line from the middle of a private key: that of its own numbers."""
    return {str(path): path.read_bytes().splitlines()[3]} if path.exists() else {}


def _hashes(path: Path) -> dict[str, bytes]:
    fields = [line.split(b":") for line in path.read_bytes().splitlines()]
    return {f"{path} {f[0].decode()}": f[1] for f in fields if f[1].startswith(b"$")}


def forms(secret: bytes) -> Iterator[bytes]:
    """A secret as it is, in URLs, JSON and hexadecimal digits, reversed, and in base64 at each of its three offsets."""
    text = secret.decode()
    yield from (secret, urllib.parse.quote(text, safe="").encode(), json.dumps(text)[1:-1].encode())
    yield from (secret.hex().encode(), secret[::-1])
    for offset in range(3):
        whole = base64.b64encode(b"x" * offset + secret)
        yield whole[4 * bool(offset) : len(whole) - 4]


def found_in(folder: Path, wanted: dict[str, bytes], all_forms: bool = False) -> list[str]:
    """Which secret stands in which file below the folder. A folder that is sealed meanwhile has another name: once more."""
    for _ in range(20):
        try:
            return _found(folder, wanted, all_forms)
        except FileNotFoundError:
            time.sleep(0.1)
    return _found(folder, wanted, all_forms)


def _found(folder: Path, wanted: dict[str, bytes], all_forms: bool) -> list[str]:
    hits = []
    for path in (p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        for name, secret in wanted.items():
            if any(form in content for form in (forms(secret) if all_forms else (secret,))):
                hits.append(f"{name} in {path}")
    return hits
