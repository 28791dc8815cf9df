from __future__ import annotations

import shlex

import pytest

from opsguide.errors import InputError, RefusedError
from opsguide.guide import services, slots
from opsguide.guide.kinds import KINDS

UH, IH, IC, EC = KINDS
EVERY = [(where, s) for where, rows in services.load().items() for s in rows.values()]


def test_a_service_belongs_to_a_kind_of_element() -> None:
    assert services.find(UH, "", "crond").name == "crond"
    with pytest.raises(InputError):
        services.find(EC, "", "crond")


def test_a_service_belongs_to_a_component_and_its_entry_wins() -> None:
    assert services.find(IC, "hcore", "nginx").drained
    with pytest.raises(InputError, match="on gate"):
        services.find(IC, "gate", "nginx")
    assert services.find(IC, "gate", "zabbix-agent").probe


@pytest.mark.parametrize("component", KINDS)
def test_a_component_that_is_called_like_a_kind_gains_nothing(component: str) -> None:
    assert services.of(IC, component) == services.of(IC, "")


@pytest.mark.parametrize(("where", "service"), [e for e in EVERY if e[1].denied], ids=lambda v: getattr(v, "name", v))
def test_a_denied_service_is_refused_with_the_reason_and_what_to_do(where: str, service: services.Service) -> None:
    kind, component = (where, "") if where in KINDS else (IC, where)
    with pytest.raises(RefusedError) as refused:
        services.find(kind, component, service.name)
    assert service.denied in refused.value.words
    assert refused.value.next


def test_vz_is_denied_on_both_kinds_of_host_and_names_the_runbook_to_take() -> None:
    for kind in (UH, IH):
        with pytest.raises(RefusedError, match="Rebooting Host/Container"):
            services.find(kind, "", "vz")


def test_an_unknown_service_is_refused_with_those_that_may_be_named_and_no_denied_one() -> None:
    with pytest.raises(InputError) as refused:
        services.find(UH, "", "ngnix")
    assert "rsyslog" in refused.value.next
    assert "vz," not in refused.value.next


@pytest.mark.parametrize("name", ["vz.service", "VZ", "vz ", "../vz", "", "nginx.service"])
def test_another_spelling_of_a_service_is_unknown(name: str) -> None:
    with pytest.raises(InputError, match="no service"):
        services.find(UH, "", name)


@pytest.mark.parametrize(("where", "service"), EVERY, ids=[f"{where}-{s.name}" for where, s in EVERY])
def test_each_row_is_whole(where: str, service: services.Service) -> None:
    slots.check("unit", service.name)
    assert service.source
    assert not (service.denied and (service.config_test or service.probe))
    assert not service.healthy or service.probe
    for command in filter(None, (service.config_test, service.probe)):
        assert slots.names(command) == []
        assert shlex.split(command)
        assert not set(command.replace("$(hostname)", "")) & set(";|&`$<>\n")
