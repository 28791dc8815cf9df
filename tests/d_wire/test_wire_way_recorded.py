"""A run on the practice platform that goes through a jump host and sudo: what its record says.

The hosts of the practice platform do not see each other; the jump host is a server of our own on loopback.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import yaml

from d_wire.sshd import Sshd
from desk import Desk

LAB = Path(__file__).resolve().parents[2] / "parameters" / "platforms" / "lab.yml"


def test_a_record_holds_the_keys_of_both_hops_and_lines_with_sudo(
    desk: Desk, own: Callable[..., Sshd], tmp_path: Path
) -> None:
    text = yaml.safe_load(LAB.read_text())
    hop, known = own(), Path(text["ssh"]["known_hosts"])
    key = Path(text["ssh"]["key"].removeprefix("file:"))
    (hop.folder / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
    (tmp_path / "known").write_text(known.read_text() + hop.known_hosts.read_text())
    text["ssh"] |= {"jump": "ih-09", "become": {"sudo": True}, "known_hosts": str(tmp_path / "known")}
    text["hosts"]["ih-09"] = {"kind": "infrastructure-host", "address": "127.0.0.1", "port": hop.port}
    text["state"] = str(tmp_path / "state")
    (tmp_path / "behind.yml").write_text(yaml.safe_dump(text, sort_keys=False))
    there = dataclasses.replace(desk, env={"OPSGUIDE_PLATFORM": str(tmp_path / "behind.yml")})
    ended = there("plan", "restarting-processes", "--on", "uh-01", "-p", "service=zabbix-agent")
    assert ended.code == 0, str(ended)
    events = there.record().events()
    proof = next(e for e in events if e["type"] == "proof")
    keys = {e["what"]: e for e in proof["evidence"][:2]}
    assert (list(keys), [e["agrees"] for e in keys.values()]) == (["host key", "jump host key"], [True, True])
    assert keys["jump host key"]["value"].startswith("ih-09 SHA256:")
    assert keys["host key"]["value"] != keys["jump host key"]["value"].split()[1]
    lines = [e["line"] for e in events if e["type"] == "send" and e["kind_of"] == "ssh"]
    assert lines
    assert [line for line in lines if "sudo -n -- sh -c " not in line] == []
    assert (hop.logins, hop.sessions) == (1, 0)
