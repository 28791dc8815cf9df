"""A broker on a disk that loses what was not synced: `python -m synced FOLDER RECORDS HOLDS MARKS the broker's arguments`.

What a file holds at its fsync, and which names a folder has at its fsync, is what a power loss would leave. After
each sync the tree below the records root and the holds is laid down anew in FOLDER/<n>/, with the host's count of
starts at that moment beside it. That is the worst disk there can be: it keeps nothing that it was not told to keep.
"""

from __future__ import annotations

import itertools
import os
import runpy
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

REAL = {name: getattr(os, name) for name in ("fsync", "fdatasync")}


class Disk:
    """What is on the disk for good: contents by inode, names by folder."""

    def __init__(self, folder: Path, watched: dict[str, Path], marks: Path) -> None:
        self._folder, self._watched, self._marks = folder, watched, marks
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._lock, self._moments = threading.Lock(), itertools.count(1)

    def synced(self, handle: int) -> None:
        """Called after each sync: keep what is now safe, and lay the whole down."""
        with self._lock:
            found = os.fstat(handle)
            path = Path(f"/proc/self/fd/{handle}").readlink()
            if not any(path.is_relative_to(root) for root in self._watched.values()):
                return
            if stat.S_ISDIR(found.st_mode):
                self._names[found.st_ino] = {entry.name: entry.inode() for entry in os.scandir(path)}
            else:
                self._contents[found.st_ino] = path.read_bytes()
            self._lay_down(self._folder / f"{next(self._moments):03}")

    def _lay_down(self, place: Path) -> None:
        for name, root in self._watched.items():
            if root.exists():
                self._copy(root.stat().st_ino, place / name)
        starts = self._marks.read_text() if self._marks.exists() else ""
        (place / "starts").write_text(starts)

    def _copy(self, inode: int, to: Path) -> None:
        to.mkdir(parents=True)
        for name, child in self._names.get(inode, {}).items():
            if child in self._names:
                self._copy(child, to / name)
            elif child in self._contents:
                (to / name).write_bytes(self._contents[child])
            elif "." in name:
                (to / name).write_bytes(b"")  # the name is safe, what is in it was never synced
            else:
                (to / name).mkdir()


def wrapped(disk: Disk, name: str) -> Callable[[int], None]:
    def call(handle: int) -> None:
        REAL[name](handle)
        disk.synced(handle)

    return call


def main(folder: str, records: str, holds: str, marks: str, *arguments: str) -> None:
    disk = Disk(Path(folder), {"records": Path(records), "holds": Path(holds)}, Path(marks))
    os.fsync, os.fdatasync = wrapped(disk, "fsync"), wrapped(disk, "fdatasync")
    sys.argv = ["opsguide.broker", *arguments]
    runpy.run_module("opsguide.broker", run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
