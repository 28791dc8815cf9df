"""Unlisted maintenance, the guide's note 1: which of the planned commands the table does list.

- A command is a row's when it fits a change of the row's scope on that kind of element, its slots taken for any word.
- One that names a path which an activity owns is that activity's, unless it only reads.
- The first 200 commands are held against the table, those of a usual length.
- It is a remark for those who decide: it refuses nothing and allows nothing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from opsguide.guide import owners, scopes, slots
from opsguide.guide.editions import Activity, Edition

READERS = ("cat", "tail", "head", "less", "grep", "ls", "stat", "find", "diff", "sha256sum")
MOST, LONGEST = 200, 1000


def listed(edition: Edition, kind: str, commands: str) -> dict[str, Activity]:
    """The planned commands, one a line, that a row has, with that row."""
    lines = list(dict.fromkeys(line.strip() for line in commands.splitlines() if line.strip()))[:MOST]
    known = list(_changes(edition, kind))
    found = {line: _row(edition, known, _words(line)) for line in lines if len(line) <= LONGEST}
    return {line: row for line, row in found.items() if row}


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _changes(edition: Edition, kind: str) -> Iterator[tuple[Activity, list[str]]]:
    """Each change of the rows on that kind of element, as the words of its template; its first word is a literal."""
    for activity in edition.activities:
        scope = scopes.load(activity.slug)
        for entry in scope.entries if scope else ():
            if entry.verb == "change" and entry.args is None and kind in entry.kinds:
                tokens = entry.tokens()
                if not slots.names(tokens[0]):
                    yield activity, tokens


def _row(edition: Edition, known: list[tuple[Activity, list[str]]], words: list[str]) -> Activity | None:
    for activity, tokens in known:
        if len(tokens) == len(words) and all(map(_fits, tokens, words)):
            return activity
    if words[:1] and words[0] in READERS:
        return None
    owning = {owners.owner_of(word) for word in words if word.startswith("/")}
    return next((a for a in edition.activities if a.slug in owning), None)


def _fits(token: str, word: str) -> bool:
    named = slots.names(token)
    if not named:
        return slots.fill(token, {}) == word
    pattern = re.escape(slots.fill(token, dict.fromkeys(named, "\0"))).replace(re.escape("\0"), ".+")
    return re.fullmatch(pattern, word) is not None
