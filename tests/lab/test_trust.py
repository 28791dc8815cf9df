"""The platform comes into every host by its own key, and the hosts into each other; what is broken is broken for them too."""

from __future__ import annotations

import opsguide_lab
from opsguide_lab import topology, trust

WAY = "ssh -o BatchMode=yes -o ConnectTimeout=60 -p 2222 root@127.0.64.{} hostname".format
MEMBERS = [h for h in topology.HOSTS if not h.joining]


def test_hosts_come_into_each_other_by_their_own_keys(lab) -> None:
    for host in MEMBERS:
        for other in MEMBERS:
            if other is not host:
                assert opsguide_lab.inside(host.name, WAY(other.id).split()).stdout == f"{other.name}\n"


def test_a_host_that_is_to_join_is_trusted_by_nobody(lab) -> None:
    assert opsguide_lab.inside("new-01", WAY(1).split()).returncode == 255
    assert opsguide_lab.inside("ih-01", WAY(5).split()).returncode == 255


def test_the_platform_comes_in_until_its_key_is_taken_away(lab) -> None:
    keys = opsguide_lab.host_root("uh-01") / "root/.ssh/authorized_keys"
    text = keys.read_text()
    assert trust.platform_comes_in(topology.host("uh-01"))
    try:
        keys.write_text("".join(line for line in text.splitlines(True) if trust.PLATFORM not in line))
        assert not trust.platform_comes_in(topology.host("uh-01"))
    finally:
        keys.write_text(text)


def test_a_broken_wire_is_broken_for_the_other_hosts_too_and_mended_with_it(lab) -> None:
    way = WAY(3).split()
    try:
        lab.fault("uh-01", "refuse")
        assert "refused" in lab.inside("ih-01", way).stderr
    finally:
        lab.fault("uh-01", "")
    assert lab.inside("ih-01", way).stdout == "uh-01\n"
