"""Editions of the table: who may do what is data.

- An edition is a CSV file: `activity` and one column for each kind of element.
- A cell is Hosting Provider, Jelastic Operations or N/A; anything else is refused with its line.
- A title stands once, holds a letter or digit that a file name can hold, and nothing invisible.
- The order of the rows is the order of the guide; an activity's number is its row.
- The guide's two notes are no rows and have no number; they are known beside every edition, and no row has their name.
- An edition's digest is the SHA-256 of its bytes and stands in every record.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from opsguide.errors import InputError
from opsguide.guide.kinds import KINDS, NOTE_1, PARTIES

LARGEST = 4 << 20
COLUMNS = ("activity", *KINDS)


@dataclass(frozen=True)
class Activity:
    """One row: `number` from 1, `slug` as in file names, `title` as in the guide; or a note, 1 or 2, of number 0."""

    number: int
    slug: str
    title: str
    note: int = 0

    @property
    def place(self) -> str:
        """Where the guide has it: `06`, or `note 1`."""
        return f"note {self.note}" if self.note else f"{self.number:02d}"

    @property
    def runbook(self) -> str:
        """The file name of its notebook."""
        return f"{self.slug}.ipynb" if self.note else f"{self.number:02d}-{self.slug}.ipynb"


NOTES = (
    Activity(0, "unlisted-maintenance", "Unlisted Maintenance", 1),
    Activity(0, "custom-configuration", "Custom Configuration", 2),
)


@dataclass(frozen=True)
class Edition:
    """One published version of the table; `cells` maps (slug, kind) to a party."""

    name: str
    digest: str
    activities: tuple[Activity, ...]
    cells: dict[tuple[str, str], str]

    def activity(self, name: str) -> Activity:
        """The activity called so: slug, title, number or runbook file; or a note. InputError when there is none."""
        wanted = slug_of(re.sub(r"^\d\d-|\.ipynb$", "", Path(name).name if name.endswith(".ipynb") else name))
        for activity in (*self.activities, *NOTES):
            if wanted == activity.slug or name.strip().lstrip("0") == str(activity.number):
                return activity
        near = get_close_matches(wanted, [a.slug for a in (*self.activities, *NOTES)], 1)
        guess = f"did you mean {near[0]}? " if near else ""
        hint = f"{guess}`opsguide matrix` lists all{'' if near else f'. {NOTE_1}'}"
        raise InputError(f"edition {self.name} has no activity {name!r}", next=hint)

    def party(self, slug: str, kind: str) -> str:
        """Who may act. InputError with the guide's note 1 for a cell that the edition does not have."""
        try:
            return self.cells[slug, kind]
        except KeyError:
            raise InputError(f"edition {self.name} has no cell {slug} x {kind}", next=NOTE_1) from None


def slug_of(title: str) -> str:
    """`Rebooting Host/Container` becomes `rebooting-host-container`."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _rows(content: bytes, where: str) -> list[tuple[int, list[str]]]:
    reader = None
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        return [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        line = f":{reader.line_num}" if reader else ""
        raise InputError(f"not a CSV file: {error}", where=f"{where}{line}") from None


def parse(name: str, content: bytes, where: str) -> Edition:
    """An edition from the bytes of its CSV file; InputError names line and column."""
    rows = _rows(content, where)
    if not rows or tuple(rows[0][1]) != COLUMNS:
        raise InputError(f"the first line must read {','.join(COLUMNS)}", where=f"{where}:1")
    activities: list[Activity] = []
    cells: dict[tuple[str, str], str] = {}
    for line, row in rows[1:]:
        if len(row) != len(COLUMNS) or not row[0].strip():
            raise InputError(f"{len(row)} columns where {len(COLUMNS)} belong", where=f"{where}:{line}")
        activity = Activity(len(activities) + 1, slug_of(row[0]), row[0].strip())
        if not activity.slug or not activity.title.isprintable():
            raise InputError(f"{activity.title[:60]!r} is not the title of an activity", where=f"{where}:{line}")
        if any(a.slug == activity.slug for a in NOTES):
            raise InputError(f"{activity.title} is a note of the guide, not a row", where=f"{where}:{line}")
        if any(a.slug == activity.slug for a in activities):
            raise InputError(f"{activity.title} stands twice", where=f"{where}:{line}")
        activities.append(activity)
        for kind, party in zip(KINDS, row[1:], strict=True):
            if party not in PARTIES:
                raise InputError(f"{kind}: {party!r} is none of {', '.join(PARTIES)}", where=f"{where}:{line}")
            cells[activity.slug, kind] = party
    if not activities:
        raise InputError("the table has no rows", where=where)
    return Edition(name, hashlib.sha256(content).hexdigest(), tuple(activities), cells)


def shipped() -> list[str]:
    """The names of the editions that come with opsguide."""
    folder = files("opsguide.guide") / "editions"
    return sorted(f.name.removesuffix(".csv") for f in folder.iterdir() if f.name.endswith(".csv"))


def load(name: str, base: Path | None = None) -> Edition:
    """A shipped edition by name, or a CSV file by path (relative to `base`)."""
    if name in shipped():
        return parse(name, (files("opsguide.guide") / "editions" / f"{name}.csv").read_bytes(), f"{name}.csv")
    path = (base or Path()) / name
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        words = f"no edition {name!r}: {error.strerror}"
        raise InputError(words, next=f"shipped editions: {', '.join(shipped())}").of("edition") from None
    if len(content) > LARGEST:
        raise InputError("an edition is not larger than 4 MiB", where=str(path), next="is it the file that you mean?")
    return parse(path.stem, content, str(path))


def moved(old: Edition, new: Edition) -> list[tuple[str, str, str, str]]:
    """(slug, kind, party in old, party in new) for every cell that differs; `-` where there is none."""
    keys = list(old.cells) + [k for k in new.cells if k not in old.cells]
    pairs = ((k, old.cells.get(k, "-"), new.cells.get(k, "-")) for k in keys)
    return [(slug, kind, a, b) for (slug, kind), a, b in pairs if a != b]
