from __future__ import annotations

import pytest

from opsguide.guide import editions, owners, scopes

SEED = editions.load("seed")
SCOPES = [found for a in SEED.activities if (found := scopes.load(a.slug))]


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/etc/ssh/sshd_config", "ssh-configuration"),
        ("/root/.ssh/authorized_keys", "ssh-configuration"),
        ("/etc/sudoers.d/ops", "managing-os-user-accounts"),
        ("/etc/shadow", "managing-os-user-accounts"),
        ("/etc/sysconfig/iptables", "host-firewall-configuration"),
        ("/etc/firewalld/zones/public.xml", "host-firewall-configuration"),
        ("/etc/sysconfig/network-scripts/ifcfg-eth0", "ip-configuration-and-routing"),
        ("/etc/zabbix/zabbix_agentd.conf", "zabbix-agent-configuration"),
        ("/etc/logrotate.d/nginx", "logrotate-configuration"),
        ("/etc/hosts", "editing-system-files"),
        ("/etc/cron.d/x", "editing-system-files"),
        ("/vz/private/101/ve.conf", "infrastructure-container-limits-configuration"),
        ("/opt/x", ""),
        ("", ""),
    ],
)
def test_a_path_belongs_to_an_activity_the_longest_pattern_wins(path: str, owner: str) -> None:
    assert owners.owner_of(path) == owner


def test_every_owner_is_an_activity() -> None:
    assert {owner for _, owner in owners.load().paths} <= {a.slug for a in SEED.activities}


@pytest.mark.parametrize("scope", SCOPES, ids=lambda s: s.activity)
def test_a_file_that_a_scope_may_edit_is_owned_by_its_activity(scope: scopes.Scope) -> None:
    for rule in scope.files:
        assert owners.owner_of(rule.path.replace("*", "x")) == scope.activity
