"""Certificates of host keys: whether an authority on file vouches for what a host shows. OpenSSH's rules.

- It is a host's certificate, signed by the authority with an algorithm that is not SHA-1, and within its time.
- It names the host as it is looked up (the element's name, or the address without the port), or nobody at all.
- A critical option is refused: none is known.
- A certificate that does not count is no reason to refuse: the plain key in it is judged as if shown alone.
- A revoked authority is worse than none: what it signed is revoked.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

SIGNED_BY = (
    b"ssh-ed25519",
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
    b"rsa-sha2-256",
    b"rsa-sha2-512",
)


@dataclass(frozen=True)
class Certificate:
    """A certificate as it was shown; `authority` is the signing key in base64, as it stands in known_hosts."""

    content: SSHCertificate
    authority: str
    algorithm: bytes


def read(blob: bytes) -> Certificate | None:
    """The certificate in a blob; None where there is none that can be understood."""
    try:
        (length,) = struct.unpack_from(">I", blob)
        content = load_ssh_public_identity(blob[4 : 4 + length] + b" " + base64.b64encode(blob))
        if not isinstance(content, SSHCertificate):
            return None
        key = content.signature_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1]
        return Certificate(content, key.decode("ascii"), _algorithm(blob, base64.b64decode(key)))
    except (ValueError, struct.error, UnsupportedAlgorithm):
        return None


def _algorithm(blob: bytes, authority: bytes) -> bytes:
    """With what it is signed: the signature follows the authority's key, and is the last that there is."""
    head, _, tail = blob.partition(struct.pack(">I", len(authority)) + authority)
    if not head or len(tail) < 8 or struct.unpack_from(">I", tail)[0] != len(tail) - 4:
        raise ValueError("no signature after the authority's key")
    (length,) = struct.unpack_from(">I", tail, 4)
    return tail[8 : 8 + length]


def objection(shown: Certificate, name: str, now: float) -> str:
    """Why a certificate does not count for a host of that name at a time in seconds since 1970; "" if it does."""
    content = shown.content
    if content.type is not SSHCertificateType.HOST:
        return "it is not a host's"
    if not content.valid_after <= now < content.valid_before:
        return "it has expired" if now >= content.valid_before else "it is not valid yet"
    principals = [p.decode("utf-8", "replace") for p in content.valid_principals]
    if principals and name not in principals:
        return f"it is for {', '.join(principals)[:80]} and not for {name}"
    if content.critical_options:
        return f"its option {next(iter(content.critical_options)).decode('utf-8', 'replace')[:40]} is not known"
    return _forged(shown)


def _forged(shown: Certificate) -> str:
    if shown.algorithm not in SIGNED_BY:
        return f"it is signed with {shown.algorithm.decode('ascii', 'replace')[:40]}"
    try:
        shown.content.verify_cert_signature()
    except (InvalidSignature, ValueError):
        return "its signature is wrong"
    return ""
