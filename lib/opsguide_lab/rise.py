"""How one host comes up, or is healed where something of it is down.

Rules:
- What is in order is left alone; what is down is started; a host is built anew when it does not answer otherwise, or
  when it was built by another version of the lab.
- Faults that a test left behind are taken away: a broken wire, a full disk, another host key, a missing backup store,
  where a container is down also locks and files that make it fail.
- With `restore`, a host whose containers or services are not those of the topology is built anew too, and a resolver
  has the certificates that it was built with.
- A host is up when its own host key answers at its address and its containers run.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path

from opsguide_lab import access, certificates, control, elements, hosts, places, topology, trust
from opsguide_lab.errors import LabError
from opsguide_lab.topology import Host

PATIENCE = 120.0
WATCHES = 3
"""The inotify instances that one systemd takes."""
FAILING = "find /vz/lock /vz/private -maxdepth 2 ( -name *.lck -o -name fail-start -o -name hang-stop ) -delete"


def rise(host: Host, base: Path, layers: Path, *, restore: bool = False) -> bool:
    """Bring a host up; true when it was started. LabError says what does not come up and why."""
    as_built = hosts.wrapper_pid(host.name) and hosts.built_of(host, layers) and not (restore and strayed(host))
    if as_built and _heal(host):
        if restore:
            _restore_certificates(host)
        return False
    _start(host, base, layers)
    if not hosts.wait(lambda: _sshd_listens(host), PATIENCE):
        raise LabError(_why(host, "its sshd does not come up"))
    if not hosts.wait(lambda: hosts.key_answers(host), PATIENCE):
        raise LabError(_why(host, "its own host key does not answer at its address"))
    if not hosts.wait(lambda: hosts.containers_ready(host.name), PATIENCE):
        raise LabError(_why(host, "its containers do not come up"))
    return True


def _start(host: Host, base: Path, layers: Path) -> None:
    hosts.stop(host)
    hosts.prepare(host)
    trust.seed(host)
    access.note_host_keys()
    hosts.start(host, base, layers)
    if not hosts.wait(lambda: hosts.wrapper_pid(host.name) != 0, PATIENCE):
        raise LabError(_why(host, "its process does not start"))
    _attach(host)


def _attach(host: Host) -> None:
    pid = hosts.wrapper_pid(host.name)
    control.ask(places.RELAY_SOCKET, do="attach", host=host.name, pid=pid, address=host.address)


def strayed(host: Host) -> str:
    """How a running host differs from the topology, empty when it does not: it joined, containers, disabled units."""
    if not (pid := hosts.leader(host.name)):
        return ""  # between two boots: healing waits for it
    etc = Path(f"/proc/{pid}/root/etc")
    if host.joining and (etc / "opsguide/role").exists():
        return "it has joined"
    numbers = sorted(int(p.stem) for p in (etc / "vz/conf").glob("[1-9]*.conf"))
    if numbers != [c.ctid for c in topology.containers_on(host.name)]:
        return "containers: " + " ".join(map(str, numbers))
    wants = etc / "systemd/system/multi-user.target.wants"
    gone = [unit for unit in ("vz", "prl-disp") if not (wants / f"{unit}.service").is_symlink()]
    return "disabled: " + " ".join(gone) if gone else ""


def _heal(host: Host) -> bool:
    """Put a running host in order; false when it has to be built anew."""
    if host.name not in control.ask(places.RELAY_SOCKET, do="list")["wires"]:
        _attach(host)
    if host.name in elements.faults():
        elements.fault(host.name, "")
    elements.free_disk(host.name)
    last = hosts.leader(host.name)
    if _goes_down(host) and not hosts.wait(lambda: hosts.leader(host.name) != last, PATIENCE):
        return False
    if not hosts.wait(lambda: hosts.leader(host.name) != 0, PATIENCE):
        return False
    if not hosts.wait(lambda: _sshd_listens(host), 0.5):
        elements.inside(host.name, ["systemctl", "start", "sshd"])
    if not (elements.host_root(host.name) / "vz/vmprivate/backups/backup-store").exists():
        elements.inside(host.name, ["systemctl", "start", "vz-vmprivate-backups.mount"])
    if not hosts.key_answers(host):
        elements.restore_host_key(host.name)
    down = [c for c in topology.containers_on(host.name) if not hosts.container_leader(c)]
    if down and hosts.wait(lambda: hosts.containers_ready(host.name), PATIENCE):
        elements.inside(host.name, FAILING.split())
        for one in (c for c in down if not hosts.container_leader(c)):
            elements.inside(host.name, ["vzctl", "start", str(one.ctid)])
    return hosts.key_answers(host) and all(map(hosts.container_leader, topology.containers_on(host.name)))


def _goes_down(host: Host) -> bool:
    """Whether the host is on its way to another boot, or off: what is mended now would not last."""
    with contextlib.suppress(LabError):
        return elements.inside(host.name, ["systemctl", "is-system-running"]).stdout.strip() == "stopping"
    return False


def _restore_certificates(host: Host) -> None:
    for one in topology.containers_on(host.name):
        if one.front and not certificates.as_placed(elements.container_root(one.name)):
            elements.restore_certificates(one.name)


def _sshd_listens(host: Host) -> bool:
    pid = hosts.leader(host.name)
    return bool(pid) and Path(f"/proc/{pid}/root/run/sshd.pid").exists()


def _why(host: Host, words: str) -> str:
    log = places.host_folder(host.name) / "console.log"
    tail = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
    return "\n".join([f"{host.name} does not come up: {words}; its console is {log}", *tail, *_no_watches()])


def _no_watches() -> list[str]:
    """What to do where the machine has no inotify instances left: each systemd of the lab takes three."""
    kernel = ctypes.CDLL(None, use_errno=True)
    made = [kernel.inotify_init1(os.O_CLOEXEC) for _ in range(WATCHES)]
    for one in (fd for fd in made if fd >= 0):
        os.close(one)
    if min(made) >= 0:
        return []
    limit = Path("/proc/sys/fs/inotify/max_user_instances").read_text().strip()
    need = WATCHES * (len(topology.HOSTS) + len(topology.CONTAINERS))
    words = f"no inotify instances are left: the lab needs {need}, fs.inotify.max_user_instances is {limit} for all"
    return [f"{words}; take another lab down, or raise it with sysctl"]
