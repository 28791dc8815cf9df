"""What a container may be given: one test for each rule."""

from __future__ import annotations

import pytest

from opsguide.errors import InputError
from opsguide.notebook.resources import KINDS, memory_given, resource_value

CONFIGURATION = 'NAME="hcore1"\nPHYSPAGES="131072:131072"\nCPULIMIT="150"\nDISKSPACE="131072:131072"\nIOPRIO="4"\n'


@pytest.mark.parametrize("resource", [name for name, kind in KINDS.items() if kind.sized])
def test_a_size_without_its_suffix_is_refused_and_the_reason_said(resource: str) -> None:
    with pytest.raises(InputError, match="with its suffix") as refused:
        resource_value(resource, "1073741824")
    assert "unit of its own" in refused.value.next


@pytest.mark.parametrize(
    ("resource", "value"),
    [("cpus", "2G"), ("cpus", "0"), ("cpulimit", "1000m"), ("cpulimit", "50%"), ("cpuunits", "7"), ("cpuunits", "500001"),
     ("ioprio", "8"), ("memguarantee", "101"), ("ram", "auto"), ("ram", "0M"), ("ram", "-1G"), ("ram", "1.5G"),
     ("ram", "1g"), ("ram", "1 G"), ("ram", "1G; reboot"), ("iolimit", "3G"), ("disk", ""), ("heap", "1G")],
)  # fmt: skip
def test_a_value_that_is_none_of_the_resource_is_refused(resource: str, value: str) -> None:
    with pytest.raises(InputError):
        resource_value(resource, value)


@pytest.mark.parametrize(
    ("resource", "value", "amount"),
    [("ram", "1G", 1 << 30), ("ram", "614401K", 614400 << 10), ("disk", "2G", 2 << 30), ("iolimit", "10M", 10 << 20),
     ("cpulimit", "150", 150), ("memguarantee", "auto", 0), ("memguarantee", "80", 80)],
)  # fmt: skip
def test_a_value_is_measured_as_the_configuration_can_keep_it(resource: str, value: str, amount: int) -> None:
    assert resource_value(resource, value).amount == amount


@pytest.mark.parametrize(
    ("resource", "value", "text", "amount"),
    [("ram", "1G", "512M", 512 << 20), ("swap", "1G", "0M", 0), ("cpus", "2", "unlimited", 0), ("cpulimit", "50", "150", 150),
     ("memguarantee", "80", "auto", 0), ("cpuunits", "10", "1000", 1000), ("disk", "1G", "128M", 128 << 20)],
)  # fmt: skip
def test_the_value_of_now_is_read_from_the_configuration_or_is_the_default(
    resource: str, value: str, text: str, amount: int
) -> None:
    now = resource_value(resource, value).now(CONFIGURATION)
    assert (now.text, now.amount) == (text, amount)


def test_a_step_is_the_greater_value_over_the_smaller_and_no_limit_of_the_processor_is_the_whole_host() -> None:
    old = resource_value("ram", "512M").now(CONFIGURATION)
    assert resource_value("ram", "1G").step(old, 4) == resource_value("ram", "256M").step(old, 4) == 2
    none = resource_value("cpus", "1").now(CONFIGURATION)
    assert resource_value("cpus", "1").step(none, 4) == 4
    assert resource_value("swap", "1G").step(resource_value("swap", "1G").now(CONFIGURATION), 4) == 1


def test_the_smaller_one_of_cpus_and_cpulimit_is_what_the_cgroup_holds() -> None:
    assert "cfs_quota_us:100000|" in resource_value("cpus", "1").held(CONFIGURATION)
    assert "cfs_quota_us:150000|" in resource_value("cpus", "4").held(CONFIGURATION)
    assert "cfs_quota_us:-1|max:max" in resource_value("cpulimit", "0").held(CONFIGURATION)
    assert resource_value("disk", "1G").held(CONFIGURATION) == ""


def test_memory_given_and_guaranteed_is_summed_over_all_containers_with_the_new_value() -> None:
    lines = "".join(f'/etc/vz/conf/{ct}.conf:PHYSPAGES="131072:131072"\n' for ct in (301, 305))
    lines += '/etc/vz/conf/301.conf:MEMGUARANTEE="50"\n'
    assert memory_given(lines) == (1024 << 20, 256 << 20)
    assert memory_given(lines, resource_value("ram", "1G"), 305) == (1536 << 20, 256 << 20)
    assert memory_given(lines, resource_value("memguarantee", "100"), 305) == (1024 << 20, 768 << 20)
