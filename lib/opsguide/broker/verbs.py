"""The five verbs and require by name: each takes the work of a run and a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opsguide.broker import changing, editing, looking, proving
from opsguide.broker.work import Work

VERBS: dict[str, Callable[[Work, dict[str, Any]], Any]] = {
    "look": looking.look,
    "require": looking.require,
    "change": changing.change,
    "edit": editing.edit,
    "prove": proving.prove,
}
