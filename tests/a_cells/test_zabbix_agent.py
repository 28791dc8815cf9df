"""Suite A: the four cells of 16 through the launcher; the agent is asked by hand, over its own protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from desk import REPOSITORY, Desk

pytestmark = pytest.mark.lab
SITE = "etc/zabbix/zabbix_agentd.conf.d/site.conf"
FOUR = ["uh-01", "ih-01", "hcore1", "node101"]
ASK = """
import socket, struct, sys
with socket.create_connection(("127.0.0.1", 10050), 60) as agent:
    key = sys.argv[1].encode()
    agent.sendall(b"ZBXD\\x01" + struct.pack("<Q", len(key)) + key)
    print(agent.makefile("rb").read()[13:].decode())
"""


def asked(lab, element: str, key: str) -> str:
    """What the agent answers to a request with the protocol's full header, which the runbook does not send."""
    return lab.inside(element, ["python3", "-c", ASK, key]).stdout.strip()


def root(lab, element: str) -> Path:
    return Path(lab.host_root(element) if "-" in element else lab.container_root(element))


def agent(lab, element: str) -> str:
    return lab.inside(element, ["systemctl", "show", "-p", "MainPID", "--value", "zabbix-agent"]).stdout.strip()


def as_filed(desk: Desk, element: str, *more: str):
    file = REPOSITORY / f"parameters/runs/16-{element}.yml"
    return desk("run", "zabbix-agent-configuration", "--on", element, "-f", str(file), *more)


@pytest.fixture(autouse=True)
def as_it_was(lab) -> Iterator[None]:
    yield
    for element in FOUR:
        site = root(lab, element) / SITE
        if site.exists():
            site.unlink()
            lab.inside(element, ["systemctl", "restart", "zabbix-agent"])


@pytest.mark.parametrize("element", FOUR)
def test_the_agent_answers_with_its_new_name_and_items_and_to_its_server(desk: Desk, lab, element: str) -> None:
    before, vendors = agent(lab, element), (root(lab, element) / "etc/zabbix/zabbix_agentd.conf").read_bytes()
    done = as_filed(desk, element)
    assert done.code == 0, done
    assert desk.record().state == "succeeded"
    assert agent(lab, element) not in ("0", before)
    assert asked(lab, element, "agent.ping") == "1"
    assert asked(lab, element, "agent.hostname") == f"{element}.lab.example"
    assert int(asked(lab, element, "site.uptime")) > 0
    assert "system.run" not in asked(lab, element, "system.run[id]")
    assert asked(lab, element, "system.run[id]").startswith("ZBX_NOTSUPPORTED")
    assert "Server=127.0.0.1,10.64.1.20\n" in (root(lab, element) / SITE).read_text()
    assert (root(lab, element) / "etc/zabbix/zabbix_agentd.conf").read_bytes() == vendors


def test_a_second_run_leaves_the_file_alone_and_a_plan_shows_its_difference(desk: Desk, lab) -> None:
    assert as_filed(desk, "uh-01").code == 0
    written = (root(lab, "uh-01") / SITE).stat().st_mtime_ns
    again = as_filed(desk, "uh-01")
    assert again.code == 0, again
    assert (root(lab, "uh-01") / SITE).stat().st_mtime_ns == written
    assert [e["template"] for e in desk.record().sent("change")] == ["systemctl restart zabbix-agent"]
    plan = desk("plan", "zabbix-agent-configuration", "--on", "uh-01",
                "-f", str(REPOSITORY / "parameters/runs/16-uh-01.yml"), "-p", "hostname=other")  # fmt: skip
    assert plan.code == 0, plan
    shown = [e["diff"] for e in desk.record().events("planned") if e["verb"] == "edit"]
    assert "+Hostname=other" in shown[0]
    assert asked(lab, "uh-01", "agent.hostname") == "uh-01.lab.example"


def test_a_bad_item_is_refused_before_it_is_swapped_in_and_the_agent_runs_on(desk: Desk, lab) -> None:
    before = agent(lab, "uh-01")
    done = as_filed(desk, "uh-01", "-p", "user_parameters=no-command")
    assert done.code == 1, done
    assert "not comma-separated" in done.out + done.err
    assert not (root(lab, "uh-01") / SITE).exists()
    assert not list((root(lab, "uh-01") / SITE).parent.glob(".*opsguide-new"))
    assert (agent(lab, "uh-01"), asked(lab, "uh-01", "agent.ping")) == (before, "1")


def test_an_item_that_the_agent_cannot_run_is_noticed(desk: Desk, lab, tmp_path: Path) -> None:
    text = (REPOSITORY / "parameters/runs/16-uh-01.yml").read_text()
    (tmp_path / "run.yml").write_text(text.replace("site.uptime,cut -d. -f1 /proc/uptime", "site.slow,sleep 3"))
    done = desk("run", "zabbix-agent-configuration", "--on", "uh-01", "-f", str(tmp_path / "run.yml"),
                "-p", "timeout=1")  # fmt: skip
    assert done.code == 1, done
    assert "ZBX_NOTSUPPORTED" in done.out + done.err
    assert asked(lab, "uh-01", "agent.ping") == "1"


@pytest.mark.parametrize("element", ["uh-01", "hcore1"])
def test_where_monitoring_is_not_zabbix_it_is_said_and_nothing_is_changed(desk: Desk, lab, element: str) -> None:
    version = root(lab, "uh-01" if element == "uh-01" else "ih-01") / "etc/jelastic/infra_version"
    old, before = version.read_text(), agent(lab, element)
    version.write_text("8.14.3\n")
    try:
        done = as_filed(desk, element)
        assert done.code == 1, done
        assert "Zabbix watches this platform" in done.out + done.err
        assert '"If it goes wrong" in runbooks/16-zabbix-agent' in done.out + done.err
        assert not desk.record().sent("change", "edit")
        assert not (root(lab, element) / SITE).exists()
        assert agent(lab, element) == before
        if element == "uh-01":
            known = as_filed(desk, element, "-p", "monitoring=zabbix")
            assert known.code == 0, known
    finally:
        version.write_text(old)


def test_an_end_user_container_is_left_alone_without_its_owners_wish(desk: Desk, lab) -> None:
    before = agent(lab, "node101")
    done = as_filed(desk, "node101", "-p", "consent=")
    assert done.code == 1, done
    assert "an end-user container has the consent of its owner" in done.out + done.err
    assert not desk.record().sent("change", "edit")
    assert agent(lab, "node101") == before
