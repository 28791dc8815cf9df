"""Changes that are in force until they are taken back, noted in the state folder.

- A change that has an undo, or that takes its element out, is noted before it is sent: the element, what takes it back,
  the run, since when, who. The undo is the scope's; the notebook's where the scope names none.
- A timer that was armed runs by itself unless it is stopped: its note says so, and since when it counts.
- The note goes when its undo has ended well on that element, in whatever run, and when nothing was sent.
- A change that puts its element back and is no undo of the scope closes every note of that element being out.
- What takes an element out stays noted after a run that succeeded; any other change is kept then, and its note goes.
- An element that was removed has no notes.
- A crash, another user and another records root leave a note standing. A note that cannot be read stands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from opsguide.broker.commands import Commands
from opsguide.broker.grounds import Grounds
from opsguide.broker.state import NAME, State
from opsguide.broker.state_files import remove, write
from opsguide.broker.targets import Target
from opsguide.broker.transit import Seen
from opsguide.errors import FailedError, StoreError
from opsguide.guide import slots
from opsguide.guide.scopes import Scope
from opsguide.record import durable

FOLDER, OUT, BACK, REMOVED, ARMED = "open", "takes-out", "puts-back", "removes", "arms"


@dataclass(frozen=True)
class Note:
    """A change in force: what it is in `words`, its `line`, what takes it back, and what it does to its element."""

    element: str
    undo: str
    words: str
    run: str
    since: str
    person: str
    effect: str = ""
    activity: str = ""
    line: str = ""

    @property
    def out(self) -> bool:
        """Whether the element is out while this stands."""
        return self.effect == OUT


def about(grounds: Grounds, commands: Commands, target: Target, given: str) -> Note | None:
    """The note of a change; None for one that nothing takes back."""
    undo = undo_of(grounds, target, given)
    if not undo and target.entry.effect != OUT:
        return None
    run, person = commands.run, str(commands.person)
    words, line = (commands.hidden(text) for text in (words_of(target), target.shown))
    effect, activity = target.entry.effect, grounds.scope.activity
    return Note(target.element.name, undo, words, run, durable.now(), person, effect, activity, line)


def words_of(target: Target) -> str:
    """What stands of a change while it is in force."""
    if target.entry.effect == ARMED:
        return f"armed at {durable.now()}, runs by itself unless it is stopped: {target.said}"
    return f"{target.said} is in force"


def undo_of(grounds: Grounds, target: Target, given: str) -> str:
    """What takes a change back, its slots filled where they are known."""
    text = target.entry.undo or given
    values = {name: str(value) for name, value in grounds.parameters.items()} | target.filled
    try:
        return slots.fill(text, values) if set(slots.names(text)) <= set(values) else text
    except ValueError:
        return text


def sent(state: State, note: Note | None, send: Callable[[], Seen]) -> Seen:
    """Send a change whose note is on the disk first; a note of what was never sent goes again."""
    new = note is not None and _write(state, note)
    try:
        seen = send()
    except FailedError:
        _forget(state, note if new else None)
        raise
    _forget(state, note if new and seen.state == "not-run" else None)
    return seen


@dataclass(frozen=True)
class Ended:
    """A change that ended well: its template and the same filled, its effect, and whether it is an API call."""

    element: str
    template: str
    said: str
    effect: str = ""
    call: bool = False


def of_target(target: Target) -> Ended:
    """The change as it was sent."""
    is_call = target.args is not None
    return Ended(target.element.name, target.template, target.said, target.entry.effect, is_call)


def ended_well(state: State, scope: Scope | None, ended: Ended) -> list[str]:
    """Take the notes away that the change closes; the undo of each."""
    if ended.effect == OUT:
        return []
    undoes = scope is not None and any(entry.undo == ended.template for entry in scope.entries)
    own = _path(state, ended.element, ended.said) if not ended.call or ended.effect == BACK else None
    closed = []
    for path, note in _each(state):
        back = ended.effect == BACK and note.out and not undoes
        if path == own or (note.element == ended.element and (back or ended.effect == REMOVED)):
            remove(path, "the note")
            closed.append(note.undo)
    return closed


def kept(state: State, element: str, undo: str) -> None:
    """A run succeeded and keeps its change."""
    remove(_path(state, element, undo), "the note")


def never_was(state: State, element: str, run: str, line: str) -> None:
    """A change was found not done: it has no note."""
    for path, note in _each(state):
        if (note.element, note.run, note.line) == (element, run, line):
            remove(path, "the note")


def is_out(state: State, element: str) -> bool:
    """Whether an element is noted as taken out."""
    return any(note.out for note in notes(state) if note.element == element)


def notes(state: State) -> list[Note]:
    """All notes, by element."""
    return [note for _, note in _each(state)]


def _each(state: State) -> list[tuple[Path, Note]]:
    paths = sorted((state.folder / FOLDER).glob("*.json"))
    return [(path, note) for path in paths if (note := _read(path))]


def _write(state: State, note: Note) -> bool:
    """Whether the note is new; one that stands already keeps its run."""
    path = _path(state, note.element, note.undo)
    if path.exists():
        return False
    write(path, asdict(note), "the note")
    return True


def _forget(state: State, note: Note | None) -> None:
    if note:
        remove(_path(state, note.element, note.undo), "the note")


def _path(state: State, element: str, undo: str) -> Path:
    if not NAME.fullmatch(element):
        raise StoreError(f"{element!r} is not the name of an element")
    name = hashlib.sha256(undo.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return state.folder / FOLDER / f"{element}.{name}.json"


def _read(path: Path) -> Note | None:
    element = path.name.split(".")[0]
    try:
        fields: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return replace(Note(**{k: str(v) for k, v in fields.items()}), element=element)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return Note(element, "?", f"the note {path.name} cannot be read", "?", "?", "?", OUT)
