"""One host of the lab: its seed on disk, its start in namespaces of its own, its state, its end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from opsguide_lab import certificates, cgroups, topology
from opsguide_lab.errors import LabError
from opsguide_lab.places import GROUP, GROUP_NAMED, HERE, host_folder, write
from opsguide_lab.topology import Container, Host

DISK = "512m"
MEMORY = 4 << 30
HOST_KEY = "etc/ssh/ssh_host_ed25519_key"


def prepare(host: Host) -> None:
    """Write the seed of a host: what its own layer holds, and the containers that it is born with."""
    folder = host_folder(host.name)
    layer = folder / "layer"
    give_key(host)
    for name in ("disk", "root", "vz"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sshd.log").touch()
    write(layer / "etc/hostname", f"{host.name}\n")
    write(layer / "etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {host.hostname} {host.name}\n")
    write(layer / "etc/machine-id", f"{host.machine_id}\n", 0o444)
    certificates.trust(layer)
    if host.joining:
        names = " ".join(f"{name}.{topology.DOMAIN}" for name in ("app", "jca"))
        here = (layer / "etc/hosts").read_text()
        write(layer / "etc/hosts", f"{here}{topology.API_ADDRESS} {names}\n")
        write(folder / "address", f"10.64.0.{host.id}/24\n")
    else:
        write(layer / "etc/opsguide/role", f"{host.kind}\n")
    (layer / "root/.ssh").mkdir(mode=0o700, parents=True, exist_ok=True)
    (layer / "root").chmod(0o700)
    shutil.rmtree(folder / "vz", ignore_errors=True)
    for name in ("private", "root", "lock", "dump", "template/debian-12", "template/layers"):
        (folder / "vz" / name).mkdir(parents=True)
    (layer / "etc/vz/conf").mkdir(parents=True, exist_ok=True)
    for one in topology.containers_on(host.name):
        _prepare_container(folder, layer, one)
    for machine in topology.MACHINES.get(host.name, ()):
        write(folder / "vz/vmprivate" / str(machine["name"]) / "vm.json", json.dumps(machine))


def give_key(host: Host) -> None:
    """Make the host's own key; a layer without one is begun anew."""
    layer = host_folder(host.name) / "layer"
    key = layer / HOST_KEY
    if not key.exists():
        shutil.rmtree(layer, ignore_errors=True)
        key.parent.mkdir(parents=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", str(key)], check=True)


def _prepare_container(folder: Path, layer: Path, one: Container) -> None:
    private = folder / "vz/private" / str(one.ctid)
    pages = (one.memory << 20) // 4096
    settings = {
        "NAME": one.name, "HOSTNAME": one.hostname, "ONBOOT": "yes", "OSTEMPLATE": "debian-12", "UUID": one.uuid,
        "IP_ADDRESS": f"{one.address}/255.255.255.0", "PHYSPAGES": f"{pages}:{pages}", "DISKSPACE": "131072:131072",
        "VE_ROOT": f"/vz/root/{one.ctid}", "VE_PRIVATE": f"/vz/private/{one.ctid}", "VE_LAYERS": " ".join(one.layers),
    }  # fmt: skip
    write(private / "ve.conf", "".join(f'{k}="{v}"\n' for k, v in settings.items()))
    files = private / "fs"
    write(files / "etc/machine-id", f"{one.uuid.replace('-', '')}\n", 0o444)
    write(files / "etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {one.hostname} {one.hostname.split('.')[0]}\n")
    if one.env:
        service = one.kind_of_node
        facts = f"COMPUTE_TYPE={service}\nCOMPUTE_TYPE_FULL_NAME={service}\nSERVICE={service}\n"
        write(files / "etc/jelastic/metainf.conf", facts)
    else:
        if one.front:
            certificates.trust(files)
            certificates.place(files)
        write(files / "etc/jelastic/jinfo.ini", f"version={topology.VERSION}\ncomponent={one.component}\n")
    link = layer / "etc/vz/conf" / f"{one.ctid}.conf"
    link.unlink(missing_ok=True)
    link.symlink_to(f"/vz/private/{one.ctid}/ve.conf")


def start(host: Host, base: Path, layers: Path) -> None:
    """Start a host in namespaces and cgroups of its own and return at once; it outlives this process."""
    folder = host_folder(host.name)
    write(folder / "built", layers.name)
    entries = cgroups.make(host.name)
    cgroups.limit(host.name, MEMORY)
    leaf = str(cgroups.primary(host.name) / "run") if cgroups.unified() else ""
    wrapper = [
        "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc",
        "bash", str(HERE / "seed/run-host.sh"), host.name, str(folder), str(base), str(layers), DISK, leaf,
    ]  # fmt: skip
    born([str(e) for e in entries], wrapper, folder / "console.log")


def born(entries: list[str], argv: list[str], log: Path) -> None:
    """Run a detached process that enters its cgroups before it is anything; its output goes to `log`."""
    enter = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo 0 > "$1"; shift; n=$((n-1)); done; exec setsid --fork "$@"'
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    with log.open("ab") as out:
        subprocess.run(
            ["sh", "-ec", enter, "born", str(len(entries)), *entries, *argv],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=True, close_fds=True, cwd="/",
            env={"PATH": path, "PYTHONPATH": str(HERE.parent), GROUP_NAMED: GROUP},
        )  # fmt: skip


def built_of(host: Host, layers: Path) -> bool:
    """Whether a host was started from these layers, and not from those of an earlier version of the lab."""
    note = host_folder(host.name) / "built"
    return note.exists() and note.read_text() == layers.name


def stop(host: Host) -> None:
    """End a host and all in it at once; LabError when a process of it will not go."""
    if not cgroups.kill(host.name) or not cgroups.remove(host.name):
        raise LabError(f"{host.name}: a process of the host does not end: {cgroups.processes(host.name)}")


def wrapper_pid(name: str) -> int:
    """The process that owns the host's outer namespaces (network, mounts), 0 when the host is down."""
    group = cgroups.primary(name) / ("sup" if cgroups.unified() else "")
    for pid in sorted(_pids(group)):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] == b"bash" and words[1].endswith(b"run-host.sh"):
            return pid
    return 0


