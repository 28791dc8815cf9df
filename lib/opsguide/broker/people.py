"""Who asks: the account behind the socket, looked up in parameters/people.yml.

- Who asks is what the kernel says of the socket's other end; never $USER, never a parameter.
- people.yml maps accounts to names; an account that it does not list goes by its own name, and the record says so.
- A file that cannot be read, or a name that is not one line of text, is bad input.
"""

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
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark else str(file)
        raise InputError(f"not YAML: {str(error).splitlines()[0]}", where=place) from None
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"the list of people cannot be read: {error}", where=str(file)) from None
    people = (table.get("people") or {}) if isinstance(table, dict) else None
    if not isinstance(people, dict) or not all(isinstance(n, str) and n.isprintable() for n in people.values()):
        raise InputError("people: must map accounts to names, each one line of text", where=str(file))
    return {str(user): name for user, name in people.items()}
