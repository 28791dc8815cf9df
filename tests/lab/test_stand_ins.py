"""The stand-ins do what the manual pages of the real programs say, over real containers."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from .words import ssh

HOST_SERVICES = ["sshd", "crond", "rsyslog", "zabbix-agent", "prl-disp", "vzevent", "vcmmd", "pfcached"]
PROBE = (
    "curl -s -o /dev/null -w '%{http_code}' 'http://127.0.0.1:8080/users/system/service/rest/getversion?appid=cluster'"
)


@pytest.fixture
def hcore1(lab: Any) -> Iterator[str]:
    yield "hcore1"
    lab.inside("ih-01", ["rm", "-f", "/vz/lock/305.lck"])
    lab.up(hosts=["ih-01"])


@pytest.mark.parametrize(
    "program", ["vzctl", "vzlist", "prlctl", "prlsrvctl", "vzpid", "vzmigrate", "vzreboot", "yum", "rpm", "grubby"]
)
def test_each_stand_in_says_that_it_is_one(lab: Any, program: str) -> None:
    assert re.search("NOT the real program|not the real one", lab.inside("uh-01", [program, "--help"]).stdout)


def test_jem_says_that_it_is_a_stand_in(lab: Any) -> None:
    assert "NOT the real program" in lab.inside("node101", ["jem", "--help"]).stdout


def test_exec2_joins_its_words_for_bash_and_answers_with_the_inner_code(lab: Any) -> None:
    assert ssh("ih-01", "vzctl exec2 305 echo 'a   b' '$HOSTNAME;' exit 7").returncode == 7
    assert ssh("ih-01", "vzctl exec2 305 echo 'a   b'").stdout == "a b\n"
    assert ssh("ih-01", "vzctl exec2 305 'hostname -f'").stdout == "hcore1.lab.example\n"


@pytest.mark.parametrize("value", ["a  b", "$(id)", "it's", 'say "x"', "*", "a;b", "`id`", "\\n", "é"])
def test_a_value_quoted_for_both_shells_arrives_byte_for_byte(lab: Any, value: str) -> None:
    inner = shlex.join(["printf", "%s", value])
    assert ssh("ih-01", shlex.join(["vzctl", "exec2", "305", inner])).stdout == value


def test_exec_says_8_whatever_the_command_said(lab: Any) -> None:
    assert ssh("ih-01", "vzctl exec 305 'exit 7'").returncode == 8
    assert ssh("ih-01", "vzctl exec 305 true").returncode == 0


def test_exec2_passes_standard_input_and_both_streams_on(lab: Any) -> None:
    line = "printf 'x\\377y' | vzctl exec2 305 'cat; echo trouble >&2' | od -An -tx1"
    answer = ssh("ih-01", line)
    assert (answer.stdout.strip(), answer.stderr) == ("78 ff 79", "trouble\n")


def test_the_documented_exit_codes(lab: Any, hcore1: str) -> None:
    assert ssh("ih-01", "vzctl start 305").returncode == 32
    assert ssh("ih-01", "vzctl start 999").returncode == 14
    assert ssh("ih-01", "vzctl bogus 305").returncode == 20
    assert ssh("ih-01", "touch /vz/lock/305.lck; vzctl restart 305").returncode == 9
    assert ssh("ih-01", "rm /vz/lock/305.lck; vzctl stop 305").returncode == 0
    assert ssh("ih-01", "vzctl stop 305").returncode == 31
    assert ssh("ih-01", "vzctl exec2 305 true").returncode == 31


def test_status_tells_running_down_and_deleted(lab: Any, hcore1: str) -> None:
    assert ssh("ih-01", "vzctl status 305").stdout == "CTID 305 exist mounted running\n"
    assert ssh("ih-01", "vzctl stop 305; vzctl status 305").stdout.endswith("CTID 305 exist unmounted down\n")
    assert ssh("ih-01", "vzctl status 999").stdout == "CTID 999 deleted unmounted down\n"


def test_a_restarted_container_has_a_new_boot_id_and_its_files(lab: Any, hcore1: str) -> None:
    boot = ["cat", "/proc/sys/kernel/random/boot_id"]
    before = lab.inside(hcore1, boot).stdout
    assert ssh("ih-01", "vzctl exec2 305 'echo kept > /root/kept'; vzctl restart 305").returncode == 0
    assert lab.inside(hcore1, boot).stdout not in ("", before)
    assert (lab.container_root(hcore1) / "root/kept").read_text() == "kept\n"


def test_exec2_fails_as_documented_while_a_container_restarts(lab: Any, hcore1: str) -> None:
    often = "while kill -0 $! 2> /dev/null; do vzctl exec2 305 true 2> /dev/null; echo $?; done"
    line = f"vzctl restart 305 > /dev/null & {often}; wait; vzctl exec2 305 true; echo $?"
    seen: set[str] = set()
    for _ in range(5):  # the window is short: several restarts until one call falls into it
        codes = ssh("ih-01", line).stdout.split()
        assert codes[-1] == "0"
        seen |= set(codes)
        if "31" in seen:
            break
    assert "31" in seen


def test_vzlist_prints_the_columns_that_are_asked_for(lab: Any) -> None:
    answer = ssh("ih-01", "vzlist -a -H -o ctid,status,hostname").stdout.splitlines()
    assert answer[0].split() == ["301", "running", "zookeeper1.lab.example"]
    assert [line.split()[0] for line in answer] == ["301", "302", "303", "304", "305", "306", "307"]
    assert ssh("ih-01", "vzlist -Ho ctid,hostname").stdout.split()[:2] == ["301", "zookeeper1.lab.example"]
    assert ssh("uh-01", "vzlist -aH1").stdout.split() == ["101", "102", "103"]
    assert ssh("new-01", "vzlist -a -H -o ctid").stdout == ""
    assert ssh("ih-01", "vzlist -o nonsense").returncode == 1


def test_prlctl_lists_the_same_containers_and_the_windows_guest_as_json(lab: Any) -> None:
    rows = json.loads(ssh("uh-01", "prlctl list -a -j").stdout)
    assert [(r["name"], r["status"]) for r in rows] == [
        (name, "running") for name in ("node101", "node102", "node103", "win2019-1")
    ]
    assert ssh("new-01", "prlctl list -a -H -o uuid").stdout == ""


@pytest.mark.parametrize("name", ["hcore1", "hcore2", "resolver1", "jelcore2", "node101"])
def test_nginx_is_a_real_service_of_a_real_systemd(lab: Any, name: str) -> None:
    pid = ["systemctl", "show", "-p", "MainPID", "--value", "nginx"]
    before = lab.inside(name, pid).stdout
    assert lab.inside(name, ["systemctl", "restart", "nginx"]).returncode == 0
    after = lab.inside(name, pid).stdout
    assert before != after
    assert lab.inside(name, ["systemctl", "show", "-p", "NRestarts", "--value", "nginx"]).stdout == "0\n"
    assert "nginx.service" in lab.inside(name, ["journalctl", "-u", "nginx", "-n", "5", "--no-pager"]).stdout
    assert lab.inside(name, ["nginx", "-t"]).returncode == 0
    assert lab.inside(name, ["cat", f"/proc/{after.strip()}/comm"]).stdout == "nginx\n"


def test_a_nginx_with_a_broken_configuration_does_not_come_back(lab: Any) -> None:
    lab.inside("hcore2", ["bash", "-c", "echo broken >> /etc/nginx/nginx.conf"])
    try:
        assert lab.inside("hcore2", ["nginx", "-t"]).returncode == 1
        assert lab.inside("hcore2", ["systemctl", "restart", "nginx"]).returncode == 1
        assert lab.inside("hcore2", ["systemctl", "is-active", "nginx"]).stdout == "failed\n"
    finally:
        lab.inside("hcore2", ["bash", "-c", "sed -i '$d' /etc/nginx/nginx.conf; systemctl restart nginx"])


def test_a_drained_member_answers_503_until_it_is_enabled(lab: Any) -> None:
    look = ["bash", "-c", PROBE]
    assert lab.inside("hcore1", look).stdout == "200"
    assert ssh("ih-01", "vzctl exec2 305 'bash /root/scripts/disable_me.sh'").returncode == 0
    assert lab.inside("hcore1", look).stdout == "503"
    assert lab.inside("hcore2", look).stdout == "200"
    assert ssh("ih-01", "vzctl exec2 305 'bash /root/scripts/enable_me.sh'").returncode == 0
    assert lab.inside("hcore1", look).stdout == "200"


def test_jem_restarts_the_service_and_answers_json(lab: Any) -> None:
    pid = ["systemctl", "show", "-p", "MainPID", "--value", "nginx"]
    before = lab.inside("node101", pid).stdout
    answer = json.loads(ssh("uh-01", "vzctl exec2 101 'jem service restart'").stdout)
    assert answer == {"result": "0", "execTime": "0", "message": "Ok"}
    assert lab.inside("node101", pid).stdout != before
    assert "unknown" in ssh("uh-01", "vzctl exec2 101 'jem service status nginx'").stdout
    refused = ssh("uh-01", "vzctl exec2 101 'jem service restart no-such-thing'")
    assert (json.loads(refused.stdout)["result"], refused.returncode) == ("4182", 0)


def test_a_container_over_its_memory_is_stopped_by_the_kernel(lab: Any) -> None:
    hungry = "python3 -c 'x = bytearray(200 << 20)'"
    try:
        assert ssh("uh-02", "vzctl set 202 --memsize 64M --save").returncode == 0
        assert ssh("uh-02", f"vzctl exec2 202 {shlex.quote(hungry)}").returncode == 137
    finally:
        ssh("uh-02", "vzctl set 202 --memsize 512M --save")
    assert ssh("uh-02", f"vzctl exec2 202 {shlex.quote(hungry)}").returncode == 0


@pytest.mark.parametrize("unit", HOST_SERVICES)
def test_the_services_of_a_host_restart(lab: Any, unit: str) -> None:
    pid = f"systemctl show -p MainPID --value {unit}"
    before = ssh("uh-01", pid).stdout
    answer = ssh("uh-01", f"systemctl restart {unit} && systemctl is-active {unit}")
    assert answer.stdout == "active\n", answer.stderr
    assert ssh("uh-01", pid).stdout not in (before, "0\n")


@pytest.mark.parametrize("unit", ["sshd", "crond", "rsyslog"])
def test_the_services_of_a_host_reload(lab: Any, unit: str) -> None:
    assert ssh("ih-02", f"systemctl reload {unit} && systemctl is-active {unit}").stdout == "active\n"


def test_the_tools_of_the_guide_are_there_and_work(lab: Any) -> None:
    for line in (
        "sshd -t", "rsyslogd -N1", "zabbix_agentd -t agent.ping", "logrotate -d /etc/logrotate.conf", "visudo -c",
        "ss -ltnp", "getfacl -p /etc/motd", "lsattr /etc/motd", "df --output=pcent /var", "crontab -l || true",
        "useradd tried && userdel tried", "openssl version", "tar --version", "lsof /etc/motd || true", "free -m",
    ):  # fmt: skip
        answer = ssh("uh-01", line)
        assert answer.returncode == 0, f"{line}: {answer.stderr}"
    assert ssh("uh-01", "ss -H -l -t -n sport = :10050").stdout.count(":10050") >= 1


COMPONENTS = {
    "zookeeper1": ("java", "zookeeper"),
    "jelastic-db1": ("mariadbd jelasticha corosync", "mariadb mysql mariadbd jelasticha corosync"),
    "jelcore1": ("java nginx", "jelcore nginx"),
    "gate1": ("sshproxyd sshd corosync", "sshproxyd sshd corosync"),
    "hcore1": ("java nginx proxysql", "hcore nginx proxysql home-hivext-ftp.mount"),
    "resolver1": (
        "mysqld nginx pdns_server pdns_recursor master haresolver proxysql dnsdist",
        "mysql openresty pdns pdns@external pdns-recursor postfix haresolver proxysql dnsdist",
    ),
    "uploader1": ("java nginx", r"uploader nginx vap\x2dplatform.mount"),
    "memcached-infra1": ("memcached", "memcached"),
}


@pytest.mark.parametrize("name", COMPONENTS)
def test_each_component_has_the_processes_and_units_of_the_service_map(lab: Any, name: str) -> None:
    processes, units = COMPONENTS[name]
    found = lab.inside(name, ["bash", "-c", f"for p in {processes}; do pgrep -x $p > /dev/null || echo no $p; done"])
    assert found.stdout == ""
    assert set(lab.inside(name, ["systemctl", "is-active", *units.split()]).stdout.split()) == {"active"}
    assert lab.inside(name, ["pgrep", "-x", "zabbix_agentd"]).returncode == 0


def test_the_shared_files_of_hcore_are_a_mount_that_can_be_listed(lab: Any) -> None:
    look = "mountpoint -q /home/hivext/ftp && timeout 15 ls /home/hivext/ftp"
    assert lab.inside("hcore1", ["bash", "-c", look]).returncode == 0


@pytest.mark.parametrize("host", ["uh-01", "uh-02"])
def test_a_galera_member_is_known_by_its_arguments(lab: Any, host: str) -> None:
    rows = ssh(
        host,
        "for c in $(vzlist -H1); do vzctl exec2 $c 'pgrep -fx \".*/mariadbd .*--wsrep_cluster_address=.*\"' > /dev/null && echo $c; done",
    )
    assert rows.stdout.split() == [{"uh-01": "103", "uh-02": "203"}[host]]
    name = {"uh-01": "node103", "uh-02": "node203"}[host]
    assert lab.inside(name, ["pgrep", "-x", "mariadbd"]).returncode == 0
    assert json.loads(lab.inside(name, ["jem", "service", "restart"]).stdout)["result"] == "0"
