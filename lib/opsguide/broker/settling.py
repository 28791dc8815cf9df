"""The look that may settle a change, as a line for a terminal, for when nobody knows how the change ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opsguide.broker.grounds import Grounds
from opsguide.broker.targets import Target, targets
from opsguide.errors import OpsguideError
from opsguide.guide import slots


def with_look(grounds: Grounds, target: Target, given: dict[str, Any]) -> Target:
    """The change with its settling look spelt out; with the look's template where not every slot is known."""
    settle = target.entry.settle
    if not settle:
        return target
    entry = next((e for e in grounds.scope.entries if e.verb == "look" and e.template == settle), None)
    args = (entry and entry.args) or {}
    what: dict[str, Any] = {"command": settle} if entry is None or entry.args is None else {"api": settle, "args": args}
    texts = [settle, *(v for v in args.values() if isinstance(v, str))]
    named = {name: given[name] for text in texts for name in slots.names(text) if name in given}
    try:
        look = targets(grounds, "look", {"what": what, "on": [target.element.name], "slots": named})[0].shown
    except OpsguideError:
        look = settle
    return replace(target, look=look)
