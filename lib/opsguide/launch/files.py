"""Papermill's file handler for `opsguide://PATH`: what is written is there whole, or not at all.

- A file is written beside its place, synced, and moved into its place; the folder is synced.
- A file that another run has left there is not overwritten: the first write makes it, or is refused.
- A full disk leaves the last good file.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import ClassVar

from opsguide.errors import InputError, StoreError

SCHEME = "opsguide://"


class AtomicFiles:
    """The handler; `written` are the files that this process made, as they were when it had written them."""

    written: ClassVar[dict[Path, tuple[int, int]]] = {}

    @classmethod
    def read(cls, path: str) -> str:
        """The text of a file; InputError when it cannot be read."""
        try:
            return _plain(path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{_plain(path)} cannot be read: {getattr(error, 'strerror', error)}") from None

    @classmethod
    def listdir(cls, path: str) -> list[str]:
        """The files of a folder, with the scheme."""
        return [f"{SCHEME}{found}" for found in sorted(_plain(path).iterdir())]

    @classmethod
    def pretty_path(cls, path: str) -> str:
        """The path without the scheme."""
        return str(_plain(path))

    @classmethod
    def write(cls, buf: str, path: str) -> None:
        """Write a file whole; InputError for a file that another run made, StoreError when the disk refuses."""
        place = _plain(path)
        cls.refuse_other(place)
        try:
            _write(place, buf.encode("utf-8"), new=place not in cls.written)
            cls.written[place] = _identity(place)
        except FileExistsError:
            raise _taken(place) from None
        except OSError as error:
            raise StoreError(f"{place} cannot be written: {error.strerror}") from None

    @classmethod
    def refuse_other(cls, place: Path) -> None:
        """InputError where a file stands that this process did not make, or where its folder is missing."""
        if not place.parent.is_dir():
            raise InputError(f"there is no folder {place.parent}")
        with contextlib.suppress(FileNotFoundError):
            if _identity(place) != cls.written.get(place):
                changed = StoreError(f"{place} was changed by somebody meanwhile")
                raise changed if place in cls.written else _taken(place)


def _identity(place: Path) -> tuple[int, int]:
    found = place.lstat()
    return found.st_ino, found.st_mtime_ns


def _taken(place: Path) -> InputError:
    return InputError(f"{place} is there already", next="name another file; nothing is overwritten")


def _plain(path: str) -> Path:
    return Path(str(path).removeprefix(SCHEME)).expanduser().absolute()


def _write(place: Path, content: bytes, new: bool) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        if new:
            os.link(name, place)  # fails where a file is; a rename would not
        else:
            Path(name).replace(place)
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        Path(name).unlink(missing_ok=True)
