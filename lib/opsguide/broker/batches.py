"""Changes in batches: several at a time, each with its own lines in the journal.

- A batch begins when the one before has ended; a failure stops what comes after its batch.
- Rows that the scope calls independent are all tried, and what failed is told at the end.
- What is not known (timeout, lost, unknown) stops everything after its batch.
- Changes with an effect go one after another: each is weighed against the invariants when those before have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from opsguide.broker.commands import Commands
from opsguide.broker.targets import Target
from opsguide.broker.transit import Command, Seen
from opsguide.errors import FailedError, InputError, OpsguideError, StoreError, UnknownError

MOST = 50
T = TypeVar("T")


def size(asked: Any, found: Sequence[Target] = ()) -> int:
    """How many at a time; one for changes with an effect. InputError for what is no whole number from 1 to 50."""
    if asked is None:
        return 1
    if type(asked) is not int or not 1 <= asked <= MOST:
        raise InputError(f"at_a_time= takes a whole number from 1 to {MOST}, not {str(asked)[:20]}")
    return 1 if any(target.entry.effect for target in found) else asked


def cut(all_of_them: Sequence[T], many: int) -> Iterator[list[T]]:
    """Pieces of `many`, the last one may be shorter."""
    for first in range(0, len(all_of_them), many):
        yield list(all_of_them[first : first + many])


def send(commands: Commands, batch: list[Command], one: Callable[[Command, bool], Seen]) -> list[Seen | OpsguideError]:
    """Send them at the same time: each line is shown as it is sent, the answers when all have ended.

    What could not be sent is an error in its place: of the others it is known what came of them. One alone raises.
    """
    if len(batch) <= 1:
        return [one(command, False) for command in batch]

    def tried(command: Command) -> Seen | OpsguideError:
        try:
            return one(command, True)
        except OpsguideError as error:
            return error

    with ThreadPoolExecutor(len(batch)) as pool:
        found = list(pool.map(tried, batch))
    for seen in found:
        if isinstance(seen, Seen):
            commands.show({"type": "note", "words": f"of {seen.sent.get('line', '')}"})
            commands.show_answer(seen)
    return found


def worst(errors: list[OpsguideError]) -> OpsguideError:
    """The one to raise for all: what is unknown first; several are told together."""
    first = next((e for kind in (StoreError, UnknownError) for e in errors if isinstance(e, kind)), errors[0])
    if len(errors) == 1 or not isinstance(first, FailedError):
        return first
    told = "; ".join(e.answer or e.words for e in errors)[:400]
    words = f"{len(errors)} changes failed, the first: {first.words}"
    return FailedError(words, where=first.where, command=first.command, answer=told, next=first.next)
