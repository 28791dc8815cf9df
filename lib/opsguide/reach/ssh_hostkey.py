"""The key that a host shows, against what is on file. The rules stand in `hostkeys.py` and `hostcerts.py`."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import NoReturn

import paramiko

from opsguide.errors import InputError
from opsguide.reach import hostcerts, hostkeys
from opsguide.reach.elements import Element, SshSettings
from opsguide.reach.hostkeys import KnownKey
from opsguide.reach.knock import unreachable


@dataclass(frozen=True)
class OnFile:
    """What is on file for a host, under each of its names."""

    host: Element
    ssh: SshSettings
    looked_up: list[list[KnownKey]]

    @property
    def deciding(self) -> list[KnownKey]:
        """The entries that decide on a plain key."""
        return hostkeys.deciding(self.looked_up)

    @property
    def types(self) -> set[str]:
        """Of which types plain keys are on file."""
        return {key.type for key in self.deciding if not key.marker}

    @property
    def has_authorities(self) -> bool:
        """Whether a certificate could count."""
        return bool(hostkeys.authorities(self.looked_up)[1])


def look_up(host: Element, ssh: SshSettings) -> OnFile:
    """Read the file; UnreachableError where it cannot be read."""
    names = hostkeys.names(host.name, host.address, host.port)
    try:
        return OnFile(host, ssh, [hostkeys.on_file(ssh.known_hosts, name) for name in names])
    except InputError as reason:
        raise unreachable(host, reason.words, reason.next or f"mend {ssh.known_hosts}") from None


def check(known: OnFile, shown: paramiko.PKey) -> str:
    """The fingerprint of the authority that vouches for a key, "" for one that is on file; UnreachableError."""
    blob = shown.asbytes()
    certificate, why = _certificate(known, shown)
    marked = {key.blob for key in known.deciding if key.marker == "@revoked"}
    verdict = hostkeys.verdict(known.deciding, shown.get_name(), blob)
    if certificate and certificate.authority in marked:
        verdict, why = "revoked", " (its certificate's authority)"
    if verdict != "revoked" and certificate and not why:
        return hostkeys.fingerprint(base64.b64decode(certificate.authority))
    if verdict != "known":
        _refuse(known, verdict, f"{shown.get_name()} {hostkeys.fingerprint(blob)}{why}", shown.get_name())
    return ""


def _certificate(known: OnFile, shown: paramiko.PKey) -> tuple[hostcerts.Certificate | None, str]:
    """The certificate that was shown, and why it does not count ("" when it does, or when there is none)."""
    if shown.public_blob is None:
        return None, ""
    certificate = hostcerts.read(shown.public_blob.key_blob)
    if certificate is None:
        return None, " (its certificate cannot be understood)"
    turn, authorities = hostkeys.authorities(known.looked_up)
    if certificate.authority not in {key.blob for key in authorities}:
        return certificate, " (its certificate's authority is not on file)"
    name = (known.host.name, known.host.address)[turn]
    against = hostcerts.objection(certificate, name, time.time())
    return certificate, f" (its certificate does not count: {against})" if against else ""


def _refuse(known: OnFile, verdict: hostkeys.Verdict, seen: str, type_: str) -> NoReturn:
    host, file = known.host, known.ssh.known_hosts
    name = hostkeys.names(host.name, host.address, host.port)[1]
    if verdict == "revoked":
        words = f"{host.name} shows a host key that is revoked: {seen}"
        step = "do not connect: someone may stand between; give the host a new key from its console"
    elif verdict == "changed":
        lines = ", ".join(str(key.line) for key in known.deciding if not key.marker and key.type == type_)
        words = f"{host.name} shows another host key than the one on file: {seen}"
        step = "find out why (reinstalled, or someone between?) before anything else; "
        step += f"only then replace line {lines} of {file}"
    else:
        types = sorted(known.types)
        only = f" (on file are only keys of type {', '.join(types)})" if types else ""
        words = f"{host.name} shows a host key that is not on file{only}: {seen}"
        step = f"compare it on the host's console, then add '{name} {type_} …' to {file}"
    raise unreachable(host, words, step)
