"""Unlisted maintenance, the guide's note 1: which of the planned commands the table does list.

- A command is a row's when it fits a change of the row's scope on that kind of element, its slots taken for any word.
- One that names a path which an activity owns is that activity's, unless it only reads.
- It is a remark for those who decide: it refuses nothing and allows nothing.
"""

from __future__ import annotations

import re
import shlex

from opsguide.guide import scopes, slots
from opsguide.guide.editions import Activity, Edition

READERS = ("cat", "tail", "head", "less", "grep", "ls", "stat", "find", "diff", "sha256sum")


def listed(edition: Edition, kind: str, commands: str) -> dict[str, Activity]:
    """The planned commands, one a line, that a row has, with that row."""
    lines = dict.fromkeys(line.strip() for line in commands.splitlines() if line.strip())
    found = {line: _row(edition, kind, _words(line)) for line in lines}
    return {line: row for line, row in found.items() if row}


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _row(edition: Edition, kind: str, words: list[str]) -> Activity | None:
    for activity in edition.activities:
        scope = scopes.load(activity.slug)
        changes = [e for e in scope.entries if e.verb == "change" and e.args is None] if scope else []
        if any(kind in entry.kinds and _fits(entry.tokens(), words) for entry in changes):
            return activity
    if words[:1] and words[0] in READERS:
        return None
    owners = {scopes.owner_of(word) for word in words if word.startswith("/")}
    return next((a for a in edition.activities if a.slug in owners), None)


def _fits(tokens: list[str], words: list[str]) -> bool:
    """Whether the words are those of a template whose first word is a literal."""
    if len(tokens) != len(words) or slots.names(tokens[0]):
        return False
    return all(re.fullmatch(_pattern(token), word) for token, word in zip(tokens, words, strict=True))


def _pattern(token: str) -> str:
    named = dict.fromkeys(slots.names(token), "\x00")
    return re.escape(slots.fill(token, named)).replace(re.escape("\0"), ".+")
