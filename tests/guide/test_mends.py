"""What a failure leads to: the first row that fits, an activity that somebody may do there, and never this one again."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from opsguide.guide import alive, decision, editions, mends, scopes, services
from opsguide.guide.kinds import KINDS

SEED = editions.load("seed")


@pytest.mark.parametrize(("kind", "command", "answer", "activity"), [
    ("user-host", "systemctl is-active sshd", "inactive", "restarting-processes"),
    ("infrastructure-container", "nginx -t", "test failed", "editing-system-files"),
    ("infrastructure-container", "openresty -t", "[emerg] SSL_CTX_use_PrivateKey(...) failed", "ssl-certificates-update"),
    ("user-host", "sshd -t", "Bad configuration option", "ssh-configuration"),
    ("user-host", "cp -a -- /etc/motd /root/x", "No space left on device", "logrotate-configuration"),
    ("infrastructure-host", "iptables -C INPUT -p tcp", "", "host-firewall-configuration"),
    ("end-user-container", "iptables -C INPUT -p tcp", "", "container-firewall-configuration"),
    ("infrastructure-container", "cat /etc/x", "cat: /etc/x: Permission denied", "file-access-settings"),
])  # fmt: skip
def test_a_failed_command_leads_to_the_activity_that_mends_it(kind, command, answer, activity) -> None:
    found = mends.mend(kind, command, answer)
    assert found is not None
    assert found.activity == activity


@pytest.mark.parametrize(("kind", "command", "answer"), [
    ("end-user-container", "cat /etc/motd", ""), ("user-host", "cat /etc/motd", "hello"),
])  # fmt: skip
def test_what_no_row_is_about_leads_nowhere(kind, command, answer) -> None:
    assert mends.mend(kind, command, answer) is None


def test_the_activity_that_failed_is_not_named_as_what_mends_it() -> None:
    assert mends.mend("user-host", "systemctl is-active vz", "failed", but="restarting-processes") is None


@pytest.mark.parametrize("row", mends.load(), ids=lambda row: row.what)
def test_a_row_names_an_activity_that_somebody_may_do_on_all_its_kinds(row: mends.Mend) -> None:
    assert set(row.kinds) <= set(KINDS)
    for kind in row.kinds:
        assert decision.decide(SEED, row.activity, kind).exit in (0, 3), (row.what, kind)


def test_each_row_is_about_a_command_that_another_runbook_or_the_service_map_sends() -> None:
    checks = {check.command for checks in alive.load().checks.values() for check in checks}
    checks |= {row.config_test for rows in services.load().values() for row in rows.values()}
    sent = {a.slug: {e.template for e in s.entries} for a in SEED.activities if (s := scopes.load(a.slug))}
    for row in mends.load():
        others = checks.union(*(commands for slug, commands in sent.items() if slug != row.activity))
        assert any(fnmatchcase(command, row.command) for command in others), row.what
