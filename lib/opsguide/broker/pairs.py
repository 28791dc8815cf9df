"""Members of a pair that were taken out and not yet put back: both are never out.

- A change with `undo=` on a member of a pair is noted in the state folder before it is sent, where the scope knows the
  undo as a change; the note goes when the undo ended well on that member, in whatever run, or when nothing was sent.
- While a note stands, no run changes the other member. A crash, a failed run and another user leave it standing.
- A note that cannot be read stands.
"""

from __future__ import annotations

import json
from pathlib import Path

from opsguide.broker.state import State
from opsguide.broker.targets import Grounds, Target
from opsguide.errors import LockedError, StoreError
from opsguide.record import durable

FOLDER = "out"


def refuse_other(grounds: Grounds, state: State) -> None:
    """LockedError when the element's peer was taken out and not put back."""
    peer = grounds.element.peer
    if not peer or not _note(state, peer).exists():
        return
    found = _read(state, peer)
    raise LockedError(
        f"{peer} was taken out of its pair and not put back: both members would be down",
        where=f"{peer}, by run {found.get('run', '?')}",
        command=found.get("undo", ""),
        next=f"run the same runbook on {peer} to its end first",
    )


def leaves(grounds: Grounds, state: State, target: Target, undo: str, run: str) -> bool:
    """Note that this change takes a member out; whether the note is new. StoreError when it cannot be written."""
    element = target.element
    if not element.peer or not undo or grounds.scope.find(undo, "change", element.kind) is None:
        return False
    note = _note(state, element.name)
    new = not note.exists()
    try:
        note.parent.mkdir(exist_ok=True)
        note.parent.chmod(state.folder.stat().st_mode & 0o7777)
    except PermissionError:
        pass  # another user of the group has made it
    except OSError as error:
        raise StoreError(f"the note cannot be written: {error.strerror}", where=str(note)) from None
    durable.write_file(note, durable.json_file({"element": element.name, "run": run, "undo": undo}))
    return new


def is_out(state: State, element: str) -> bool:
    """Whether a member is noted as taken out."""
    return _note(state, element).exists()


def returns(state: State, target: Target) -> None:
    """The change ended well: when it is what puts the member back, the note goes."""
    if _note(state, target.element.name).exists() and _read(state, target.element.name).get("undo") == target.template:
        forget(state, target.element.name)


def forget(state: State, element: str) -> None:
    """Take the note away. StoreError when that cannot be done."""
    note = _note(state, element)
    with durable.storing(note):
        note.unlink(missing_ok=True)


def _note(state: State, element: str) -> Path:
    return state.folder / FOLDER / f"{element}.json"


def _read(state: State, element: str) -> dict[str, str]:
    try:
        found = json.loads(_note(state, element).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
