"""The decision of one cell.

- Hosting Provider: the run goes on in the mode that was asked, `plan` or `apply`; there is no other to ask for.
- Jelastic Operations: the run writes a request, whatever mode was asked (exit 3).
- N/A: refused (exit 4), naming the activity that does apply if one does.
- The guide's notes are looked at on each kind of element, and change nothing. Note 1 writes a request (exit 3); note 2
  goes on in the mode that was asked: what it keeps is kept in apply.
- Every refusal says the cell, the edition, who may act and the next step to take.
"""

from __future__ import annotations

from dataclasses import dataclass

from opsguide.errors import InputError
from opsguide.guide import kinds
from opsguide.guide.editions import Activity, Edition

MODES = ("plan", "apply")

APPLIES_INSTEAD = {
    ("adding-new-host", "infrastructure-container"): "infra-container-resources",
    ("user-host-decommission", "infrastructure-host"): "infrastructure-migration-to-a-new-host",
    ("virtuozzo-software-and-kernel-update", "infrastructure-container"): "additional-software",
    ("virtuozzo-software-and-kernel-update", "end-user-container"): "additional-software",
    ("windows-host-software-update", "infrastructure-host"): "virtuozzo-software-and-kernel-update",
    ("windows-host-software-update", "infrastructure-container"): "additional-software",
    ("rebooting-host-container", "end-user-container"): "restarting-processes",
    ("host-firewall-configuration", "infrastructure-container"): "container-firewall-configuration",
    ("host-firewall-configuration", "end-user-container"): "container-firewall-configuration",
    ("container-firewall-configuration", "user-host"): "host-firewall-configuration",
    ("container-firewall-configuration", "infrastructure-host"): "host-firewall-configuration",
    ("infrastructure-migration-to-a-new-host", "user-host"): "user-host-decommission",
    ("infrastructure-container-limits-configuration", "user-host"): "editing-system-files",
    ("infrastructure-container-limits-configuration", "infrastructure-host"): "editing-system-files",
    ("ssl-certificates-update", "user-host"): "editing-system-files",
    ("ssl-certificates-update", "infrastructure-host"): "editing-system-files",
    ("managing-jca-accounts", "user-host"): "managing-os-user-accounts",
    ("managing-jca-accounts", "infrastructure-container"): "managing-os-user-accounts",
    ("managing-jca-accounts", "end-user-container"): "managing-os-user-accounts",
}

ON_ITS_HOST = ("backup-and-restore",)  # a container is saved and restored through the host that carries it


@dataclass(frozen=True)
class Decision:
    """`mode` is what the run may do: `plan`, `apply`, `request`, or `refused`; `exit` 0, 3 or 4."""

    slug: str
    kind: str
    party: str
    mode: str
    exit: int
    words: str
    who_may: str
    next: str


def decide(edition: Edition, slug: str, kind: str, mode: str = "plan") -> Decision:
    """The table's answer for one cell; InputError for a cell that the edition does not have."""
    if mode not in MODES:
        raise InputError(f"{mode[:40]!r} is not a mode", next=f"one of {', '.join(MODES)}")
    activity = edition.activity(slug)
    if activity.note and kind in kinds.KINDS:
        return _of_note(edition, activity, kind, mode)
    title = activity.title
    party = edition.party(slug, kind)
    cell = f"{title} on {article(kind)}: {party} (edition {edition.name})"
    if party == kinds.PROVIDER:
        return Decision(slug, kind, party, mode, 0, cell, "the hosting provider", "")
    if party == kinds.OPERATIONS:
        then = f"the run writes the request; send it to {kinds.SUPPORT} and wait for their answer"
        return Decision(slug, kind, party, "request", 3, cell, "the Jelastic Operations team", then)
    return Decision(
        slug,
        kind,
        party,
        "refused",
        4,
        cell,
        "nobody: the activity is not available here",
        instead(edition, slug, kind),
    )


def _of_note(edition: Edition, note: Activity, kind: str, mode: str) -> Decision:
    words = f"{note.title} on {article(kind)}: {note.place}, look only (edition {edition.name})"
    if note.note == 1:
        then = f"the run writes the request; send it to {kinds.SUPPORT} and wait until they confirm that it is safe"
        return Decision(note.slug, kind, note.place, "request", 3, words, "the Jelastic Operations team", then)
    return Decision(note.slug, kind, note.place, mode, 0, words, "the hosting provider", "")


def instead(edition: Edition, slug: str, kind: str) -> str:
    """The next step where a cell is N/A, with the name of an activity: one that applies, or where this one does."""
    other = APPLIES_INSTEAD.get((slug, kind))
    if other and any(a.slug == other for a in edition.activities):
        who = edition.party(other, kind)
        if who != kinds.NOT_APPLICABLE:
            return f"{edition.activity(other).title} applies to {article(kind)} ({who}): opsguide show {other}"
    fit = [k for k in kinds.KINDS if edition.cells.get((slug, k)) not in (None, kinds.NOT_APPLICABLE)]
    if not fit:
        return kinds.NOTE_1
    where = " or ".join(map(article, fit))
    through = ", which carries the container" if slug in ON_ITS_HOST and kind.endswith("container") else ""
    return f"{edition.activity(slug).title} is run on {where}{through}: opsguide show {slug}"


def article(kind: str) -> str:
    """`an infrastructure host`, `a user host`."""
    return ("a " if kind == "user-host" else "an ") + kinds.words(kind)
