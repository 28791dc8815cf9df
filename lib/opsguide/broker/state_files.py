"""Files of the state folder: whole or not at all, on the disk when written, open to all of its group, never a link."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

from opsguide.errors import StoreError


def write(path: Path, fields: dict[str, Any], what: str) -> None:
    """A JSON file of the state folder, whole and on the disk when this returns; StoreError otherwise."""
    new = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.new")  # several may write the same file at once
    try:
        with open(new, "w", encoding="utf-8", opener=opener) as out:
            json.dump(fields, out)
            out.flush()
            os.fsync(out.fileno())
        new.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise StoreError(f"{what} cannot be written: {error.strerror}", where=str(path)) from None


def remove(path: Path, what: str) -> None:
    """Take a file of the state folder away; StoreError when that cannot be done."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{what} cannot be taken away: {error.strerror}", where=str(path)) from None


def shared(folder: Path) -> None:
    """Make a folder with the rights of the one above it, where it is not there."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        folder.chmod(folder.parent.stat().st_mode & 0o7777)


def opener(path: str, flags: int) -> int:
    """Open for all of the folder's group, whatever the umask; a link that one of them laid there is not followed."""
    file = os.open(path, flags | os.O_NOFOLLOW, 0o660)
    with contextlib.suppress(PermissionError):
        os.fchmod(file, 0o660)
    return file


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