def _pids(group: Path) -> list[int]:
    try:
        return [int(p) for p in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []


def leader(host: str) -> int:
    """The host's PID 1 in the machine's numbering, 0 when it is down or between two boots."""
    return cgroups.first_process(cgroups.payload(host) / "init.scope")


def container_leader(one: Container) -> int:
    """The container's PID 1 in the machine's numbering, on whatever host it runs now; 0 when it does not run."""
    return next(filter(None, (leader_on(one, name) for name in homes(one))), 0)


def leader_on(one: Container, name: str) -> int:
    """The container's PID 1 when it runs on that host, else 0."""
    return cgroups.first_process(cgroups.payload(name) / f"vz.slice/vzct@{one.ctid}.service/payload/init.scope")


def homes(one: Container) -> list[str]:
    """The hosts that a container can be on: its own first; only end-user containers move, and only to user hosts."""
    others = [h.name for h in topology.HOSTS if one.env and h.kind == "user-host" and h.name != one.host]
    return [one.host, *others]


def containers_ready(name: str) -> bool:
    """Whether the host has started the containers that it starts at boot."""
    pid = leader(name)
    return bool(pid) and Path(f"/proc/{pid}/root/run/vz/onboot").exists()


def key_answers(host: Host, patience: float = 20.0) -> bool:
    """Whether the host's own key answers at its address; another server there is not the host."""
    return host_key(host.name) in offered_key(host, patience)


def host_key(name: str) -> str:
    """`ssh-ed25519 AAAA…` as the lab generated it for this host."""
    return " ".join((host_folder(name) / "layer" / f"{HOST_KEY}.pub").read_text().split()[:2])


def offered_key(host: Host, patience: float = 20.0) -> str:
    """What answers at the host's address, empty when nothing does within `patience` seconds."""
    line = ["ssh-keyscan", "-T", str(max(1, round(patience))), "-t", "ed25519", "-p", str(topology.PORT), host.address]
    return subprocess.run(line, capture_output=True, text=True).stdout


def wait(condition: Callable[[], bool], patience: float) -> bool:
    """Wait for a condition, `patience` seconds at most."""
    deadline = time.monotonic() + patience
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.03)
    return met
