"""Who asks: the account behind the socket, looked up in parameters/people.yml. Never $USER, never a parameter."""

from __future__ import annotations

import pwd
import socket
import struct
from pathlib import Path
from typing import Any

import yaml

from opsguide.errors import InputError


def peer(connection: socket.socket) -> tuple[int, int]:
    """(pid, uid) of the process at the other end of a Unix socket, as the kernel knows them."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", found)
    return pid, uid


def person(uid: int, file: Path) -> dict[str, Any]:
    """{name, uid, user, how} of an account; the account's own name where the file does not list it."""
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    named = _people(file).get(user)
    how = f"account on this machine, {'in' if named else 'not in'} people.yml"
    return {"name": named or user, "uid": uid, "user": user, "how": how}


def _people(file: Path) -> dict[str, str]:
    try:
        table = yaml.safe_load(file.read_text("utf-8")) or {}
    except FileNotFoundError:
        return {}
    except yaml.YAMLError as error:
        raise InputError(f"not YAML: {str(error).splitlines()[0]}", where=str(file)) from None
    people = table.get("people", {}) if isinstance(table, dict) else None
    if not isinstance(people, dict) or any(not isinstance(n, str) for n in people.values()):
        raise InputError("people: must map accounts to names", where=str(file))
    return {str(user): name for user, name in people.items()}
