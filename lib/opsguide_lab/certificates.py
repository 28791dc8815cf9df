"""The lab's own certificate authority, and what the resolvers serve: real keys and certificates, made by openssl.

Rules:
- `ca/root.crt` is what the hosts and the resolvers trust; an intermediate signs what is served, so a chain has two.
- A resolver is built with a pair of 60 days in `FOLDER`, and a pair of 90 days beside it (`.new`) that is to be served
  next: the same two in both members, as the platform has one certificate.
- The authority stays the same until `reset`, the pairs until the first of them has fewer than 40 days left.
- No key lies in the repository, and a key is readable by root alone.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from opsguide_lab import places, topology

FOLDER = "etc/nginx/ssl"
ROOTS = "etc/ssl/certs/ca-certificates.crt"
NAMES = (f"*.{topology.DOMAIN}", f"*.cs.{topology.DOMAIN}")
SERVED, NEXT = "served", "next"
CURVE = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
PLACE = places.KEYS / "ca"
FRESH = 40 * 86400


def ensure() -> None:
    """Make what is not there yet, and both pairs anew when the first of them is old."""
    if not (PLACE / "intermediate.crt").exists():
        PLACE.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make("root", "", 3650, "basicConstraints=critical,CA:true", "keyUsage=critical,keyCertSign")
        _make("intermediate", "root", 1825, "basicConstraints=critical,CA:true", "keyUsage=critical,keyCertSign")
    line = ["openssl", "x509", "-in", str(PLACE / f"{SERVED}.crt"), "-noout", "-checkend", str(FRESH)]
    if subprocess.run(line, capture_output=True).returncode:
        issue(PLACE / SERVED, days=60)
        issue(PLACE / NEXT, days=90)


def issue(place: Path, names: Sequence[str] = NAMES, days: int = 90, key: Sequence[str] = CURVE) -> None:
    """A new pair: `place.crt`, the leaf and then the intermediate, and `place.key`."""
    alternatives = ",".join(f"DNS:{name}" for name in names)
    _make(str(place), "intermediate", days, f"subjectAltName={alternatives}", "extendedKeyUsage=serverAuth", key=key)
    with Path(f"{place}.crt").open("a") as leaf:
        leaf.write((PLACE / "intermediate.crt").read_text())


def _make(name: str, issuer: str, days: int, *extensions: str, key: Sequence[str] = CURVE) -> None:
    place, common = PLACE / name, f"*.{topology.DOMAIN}" if "/" in name else f"practice {name}"
    line = ["openssl", "req", "-config", "/dev/null", "-x509", "-sha256", "-nodes", "-newkey", *key]
    line += ["-days", str(days), "-subj", f"/CN={common}", "-keyout", f"{place}.key", "-out", f"{place}.crt"]
    line += ["-CA", str(PLACE / f"{issuer}.crt"), "-CAkey", str(PLACE / f"{issuer}.key")] if issuer else []
    line += [word for extension in extensions for word in ("-addext", extension)]
    subprocess.run(line, check=True, capture_output=True)
    Path(f"{place}.key").chmod(0o600)


def trust(layer: Path) -> None:
    """Trust the lab's root, and no other, in a layer or in a container's files."""
    places.write(layer / ROOTS, (PLACE / "root.crt").read_text())


def place(files: Path) -> None:
    """What a resolver is built with: the pair that it serves, and beside it the next one."""
    for name, text in _pairs().items():
        places.write(files / FOLDER / name, text, 0o600)


def as_placed(files: Path) -> bool:
    """Whether a resolver has what it was built with, and nothing else."""
    found = (files / FOLDER).iterdir()
    return {path.name: path.read_text() for path in found} == _pairs()


def _pairs() -> dict[str, str]:
    kinds, pairs = ("crt", "key"), {SERVED: "", NEXT: ".new"}
    return {f"platform.{k}{end}": (PLACE / f"{name}.{k}").read_text() for name, end in pairs.items() for k in kinds}
