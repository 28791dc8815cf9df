"""What is fixed about a run from its intent: who, what, where, why and by which cell of the table.

- The first line of everything names the platform, and says PRACTICE or REAL. What is not said to be
  practice is REAL.
- The cell of the table is named with its edition and the first 12 characters of that edition's digest.
- A notebook that is not the repository's is said to differ; otherwise the cells say for themselves what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsguide.record.visible import one_line

Event = Mapping[str, Any]
KINDS = {
    "user-host": "user host",
    "infrastructure-host": "infrastructure host",
    "infrastructure-container": "infrastructure container",
    "end-user-container": "end-user container",
}


def part(intent: Event, name: str) -> Event:
    """The object `name` of the intent, empty where there is none."""
    found = intent.get(name)
    return found if isinstance(found, Mapping) else {}


def platform(intent: Event) -> str:
    """`lab (PRACTICE)` or `north (REAL)`."""
    place = part(intent, "platform")
    kind = "PRACTICE" if place.get("practice") is True else "REAL"
    return f"{one_line(place.get('name') or 'unknown platform')} ({kind})"


def title(intent: Event) -> str:
    """`Restarting Processes on uh-01`."""
    activity = part(intent, "activity")
    name = one_line(part(intent, "element").get("name") or "")
    return f"{one_line(activity.get('title') or activity.get('slug') or '')} on {name}"


def facts(intent: Event) -> list[tuple[str, str]]:
    """Label and text of each fact, in the order in which they are read; empty ones are left out."""
    given = [(name, value) for name, value in part(intent, "parameters").items() if name != "follows"]
    pairs = [
        ("table", cell(intent)),
        ("where", where(part(intent, "element"))),
        ("mode", one_line(intent.get("mode") or "")),
        ("who", who(part(intent, "person"))),
        ("why", one_line(intent.get("reason") or "no reason given")),
        ("with", ", ".join(f"{one_line(name)}={one_line(value)}" for name, value in given)),
        ("follows", follows(intent)),
        ("confirms", f"hand-off {one_line(intent['confirms'])}" if intent.get("confirms") else ""),
        ("through", one_line(intent.get("frontend") or "")),
        ("batch", one_line(intent.get("batch") or "")),
        ("runbook", source(part(intent, "runbook"))),
        ("run", one_line(intent.get("run") or "")),
    ]
    return [(label, words) for label, words in pairs if words]


def follows(intent: Event) -> str:
    """The plan that was carried out, or the run that was gone on from; empty for most runs."""
    found = part(intent, "follows")
    if not found:
        return ""
    how = "carries out the plan" if found.get("how") == "plan" else "goes on from"
    digest = f" ({one_line(found['digest'])[:12]})" if found.get("digest") else ""
    return f"{how} {one_line(found.get('run'))}{digest}"


def banner(intent: Event) -> list[str]:
    """How a run opens on the screen: the platform, then what on which element, then the facts."""
    return [platform(intent), title(intent), *(f"  {label + ':':9}{words}" for label, words in facts(intent))]


def cell(intent: Event) -> str:
    """`Restarting Processes x user host = Hosting Provider, edition seed (3fa94c81d2aa)`."""
    text, named = one_line(part(intent, "cell").get("text") or ""), edition(intent)
    digest = one_line(part(intent, "edition").get("digest") or "")[:12]
    if digest and "edition" in text:
        named = "" if digest in text else f"digest {digest}"
    return ", ".join(words for words in (text, named) if words)


def edition(intent: Event) -> str:
    """`edition seed (3fa94c81d2aa)`, empty where the intent names none."""
    found = part(intent, "edition")
    digest = one_line(found.get("digest") or "")[:12]
    return f"edition {one_line(found.get('name') or '')} ({digest})" if found else ""


def where(element: Event) -> str:
    """`hcore1, infrastructure container 305 on ih-01`."""
    name, kind = one_line(element.get("name") or ""), str(element.get("kind") or "")
    host, ctid, env = element.get("host"), element.get("ctid"), element.get("env")
    number = f" {one_line(ctid)}" if ctid not in (None, "") else ""
    at = f" on {one_line(host)}" if host and host != element.get("name") else ""
    of = f", environment {one_line(env)}" if env else ""
    return f"{name}, {KINDS.get(kind, one_line(kind))}{number}{at}{of}"


def who(person: Event) -> str:
    """The person, their account on the machine, and how they were recognised."""
    account = [f"{key} {one_line(person[key])}" for key in ("user", "uid") if person.get(key) not in (None, "")]
    known = "; ".join(words for words in (", ".join(account), one_line(person.get("how") or "")) if words)
    name = one_line(person.get("name") or "unknown person")
    return f"{name} ({known})" if known else name


def source(runbook: Event) -> str:
    """The repository's runbook, against which each cell that ran is held."""
    if not runbook:
        return ""
    digest = one_line(runbook.get("sha256") or "")[:12]
    name = one_line(runbook.get("name") or "")
    return f"{name}, compared cell by cell{f' ({digest})' if digest else ''}"
