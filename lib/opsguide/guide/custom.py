"""Custom configuration, the guide's note 2: what each action needs, and which files are looked at.

- An action names its path but for `check`, which without one takes all settings of the element.
- What is agreed names the ticket, and who agreed; what is new also says what it is for.
- A file below /proc, /sys or /dev is none, and one that may hold a secret is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from opsguide.errors import InputError, RefusedError
from opsguide.guide import owners
from opsguide.guide.editions import NOTES

SLUG = NOTES[1].slug
CHECK, REGISTER, AGAIN, RETIRE = "check", "register", "agree-again", "retire"
NEEDED = {
    CHECK: (),
    REGISTER: ("path", "ticket", "agreed_with", "purpose"),
    AGAIN: ("path", "ticket", "agreed_with"),
    RETIRE: ("path", "ticket"),
}
NO_FILE = re.compile(r"^/(proc|sys|dev)(/|$)")


def hold(activity: str, parameters: Mapping[str, Any]) -> None:
    """InputError for an action of this activity that lacks what it needs."""
    if activity != SLUG:
        return
    for name in NEEDED[parameters["action"]]:
        if not parameters[name].strip():
            raise InputError(f"action {parameters['action']} needs {name}", next=f"give it: -p {name}=…")


def refuse(path: str) -> None:
    """RefusedError for a path whose digest is not taken."""
    if NO_FILE.match(path):
        raise RefusedError(f"{path} is no file", next="name the file that sets it, like one in /etc/sysctl.d")
    if owners.may_be_secret(path):
        shown = path if path.isprintable() else ascii(path)
        words = f"{shown} may hold a secret: it is not read, not even its digest is taken"
        then = "`secret` in owners.toml has the names; what is agreed about it stays in your own papers"
        raise RefusedError(words, next=then)
