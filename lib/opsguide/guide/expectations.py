"""Expectations: a closed set, sent as data, judged away from the notebook.

- An answer must exit 0 unless the expectation names another status.
- `says` is met when any alternative stands in the answer as whole words; `lacks` when none does.
- JSON is also read without regard to its white space.
- A number that is asked for is not part of a longer one: `0` does not stand in `0.5`.
- `matches` is a regular expression found in some line; `nothing` is an empty answer, or one of the
  platform API whose list is empty.
- A pattern has at most 500 characters, and one that takes more than 2 s of the processor's time is stopped and not met.
- An expectation that every answer meets is refused: an empty text is no text to look for.
- `equals` and `differs_from` compare the whole answer without outer white space.
- `at_least` and `at_most` hold for every number in the answer; an answer without a number fails.
- Headers, percent signs and units are not part of a number.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from opsguide.errors import InputError
from opsguide.guide import patterns

LISTS = ("array", "objects", "responses")
NAMES = ("exits", "says", "lacks", "matches", "nothing", "equals", "differs_from", "at_least", "at_most")


SHOWN = 160
"""Characters of an expectation that was met: the answer itself stands above it."""
NUMBER = re.compile(r"(?<![\w.+-])(?<![0-9]:)[+-]?[0-9]+(?:\.[0-9]+)?(?=$|[\s%,;]|[KMGTkmgt]?i?B?(?![\w.:-]))")


@dataclass(frozen=True)
class Judgement:
    """Whether it was met, and one line of what was seen."""

    met: bool
    words: str


def checked(expect: Any) -> dict[str, Any]:
    """The expectation if it is of the closed set: {name, args, exit}; InputError otherwise."""
    if expect is None:
        return {"name": "exits", "args": [0], "exit": 0}
    if not isinstance(expect, dict) or expect.get("name") not in NAMES or not isinstance(expect.get("args"), list):
        raise InputError(f"not an expectation: {str(expect)[:80]}", next=f"one of {', '.join(NAMES)}")
    name, args, status = expect["name"], expect["args"], expect.get("exit", 0)
    if type(status) is not int or not 0 <= status <= 255:
        raise InputError(f"{name}: exit must be a status from 0 to 255, not {status!r}")
    if any(type(a) not in (str, int, float) for a in args) or (not args) != (name == "nothing"):
        raise InputError(f"{name}: takes {'no' if name == 'nothing' else 'text or number'} arguments")
    if name in ("exits", "matches", "at_least", "at_most") and len(args) != 1:
        raise InputError(f"{name}: takes one argument, not {len(args)}")
    if name in ("says", "lacks", "matches") and not all(str(a).strip() for a in args):
        raise InputError(f"{name}: an empty text stands in every answer")
    if name == "matches":
        patterns.check(str(args[0]))
    if name in ("at_least", "at_most"):
        number(args[0])
    if name == "exits":
        status = args[0]
        if type(status) is not int or not 0 <= status <= 255:
            raise InputError(f"exits: takes a status from 0 to 255, not {status!r}")
    return {"name": name, "args": args, "exit": status}


def words(expect: dict[str, Any], ends: str = "exit") -> str:
    """The expectation as an operator reads it: `says "active"`; `ends` is what an answer ends with, exit or result."""
    name, args, status = str(expect["name"]), expect["args"], expect["exit"]
    if name == "exits":
        return f"{ends} {status}"
    if name == "differs_from":
        args = [a for a in args if a != ""] or args
    texts = " or ".join(json.dumps(a, ensure_ascii=False) if isinstance(a, str) else str(a) for a in args)
    said = name.replace("_", " ") + (f" {texts}" if texts else "")
    return said + (f", {ends} {status}" if status else "")


def judge(expect: dict[str, Any], status: int | None, text: str, ends: str = "exit") -> Judgement:
    """Judge an answer: its exit status (None: it never ended) and its standard output."""
    if status != expect["exit"]:
        got = f"no {ends} status" if status is None else f"{ends} {status}"
        said = f" and {_first(text)}" if _first(text) else ""
        return Judgement(False, f"expected {words(expect, ends)}, got {got}{said}")
    met = _met(expect["name"], expect["args"], text)
    if met:
        said = words(expect, ends)
        return Judgement(True, said if len(said) <= SHOWN else f"{said[:SHOWN]} …")
    return Judgement(False, f"expected {words(expect, ends)}, got {_first(text) or 'nothing'}")


def _met(name: str, args: list[Any], text: str) -> bool:
    stripped = text.strip()
    if name == "exits":
        return True
    if name == "nothing":
        return not stripped or _is_empty_list(stripped)
    if name in ("says", "lacks"):
        readings = (text, *_dumped(text))
        said = any(_has(reading, str(a)) for a in args for reading in readings)
        return said == (name == "says")
    if name == "matches":
        return patterns.found(str(args[0]), text)
    if name == "equals":
        return any(stripped == str(a).strip() for a in args)
    if name == "differs_from":
        return all(stripped != str(a).strip() for a in args)
    found, limit = numbers(text), number(args[0])
    return bool(found) and all(n >= limit if name == "at_least" else n <= limit for n in found)


def _is_empty_list(text: str) -> bool:
    """Whether a platform API answer succeeded and lists nothing."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return False
    lists = [body[k] for k in LISTS if isinstance(body.get(k), list)] if isinstance(body, dict) else []
    return bool(lists) and not any(lists) and body.get("result") == 0


def _has(text: str, wanted: str) -> bool:
    edge = r"(?<![\w-])" if re.match(r"\w", wanted) else ""
    end = r"(?![\w-])" if re.search(r"\w$", wanted) else ""
    edge += r"(?<![0-9]\.)" if re.match(r"[0-9]", wanted) else ""
    end += r"(?!\.[0-9])" if re.search(r"[0-9]$", wanted) else ""
    return re.search(edge + re.escape(wanted) + end, text) is not None


def _dumped(text: str) -> tuple[str, ...]:
    """JSON with one space after each colon and comma, and with none; nothing for anything else."""
    try:
        value = json.loads(text)
        return json.dumps(value, ensure_ascii=False), json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return ()


def number(value: Any) -> float:
    """The one number of a text; InputError when there is none or more."""
    found = [float(value)] if isinstance(value, int | float) else numbers(str(value))
    if len(found) != 1 or not math.isfinite(found[0]):
        raise InputError(f"{str(value)[:60]!r} is not one number")
    return found[0]


def numbers(text: str) -> list[float]:
    """The first number of each line that has one: `Use%` gives none, `  42%` gives 42."""
    return [float(m.group()) for m in map(NUMBER.search, text.splitlines()) if m]


def _first(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines()]
    rest = f" (and {len(lines) - 1} more lines)" if len(lines) > 1 else ""
    return (lines[0][:120] + rest) if lines else ""
