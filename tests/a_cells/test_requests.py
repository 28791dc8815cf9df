"""Suite A: the cells of Jelastic Operations that have a runbook end as requests, complete, and nothing is changed.

A case is a file of `parameters/runs/` and the dossier's items of evidence, each with words that stand in its command.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import limits_evidence
from desk import REPOSITORY, Desk
from opsguide.guide import editions, kinds, scopes

pytestmark = pytest.mark.lab
SEED = editions.load("seed")
RUNS = REPOSITORY / "parameters/runs"
TOKEN = Path("/var/lib/opsguide-lab/keys/api-token")
HOST_FIREWALL = {
    "platform version": "infra_version",
    "kernel": "uname -r",
    "rules, IPv4, with default policies": "iptables-save",
    "rules, IPv6": "ip6tables-save",
    "counters, twice": "iptables-save -c",
    "sets": "ipset list -t",
    "which service filters": "iptables ip6tables firewalld nftables",
    "listening ports": "ss -l -n -t -u -p",
    "connection tracking and forwarding": "nf_conntrack_count net.netfilter.nf_conntrack_max net.ipv4.ip_forward",
    "digests of the saved files": "sha256sum",
    "drops in the kernel's log": "journalctl -k",
    "addresses": "ip -brief address",
    "routes": "ip route",
    "the platform's record": "gethosts",
    "the platform's sets": "gethostfirewallsets",
    "the platform's state": "gethostfirewallstatus",
}
CONTAINER_FIREWALL = {
    "listening ports": "ss -l -n -t -u -p",
    "rules, IPv4": "iptables-save",
    "rules, IPv6": "ip6tables-save",
    "counters, before and after": "iptables -n -v -x -L",
    "addresses": "ip -brief address",
    "time": "date -u",
}
ROUTING = {
    "addresses": "ip -d -brief address",
    "links with their errors": "ip -s link",
    "all routing tables": "ip route show table all",
    "routes, IPv6": "ip -6 route",
    "rules of routing": "ip rule",
    "proxy entries": "ip neigh show proxy",
    "forwarding and filters by path": "rp_filter",
    "resolver": "resolv.conf",
    "a path of whole packets": "ping -n -c 3 -W 2 -M do -s 1472 127.0.0.1",
    "internal pool": "getippoolinfo",
    "external pool": "getextippoolinfo",
    "time": "date -u",
}
ROUTING_OF_A_HOST = ROUTING | {
    "platform version": "infra_version",
    "containers with their addresses": "vzlist -a -H -o ctid,hostname,ip,status",
    "addresses in the containers' files": "IP_ADDRESS",
    "what the kernel knows of addresses": "/proc/vz/veinfo",
    "source device of routes": "VE_ROUTE_SRC_DEV",
    "bonds and VLANs": "/proc/net/bonding/",
    "VLANs of bridges": "bridge vlan",
    "virtual networks": "prlsrvctl net list -j",
}
SOFTWARE = {
    "system": "os-release",
    "kernel": "uname -r",
    "tainted": "tainted",
    "processors": "nproc",
    "memory": "free -m",
    "disk": "df -h",
    "installed packages": "rpm -qa",
    "repositories": "yum repolist -v",
    "who provides it": "--showduplicates list node_exporter",
    "dry run": "yum --assumeno install node_exporter",
    "listening ports": "ss -l -n -t -u -p",
    "units": "list-unit-files",
    "running services": "list-units",
    "modules": "/proc/modules",
    "SELinux": "selinux",
    "agents": "ps aux",
}
SOFTWARE_OF_A_HOST = SOFTWARE | {
    "platform version": "infra_version",
    "containers": "vzlist",
    "packages of Virtuozzo, kept": "rpm -q vzctl vzkernel prlctl libvzctl vzpkg",
}
SOFTWARE_OF_A_CONTAINER = SOFTWARE | {"component or type": "/etc/jelastic -type f"}
UPDATE = {
    "kernel": "uname -r",
    "release": "virtuozzo-release",
    "packages by age": "rpm -qa --last",
    "packages of Virtuozzo": "rpm -q vzkernel vzkernel-devel vzctl prlctl libvzctl vzpkg",
    "updates": "yum -q check-update",
    "live patches": "readykernel info",
    "automatic updates": "vzautoupdate.timer",
    "repositories": "/etc/yum.repos.d",
    "disks": "df -h",
    "room on /boot": "--output=avail /boot",
    "room on /vz": "--output=avail /vz",
    "containers": "vzlist -a -H -o ctid,status,hostname",
    "guests": "prlctl list -a -j",
    "storage cluster": "/etc/vstorage/clusters",
    "roles in the storage cluster": "grep vstorage",
    "licence": "prlsrvctl info --license",
    "templates": "vzpkg list -O",
    "kernel messages": "dmesg -T",
    "RAID": "/proc/mdstat",
    "since when it is up": "uptime",
    "the platform's record": "gethosts",
}
WINDOWS = {
    "machines": "prlctl list -a --vmtype vm -j",
    "each machine whole": "prlctl list -i '{6f0d1f8e-2b8c",
    "its snapshots": "prlctl snapshot-list '{6f0d1f8e-2b8c",
}
MIGRATION = {
    "platform version": "infra_version",
    "kernel": "uname -r",
    "since when it is up": "uptime",
    "components": "ih-01 -- 'LC_ALL=C PATH=$PATH:/usr/sbin:/sbin vzlist -a",
    "pairs on the other hosts": "ih-02 -- 'LC_ALL=C PATH=$PATH:/usr/sbin:/sbin vzlist -a",
    "versions of components": "jinfo.ini",
    "sizes": "du -sm /vz/private",
    "mounts": "/proc/mounts",
    "peers by address": "state established",
    "addresses that are written down": "cat /etc/hosts",
    "cron": "/etc/cron.d",
    "firewall": "iptables-save",
    "packages": "rpm -q vzctl vzkernel prlctl criu",
    "names of bridges": "prlsrvctl net list -j",
    "processor": "flags /proc/cpuinfo",
    "licence": "prlsrvctl info --license",
    "room on the new host": "ih-02 -- 'LC_ALL=C PATH=$PATH:/usr/sbin:/sbin df -B1M --output=avail /vz",
    "health of the cluster": "getclusterstatus",
    "hosts": "gethosts",
}
UPLOADER = {
    "uploaders of this host": "ih-01 -- 'LC_ALL=C PATH=$PATH:/usr/sbin:/sbin vzlist -a -H -o ctid,hostname,status,ip'",
    "uploaders of the other host": "ih-02 -- 'LC_ALL=C PATH=$PATH:/usr/sbin:/sbin vzlist -a -H -o ctid,hostname,status,ip'",
    "component and version": "jinfo.ini",
    "time": "date -u",
    "process": "ps -C java",
    "listening ports": "ss -l -t -n -p",
    "alive": "pgrep -x java",
    "disks": "df -hT",
    "files": "df -i",
    "mounts": "findmnt -l",
    "size and use": "--output=size,used,avail,pcent /vap-platform",
    "folders and who may write": "-maxdepth 1 -type d",
    "what mounts it again": "/etc/fstab",
    "files by age": "older than 30, 90, 180 days",
    "largest folders": "du -x -k",
    "a sample": "sha256sum /vap-platform",
    "NFS options": "nfsstat -m",
    "exports": "showmount -e 127.0.0.1",
    "port 111": "127.0.0.1 111",
    "port 2049": "127.0.0.1 2049",
    "settings": "getconfigkeys",
    "limits on the way": "client_max_body_size",
    "mount of hcore": "ls /home/hivext/ftp",
    "the limit at the door": "157286400",
    "one byte more": "157286401",
    "errors, counted": "grep -r -c -iE",
    "errors, the last": "grep -r -h -iE",
    "log": "journalctl -n 50",
    "certificate": "openssl s_client",
}
DATABASE = {
    "component and version": "jinfo.ini",
    "server, version and role": "@@read_only",
    "rights of the reading account": "information_schema.user_privileges",
    "disk": "df -h /var/lib/mysql",
    "free room, as a number": "df -B1M --output=avail",
    "size of the database's folder": "du -sm",
    "ibdata, undo, temporary files": "find /var/lib/mysql -maxdepth 1",
    "binary logs": "SHOW BINARY LOGS",
    "when they expire": "expire_logs_days",
    "size of each schema": "GROUP BY table_schema",
    "the 30 largest tables, with engine and room not used": "LIMIT 30",
    "how much of each counter is used": "AS percent",
    "indexed date columns": "information_schema.statistics",
    "records of each month, of the table": "AS records",
    "records of each month, of another large table": "node_statistic",
    "size of the table's files": "innodb_sys_tablespaces",
    "records that are older": "< DATE",
    "load and locks": "Innodb_row_lock_waits",
    "replica": "SHOW SLAVE STATUS",
    "Galera": "wsrep_",
    "units of the pair": "is-active jelasticha corosync",
    "slow queries, counted": "grep -c",
    "times of slow queries": "grep -m 50",
    "dumps with day and size": "-printf",
    "a dump of the last days": "-mtime -2",
    "records that stay, of each month": ">= DATE",
    "sums that stay, of each month": "month, SUM(",
    "what a hold keeps": "` = ",
    "time": "date -u",
}
CASES: dict[str, dict[str, str]] = {
    "03-uh-01": UPDATE | {"status": "gethosts"},
    "03-ih-01": UPDATE | {"pairs": "ih-02 -- ", "the other members": "vzctl status 305"},
    "04-uh-01": WINDOWS
    | {
        "the platform's record": "gethosts",
        "status": "gethosts",
        "load": "gethdnodesload",
        "nodes with owners and states": "getnodes",
        "connection": "checkhostconnection",
        "containers": "vzlist -a",
    },
    "04-node101": WINDOWS | {"environment and nodes": "getenvinfo", "state": "vzctl status 101"},
    "10-uploader1": UPLOADER,
    "13-uh-01": HOST_FIREWALL,
    "13-ih-01": HOST_FIREWALL,
    "14-hcore1": CONTAINER_FIREWALL
    | {
        "component and version": "jinfo.ini",
        "who must reach it": "state established",
        "the peer's rules": "ih-02 -- ",
    },
    "14-node101": CONTAINER_FIREWALL
    | {
        "environment and nodes": "getenvinfo",
        "rules as the platform has them": "security/rest/getrules",
        "the switch": "firewallstatus",
        "the agent's state": "jem firewall fwstatus",
        "the customer's own rules": "iptables-custom",
        "the agent's log": "jem.log",
        "type of the node": "metainf.conf",
    },
    "15-uh-01": ROUTING_OF_A_HOST,
    "15-ih-01": ROUTING_OF_A_HOST,
    "15-resolver1": ROUTING,
    "15-node101": ROUTING | {"environment": "getenvinfo", "firewall": "security/rest/getrules"},
    "19-ih-01": MIGRATION,
    "21-hcore1": limits_evidence.ITEMS,
    "22-uh-01": SOFTWARE_OF_A_HOST,
    "22-ih-01": SOFTWARE_OF_A_HOST,
    "22-hcore1": SOFTWARE_OF_A_CONTAINER,
    "22-node101": SOFTWARE_OF_A_CONTAINER,
    "23-jelastic-db1": DATABASE,
}
# What the lab does not have: the look ends with 1 or 2, and stands in the request so.
NO_ANSWER = {
    "10-uploader1": ("a sample", "NFS options", "exports", "port 111", "port 2049", "certificate"),
    "21-hcore1": (
        "limits of the kernel, connection tracking",
        "heap",
        "garbage collection",
        "limits of the database",
        "figures of the database",
        "memcached",
        "zookeeper",
        "mail queue",
    ),
    "23-jelastic-db1": ("slow queries, counted", "times of slow queries"),
    **dict.fromkeys(("15-uh-01", "15-ih-01"), ("source device of routes", "bonds and VLANs")),
    **dict.fromkeys(("22-uh-01", "22-ih-01", "22-hcore1", "22-node101"), ("SELinux", "modules")),
}


def given(case: str) -> dict[str, Any]:
    return yaml.safe_load((RUNS / f"{case}.yml").read_text())


def asked(desk: Desk, case: str) -> Any:
    values = given(case)
    slug = SEED.activity(case[:2]).slug
    return desk("run", slug, "--on", values["element"], "-f", str(RUNS / f"{case}.yml"), "--reason", values["reason"])


def files_of(root: str) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of what a vendor's change would touch."""
    places = ("etc/sysconfig", "etc/vz", "etc/jelastic", "etc/apt", "etc/yum.repos.d", "etc/nginx", "root/scripts")
    found = [p for place in places for p in (Path(root) / place).rglob("*") if p.is_file()]
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in found}


