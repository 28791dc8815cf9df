"""The inventory that opsguide reads and the lab that is built say the same. Needs no lab."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import opsguide_lab
from opsguide_lab import base, needs, places, topology

FILE = Path(__file__).resolve().parents[2] / "parameters/platforms/lab.yml"


UPDATES = FILE.with_name("lab-provider-updates.yml")


def test_the_second_file_of_the_lab_differs_in_its_name_and_its_edition_only(inventory: dict[str, Any]) -> None:
    other = yaml.safe_load(UPDATES.read_text())
    assert {k for k in {**inventory, **other} if inventory.get(k) != other.get(k)} == {"platform", "edition"}


@pytest.fixture
def inventory() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return parsed


def test_the_hosts_of_the_file_are_the_hosts_of_the_lab(inventory: dict[str, Any]) -> None:
    built = {
        h.name: {
            "kind": h.kind, "address": h.address, "id": h.id, "group": h.group, "machine_id": h.machine_id,
            **({"joining": h.kind} if h.joining else {}),
        }
        for h in topology.HOSTS
    }  # fmt: skip
    assert inventory["hosts"] == built


def test_the_containers_of_the_file_are_the_containers_of_the_lab(inventory: dict[str, Any]) -> None:
    built: dict[str, dict[str, Any]] = {}
    for one in topology.CONTAINERS:
        kind = "end-user-container" if one.env else "infrastructure-container"
        fields = {"component": one.component, "peer": one.peer, "env": one.env, "node": one.node}
        built[one.name] = {"kind": kind, "host": one.host, "ctid": one.ctid, **{k: v for k, v in fields.items() if v}}
    assert inventory["containers"] == built


def test_the_places_of_the_file_are_the_places_of_the_lab(inventory: dict[str, Any]) -> None:
    assert inventory["state"] == str(places.STATE)
    assert inventory["ssh"] == {
        "user": "root", "key": f"file:{places.CLIENT_KEY}", "known_hosts": str(places.KNOWN_HOSTS),
        "config": str(places.SSH_CONFIG), "port": topology.PORT,
    }  # fmt: skip
    assert inventory["api"]["url"] == f"http://{topology.API_ADDRESS}:{topology.API_PORT}"
    assert inventory["api"]["token"] == f"file:{places.API_TOKEN}"
    assert inventory["domain"] == topology.DOMAIN


def test_the_members_of_a_pair_know_each_other_and_live_on_different_hosts() -> None:
    for one in (c for c in topology.CONTAINERS if c.peer):
        other = topology.container(one.peer)
        assert other.peer == one.name
        assert other.host != one.host


def test_every_layer_that_a_container_names_is_built() -> None:
    from opsguide_lab.layers import UNITS

    assert {layer for c in topology.CONTAINERS for layer in c.layers} <= set(UNITS)


def test_a_program_that_is_not_there_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "PROGRAMS", {"no-such-program": "no-such-package"})
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert opsguide_lab.missing() == [
        "programs of these packages are not installed: apt-get install -y --no-install-recommends no-such-package"
    ]


def test_an_ordinary_user_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert opsguide_lab.missing() == ["the lab needs root: run the same command as root (sudo)"]


@pytest.mark.skipif("__import__('os').geteuid() != 0", reason="needs root")
def test_a_machine_without_mounts_is_told_what_was_refused() -> None:
    code = "import opsguide_lab; print(*opsguide_lab.missing(), sep='\\n')"
    drop = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]
    answer = subprocess.run([*drop, sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "namespaces or overlay mounts are not allowed here" in answer
    assert "--privileged" in answer


def test_the_base_comes_from_where_the_machine_itself_gets_its_packages() -> None:
    if not Path("/usr/bin/apt-get").exists():
        pytest.skip("not a Debian machine")
    assert all(line.startswith("deb ") and base.release() in line for line in base.sources())
    assert "deb.debian.org" not in Path(base.__file__).read_text()
