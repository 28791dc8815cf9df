"""Who asks: the account behind the socket, looked up in parameters/people.yml.

- Who asks is what the kernel says of the socket's other end; never $USER, never a parameter.
- people.yml maps accounts to names; an account that it does not list goes by its own name, and the record says so.
- A file that cannot be read, a key beside `people`, or a name that is not one line of text, is bad input; the error
  names file, line and key.
"""

from __future__ import annotations

import pwd
import socket
import struct
from pathlib import Path
from typing import Any

from opsguide.reach import lined


def peer(connection: socket.socket) -> tuple[int, int]:
    """(pid, uid) of the process at the other end of a Unix socket, as the kernel knows them."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", found)
    return pid, uid


def person(uid: int, file: Path) -> dict[str, Any]:
    """{name, uid, user, how} of an account; the account's own name where the file does not list it."""
    user = account(uid)
    named = _names(file).get(user)
    how = f"account on this machine, {'in' if named else 'not in'} people.yml"
    return {"name": named or user, "uid": uid, "user": user, "how": how}


def account(uid: int) -> str:
    """The name of an account, as the machine has it; its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _names(file: Path) -> dict[str, str]:
    top = lined.of_file(file, ("people",))
    if "people" not in top or top.is_bare("people"):
        return {}
    people = top.section("people", None)
    return {account: people.read(account, _one_line) for account in people}


def _one_line(name: str) -> str:
    if not name.isprintable():
        raise ValueError("a name is one line of text")
    return name
