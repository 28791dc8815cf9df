"""Secrets by reference: env:NAME, file:PATH or keyring:SERVICE/USER.

- A secret that stands in the platform file itself is refused, and is not shown.
- A value is read when it is needed and is in no error, not even in part.
- A secret in a file belongs to you or to root, and others can neither read nor change it.
- An empty secret is no secret.
- The line end after a secret does not belong to it.
"""

from __future__ import annotations

import importlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from opsguide.errors import InputError

if TYPE_CHECKING:
    from opsguide.reach.elements import Platform
    from opsguide.reach.lined import Section

TOKEN, MAIL = "platform API token", "password of the mail server"
LARGEST = 64 * 1024
FORMS = "env:NAME, file:PATH or keyring:SERVICE/USER"


def parts(reference: str) -> tuple[str, str]:
    """Scheme and the rest; ValueError, which shows nothing of the text, where it is no reference."""
    scheme, colon, rest = reference.partition(":")
    if not colon or scheme not in ("env", "file", "keyring") or not rest or "\x00" in rest:
        raise ValueError(f"not a secret reference ({FORMS}); what stands there is not shown")
    if scheme == "keyring" and not all(rest.partition("/")[::2]):
        raise ValueError("keyring: needs SERVICE/USER")
    return scheme, rest


def named(section: Section, key: str) -> str:
    """The reference that a key of the platform file holds, that of a file with its whole path."""
    reference = section.text(key)
    try:
        scheme, rest = parts(reference)
    except ValueError as reason:
        raise section.error(key, str(reason)) from None
    return f"file:{section.file.parent / Path(rest).expanduser()}" if scheme == "file" else reference


def resolve(reference: str) -> str:
    """The value behind a reference; InputError when it is missing, empty or open to others."""
    try:
        scheme, rest = parts(reference)
    except ValueError as reason:
        raise InputError(str(reason)) from None
    value = {"env": _from_environment, "file": _from_file, "keyring": _from_keyring}[scheme](rest)
    value = value.rstrip("\r\n")
    if not value:
        raise InputError(f"the secret {reference} is empty", next="put the value in its place")
    return value


def of_platform(platform: Platform) -> dict[str, str]:
    """The references of what no record may hold, by what they are: the API's token, passwords for mail and sudo."""
    found = {platform.api.token: TOKEN} if platform.api else {}
    if platform.support.smtp and platform.support.smtp.password:
        found.setdefault(platform.support.smtp.password, MAIL)
    for host in platform.elements.values():
        if host.become and host.become.password:
            found.setdefault(host.become.password, f"sudo password of {host.name}")
    return {what: reference for reference, what in found.items()}


def _from_environment(name: str) -> str:
    if name not in os.environ:
        words = f"the environment variable {name} is not set"
        raise InputError(words, next=f"set {name} for the process that sends, or name another reference")
    return os.environ[name]


def _from_file(name: str) -> str:
    path = Path(name).expanduser()
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as reason:
        words = f"the secret file {path} cannot be opened: {reason.strerror}"
        closed = isinstance(reason, PermissionError)
        next = "be its owner, or in its group (mode 640)" if closed else "create it, or correct the reference"
        raise InputError(words, where=str(path), next=next) from None
    try:
        _check_closed(path, os.fstat(handle))
        content = os.read(handle, LARGEST + 1)
    finally:
        os.close(handle)
    if len(content) > LARGEST:
        raise InputError(f"the secret file {path} is larger than 64 KiB", where=str(path))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"the secret file {path} is not UTF-8 text", where=str(path)) from None


def _check_closed(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"the secret file {path} is not a regular file", where=str(path))
    if found.st_uid not in (os.getuid(), 0):
        raise InputError(f"the secret file {path} belongs to neither you nor root", where=str(path))
    if found.st_mode & 0o027:
        words = f"the secret file {path} is open to others (mode {stat.S_IMODE(found.st_mode):03o})"
        raise InputError(words, where=str(path), next=f"chmod 600 {path}")


def _from_keyring(rest: str) -> str:
    service, _, user = rest.partition("/")
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        words = "keyring: references need the package keyring"
        raise InputError(words, next="install it beside opsguide: pip install keyring") from None
    try:
        value = keyring.get_password(service, user)
    except Exception as reason:  # every backend has its own
        words = f"the keyring does not answer: {type(reason).__name__}"
        raise InputError(words, next=f"unlock it, or name another reference than keyring:{rest}") from None
    if value is None:
        words = f"the keyring has nothing for {rest}"
        raise InputError(words, next=f"keyring set {service} {user}")
    return str(value)
