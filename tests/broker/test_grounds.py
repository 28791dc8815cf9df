from __future__ import annotations

from pathlib import Path

import pytest

from opsguide.reach.inventory import Platform

from .fakes import grounds, platform

REBOOT = "rebooting-host-container"
SCOPE = 'steps = ["look"]\n[related]\nuser-host = ["containers", "user-host"]\n'


@pytest.fixture
def lab(tmp_path: Path) -> Platform:
    return platform(tmp_path)


def test_related_elements_are_those_that_the_scope_lists_by_kind(lab: Platform) -> None:
    assert set(grounds(lab, "uh-01", SCOPE).related()) == {"node101", "node102", "uh-02"}
    assert set(grounds(lab, "ih-01", SCOPE).related()) == set()
    assert set(grounds(lab, "hcore1").related()) == {"hcore2"}
    assert set(grounds(lab, "gate1").related()) == set()


def test_related_containers_come_in_the_order_in_which_they_stop(lab: Platform) -> None:
    run = grounds(lab, "ih-01", REBOOT)
    assert list(run.named_related("containers")) == ["gate1", "hcore1"]
    assert list(run.named_related("peers")) == ["hcore2"]
    assert list(grounds(lab, "hcore1", REBOOT).named_related("peers")) == ["hcore2"]
    assert run.named_related("user-host") == {}


def test_a_word_that_the_scope_does_not_list_for_the_kind_relates_to_nobody(lab: Platform) -> None:
    assert grounds(lab, "uh-01", REBOOT).named_related("containers") == {}


def test_a_run_locks_its_element_the_peer_and_a_hosts_containers_with_their_peers(lab: Platform) -> None:
    assert grounds(lab, "ih-01", service="crond").locked() == ["ih-01", "hcore1", "gate1", "hcore2"]
    assert grounds(lab, "hcore1").locked() == ["hcore1", "hcore2"]
    assert grounds(lab, "uh-01", service="crond").locked() == ["uh-01", "node101", "node102"]
    assert grounds(lab, "node101").locked() == ["node101"]
