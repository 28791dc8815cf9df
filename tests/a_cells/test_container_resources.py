"""Suite A: 09 through the launcher; what the kernel holds the container to is read from its cgroup, on the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import REPOSITORY, Desk, Outcome
from stepping import stepped

pytestmark = pytest.mark.lab
BOOK = "09-infra-container-resources.ipynb"
SLUG = "infra-container-resources"
V1 = {"memory.max": "memory/ct305/memory.limit_in_bytes", "cpu.max": "cpu/ct305/cpu.cfs_quota_us",
      "cpu.weight": "cpu/ct305/cpu.shares"}  # fmt: skip
RESTORE = "for p in 'ram 512M' 'swap 0M' 'cpulimit 0' 'cpuunits 1000' 'memguarantee auto' 'iolimit 0B' 'ioprio 4'; do " \
          "set -- $p; vzctl set 305 --$1 $2 --save; done; sed -i --follow-symlinks -e '/^CPUS=/d' -e '/^DESCRIPTION=/d' " \
          "-e 's/^DISKSPACE=.*/DISKSPACE=\"131072:131072\"/' /etc/vz/conf/305.conf"  # fmt: skip


def held(lab: Any, name: str) -> str:
    """What the cgroup of hcore1 holds, in the words of v2: read where its host sees it, v1 or v2."""
    group = Path(lab.host_root("ih-01")) / "sys/fs/cgroup"
    if (group / "cgroup.controllers").exists():
        return (group / f"vz.slice/vzct@305.service/{name}").read_text().strip()
    return (group / V1[name]).read_text().strip()


def kept(lab: Any, key: str) -> str:
    """The line of the configuration."""
    done = lab.inside("ih-01", ["grep", f"^{key}=", "/vz/private/305/ve.conf"])
    return done.stdout.strip().partition("=")[2].strip('"')


def asked(desk: Desk, resource: str, value: str, *more: str, verb: str = "run") -> Outcome:
    reason = ("--reason", "test") if verb == "run" else ()
    words = ("-p", f"resource={resource}", "-p", f"value={value}", "-p", "watch=1 s", *more)
    return desk(verb, SLUG, "--on", "hcore1", *words, *reason)


@pytest.fixture(autouse=True)
def as_it_was(lab: Any) -> Iterator[None]:
    yield
    lab.inside(
        "ih-01", ["rm", "-f", "/vz/lock/305.lck", "/vz/private/305/fail-set", "/vz/private/305/failcnt-physpages"]
    )
    lab.inside("ih-01", ["bash", "-c", RESTORE])


def test_memory_as_filed_is_what_the_kernel_holds_it_to_and_a_second_run_changes_nothing(desk: Desk, lab: Any) -> None:
    file = str(REPOSITORY / "parameters/runs/09-hcore1.yml")
    before = lab.inside("ih-01", ["cat", "/proc/sys/kernel/random/boot_id"]).stdout
    assert held(lab, "memory.max") == str(512 << 20)
    done = desk("run", SLUG, "--on", "hcore1", "-f", file, "--reason", "test")
    assert done.code == 0, done
    assert held(lab, "memory.max") == str(640 << 20)
    assert kept(lab, "PHYSPAGES") == "163840:163840"
    record = desk.record()
    assert record.state == "succeeded"
    assert [e["line"].rpartition("prlctl")[2].strip("'") for e in record.sent("change")] == [" set 305 --memsize 640M"]
    undo = [e["undo"] for e in record.events("open")]
    assert undo == ["prlctl set 305 --memsize 512M"]
    again = desk("run", SLUG, "--on", "hcore1", "-f", file, "--reason", "test")
    assert again.code == 0, again
    assert not desk.record().sent("change")
    assert lab.inside("ih-01", ["cat", "/proc/sys/kernel/random/boot_id"]).stdout == before


def test_the_peer_is_looked_at_and_not_touched(desk: Desk, lab: Any) -> None:
    conf = ["cat", "/vz/private/305/ve.conf"]
    before = lab.inside("ih-02", conf).stdout
    assert asked(desk, "ram", "600M").code == 0
    assert lab.inside("ih-02", conf).stdout == before
    assert any("ih-02 -- " in e["line"] and "305.conf" in e["line"] for e in desk.record().sent("look"))


@pytest.mark.parametrize(
    ("resource", "value", "key", "line", "group", "limits"),
    [
        ("cpulimit", "150", "CPULIMIT", "150", "cpu.max", ("150000", "150000 100000")),
        ("cpus", "1", "CPUS", "1", "cpu.max", ("100000", "100000 100000")),
        ("cpuunits", "1500", "CPUUNITS", "1500", "cpu.weight", ("1536", "150")),
        ("swap", "64M", "SWAPPAGES", "16384:16384", "", ()),
        ("memguarantee", "50", "MEMGUARANTEE", "50", "", ()),
        ("disk", "200M", "DISKSPACE", "204800:204800", "", ()),
        ("iolimit", "10M", "IOLIMIT", str(10 << 20), "", ()),
        ("iopslimit", "500", "IOPSLIMIT", "500", "", ()),
        ("ioprio", "5", "IOPRIO", "5", "", ()),
    ],
)  # fmt: skip
def test_each_property_is_kept_and_held(
    desk: Desk, lab: Any, resource: str, value: str, key: str, line: str, group: str, limits: tuple[str, ...]
) -> None:
    error = stepped(desk, BOOK, **given(resource, value))
    assert error is None, error
    assert desk.record().state == "succeeded"
    assert kept(lab, key) == line
    assert not group or held(lab, group) in limits


def given(resource: str, value: str, **more: Any) -> dict[str, Any]:
    fixed = {"element": "hcore1", "mode": "apply", "reason": "test", "watch": "1 s", "step_limit": 4.0}
    return {**fixed, "resource": resource, "value": value, **more}


@pytest.mark.parametrize(
    ("resource", "value"), [("iolimit", "10M"), ("disk", "200M"), ("ram", "600M"), ("swap", "64M")]
)
def test_the_same_value_is_the_same_by_vzctl(desk: Desk, lab: Any, resource: str, value: str) -> None:
    """vzctl counts a bare --iolimit in bytes and prlctl in megabytes: the suffix is on the line of both."""
    kept_by = {}
    for tool in ("prlctl", "vzctl"):
        lab.inside("ih-01", ["bash", "-c", RESTORE])
        assert stepped(desk, BOOK, **given(resource, value, tool=tool)) is None
        sent = desk.record().sent("change")
        assert [f"{tool} set 305 " in e["line"] and value in e["line"] for e in sent] == [True]
        kept_by[tool] = lab.inside("ih-01", ["cat", "/vz/private/305/ve.conf"]).stdout
    assert sorted(kept_by["prlctl"].splitlines()) == sorted(kept_by["vzctl"].splitlines())


def test_a_value_between_two_pages_is_cut_off_and_read_back_as_the_tool_keeps_it(desk: Desk, lab: Any) -> None:
    assert stepped(desk, BOOK, **given("ram", "614402K")) is None
    assert kept(lab, "PHYSPAGES") == "153600:153600"
    assert held(lab, "memory.max") == str(153600 * 4096)


@pytest.mark.parametrize(
    "value", ["629145600", "600m", "600MB", "1.5G", "--memsize", "600M;reboot", "$(id)", "6 00M", ""]
)
def test_an_odd_or_bare_value_is_bad_input_and_nothing_is_sent(desk: Desk, lab: Any, value: str) -> None:
    before = lab.sshd_sessions("ih-01")
    done = asked(desk, "ram", value)
    assert done.code == 2, done
    assert lab.sshd_sessions("ih-01") == before
    assert held(lab, "memory.max") == str(512 << 20)


@pytest.mark.parametrize(
    ("resource", "value", "words"),
    [
        ("ram", "4M", "1.2 times what is used"),
        ("ram", "2G", "within step_limit"),
        ("disk", "64M", "a disk only grows"),
        ("disk", "1G", "/vz has room"),
        ("cpulimit", "100000", "the host has the cores"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_is_changed(
    desk: Desk, lab: Any, resource: str, value: str, words: str
) -> None:
    conf = ["cat", "/vz/private/305/ve.conf"]
    before = lab.inside("ih-01", conf).stdout
    limit = {} if words == "within step_limit" else {"step_limit": 1000.0}
    error = stepped(desk, BOOK, **{**given(resource, value), "step_limit": 2.0, **limit})
    assert error is not None
    assert words in str(error)
    assert not desk.record().sent("change")
    assert lab.inside("ih-01", conf).stdout == before


def test_a_host_without_the_memory_is_not_overcommitted(desk: Desk, lab: Any) -> None:
    for resource, value, words in (
        ("ram", "600M", "the host has the memory"),
        ("memguarantee", "100", "guarantees fit"),
    ):
        error = stepped(desk, BOOK, **given(resource, value, max_host_share=0.1, step_limit=4.0), last="fits")
        few = int(lab.inside("ih-01", ["awk", "/MemTotal/ {print $2}", "/proc/meminfo"]).stdout) / 10 > (600 << 10)
        assert few or words in str(error)
    error = stepped(desk, BOOK, **given("ram", "600G", step_limit=1000.0, max_host_share=1.0))
    assert "within step_limit" in str(error) or "the host has the memory" in str(error)
    assert held(lab, "memory.max") == str(512 << 20)


@pytest.mark.parametrize(
    ("tool", "code", "resource", "value"), [("vzctl", 46, "disk", "200M"), ("prlctl", 255, "memguarantee", "50")]
)
def test_a_host_that_has_no_room_after_all_says_so_and_nothing_is_changed(
    desk: Desk, lab: Any, tool: str, code: int, resource: str, value: str
) -> None:
    lab.inside("ih-01", ["bash", "-c", f"echo {code} > /vz/private/305/fail-set"])
    conf = ["cat", "/vz/private/305/ve.conf"]
    before = lab.inside("ih-01", conf).stdout
    done = asked(desk, resource, value, "-p", f"tool={tool}")
    assert done.code == 1, done
    assert f"exit {code}" in done.out + done.err
    assert desk.record().state == "failed"
    assert lab.inside("ih-01", conf).stdout == before


def test_a_locked_container_is_seen_before_and_also_when_the_lock_comes_late(desk: Desk, lab: Any) -> None:
    from stepping import Stepped

    one = Stepped(desk, BOOK, given("ram", "600M"))
    assert one.run("fits") is None
    lab.inside("ih-01", ["touch", "/vz/lock/305.lck"])
    late = one.run("memory")
    one.close()
    assert "exit 255" in str(late)
    assert "already locked" in str(late)
    first = asked(desk, "ram", "600M")
    assert first.code == 1, first
    assert not desk.record().sent("change")
    assert held(lab, "memory.max") == str(512 << 20)


def test_a_fail_counter_that_grows_fails_the_run_and_says_what_takes_it_back(desk: Desk, lab: Any) -> None:
    from stepping import Stepped

    one = Stepped(desk, BOOK, given("ram", "600M"))
    assert one.run("inside") is None
    lab.inside("ih-01", ["bash", "-c", "echo 3 > /vz/private/305/failcnt-physpages"])
    error = one.run()
    one.close()
    assert error is not None
    assert "prlctl set 305 --memsize 512M" in str(error) + str(desk.record().events("open"))


def test_a_value_that_the_kernel_did_not_take_is_noticed(desk: Desk, lab: Any) -> None:
    from stepping import Stepped

    one = Stepped(desk, BOOK, given("ram", "600M"))
    assert one.run("memory") is None
    group = "cd /sys/fs/cgroup; for f in memory/ct305/memory.limit_in_bytes vz.slice/vzct@305.service/memory.max; do "
    lab.inside("ih-01", ["bash", "-c", group + "[ ! -e $f ] || echo 536870912 > $f; done"])
    error = one.run("cgroup")
    one.close()
    assert error is not None
    assert "memory" in str(error)


def test_a_plan_sends_no_change_and_says_what_would_be_set(desk: Desk, lab: Any) -> None:
    done = asked(desk, "ram", "600M", verb="plan")
    assert done.code == 0, done
    assert "prlctl set 305 --memsize 600M" in done.out
    assert held(lab, "memory.max") == str(512 << 20)


def test_a_secret_in_the_configuration_stands_in_no_record(desk: Desk, lab: Any) -> None:
    canary = "Kanarie-7731-zz"
    lab.inside("ih-01", ["bash", "-c", f"echo 'DESCRIPTION=\"password={canary}\"' >> /vz/private/305/ve.conf"])
    assert asked(desk, "ioprio", "5").code == 0
    assert not [p for p in desk.records.rglob("*") if p.is_file() and canary.encode() in p.read_bytes()]
