"""What `opsguide doctor` looks at: each check says what it found and what would mend it. It changes nothing.

- A check is `ok`, `wrong` (opsguide will not work) or `note` (it works; you may want to know).
- No host and no server is connected to: what hosts answer, `opsguide plan` shows.
- Where something is wrong, the last line says what works all the same.
- What a platform file names: platform_checks.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from opsguide import __version__, places
from opsguide.errors import OpsguideError
from opsguide.guide import alive, entries, invariants, mends, owners, services
from opsguide.launch import platform_checks
from opsguide.launch.check import NOTE, OK, WRONG, Check, said, writable
from opsguide.launch.setting import Setting

NEEDS_NOTHING = "records, verify, doctor"
NEEDS_THE_FILE = "matrix, may, show, elements, handoff list and show, custom list, batches"


def everything(setting: Setting) -> Iterator[Check]:
    """All checks, in the order in which they depend on each other."""
    wrong = []
    for check in _looked_at(setting):
        wrong += [check.name] if check.state == WRONG else []
        yield check
    if wrong:
        yield Check("works", NOTE, _works(wrong))


def _works(wrong: list[str]) -> str:
    """What can be done although something is wrong."""
    fits = not {"python", "packages", "repository", "platform", "edition", "guide"} & set(wrong)
    there = f"{NEEDS_NOTHING}{f', {NEEDS_THE_FILE}' if fits else ''}"
    return f"as it is: {there}. What plans, runs or asks a host needs all that is WRONG above"


def _looked_at(setting: Setting) -> Iterator[Check]:
    yield _python()
    yield _packages()
    yield _folders()
    yield said("guide", _guide)
    yield from _records(setting.records())
    try:
        yield from platform_checks.of_platform(setting.platform())
    except OpsguideError as error:
        yield Check("platform", WRONG, error.words, error.next)
    yield from _lab()


def _guide() -> str:
    """The maps that a provider may edit, read; scopes are read by `show`."""
    for load in (alive.load, entries.common_looks, invariants.load, mends.load, owners.load, services.load):
        load()
    return "service map, owners, invariants and the others are read"


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


def _records(folder: Path) -> Iterator[Check]:
    return writable("records", folder, "name another place: --records or OPSGUIDE_RECORDS")


def _lab() -> Iterator[Check]:
    import opsguide_lab

    missing = opsguide_lab.missing()
    for words in missing:
        yield Check("lab", NOTE, f"cannot run here: {words}")
    if not missing:
        yield Check("lab", OK, "can run here: opsguide lab up")