def root_of(lab: Any, element: str) -> str:
    host = element.startswith(("uh-", "ih-"))
    return str(lab.host_root(element) if host else lab.container_root(element))


@pytest.mark.parametrize("case", CASES)
def test_a_cell_of_jelastic_operations_ends_as_a_complete_request(desk: Desk, lab: Any, case: str) -> None:
    element = given(case)["element"]
    before, rules = files_of(root_of(lab, element)), lab.inside(element, ["iptables-save"]).stdout
    calls = len(lab.api_requests())
    done = asked(desk, case)
    assert done.code == 3, done
    record = desk.record()
    assert record.state == "requested"
    assert not record.sent("change", "edit", "prove")
    assert files_of(root_of(lab, element)) == before
    assert lab.inside(element, ["iptables-save"]).stdout.count("\n-A") == rules.count("\n-A")
    written = [r["method"] for r in lab.api_requests()[calls:]]
    assert not [
        m for m in written if m.rpartition(".")[2].startswith(("edit", "update", "apply", "set", "add", "change"))
    ]
    holds_all(json.loads((record.path / "request.json").read_text()), (record.path / "request.md").read_text(), case)
    assert not [p for p in record.path.rglob("*") if p.is_file() and TOKEN.read_bytes().strip() in p.read_bytes()]


