"""What an element is, asked of its host and of the platform before a run is admitted.

- The kind is proven on the host, with what proof asks, and the proof stands in the record.
- An element that is not proven is refused.
- The cell is decided once more on what was proven; one that the edition has moved meanwhile is refused.
"""

from __future__ import annotations

from typing import Any

from opsguide.broker import proof
from opsguide.broker.commands import Commands
from opsguide.broker.grounds import Grounds
from opsguide.broker.targets import call, own
from opsguide.broker.transit import Command
from opsguide.errors import RefusedError, UnreachableError
from opsguide.guide import decision, editions
from opsguide.guide.decision import Decision
from opsguide.guide.entries import Entry
from opsguide.reach.ssh import Connections

HOST_SECONDS = 20.0
API_SECONDS = 5.0
LEAVING = "user-host-decommission"


def prove(grounds: Grounds, commands: Commands, connections: Connections, cell: Decision) -> None:
    """RefusedError for an element that is not what the inventory says, UnreachableError where nobody can tell."""
    platform, element = grounds.platform, grounds.element
    host = platform.element(element.host)

    def ask(line: str) -> proof.Asked:
        target = own(platform, host, line.split())
        seen = commands.send(Command(target, "proof", "", HOST_SECONDS, screen="nothing", judged=False))
        if seen.exit is None:
            words = f"{host.name} could not be asked what it is: {seen.note.removesuffix(f'; {seen.then}')}"
            then = "; ".join(filter(None, (seen.then, "opsguide doctor tells what is missing here")))
            raise UnreachableError(words, where=host.name, next=then)
        return proof.Asked(seen.exit, seen.text)

    def ask_api(method: str, args: dict[str, Any]) -> proof.Asked | None:
        target = call(grounds, Entry(method, "look", args=args), element)
        seen = commands.send(Command(target, "proof", "", API_SECONDS, screen="nothing", judged=False))
        return proof.Asked(seen.exit, seen.text) if seen.exit is not None else None

    found = proof.prove(platform, element, ask, ask_api, lambda: connections.shown_keys(host), cell.slug == LEAVING)
    told = {"verdict": found.verdict, "evidence": found.evidence, "api": found.api, "words": found.words}
    commands.show(commands.write("proof", element=element.name, **told))
    if found.verdict != "proven":
        then = f"correct {platform.file.name} or the host, then begin again"
        raise RefusedError(found.words, where=element.name, next=then)


def decide_again(grounds: Grounds, cell: Decision) -> None:
    """RefusedError when the edition, read again, decides the cell otherwise."""
    edition = editions.load(grounds.platform.edition, grounds.platform.file.parent)
    again = decision.decide(edition, cell.slug, grounds.kind, cell.mode if cell.mode != "request" else "plan")
    if again.mode != cell.mode:
        raise RefusedError(f"the edition changed under the run: {again.words}", next="begin again")
