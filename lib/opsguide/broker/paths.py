"""Which paths a run may read and write.

- A path of another activity is refused on every kind of element, with that activity's runbook and cell: reading
  /etc/shadow is not part of editing a file.
- Where the scope lists files, a path is one of them; in a request also one that no activity owns.
- A file that may hold a secret is read, also for its digest, only where the scope lists it.
- It counts for what is sent, look or change; before a change the element is asked again where the path leads.
- What lies below /proc, /sys and /dev is no file.
"""

from __future__ import annotations

from opsguide.broker.filling import refuse_into_containers
from opsguide.broker.grounds import Grounds
from opsguide.broker.targets import Target
from opsguide.errors import InputError, RefusedError
from opsguide.guide import custom, editions, kinds, owners
from opsguide.guide.decision import decide

READS = ("cat {", "sha256sum {")


def refuse_others(grounds: Grounds, path: str, asked: bool) -> None:
    """RefusedError for a path that is not this activity's; `asked`: the run writes a request."""
    refuse_into_containers(path)
    owner = owners.owner_of(path)
    if owner and owner != grounds.scope.activity:
        raise _owned(grounds, path, owner)
    if (asked and not custom.NO_FILE.match(path)) or grounds.scope.file(path):
        return
    raise RefusedError(f"{path} is not a file of {grounds.scope.activity}", next=kinds.NOTE_2)


def refuse_parameters(grounds: Grounds, target: Target, asked: bool) -> None:
    """The same for the path parameters that stand in a command, where the scope lists files."""
    known = grounds.scope.parameters.known
    for value in (v for name, v in target.filled.items() if name in known and known[name].slot == "path"):
        if grounds.scope.files:
            refuse_others(grounds, value, asked)
        if reads(grounds, target):
            refuse_secret(grounds, value)


def reads(grounds: Grounds, target: Target) -> bool:
    """Whether it reads the file, or takes its digest."""
    return target.template.startswith(READS) or grounds.scope.activity == custom.SLUG


def refuse_secret(grounds: Grounds, path: str) -> None:
    """RefusedError for a file that may hold a secret, unless the scope lists it."""
    if not grounds.scope.file(path):
        custom.refuse(path)


def _owned(grounds: Grounds, path: str, owner: str) -> RefusedError:
    platform, element = grounds.platform, grounds.element
    then = f"opsguide may {owner} {element.name}"
    try:
        edition = editions.load(platform.edition, platform.file.parent)
        cell, runbook = decide(edition, owner, grounds.kind).words, edition.activity(owner).runbook
    except InputError:
        return RefusedError(f"{path} belongs to the activity {owner}", where=element.name, next=then)
    return RefusedError(f"{path} belongs to {cell}", where=element.name, next=f"{runbook}: {then}")
