"""Host keys: which are on file, and the verdict on the one that a host shows.

- The file is read by `ssh-keygen -F`: hashed names, patterns and negations mean what they mean to OpenSSH.
- The element's own name is looked up first (OpenSSH: HostKeyAlias), then the address, `[address]:port` where
  the port is not 22. The first of them that has an entry decides.
- A key that is marked @revoked under any of these names is refused, whatever else is on file.
- For a certificate, the first name that has a plain key or an authority decides which authorities count. What
  makes a certificate count stands in `hostcerts.py`; where none does, the plain key is judged.
- No key on file is unknown; another key of the same type is changed; only keys of other types is unknown too.
"""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from opsguide.errors import InputError

Verdict = Literal["known", "unknown", "changed", "revoked"]


@dataclass(frozen=True)
class KnownKey:
    """One entry: `marker` is "", "@revoked" or "@cert-authority", `blob` the key in base64, `line` from 1."""

    marker: str
    type: str
    blob: str
    line: int


def names(element: str, address: str, port: int) -> tuple[str, str]:
    """Under which names a host is looked up, in that order."""
    return element, address if port == 22 else f"[{address}]:{port}"


def on_file(file: Path, name: str) -> list[KnownKey]:
    """What `ssh-keygen -F` finds; empty where there is no such file or entry."""
    try:
        file.open("rb").close()
    except FileNotFoundError:
        return []
    except OSError as reason:
        words = f"the file of known hosts cannot be read: {reason.strerror}"
        raise InputError(words, where=str(file)) from None
    command = ["ssh-keygen", "-F", name, "-f", str(file)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    except (FileNotFoundError, PermissionError):
        raise InputError("ssh-keygen is not installed", next="apt-get install openssh-client") from None
    except subprocess.TimeoutExpired:
        raise InputError(f"ssh-keygen does not finish reading {file}", where=str(file)) from None
    text = done.stdout.decode("utf-8", "backslashreplace")
    if done.returncode not in (0, 1):
        said = done.stderr.decode("utf-8", "backslashreplace").strip()
        raise InputError(f"the file of known hosts cannot be read: {said}", where=str(file))
    return entries(text)


def entries(text: str) -> list[KnownKey]:
    """The entries in an answer of `ssh-keygen -F`."""
    found: list[KnownKey] = []
    line = 0
    for row in text.splitlines():
        if number := re.match(r"# Host .* found: line ([0-9]+)", row):
            line = int(number[1])
            continue
        words = row.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) >= 3:
            found.append(KnownKey(marker, words[1], words[2], line))
    return found


def deciding(looked_up: Sequence[Sequence[KnownKey]]) -> list[KnownKey]:
    """Of the entries by name: all revocations, and the plain keys of the first name that has any."""
    revoked = [key for found in looked_up for key in found if key.marker == "@revoked"]
    plain = ([key for key in found if not key.marker] for found in looked_up)
    return revoked + next((keys for keys in plain if keys), [])


def authorities(looked_up: Sequence[Sequence[KnownKey]]) -> tuple[int, list[KnownKey]]:
    """Which authorities may vouch for a host, and by the how-manieth of its names they were found."""
    for turn, found in enumerate(looked_up):
        if any(key.marker != "@revoked" for key in found):
            return turn, [key for key in found if key.marker == "@cert-authority"]
    return 0, []


def verdict(known: Sequence[KnownKey], type_: str, blob: bytes) -> Verdict:
    """What to think of a shown key, given the deciding entries."""
    shown = base64.b64encode(blob).decode("ascii")
    if any(key.marker and key.blob == shown for key in known):
        return "revoked"
    plain = [key for key in known if not key.marker]
    if any(key.blob == shown for key in plain):
        return "known"
    return "changed" if any(key.type == type_ for key in plain) else "unknown"


def fingerprint(blob: bytes) -> str:
    """SHA256:… as OpenSSH writes it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")