def holds_all(request: dict[str, Any], page: str, case: str) -> None:
    """The request holds the packet's facts, each item of evidence with its answer, what is wanted, and the test."""
    values = given(case)
    for item, words in CASES[case].items():
        answers = [e for e in request["evidence"] if words in e["command"]]
        assert answers, f"{item}: no {words!r} among the evidence"
        assert item in NO_ANSWER.get(case, ()) or any(e["state"] == "ok" for e in answers), (item, answers)
        assert any(e["command"] in page for e in answers), f"{item} is not on the page"
    for name, value in values.items():
        if name not in ("element", "mode", "reason", "severity"):
            assert request["parameters"][name] == value
            assert f"- {name}: " in page, f"{name} is not on the page"
    assert request["activity"] == SEED.activity(case[:2]).title in page
    assert values["reason"] == request["reason"] in page
    assert request["acceptance"]
    assert all(a["check"] in page for a in request["acceptance"])
    assert request["wanted"] or scopes.load(SEED.activity(case[:2]).slug).entries  # type: ignore[union-attr]
    asked = {q["field"] for q in request["to_fill_in"]}
    packet = {"impact", "window", "contact", "versions", "access", "rollback"}
    assert asked == packet - set(values)
    assert request["severity"] == int(values.get("severity", 3))
    assert f"- Severity: {request['severity']}, " in page
    assert request["platform"] == "lab"
    assert request["domain"] == "lab.example"
    assert request["element"]["name"] == values["element"]


