r"""The layers that make a host or a container of the base: files from `seed/`, and which units run.

Rules:
- A layer holds only what differs from the base; it is named by a digest of all of it and read-only to the hosts.
- `/etc/systemd/system` of the base is hidden: exactly the units named here are enabled.
- What cannot run outside a vendor's data centre is a process of the right name that sleeps, and its unit says so.

What can be asked in each component (`pgrep -x` process, `systemctl is-active` unit, curl); nginx, sshd, the database of
jelastic-db and the zabbix agent (process zabbix_agentd, TCP 10050, in all of them) are real, the rest are stand-ins:

| component       | processes                              | units                                           |
|-----------------|----------------------------------------|-------------------------------------------------|
| zookeeper       | java                                   | zookeeper                                       |
| jelastic-db     | mariadbd (real) jelasticha corosync    | mariadb (mysql mariadbd) jelasticha corosync    |
| jelcore         | java nginx                             | jelcore nginx                                   |
| gate            | sshproxyd sshd corosync                | sshproxyd sshd corosync                         |
| hcore           | java nginx proxysql                    | hcore nginx proxysql home-hivext-ftp.mount      |
| resolver        | mysqld nginx pdns_server (twice)       | mysql openresty (nginx) pdns pdns@external      |
|                 | pdns_recursor master haresolver        | pdns-recursor postfix haresolver                |
|                 | proxysql dnsdist                       | proxysql dnsdist                                |
| uploader        | java nginx                             | uploader nginx vap\x2dplatform.mount            |
| memcached-infra | memcached                              | memcached                                       |

Probes: jelcore :8080/JElastic/env/system/rest/getversion, hcore :8080/users/system/service/rest/getversion and
`ls /home/hivext/ftp` (a mount), resolver :80/vap_metadata; all three answer 503 while the member is drained.
The uploader takes PUT below :8080/upload/, up to its limit. The nginx of a resolver answers on :443, too, with
certificates of the lab's own authority: see certificates.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from opsguide_lab.errors import LabError
from opsguide_lab.places import HERE, LAYERS, write

SYSTEM = "etc/systemd/system"
LIBRARY = "usr/lib/opsguide-lab"
SETTINGS = "etc/mysql/mariadb.conf.d/lab.cnf"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

# Units that have no work in a namespace, or would reach for the machine's own kernel.
MASKED = HERE / "seed/masked-units.txt"
MASKED_IN_CONTAINERS = ["systemd-journal-flush.service", "systemd-user-sessions.service"]
ON_DEMAND = ("dbus.service", "systemd-logind.service")  # started over their sockets, not at boot

# Layer -> units enabled in it. A name with `=` is a stand-in: unit=process.
UNITS: dict[str, tuple[str, ...]] = {
    "host": (
        "lab-kernel", "vzautoupdate.timer", "vz-vmprivate-backups.mount",
        "sshd", "crond", "rsyslog", "zabbix-agent", "vz", "vz-motd.timer", "logrotate.timer", "atd",
        "prl-disp=prl_disp_service", "vzevent=vzeventd", "vcmmd=vcmmd", "pfcached=pfcached",
    ),
    "container": ("zabbix-agent",),
    "infrastructure": (),
    "end-user": (),
    "zookeeper": ("zookeeper=java",),
    "jelastic-db": ("mariadb", "jelasticha=jelasticha", "corosync=corosync"),
    "jelcore": ("nginx", "jelcore=java"),
    "gate": ("sshproxyd=sshproxyd", "sshd", "corosync=corosync"),
    "hcore": ("nginx", "hcore=java", "proxysql=proxysql", "home-hivext-ftp.mount"),
    "resolver": (
        "nginx", "mysql=mysqld", "pdns=pdns_server", "pdns@external=pdns_server", "pdns-recursor=pdns_recursor",
        "postfix=master", "haresolver=haresolver", "proxysql=proxysql", "dnsdist=dnsdist",
    ),
    "uploader": ("nginx", "uploader=java", r"vap\x2dplatform.mount"),
    "memcached-infra": ("memcached=memcached",),
    "nginx": ("nginx",),
    "memcached": ("memcached=memcached",),
    "mariadb": ("mariadb",),
}  # fmt: skip
ALIASES: dict[str, dict[str, str]] = {
    "host": {"ssh": "sshd", "cron": "crond", "syslog": "rsyslog"},
    "jelastic-db": {"mysql": "mariadb", "mariadbd": "mariadb"},
    "mariadb": {"mysql": "mariadb", "mariadbd": "mariadb"},
    "gate": {"ssh": "sshd"},
    "resolver": {"openresty": "nginx"},
}

STAND_IN = """[Unit]
Description={unit} (stand-in: a process named {process} that sleeps)

[Service]
ExecStart=/{library}/bin/{process} infinity
ExecReload=/bin/true
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


def digest(base: Path) -> str:
    """What hosts are made of: the seed, the stand-ins, this file, who is trusted, certificates, and the base."""
    files = [p for place in ("seed", "standin") for p in sorted((HERE / place).rglob("*"))]
    return digest_of([Path(__file__), HERE / "trust.py", HERE / "certificates.py", *files], base.name)


