"""The files of a container that is down, shown on its host by `prlctl mount`, read-only."""

# ruff: noqa: PTH103, PTH106

from __future__ import annotations

import os

from opsguide_lab.standin import containers as ct
from opsguide_lab.standin.sources import FAILED


def mount(one: ct.Container) -> None:
    """Show the files of a container that is down, and let nobody change them."""
    if one.running or os.path.ismount(one.root):
        raise ct.Refusal(FAILED, "The CT is running or mounted already")
    layers = [f"/vz/template/layers/{layer}" for layer in one.settings["VE_LAYERS"].split()]
    lower = [f"/vz/private/{one.ctid}/fs", *filter(os.path.isdir, layers), f"/vz/template/{one.settings['OSTEMPLATE']}"]
    os.makedirs(one.root, exist_ok=True)
    line = ["/bin/mount", "-t", "overlay", "-o", f"ro,lowerdir={':'.join(lower)}", f"ct{one.ctid}", one.root]
    if ct.run(line):
        raise ct.Refusal(FAILED, "Failed to mount the CT")


def unmount(one: ct.Container) -> None:
    """Take that away."""
    if one.running or not os.path.ismount(one.root):
        raise ct.Refusal(FAILED, "The CT is running or not mounted")
    if ct.run(["/bin/umount", one.root]):
        raise ct.Refusal(FAILED, "Failed to unmount the CT")
    os.rmdir(one.root)
