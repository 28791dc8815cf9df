"""Addresses of containers and pools: one test for each rule, on answers as the commands give them."""

from __future__ import annotations

import pytest

from opsguide.notebook.addresses import Addresses, container_addresses, pool_counts
from opsguide.notebook.readings import Reading

LISTED = """       301 zookeeper1.lab.example           10.64.1.11      running
       305 hcore1.lab.example               10.64.1.15      running
       309 old.lab.example                  10.64.1.19      stopped
"""
CONFIGURED = """/etc/vz/conf/301.conf:IP_ADDRESS="10.64.1.11/255.255.255.0"
/etc/vz/conf/305.conf:IP_ADDRESS="10.64.1.15/255.255.255.0 203.0.113.15/32 2001:0db8::0015/64"
/etc/vz/conf/309.conf:IP_ADDRESS="10.64.1.19/255.255.255.0"
"""
VEINFO = """         0     0   181
       301     2    20      10.64.1.11
       305     2    31      10.64.1.15    203.0.113.15     2001:db8::15
"""
ROUTES = """default via 198.51.100.1 dev br0
10.64.1.11 dev venet0 scope link
10.64.1.15 dev venet0 scope link
203.0.113.15 dev venet0 scope link
198.51.100.0/24 dev br0 proto kernel scope link src 198.51.100.7
10.99.0.0/16 dev venet0 scope link
local 198.51.100.7 dev br0 table local proto kernel scope host src 198.51.100.7
10.64.1.77 dev venet0 table 100 scope link
2001:db8::15 dev venet0 metric 1024 pref medium
fe80::1 dev venet0 metric 1024 pref medium
fe80::/64 dev venet0 proto kernel metric 256 pref medium
"""
PROXIES = """10.64.1.11 dev br0  proxy
10.64.1.15 dev br0  proxy
203.0.113.15 dev br0  proxy
2001:db8::15 dev br0  proxy
"""
WHOLE = {"listed": LISTED, "configured": CONFIGURED, "veinfo": VEINFO, "routes": ROUTES, "proxies": PROXIES}
HCORE = "305 hcore1.lab.example"


def audit(**changed: str) -> Addresses:
    return container_addresses(**{**WHOLE, **changed})


def test_addresses_that_stand_in_all_four_are_ok_and_only_running_containers_count() -> None:
    table = audit()
    assert table.rows == {
        "10.64.1.11": "301 zookeeper1.lab.example ok",
        "10.64.1.15": f"{HCORE} ok",
        "203.0.113.15": f"{HCORE} ok",
        "2001:db8::15": f"{HCORE} ok",
    }
    assert table.wrong == {}
    assert [line.split()[0] for line in repr(table).splitlines()] == ["address", *table.rows]


@pytest.mark.parametrize(
    ("name", "line", "address"),
    [("routes", "203.0.113.15 dev venet0 scope link\n", "203.0.113.15"), ("proxies", "10.64.1.15 dev br0  proxy\n", "10.64.1.15"),
     ("veinfo", "     2001:db8::15", "2001:db8::15")],
)  # fmt: skip
def test_an_address_is_missing_where_it_does_not_stand(name: str, line: str, address: str) -> None:
    assert line in WHOLE[name]
    assert audit(**{name: WHOLE[name].replace(line, "")}).wrong == {address: f"{HCORE} Missing in {name}"}


def test_a_container_of_which_nothing_is_known_is_missing_in_all() -> None:
    assert audit(veinfo="", routes="", proxies="").wrong["10.64.1.11"].endswith("Missing in veinfo, routes, proxies")


def test_an_address_of_no_running_container_is_unexpected_where_it_stands() -> None:
    more = audit(routes=ROUTES + "10.64.1.19 dev venet0 scope link\n", proxies=PROXIES + "192.0.2.9 dev br0  proxy\n")
    assert more.wrong == {"10.64.1.19": "- Unexpected in routes", "192.0.2.9": "- Unexpected in proxies"}


def test_an_address_of_two_containers_is_unexpected() -> None:
    both = CONFIGURED.replace("10.64.1.11/", "10.64.1.15/")
    found = audit(configured=both).wrong
    assert found["10.64.1.15"] == f"301 zookeeper1.lab.example, {HCORE} Unexpected in two containers"


def test_nothing_answered_is_no_row() -> None:
    assert container_addresses("", "", "", "", "").rows == {}


def test_a_pool_is_told_by_its_figures_and_by_what_it_lists() -> None:
    listed = '{"result": 0, "object": {"total": 64, "used": 2, "free": 62}, "array": [{"ip": "10.64.0.1"}, {"ip": "10.64.3.11"}]}'
    other = '{"result": 0, "array": [{"address": "2001:db8::1", "at": "12:03", "status": "BUSY"}]}'
    counts = pool_counts(
        internal=Reading([{"on": "p", "text": listed}]), external=Reading([{"on": "p", "text": other}])
    )
    assert counts["internal"] == "total 64, used 2, free 62; 2 addresses listed"
    assert counts["external"] == "no figures; 1 addresses listed"
    assert pool_counts(internal=Reading([]))["internal"] == "no figures; 0 addresses listed"
