"""What intent.json says of a run that is about to begin."""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass
from typing import Any

from opsguide import __version__, places
from opsguide.broker.means import Asker
from opsguide.guide.decision import Decision
from opsguide.guide.editions import Activity, Edition
from opsguide.guide.scopes import Scope
from opsguide.reach.inventory import Element, Platform


@dataclass(frozen=True)
class Case:
    """What a run is about: an activity on an element, and the cell of the edition that decides it."""

    platform: Platform
    edition: Edition
    activity: Activity
    scope: Scope | None
    element: Element
    cell: Decision
    parameters: dict[str, Any]

    def facts(self) -> dict[str, Any]:
        """The case as the record keeps it."""
        platform, edition, activity, element = self.platform, self.edition, self.activity, self.element
        return {
            "platform": {"name": platform.name, "practice": platform.practice, "digest": platform.digest},
            "edition": {"name": edition.name, "digest": edition.digest},
            "activity": {
                "slug": activity.slug,
                "number": activity.number,
                "title": activity.title,
                "scope_digest": self.scope.digest if self.scope else "",
            },
            "element": {name: getattr(element, name) for name in ("name", "kind", "host", "ctid", "env", "node")},
            "cell": {"party": self.cell.party, "text": self.cell.words},
            "mode": self.cell.mode,
            "parameters": self.parameters,
            "reason": str(self.parameters.get("reason", "")),
        }


def of(case: Case, asker: Asker, request: dict[str, Any]) -> dict[str, Any]:
    """The intent: the case, who asks and through what, and by which runbook and broker."""
    source = places.runbooks() / case.activity.runbook
    digest = hashlib.sha256(source.read_bytes()).hexdigest() if source.is_file() else ""
    return {
        **case.facts(),
        "person": asker.person,
        "frontend": asker.frontend,
        "launch": str(request.get("launch", ""))[:64],
        "batch": str(request.get("batch", ""))[:160],
        **{name: str(request[name])[:160] for name in ("confirms", "again") if request.get(name)},
        "client": {"pid": asker.pid, "version": __version__},
        "runbook": {"name": case.activity.runbook, "sha256": digest},
        "broker": {"pid": os.getpid(), "version": __version__, "host": socket.gethostname()},
    }
