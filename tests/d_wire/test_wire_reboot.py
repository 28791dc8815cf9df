"""Suite D: a reboot in mid-command, on a host of the lab."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from desk import wait_for
from opsguide import places
from opsguide.errors import UnreachableError
from opsguide.reach import inventory, quoting
from opsguide.reach.ssh import Connections

pytestmark = pytest.mark.lab
BOOT_ID = quoting.remote_line(["cat", "/proc/sys/kernel/random/boot_id"])


def asked(connections: Connections, host: inventory.Element, line: str, deadline: float = 60) -> tuple[str, bytes]:
    said = bytearray()
    answer = connections.run(host, line, deadline=deadline, sink=lambda name, chunk: said.extend(chunk))
    return answer.outcome, bytes(said)


def test_a_reboot_in_mid_command_is_lost_and_the_boot_id_tells_that_the_host_came_back(lab: Any) -> None:
    platform = inventory.load(places.platform_file("lab"))
    host = platform.element("uh-02")
    connections = Connections(platform.ssh, watchdog=5.0)
    _, before = asked(connections, host, BOOT_ID)
    found: list[str] = []
    sleeping = threading.Thread(target=lambda: found.append(asked(connections, host, "sleep 100", 120)[0]))
    sleeping.start()
    wait_for(lambda: "sleep 100" in lab.inside("uh-02", ["ps", "ax", "-o", "args="]).stdout, 60, "the command runs")
    lab.inside("uh-02", ["systemctl", "reboot", "--force"])
    sleeping.join(120)
    assert found == ["lost"]

    def another() -> bool:
        try:
            outcome, said = asked(connections, host, BOOT_ID)
        except UnreachableError:
            return False
        return outcome == "ok" and said != before

    wait_for(another, 120, "the host answers, started anew")
    connections.close()
    lab.up(lambda words: None)
