"""Readings: what a look answered, redacted, in the shapes that cells need.

- Numbers drop headers, `%` and units.
- Rows split each line at white space into the named columns, the last takes the rest; API answers give rows by field
  name, from their list or from their one object.
- What is not as the cell expects it (not one number, not JSON, no such column names) is an error in words.
- A reading of a step that does not apply is empty: no rows, 0 numbers, text "".
- A later reading is known only in apply: it may be passed on and given to `each=`; anything else raises.
"""

from __future__ import annotations

import json
import re
from collections import namedtuple
from typing import TYPE_CHECKING, Any, NoReturn

from opsguide.errors import InputError
from opsguide.notebook.expect import firsts

if TYPE_CHECKING:
    import pandas

NUMBER = re.compile(r"(?<![\w.+-])(?<![0-9]:)[+-]?[0-9]+(?:\.[0-9]+)?(?=$|[\s%,;]|[KMGTkmgt]?i?B?(?![\w.:-]))")


class Reading:
    """The answers of one look: a list of {on, text, …}, one for each element looked at."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self.answers = answers

    @property
    def text(self) -> str:
        """All that was said, without the last line end."""
        return "\n".join(a["text"].rstrip("\n") for a in self.answers)

    @property
    def lines(self) -> list[str]:
        """The lines that hold something."""
        return [line for line in self.text.splitlines() if line.strip()]

    @property
    def numbers(self) -> list[float]:
        """The first number of each line that has one."""
        return [float(m.group()) for m in map(NUMBER.search, self.lines) if m]

    @property
    def number(self) -> float:
        """The one number; 0 for an empty reading; InputError when there are several."""
        found = self.numbers
        if len(found) > 1 or (not found and self.answers):
            raise InputError(f"{len(found)} numbers in the answer where one is wanted", answer=self.text[:120])
        return found[0] if found else 0.0

    @property
    def json(self) -> Any:
        """The answer as JSON; None for an empty reading, a list of values when several elements answered."""
        try:
            values = [json.loads(a["text"]) for a in self.answers]
        except (ValueError, RecursionError):
            raise InputError("the answer is not JSON", answer=self.text[:120]) from None
        return values if len(values) > 1 else values[0] if values else None

    def rows(self, *columns: str) -> list[Any]:
        """Named tuples: one for each line, or for each object of an API answer; the last column takes the rest."""
        row = namedtuple("Row", _named(columns))  # type: ignore[misc]
        return [row(*values) for answer in self.answers for values in _values(answer["text"], columns)]

    def frame(self, *columns: str) -> pandas.DataFrame:
        """The rows as a pandas frame; with several elements a column `on` tells which."""
        import pandas

        _named(columns)
        found = [
            {"on": a["on"], **dict(zip(columns, v, strict=True))}
            for a in self.answers
            for v in _values(a["text"], columns)
        ]
        frame = pandas.DataFrame(found, columns=["on", *columns])
        return frame if len(self.answers) > 1 else frame.drop(columns="on")

    def __str__(self) -> str:
        return self.text

    def _ipython_display_(self) -> None:
        """Shows nothing: the answer is on the screen already when a look is a cell's last line."""

    def __repr__(self) -> str:
        return f"<reading of {', '.join(a['on'] for a in self.answers) or 'nothing'}: {len(self.lines)} lines>"


def _named(columns: tuple[str, ...]) -> tuple[str, ...]:
    try:
        namedtuple("Row", columns)
    except (ValueError, TypeError) as error:
        raise InputError(f"rows and frames take names of columns: {error}") from None
    if not columns:
        raise InputError("rows and frames take names of columns", next='for example rows("ctid", "status")')
    return columns


def _values(text: str, columns: tuple[str, ...]) -> list[list[str]]:
    objects = _objects(text)
    if objects is not None:
        return [[_plain(o.get(c)) for c in columns] for o in objects]
    split = (line.strip().split(None, len(columns) - 1) for line in text.splitlines() if line.strip())
    return [parts + [""] * (len(columns) - len(parts)) for parts in split]


def _plain(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _objects(text: str) -> list[dict[str, Any]] | None:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    for key in ("array", "objects", "object", "value"):
        if isinstance(body, dict) and isinstance(body.get(key), list | dict):
            body = body[key]
    found = body if isinstance(body, list) else [body]
    return [o for o in found if isinstance(o, dict)]


class Later:
    """A reading that is known only when the run applies."""

    def __init__(self, name: int) -> None:
        self.later = name

    def rows(self, *columns: str) -> Later:
        """The same, to be given to each=."""
        return self

    def __getitem__(self, part: slice) -> Later:
        if not isinstance(part, slice):
            self._unknown()
        return self

    def _unknown(self, *_: object) -> NoReturn:
        raise InputError("this value is known only in apply", next="pass it as each=, or look at it with when='now'")

    __iter__ = __len__ = __bool__ = __str__ = __contains__ = _unknown
    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = _unknown
    __hash__ = None  # type: ignore[assignment]

    @property
    def text(self) -> NoReturn:
        """Raises: known only in apply."""
        self._unknown()

    lines = numbers = number = json = text

    def frame(self, *columns: str) -> NoReturn:
        """Raises: known only in apply."""
        self._unknown()

    def _ipython_display_(self) -> None:
        """Shows nothing: the screen has said already that it is known only in apply."""

    def __repr__(self) -> str:
        return "<a later reading: known only in apply>"


def only(rows: Any, among: Any = None, *, without: Any = None) -> Any:
    """The rows whose first column is one of `among` and none of `without`: rows, by their first column, or texts.

    In the order of `rows`. A later reading stays one.
    """
    if any(isinstance(one, Later) for one in (rows, among, without)):
        return next(one for one in (rows, among, without) if isinstance(one, Later))
    wanted, left = (None if one is None else set(firsts(list(one))) for one in (among, without))
    return [r for r in rows if (wanted is None or str(r[0]) in wanted) and (left is None or str(r[0]) not in left)]
