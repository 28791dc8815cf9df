"""The starting state that a plan seals: what a pinned look answered, what an edited file held, what a record stored.

- A plan keeps the digest of each; its run is refused when one has moved, before the first change.
- A resumed run is given the answer that its first run got; what the element answers now is shown beside it.
"""

from __future__ import annotations

import hashlib
from typing import Any

from opsguide.broker.targets import Target
from opsguide.broker.transit import Seen
from opsguide.errors import RefusedError
from opsguide.guide import expectations

SHOWN = 200
AGAIN = "make a new plan, and read it before you carry it out"


def of(step: str, target: Target, text: str, request: dict[str, Any]) -> dict[str, Any]:
    """A pin as plan.json holds it: enough to look again."""
    return {
        "step": step,
        "key": target.key,
        "on": target.element.name,
        "line": target.shown,
        "what": request.get("what"),
        "slots": request.get("slots") or {},
        "sha256": digest(text),
        "text": text[:SHOWN],
    }


def digest(text: str) -> str:
    """Of an answer, apart from outer white space."""
    return hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()


def refuse_moved(pin: dict[str, Any] | None, target: Target, text: str, plan: str) -> None:
    """RefusedError when the starting state is not the plan's."""
    if pin is None or pin["sha256"] == digest(text):
        return
    raise RefusedError(
        f"the starting state has moved since the plan {plan}",
        where=target.element.name,
        command=target.shown,
        answer=f"was {_short(pin['text'])}; is {_short(text)}",
        next=AGAIN,
    )


def refuse_other_record(planned: dict[str, Any] | None, target: Target, plan: str) -> None:
    """RefusedError when the platform's record has changed beside what the plan changes in it."""
    if planned is not None and planned.get("pin") != target.pin:
        raise RefusedError(
            f"the record of {target.element.name} has changed since the plan {plan}",
            where=target.element.name,
            command=target.shown,
            next=AGAIN,
        )


def refuse_other_edit(planned: dict[str, Any] | None, event: dict[str, Any], plan: str) -> None:
    """RefusedError when the file is not what the plan's difference was made from."""
    if planned is None or (planned["old"], planned["new"]) != (event["old"], event["new"]):
        raise RefusedError(f"{event['path']} has changed since the plan {plan}", where=event["on"], next=AGAIN)


def refuse_other_file(planned: dict[str, Any], summed: str, plan: str) -> None:
    """The same before anything is changed, from what sha256sum says of the file."""
    if (summed.split() or [""])[0] != planned["old"]:
        raise RefusedError(f"{planned['path']} has changed since the plan {plan}", where=planned["on"], next=AGAIN)


def kept(seen: Seen, text: str, expect: dict[str, Any] | None) -> str:
    """Put the recorded answer in the place of the one that came now; what to say of it."""
    now = _short(seen.text) if seen.state == "ok" else f"{seen.state}: {seen.note}"
    same = seen.state == "ok" and digest(seen.text) == digest(text)
    wanted = expectations.checked(expect)
    verdict = expectations.judge(wanted, wanted["exit"], text)
    seen.text, seen.exit, seen.met = text, wanted["exit"], verdict.met
    seen.state, seen.note = ("ok" if verdict.met else "failed"), verdict.words
    return "the starting state is as it was" if same else f"the starting state counts, as recorded; now it is {now}"


def _short(text: str) -> str:
    return " ".join(text.split())[:SHOWN] or "nothing"
