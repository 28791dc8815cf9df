"""What a container uses now, counted from its processes and its files."""

# ruff: noqa: PTH115, PTH208

from __future__ import annotations

import os

from opsguide_lab.standin import containers as ct


def processes(one: ct.Container) -> list[int]:
    """All processes inside, as the host numbers them."""
    try:
        inside = os.readlink(f"/proc/{one.init}/ns/pid")
    except OSError:
        return []
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/ns/pid") == inside:
                found.append(int(pid))
        except OSError:
            continue
    return found


def pages(one: ct.Container) -> int:
    """Memory of all its processes in pages of 4 KiB; what they share is counted for each."""
    total = 0
    for pid in processes(one):
        try:
            total += int(ct.text_of(f"/proc/{pid}/statm").split()[1])
        except OSError:
            continue  # it ended while we looked
    return total


def blocks(one: ct.Container) -> int:
    """Room that its private area takes, in blocks of 1 KiB, as du counts."""
    place = f"/vz/private/{one.ctid}"
    total = os.lstat(place).st_blocks
    for folder, folders, files in os.walk(place):
        for name in (*folders, *files):
            try:
                total += os.lstat(f"{folder}/{name}").st_blocks
            except OSError:
                continue
    return total // 2
