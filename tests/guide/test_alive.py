"""The map of what must be alive: one test for each sentence of the module."""

from __future__ import annotations

import pytest

from opsguide.guide import alive, expectations, kinds

MAP = alive.load()
LINE = 'drained = []\nstop_order = []\n[checks]\nmsa = [{ name = "%s", command = "%s", source = "%s"%s }]\n'


def test_every_check_is_one_look_with_what_it_must_answer() -> None:
    for where, checks in MAP.checks.items():
        for check in checks:
            assert check.argv, where
            assert expectations.checked(check.expect)["name"] in ("exits", "says")


def test_a_container_gets_the_checks_of_its_component_and_of_its_kind() -> None:
    names = [c.name for c in MAP.of("infrastructure-container", "hcore")]
    assert names == ["java", "nginx", "proxysql", "getversion", "ftp-mount", "zabbix-port"]
    assert [c.name for c in MAP.of("infrastructure-container", "nobody")] == ["zabbix-port"]
    assert [c.name for c in MAP.of("end-user-container", "")] == []


def test_a_kind_is_no_component() -> None:
    assert {c.name for c in MAP.of("end-user-container", "user-host")} == set()


def test_every_infrastructure_container_is_asked_for_its_monitoring_agent() -> None:
    assert [c.command for c in MAP.of("infrastructure-container", "")] == ["ss -H -l -t -n sport = :10050"]


def test_zookeeper_stops_last_and_an_unknown_component_first() -> None:
    order = sorted(["zookeeper", "hcore", "gate", "of-our-own", "jelastic-db"], key=MAP.stops)
    assert order == ["of-our-own", "gate", "hcore", "jelastic-db", "zookeeper"]


def test_what_is_drained_or_ordered_has_checks() -> None:
    assert set(MAP.drained) | set(MAP.stop_order) <= set(MAP.checks)
    assert not set(MAP.checks) & set(kinds.KINDS) - {"user-host", "infrastructure-host", "infrastructure-container"}


@pytest.mark.parametrize(
    "row", [("two words", "true", "G", ""), ("ok", "", "G", ""), ("ok", "true", "", ""), ("", "true", "G", "")]
)
def test_what_is_no_check_is_refused(row: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="is no check"):
        alive.parse(LINE % row)


def test_an_expectation_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="msa, check ok: not an expectation"):
        alive.parse(LINE % ("ok", "true", "G", ', expect = { name = "feels", args = ["good"] }'))


def test_a_check_stands_once() -> None:
    twice = '{ name = "a", command = "true", source = "G" }'
    with pytest.raises(ValueError, match="twice"):
        alive.parse(f"drained = []\nstop_order = []\n[checks]\nmsa = [{twice}, {twice}]\n")
