"""Writing that is on the disk when it returns, and that leaves the last good state when it fails.

- A file appears whole or not at all: written beside its place, synced, moved over, its folder synced.
- A line is appended whole or not at all: a partial write is cut off again.
- A link in a file's place is not followed: the folder may be one that others write to.
- Every failure of the disk becomes a StoreError that names the file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opsguide.errors import StoreError

PART = ".part"
PIECE = 1 << 20


def now() -> str:
    """The present instant in UTC with milliseconds, `2026-03-01T02:03:04.567Z`."""
    return utc(datetime.now(UTC))


def utc(at: datetime) -> str:
    """`at`, an instant in UTC, as the record writes it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def digest(content: bytes) -> str:
    """The sha256 of `content` in hex."""
    return hashlib.sha256(content).hexdigest()


def json_line(fields: Mapping[str, Any]) -> bytes:
    """`fields` as one line of UTF-8 JSON without its newline.

    Numbers that JSON lacks (NaN, Infinity) become their names as text; a lone surrogate stays as its escape.
    """
    try:
        text = json.dumps(fields, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:
        text = json.dumps(_finite(fields), ensure_ascii=False, allow_nan=False, default=str)
    return text.encode("utf-8", "backslashreplace")


def json_file(fields: Mapping[str, Any]) -> bytes:
    """`fields` as an indented JSON file, ending in a newline."""
    text = json.dumps(_finite(fields), ensure_ascii=False, allow_nan=False, indent=1, default=str)
    return (text + "\n").encode("utf-8", "backslashreplace")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turns an OSError inside the block into a StoreError that names `path`."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"the record cannot be written: {error.strerror or error}",
            where=str(path),
            next="make room or mend the folder's rights; nothing is sent while no record can be written",
        ) from error


def claimed(handle: int, seconds: float = 0.0) -> bool:
    """Whether the lock of an open file is ours; waits up to `seconds` for it."""
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)
        else:
            return True


def file_digest(path: Path) -> str:
    """The sha256 of the file at `path` in hex, read piece by piece."""
    found = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        while piece := stream.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def sync_folder(folder: Path) -> None:
    """Brings the names in `folder` to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folders(folder: Path, root: Path) -> None:
    """Makes `folder` and what is missing between it and `root`, each name synced."""
    root.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():
        if folder != root:
            make_folders(folder.parent, root)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def write_file(path: Path, content: bytes) -> None:
    """Puts `content` at `path`, whole and synced, or raises StoreError and leaves what was there."""
    part = path.with_name(path.name + PART)
    with storing(path):
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
            try:
                write_all(handle, content)
                os.fsync(handle)
            finally:
                os.close(handle)
            part.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        sync_folder(path.parent)


def write_all(handle: int, content: bytes) -> None:
    """Writes all of `content`, however many calls that takes."""
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]


def append_line(handle: int, size: int, line: bytes, path: Path) -> int:
    """Appends `line` and a newline to a file that is `size` bytes long; returns its new size.

    When the disk says no, the file is cut back to `size` and StoreError is raised; also when the file has
    another size to begin with: then somebody else wrote to it, or an earlier failure could not be cut back.
    """
    with storing(path):
        if os.fstat(handle).st_size != size:
            raise OSError(errno.EIO, "it is not as it was left")
        try:
            write_all(handle, line + b"\n")
            os.fdatasync(handle)
        except OSError:
            os.ftruncate(handle, size)
            os.fdatasync(handle)
            raise
    return size + len(line) + 1
