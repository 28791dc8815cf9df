"""A platform from a real inventory file, and the grounds of a run on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opsguide.broker.grounds import Grounds
from opsguide.broker.targets import Target, targets
from opsguide.errors import OpsguideError
from opsguide.guide import scopes, services
from opsguide.reach import inventory
from opsguide.reach.inventory import Platform

LAB = """
platform: mine
practice: true
edition: seed
domain: lab.example
state: state
ssh: {user: root, key: "file:key", known_hosts: known_hosts, config: ssh_config, port: 2222}
api: {url: "http://127.0.0.1:1", token: "file:token"}
hosts:
  ih-01: {kind: infrastructure-host, address: 127.0.64.1, id: 1, machine_id: "11111111111111111111111111111111"}
  ih-02: {kind: infrastructure-host, address: 127.0.64.2, id: 2}
  uh-01: {kind: user-host, address: 127.0.64.3, id: 3, machine_id: "33333333333333333333333333333333"}
  uh-02: {kind: user-host, address: 127.0.64.4}
  new-01: {joining: user-host, address: 127.0.64.5, machine_id: "55555555555555555555555555555555"}
containers:
  hcore1: {kind: infrastructure-container, component: hcore, host: ih-01, ctid: 305, peer: hcore2}
  hcore2: {kind: infrastructure-container, component: hcore, host: ih-02, ctid: 305, peer: hcore1}
  gate1: {kind: infrastructure-container, component: gate, host: ih-01, ctid: 307}
  node101: {kind: end-user-container, host: uh-01, ctid: 101, env: shop, node: 1001}
  node102: {kind: end-user-container, host: uh-01, ctid: 102, env: shop2, node: 1002}
  node201: {kind: end-user-container, host: uh-02, ctid: 201, env: blog, node: 2001}
"""


def platform(folder: Path, text: str = LAB) -> Platform:
    path = folder / "mine.yml"
    path.write_text(text)
    return inventory.load(path)


def grounds(platform: Platform, element: str, activity: str = "restarting-processes", **given: Any) -> Grounds:
    """What a run stands on; the scope's own, or that of TOML text."""
    scope = scopes.load(activity) if "\n" not in activity else scopes.parse("mine", activity.encode())
    assert scope
    found = platform.element(element)
    if scope.service:
        given.setdefault("service", "nginx")
    parameters = scope.parameters.check({"element": element, **given})
    named = services.of(found.kind, found.component).get(parameters.get("service", "")) if scope.service else None
    return Grounds(platform, scope, found, found.joining or found.kind, parameters, named)


def send(run: Grounds, verb: str, command: str, /, **more: Any) -> list[Target]:
    """What a verb with this command would send."""
    return targets(run, verb, {"what": {"command": command}, **more})


def refused(error: type[OpsguideError], words: str, deed: Any, *args: Any, **more: Any) -> OpsguideError:
    """The error with which a deed is refused."""
    with pytest.raises(error, match=words) as found:
        deed(*args, **more)
    return found.value
