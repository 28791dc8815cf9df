"""What `opsguide doctor` looks at in a platform file, and in what it names: keys, host keys, the support.

- No host and no server is connected to, and nothing of a secret is shown.
- What the set-up prevents is said as far as a test shows it, and no further.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from opsguide import places, wire
from opsguide.errors import OpsguideError
from opsguide.guide import alive, services
from opsguide.launch.check import NOTE, OK, WRONG, Check, said, writable
from opsguide.launch.setting import edition_of
from opsguide.reach import hostkeys, people, policy, secrets
from opsguide.reach.inventory import Element, Platform
from opsguide.reach.lined import close_matches

NAMED = 5
LAB = "the practice platform's own is made by `opsguide lab up`"
PREVENTED = (
    "a command that the activity's scope does not hold to the character; a command on an element that table, inventory "
    "and host do not agree on; a change in another step than its own, on a locked or held element, against an "
    "invariant, or beside the plan that is carried out; a command without a line in the journal; a change repeated by "
    "itself"
)
DISCOURAGED = (
    "the broker runs as you, with a key that you can read: you can use ssh beside it, and you can rewrite the records "
    "folder as a whole. `opsguide verify` shows what was changed, cut or removed, not what was made anew consistently"
)


def of_platform(platform: Platform) -> Iterator[Check]:
    """The checks of a platform whose file could be read."""
    kind = "PRACTICE" if platform.practice else "REAL"
    yield Check("platform", OK, f"{platform.name} ({kind}), {len(platform.elements)} elements, {platform.file}")
    yield said("edition", lambda: f"{edition_of(platform).name}, {len(edition_of(platform).activities)} activities")
    yield from _components(platform)
    yield said("people", _you)
    yield said("policy", _policy)
    for check in (said("ssh key", lambda: _key(platform)), *_secrets(platform)):
        yield replace(check, next=f"{check.next}; {LAB}") if check.state == WRONG and platform.practice else check
    if platform.api is None:
        yield Check("platform API", NOTE, "none configured: proofs of kind go without it")
    yield from _support(platform)
    yield _readable("known_hosts", platform.ssh.known_hosts, "known_hosts", platform)
    if os.access(platform.ssh.known_hosts, os.R_OK):
        yield from _host_keys(platform)
    yield _readable("ssh configuration", platform.ssh.config, "config", platform)
    yield from writable("state folder", platform.state, f"install -d -m 2770 -g GROUP {platform.state}")
    yield _broker(platform.file)
    yield from _protection(platform)


def _components(platform: Platform) -> Iterator[Check]:
    """A component that no map knows is not drained, and nothing of it is checked."""
    try:
        known = {*alive.load().checks, *alive.load().stop_order, *services.load()}
    except OpsguideError:
        return
    for one in platform.elements.values():
        if one.component and one.component not in known:
            words = f"{one.name}: neither services.toml nor alive.toml knows {one.component}: no checks, no drain"
            yield Check("component", NOTE, words, f"correct it{close_matches(one.component, known)}")


def _support(platform: Platform) -> Iterator[Check]:
    """How requests reach the support; nothing is connected to."""
    support = platform.support
    if smtp := support.smtp:
        how = f"mail to {support.to} by {smtp.host} port {smtp.port}, {smtp.security}"
        readable = smtp.ca is None or os.access(smtp.ca, os.R_OK)
        words = how if readable else f"the CA file {smtp.ca} cannot be read"
        yield Check("support", OK if readable else WRONG, words, "" if readable else "see support.smtp.ca")
    elif support.folder:
        yield from writable("support", support.folder, "make it, or correct support.folder", "requests go as files to ")
    else:
        yield Check("support", NOTE, "requests leave as files only: opsguide handoff send NUMBER --to-file DIR")


def _you() -> str:
    found = people.person(os.getuid(), places.home() / "parameters" / "people.yml")
    return f"records name you {found['name']} ({found['user']}: {found['how']})"


def _policy() -> str:
    found = policy.load(places.home() / "parameters" / "policy.yml")
    return f"idle {found.idle:.0f} s, linger {found.linger:.0f} s; at most " + ", ".join(
        f"{n} {name}" for name, n in found.at_most.items()
    )


def _key(platform: Platform) -> str:
    from opsguide.reach.ssh_connect import private_key

    reference = platform.ssh.key
    return f"{reference}, {private_key(secrets.resolve(reference), reference).get_name()}"


def _secrets(platform: Platform) -> Iterator[Check]:
    """The passwords and the token of the platform file; nothing of them is shown."""
    for what, reference in secrets.of_platform(platform).items():
        yield said(what, partial(_resolved, reference))


def _resolved(reference: str) -> str:
    secrets.resolve(reference)
    return f"{reference} can be read"


def _readable(name: str, path: Path, key: str, platform: Platform) -> Check:
    if os.access(path, os.R_OK):
        return Check(name, OK, str(path))
    remedy = f"make it, or correct ssh.{key} in {platform.file.name}{f'; {LAB}' if platform.practice else ''}"
    return Check(name, WRONG, f"{path} cannot be read", remedy)


def _host_keys(platform: Platform) -> Iterator[Check]:
    """Whether each host can be told from another, and who may change the file that says so."""
    ssh, hosts = platform.ssh, [one for one in platform.elements.values() if one.is_host]
    try:
        known = {h.name for h in hosts if _on_file(ssh.known_hosts, h)}
    except OpsguideError as error:
        yield Check("host keys", WRONG, error.words, error.next)
        return
    unknown = [h.name for h in hosts if h.name not in known]
    more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
    words = f"no key on file for {', '.join(unknown[:NAMED])}{more}: nothing is sent there" if unknown else "all hosts"
    remedy = "ssh-keyscan HOST; compare its fingerprint with the host's own, then add the line" if unknown else ""
    yield Check("host keys", (NOTE if known else WRONG) if unknown else OK, words, remedy)
    if ssh.known_hosts.stat().st_mode & 0o022:
        words = f"{ssh.known_hosts} can be changed by others: who adds a key there is believed"
        yield Check("known_hosts", NOTE, words, f"chmod go-w {ssh.known_hosts}")


def _on_file(file: Path, host: Element) -> bool:
    return any(hostkeys.on_file(file, name) for name in hostkeys.names(host.name, host.address, host.port))


def _broker(platform: Path) -> Check:
    try:
        path = wire.socket_path(platform)
    except OpsguideError as error:
        return Check("broker", WRONG, error.words, error.next)
    return Check("broker", OK, "running" if wire.is_served(path) else "not running: it starts when it is needed")


def _protection(platform: Platform) -> Iterator[Check]:
    yield Check("prevented", NOTE, PREVENTED)
    scheme, _, place = platform.ssh.key.partition(":")
    yours = scheme != "file" or os.access(place, os.R_OK)
    words = DISCOURAGED if yours else "the key is not yours to read; who owns the broker decides what else it prevents"
    yield Check("discouraged", NOTE, words)