def digest_of(files: Iterable[Path], more: str = "") -> str:
    """16 hex digits over names, modes and contents."""
    summed = hashlib.sha256(more.encode())
    for file in (f for f in files if f.is_file() and f.suffix != ".pyc"):
        summed.update(f"{file.name} {file.stat().st_mode}\n".encode() + file.read_bytes())
    return summed.hexdigest()[:16]


def forget() -> None:
    """Remove all layers but the newest; nothing of the lab may be up."""
    by_age = sorted(LAYERS.glob("*"), key=lambda p: p.stat().st_mtime)
    for old in by_age[:-1]:
        shutil.rmtree(old, ignore_errors=True)


def ensure(base: Path) -> Path:
    """The folder of all layers, written first when there is none of this digest."""
    place = LAYERS / digest(base)
    if not place.is_dir():
        LAYERS.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix="building-", dir=LAYERS))
        draft.chmod(0o755)
        _build(draft, base)
        draft.rename(place)
    return place


def _build(folder: Path, base: Path) -> None:
    for name, units in UNITS.items():
        layer = folder / name
        layer.mkdir()
        if (HERE / "seed" / name).is_dir():
            shutil.copytree(HERE / "seed" / name, layer, symlinks=True, dirs_exist_ok=True)
        if name in ("host", "container"):
            _foundation(layer, base, in_container=name == "container")
        for unit in units:
            _enable(layer, base, unit)
        for alias, unit in ALIASES.get(name, {}).items():
            _link(layer / SYSTEM / f"{alias}.service", f"/{_home(layer, unit)}/{unit}.service")
    shutil.copy2(folder / "host" / SYSTEM / "sshd.service", folder / "gate" / SYSTEM / "sshd.service")
    _database(folder / "jelastic-db", base)


def _foundation(layer: Path, base: Path, *, in_container: bool) -> None:
    system = layer / SYSTEM
    system.mkdir(parents=True, exist_ok=True)
    os.setxattr(system, "trusted.overlay.opaque", b"y")
    _link(system / "default.target", "/lib/systemd/system/multi-user.target")
    for unit in MASKED.read_text().split() + (MASKED_IN_CONTAINERS if in_container else []):
        _link(system / unit, "/dev/null")
    for unit in ON_DEMAND:
        _link(system / "multi-user.target.wants" / unit, "/dev/null")
    for generator in (base / "lib/systemd/system-generators").iterdir():
        _link(layer / "etc/systemd/system-generators" / generator.name, "/dev/null")
    python = layer / LIBRARY / "opsguide_lab/standin"
    shutil.copytree(HERE / "standin", python, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("root", "tmp", "var/log/journal"):
        (layer / name).mkdir(parents=True, exist_ok=True)
    (layer / "root").chmod(0o700)
    (layer / "tmp").chmod(0o1777)


def _enable(layer: Path, base: Path, unit: str) -> None:
    unit, _, process = unit.partition("=")
    if process:
        program = layer / LIBRARY / "bin" / process
        program.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(base / "usr/bin/sleep", program)
        text = STAND_IN.format(unit=unit, process=process, library=LIBRARY)
        write(layer / SYSTEM / f"{unit}.service", text)
    name = unit if "." in unit else f"{unit}.service"
    wants = "timers.target.wants" if name.endswith(".timer") else "multi-user.target.wants"
    _link(layer / SYSTEM / wants / name, f"/{_home(layer, name)}/{name}")


def _home(layer: Path, unit: str) -> str:
    name = unit if "." in unit else f"{unit}.service"
    return SYSTEM if (layer / SYSTEM / name).exists() or name == "sshd.service" else "lib/systemd/system"


def _database(layer: Path, base: Path) -> None:
    """Fill the layer's database, and give its reading account a password that only its file holds."""
    password = secrets.token_hex(16)
    write(layer / "root/.opsguide.cnf", f"[client]\nuser=opsguide\npassword={password}\n", 0o600)
    (layer / "root").chmod(0o700)
    (layer / "var/lib/mysql").mkdir(parents=True)
    tables = [base / f"usr/share/mysql/mysql_system_tables{part}.sql" for part in ("", "_data")]
    text = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = 'root', @skip_auth_anonymous = 1;\n"
    text += "".join(file.read_text() for file in tables)
    text += (layer / LIBRARY / "database.sql").read_text().replace("@PASSWORD@", password)
    # A server that starts removes the temporary tables of any other in its /tmp, and the base's is everybody's.
    script = 'mount --bind "$1" "$0/mnt"; mount -t tmpfs none "$0/tmp"; exec chroot "$0" mariadbd $2'
    line = ["unshare", "--mount", "sh", "-ec", script, base, layer]
    options = f"--defaults-file=/mnt/{SETTINGS} --datadir=/mnt/var/lib/mysql --disable-log-bin --bootstrap"
    made = subprocess.run([*map(str, line), options], input=text, env={"PATH": PATH}, capture_output=True, text=True)
    if made.returncode:
        raise LabError("the database of the lab could not be made:\n" + made.stderr[-2000:])


def _link(place: Path, target: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target)
