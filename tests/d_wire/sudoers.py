"""A real sshd and a real sudo for an account of our own, in a mount namespace in which /etc is a copy.

The machine's own /etc stays as it is: accounts, sudoers and PAM's rules are written into the copy.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

from d_wire.sshd import Sshd
from opsguide.reach.elements import Become, Element, SshSettings

ACCOUNT = "opskeeper"
PAM = "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n"


def missing() -> str:
    """What keeps a real sudo from being met here, or an empty text."""
    if os.geteuid() != 0:
        return "only root can make an account in a namespace of its own"
    lacking = [tool for tool in ("sudo", "unshare", "openssl") if shutil.which(tool) is None]
    return f"not installed: {', '.join(lacking)}" if lacking else ""


class SudoSshd(Sshd):
    """A server whose account may do all by sudo as `rules` say; its password is `password`."""

    def __init__(self, folder: Path, rules: str, password: str) -> None:
        super().__init__(folder, f"AuthorizedKeysFile /etc/{ACCOUNT}/authorized_keys", "AllowUsers " + ACCOUNT)
        self.rules, self.password = rules, password
        etc = folder / "etc"
        shutil.copytree("/etc", etc, symlinks=True, ignore_dangling_symlinks=True)
        hashed = subprocess.run(
            ["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True
        ).stdout.strip()
        _append(etc / "passwd", f"{ACCOUNT}:x:64999:64999::/tmp:/bin/bash\n")
        _append(etc / "group", f"{ACCOUNT}:x:64999:\n")
        _append(etc / "shadow", f"{ACCOUNT}:{hashed}:19000:0:99999:7:::\n")
        _append(etc / "hosts", f"127.0.0.1 {os.uname().nodename}\n")
        (etc / "pam.d" / "sudo").write_text(PAM)
        (etc / "sudoers").write_text(f"Defaults env_reset\n{rules}\n")
        (etc / "sudoers").chmod(0o440)
        (etc / ACCOUNT).mkdir()
        shutil.copy(folder / "authorized_keys", etc / ACCOUNT / "authorized_keys")
        self.before = ["unshare", "-m", "--propagation", "private", "sh", "-c"]
        self.before += [f'mount --bind {etc} /etc && exec "$@"', "sh"]

    @property
    def settings(self) -> SshSettings:
        return dataclasses.replace(super().settings, user=ACCOUNT)

    def become(self, password: str = "") -> Element:
        """The host, with sudo and a reference to its password."""
        return dataclasses.replace(self.element(), become=Become(password))


def _append(path: Path, line: str) -> None:
    path.write_text(path.read_text() + line)
