"""The verdict of the real ssh, to compare ours with."""

from __future__ import annotations

import subprocess

from d_wire.sshd import Sshd


def openssh(server: Sshd, port: int, alias: str = "") -> str:
    """What OpenSSH itself says with the same key and the same known_hosts; '' when it lets us in."""
    options = [f"UserKnownHostsFile={server.known_hosts}", "GlobalKnownHostsFile=none", "StrictHostKeyChecking=yes"]
    options += ["BatchMode=yes", "IdentitiesOnly=yes", "UpdateHostKeys=no"]
    options += [f"HostKeyAlias={alias}"] if alias else []
    flags = [word for option in options for word in ("-o", option)]
    command = ["ssh", "-F", "none", *flags, "-i", f"{server.folder}/client", "-p", str(port)]
    command += [f"{server.settings.user}@127.0.0.1", "true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr if done.returncode else ""
