"""13 under an edition that gives the row to the provider: rules seen by the hosts' own iptables, logins by OpenSSH's client."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import REPOSITORY, Desk, wait_for

pytestmark = pytest.mark.lab
CONFIG = "/var/lib/opsguide-lab/ssh_config"
LISTED, OPEN, SHUT = (
    "parameters/runs/13-uh-01.yml",
    "-p verdict=ACCEPT",
    "-p verdict=DROP -p source=0.0.0.0/0 -p ports=22",
)
BACK = """systemctl stop firewall-rollback.timer; systemctl reset-failed 'firewall-rollback*'; iptables -F INPUT; iptables -F FORWARD
ip6tables -F INPUT"""


@pytest.fixture
def ours(desk: Desk, lab: Any, tmp_path: Path) -> Iterator[Desk]:
    """A desk on the practice platform under the seed with row 13 the provider's; its firewall is empty afterwards."""
    seed = (REPOSITORY / "lib/opsguide/guide/editions/seed.csv").read_text()
    row = "Host Firewall Configuration,Jelastic Operations"
    assert seed.count(row) == 1
    (tmp_path / "ours.csv").write_text(seed.replace(row, "Host Firewall Configuration,Hosting Provider"))
    platform = (REPOSITORY / "parameters/platforms/lab.yml").read_text()
    (tmp_path / "ours.yml").write_text(platform.replace("edition: seed ", "edition: ours.csv ", 1))
    desk.env["OPSGUIDE_PLATFORM"] = str(tmp_path / "ours.yml")
    yield desk
    lab.inside("uh-01", ["sh", "-c", BACK])
    wait_for(comes_in)


def comes_in() -> bool:
    """Whether a new login works, by OpenSSH's own client."""
    line = ["ssh", "-F", CONFIG, "-o", "ControlPath=none", "-o", "ConnectTimeout=5", "uh-01", "true"]
    return subprocess.run(line, capture_output=True, timeout=60).returncode == 0


def rules(lab: Any, tool: str = "iptables") -> str:
    return str(lab.inside("uh-01", [f"{tool}-save"]).stdout)


def is_armed(lab: Any) -> bool:
    return bool(lab.inside("uh-01", ["systemctl", "is-active", "firewall-rollback.timer"]).returncode == 0)


def asked(desk: Desk, given: str) -> Any:
    return desk(
        "run", "13", "-f", str(REPOSITORY / LISTED), "-p", "address=127.0.64.3", "-p", "ssh_port=2222", *given.split()
    )


def test_a_rule_that_locks_out_is_seen_told_and_taken_out_by_the_host_itself(ours: Desk, lab: Any) -> None:
    lab.inside("uh-01", ["iptables", "-A", "INPUT", "-s", "198.51.100.1", "-j", "ACCEPT"])
    done = asked(ours, SHUT)
    assert done.code == 1, done
    assert not comes_in(), "the lock-out was a real one"
    assert is_armed(lab)
    record = ours.record()
    assert record.state == "failed"
    (armed,) = [n for n in record.events("open") if "armed at" in n["words"]]
    assert armed["undo"] == "systemctl stop firewall-rollback.timer"
    assert armed["words"] in done.out + done.err
    assert [e["template"].split()[0] for e in record.sent("change")] == ["systemd-run", "iptables"]
    assert record.sent()[-1]["template"] == "true"
    sent, other = len(record.sent()), "-A INPUT -s 203.0.113.9/32 -j DROP"
    lab.inside("uh-01", ["iptables", *other.split()])  # what the platform does meanwhile stays
    lab.inside("uh-01", ["systemctl", "start", "firewall-rollback.service"])  # what the timer starts
    wait_for(comes_in)
    assert "CHG-1301" not in rules(lab)
    assert other in rules(lab)
    assert "198.51.100.1" in rules(lab)
    assert len(ours.record().sent()) == sent, "nobody but the host did it"


@pytest.mark.parametrize(("tool", "source"), [("iptables", "203.0.113.0/24"), ("ip6tables", "2001:db8::/32")])
def test_a_rule_that_lets_all_in_stays_and_its_rollback_is_stopped(
    ours: Desk, lab: Any, tool: str, source: str
) -> None:
    done = asked(ours, f"{OPEN} -p source={source}")
    assert done.code == 0, done
    assert f"-A INPUT -s {source}" in rules(lab, tool)
    assert not is_armed(lab)
    assert not list(Path("/var/lib/opsguide-lab/state/open").glob("uh-01.*"))
    if tool == "iptables":
        again = asked(ours, f"{OPEN} -p source={source}")
        assert again.code == 1, again
        assert not ours.record().sent("change"), "what is there is not put in twice"
    assert rules(lab, tool).count("CHG-1301") == 1


def test_a_rule_that_would_cut_customers_off_is_only_asked_for(ours: Desk, lab: Any) -> None:
    done = asked(ours, "-p verdict=DROP -p chain=FORWARD")
    assert done.code == 1, done
    assert "a rule that closes FORWARD is only asked for" in done.out + done.err
    assert not ours.record().sent("change")
    assert "CHG-1301" not in rules(lab)
