"""Containers that are made and destroyed on a host, as the stand-in for vzctl does it.

`vzctl create CTID --ostemplate TEMPLATE [--hostname NAME]` and `vzctl destroy CTID`. Exit codes are the manual page's:
20 bad parameter, 41 still mounted or running, 43 the private area is there already, 48 it cannot be made.
"""

# ruff: noqa: PTH103, PTH112, PTH108, PTH110, PTH118, PTH123, PTH211

from __future__ import annotations

import os
import shutil
import uuid

from opsguide_lab.standin import containers as ct

MOUNTED, EXISTS, NOT_MADE = 41, 43, 48
TEMPLATES = "/vz/template"
MEMORY = 256 << 20


def create(key: str, words: list[str]) -> int:
    """Make a container of a template; it is down."""
    given = dict(zip(words[::2], words[1::2], strict=False))
    template = given.get("--ostemplate", "")
    if not key.isdigit() or set(given) - {"--ostemplate", "--hostname"} or len(words) % 2:
        raise ct.Refusal(ct.BAD_PARAMETER, f"Invalid words: {key} {' '.join(words)}")
    private = f"/vz/private/{key}"
    if os.path.exists(private) or os.path.lexists(f"{ct.CONFIGURATION}/{key}.conf"):
        raise ct.Refusal(EXISTS, f"Private area already exists: {private}")
    if not template or "/" in template or not os.path.isdir(os.path.join(TEMPLATES, template)):
        raise ct.Refusal(NOT_MADE, f"Unable to create private area: no OS template {template!r}")
    os.makedirs(f"{private}/fs/etc")
    number = str(uuid.uuid4())
    with open(f"{private}/fs/etc/machine-id", "w") as file:
        file.write(number.replace("-", "") + "\n")
    pages = MEMORY // ct.PAGE
    settings = {
        "NAME": key, "HOSTNAME": given.get("--hostname", key), "ONBOOT": "no", "OSTEMPLATE": template, "UUID": number,
        "IP_ADDRESS": "", "PHYSPAGES": f"{pages}:{pages}", "VE_ROOT": f"/vz/root/{key}", "VE_PRIVATE": private,
        "VE_LAYERS": "end-user container",
    }  # fmt: skip
    with open(f"{private}/ve.conf", "w") as file:
        file.writelines(f'{k}="{v}"\n' for k, v in settings.items())
    os.symlink(f"{private}/ve.conf", f"{ct.CONFIGURATION}/{key}.conf")
    print("Container private area was created")
    return 0


def destroy(key: str, words: list[str]) -> int:
    """Remove a container that is down, with all that is in it."""
    one = ct.find(key)
    ct.refuse_locked(one)
    if one.running or os.path.ismount(one.root):
        raise ct.Refusal(MOUNTED, "Container is currently running: stop it first")
    shutil.rmtree(f"/vz/private/{one.ctid}")
    os.unlink(one.file)
    print("Container private area was destroyed")
    return 0
