"""What `opsguide doctor` looks at: each check says what it found and what would mend it. It changes nothing.

- A check is `ok`, `wrong` (opsguide will not work) or `note` (it works; you may want to know).
- What the set-up prevents is said as far as a test shows it, and no further.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from opsguide import __version__, places, wire
from opsguide.errors import OpsguideError
from opsguide.launch.setting import Setting
from opsguide.reach import secrets
from opsguide.reach.inventory import Platform

OK, WRONG, NOTE = "ok", "wrong", "note"
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


@dataclass(frozen=True)
class Check:
    """One line of the doctor's."""

    name: str
    state: str
    words: str
    next: str = ""


def everything(setting: Setting) -> Iterator[Check]:
    """All checks, in the order in which they depend on each other."""
    yield _python()
    yield _packages()
    yield _folders()
    yield _records(setting.records())
    try:
        yield from _of_platform(setting.platform())
    except OpsguideError as error:
        yield Check("platform", WRONG, error.words, error.next)
    yield from _lab()


def _python() -> Check:
    said = f"Python {sys.version.split()[0]}, opsguide {__version__}"
    fits = sys.version_info >= (3, 11)
    return Check("python", OK if fits else WRONG, said, "" if fits else "install Python 3.11 or newer")


def _packages() -> Check:
    wanted = [r.split(";")[0].strip() for r in requires("opsguide") or [] if "extra ==" not in r]
    missing = [r for r in wanted if not _installed(r)]
    words = f"missing: {', '.join(missing)}" if missing else f"{len(wanted)} required packages are installed"
    return Check("packages", WRONG if missing else OK, words, "make install" if missing else "")


def _installed(requirement: str) -> bool:
    name = requirement
    for mark in "<>=!~[ ":
        name = name.split(mark)[0]
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _folders() -> Check:
    try:
        return Check("repository", OK, str(places.home()))
    except OpsguideError as error:
        return Check("repository", WRONG, error.words, error.next)


def _of_platform(platform: Platform) -> Iterator[Check]:
    kind = "PRACTICE" if platform.practice else "REAL"
    yield Check("platform", OK, f"{platform.name} ({kind}), {len(platform.elements)} elements, {platform.file}")
    references = {"ssh key": platform.ssh.key, **({"API token": platform.api.token} if platform.api else {})}
    for name, reference in references.items():
        yield _secret(name, reference)
    if platform.api is None:
        yield Check("platform API", NOTE, "none configured: proofs of kind go without it")
    yield from _support(platform)
    for name, path in (("known_hosts", platform.ssh.known_hosts), ("ssh configuration", platform.ssh.config)):
        readable = os.access(path, os.R_OK)
        yield Check(name, OK if readable else WRONG, f"{path}{'' if readable else ' cannot be read'}",
                    "" if readable else f"see {name} in {platform.file.name}")  # fmt: skip
    yield _writable("state folder", platform.state, "install -d -m 2770, owned by the operators' group")
    yield _broker(platform.file)
    yield from _protection(platform)


def _support(platform: Platform) -> Iterator[Check]:
    """How requests reach the support; nothing is connected to."""
    support = platform.support
    if smtp := support.smtp:
        how = f"mail to {support.to} by {smtp.host} port {smtp.port}, {smtp.security}"
        readable = smtp.ca is None or os.access(smtp.ca, os.R_OK)
        words = how if readable else f"the CA file {smtp.ca} cannot be read"
        yield Check("support", OK if readable else WRONG, words, "" if readable else "see support.smtp.ca")
        if smtp.password:
            yield _secret("mail password", smtp.password)
    elif support.folder:
        yield Check("support", OK, f"requests go as files to {support.folder}")
    else:
        yield Check("support", NOTE, "requests leave as files only: opsguide handoff send NUMBER --to-file DIR")


def _secret(name: str, reference: str) -> Check:
    try:
        secrets.resolve(reference)
    except OpsguideError as error:
        return Check(name, WRONG, error.words, error.next)
    return Check(name, OK, f"{reference} can be read")


def _writable(name: str, folder: Path, remedy: str) -> Check:
    there = next(p for p in (folder, *folder.parents) if _is_there(p))
    fits = os.access(there, os.W_OK | os.X_OK) and there.is_dir()
    words = f"{folder}{'' if there == folder else ', not made yet'}"
    return Check(name, OK if fits else WRONG, words if fits else f"{there} cannot be written", "" if fits else remedy)


def _is_there(path: Path) -> bool:
    """Whether it is there for us: not where we may not even look."""
    try:
        return path.exists()
    except OSError:
        return False


def _records(folder: Path) -> Check:
    return _writable("records", folder, "name another place: --records or OPSGUIDE_RECORDS")


def _broker(platform: Path) -> Check:
    try:
        path = wire.socket_path(platform)
    except OpsguideError as error:
        return Check("broker", WRONG, error.words, error.next)
    return Check("broker", OK, "running" if path.exists() else "not running: it starts when it is needed")


def _protection(platform: Platform) -> Iterator[Check]:
    yield Check("prevented", NOTE, PREVENTED)
    scheme, _, place = platform.ssh.key.partition(":")
    yours = scheme != "file" or os.access(place, os.R_OK)
    words = DISCOURAGED if yours else "the key is not yours to read; who owns the broker decides what else it prevents"
    yield Check("discouraged", NOTE, words)


def _lab() -> Iterator[Check]:
    import opsguide_lab

    missing = opsguide_lab.missing()
    for words in missing:
        yield Check("lab", NOTE, f"cannot run here: {words}")
    if not missing:
        yield Check("lab", OK, "can run here: opsguide lab up")