def test_every_cell_of_jelastic_operations_whose_runbook_writes_only_requests_has_a_case() -> None:
    only = [a for a in SEED.activities if scopes.load(a.slug) and only_requests(a.slug)]
    wanted = {
        (f"{a.number:02d}", k) for a in only for k in kinds.KINDS if SEED.party(a.slug, k) == "Jelastic Operations"
    }
    element_kinds = {"uh-01": "user-host", "ih-01": "infrastructure-host", "node101": "end-user-container"}
    got = {(c[:2], element_kinds.get(given(c)["element"], "infrastructure-container")) for c in CASES}
    assert got == wanted


def only_requests(slug: str) -> bool:
    return {SEED.party(slug, k) for k in kinds.KINDS} <= {"Jelastic Operations", "N/A"}


def test_a_migration_to_the_host_of_the_other_members_is_told_in_its_request(desk: Desk, lab: Any) -> None:
    assert asked(desk, "19-ih-01").code == 3
    request = json.loads((desk.record().path / "request.json").read_text())
    judged = {j["words"]: (j["met"], j["inputs"]) for j in request["judged"]}
    met, inputs = judged["no other member of a pair is on the new host"]
    assert not met
    assert "hcore2" in inputs["kept"]
    assert "zookeeper1" in inputs["single"]
    assert not judged["who watches is answered"][0]


def test_a_migration_of_one_component_asks_for_that_one_alone(desk: Desk, lab: Any) -> None:
    given = ("-f", str(RUNS / "19-ih-01.yml"), "-p", "components=uploader1,nosuch")
    assert desk("run", "19", *given).code == 3
    request = json.loads((desk.record().path / "request.json").read_text())
    assert [a["expect"] for a in request["acceptance"] if "vzlist -H -1" in a["check"]] == ['lacks "307"']
    judged = {j["words"]: (j["met"], j["inputs"]) for j in request["judged"]}
    assert judged["no other member of a pair is on the new host"][0]
    assert judged["components are names of this host, or all"] == (False, {"moved": "['uploader1']"})


@pytest.mark.parametrize("name", ["ih-09", "uh-01", "--help", ""])
def test_a_migration_to_what_is_no_infrastructure_host_writes_no_request(desk: Desk, lab: Any, name: str) -> None:
    done = desk("run", "19", "-f", str(RUNS / "19-ih-01.yml"), "-p", f"new_host={name}")
    assert done.code in (1, 2), done
    assert not [p for p in desk.folders() if (p / "request.json").exists()]
