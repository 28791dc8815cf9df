"""Custom configuration, the guide's note 2: its actions, and which files are looked at.

- A file below /proc, /sys or /dev is none, and one that may hold a secret is left alone.
"""

from __future__ import annotations

import re

from opsguide.errors import RefusedError
from opsguide.guide import owners
from opsguide.guide.editions import NOTES

SLUG = NOTES[1].slug
CHECK, REGISTER, AGAIN, RETIRE = "check", "register", "agree-again", "retire"
NO_FILE = re.compile(r"^/(proc|sys|dev)(/|$)")


def refuse(path: str) -> None:
    """RefusedError for a path whose digest is not taken."""
    if NO_FILE.match(path):
        raise RefusedError(f"{path} is no file", next="name the file that sets it, like one in /etc/sysctl.d")
    if owners.may_be_secret(path):
        shown = path if path.isprintable() else ascii(path)
        words = f"{shown} may hold a secret, so it is not read, and not even its digest is taken"
        then = "`secret` in owners.toml has the names; what is agreed about it stays in your own papers"
        raise RefusedError(words, next=then)
