"""Typed parameters of a runbook, as its scope file describes them.

- A parameter's value has exactly the declared type; nothing is converted in silence.
- Text is one line unless the parameter says otherwise, and holds no control character, no foreign line separator,
  no half character and nothing that turns the direction of writing.
- Text has at most 4096 characters, text of several lines 256 Ki; a list has at most 1000 entries.
- A whole number fits 64 bits; a float is a finite number.
- A value with choices is one of them or the default; with `slot` it fits that slot type.
- A required parameter is not empty; one that is required for some values of another is not empty with those.
- One that `confirms` another repeats its value, or nothing is applied.
- An unknown name is refused with the nearest known one.
- Text from a command line is read by the declared type: `010` stays text for str and is refused for int.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from opsguide.errors import InputError
from opsguide.guide import slots

TYPES: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool, "list[str]": list}
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
LONGEST_LINE, LONGEST_TEXT, LONGEST_LIST, BIGGEST = 4096, 1 << 18, 1000, 2**63


@dataclass(frozen=True)
class Parameter:
    """One parameter; `default` is empty or harmless, `minimum`/`maximum` bound numbers."""

    name: str
    type: str
    default: Any
    help: str
    required: bool | dict[str, list[str]] = False
    choices: tuple[str, ...] = ()
    slot: str = ""
    lines: bool = False
    minimum: float | None = None
    maximum: float | None = None
    confirms: str = ""

    def check(self, value: Any) -> Any:
        """The value itself; InputError that names parameter and mend."""
        if isinstance(value, tuple) and self.type == "list[str]":
            value = list(value)
        wanted = TYPES[self.type]
        exact = type(value) is wanted or (self.type == "float" and type(value) is int)
        if not exact or (wanted is list and any(type(v) is not str for v in value)):
            raise self._bad(f"must be {self.type}, not {type(value).__name__}: {_shown(value)}")
        if wanted is list and len(value) > LONGEST_LIST:
            raise self._bad(f"has {len(value)} entries; {LONGEST_LIST} are the most")
        for text in value if isinstance(value, list) else [value] if isinstance(value, str) else []:
            self._check_text(text)
        if self.required is True and value in ("", []):
            raise self._bad("must not be empty")
        if self.choices and value != self.default and value not in self.choices:
            near = get_close_matches(str(value), self.choices, 1)
            raise self._bad(f"{str(value)[:60]!r} is none of {', '.join(self.choices)}", near)
        if type(value) in (int, float) and not self._in_range(value):
            raise self._bad(f"{_shown(value)} is outside {self._range()}")
        return value

    def needed(self, values: Mapping[str, Any]) -> str:
        """The words for what of `values` requires this one, like `action change`; empty where nothing does."""
        if isinstance(self.required, bool):
            return "this runbook" if self.required else ""
        found = [f"{other} {values[other]}" for other, these in self.required.items() if values.get(other) in these]
        return found[0] if found else ""

    def _check_text(self, text: str) -> None:
        longest = LONGEST_TEXT if self.lines else LONGEST_LINE
        if CONTROL.search(text) or (not self.lines and "\n" in text) or len(text) > longest:
            raise self._bad(f"{text[:40]!r} holds a line break or control character, or is too long")
        if self.slot and text:
            try:
                slots.check(self.slot, text)
            except ValueError as error:
                raise self._bad(str(error)) from None

    def _in_range(self, value: float) -> bool:
        low = self.minimum if self.minimum is not None else -BIGGEST
        high = self.maximum if self.maximum is not None else BIGGEST - 1
        return low <= value <= high

    def _range(self) -> str:
        low, high = (f"{bound:g}" if bound is not None else "" for bound in (self.minimum, self.maximum))
        if not low and not high:
            return "what 64 bits hold" if self.type == "int" else "the finite numbers up to 2**63"
        return f"{low} to {high}" if low and high else f"{low or high} or {'more' if low else 'less'}"

    def read(self, text: str) -> Any:
        """The value that a command line's text stands for."""
        if self.type == "str":
            return text
        if self.type == "bool" and text.lower() in ("true", "false", "yes", "no"):
            return text.lower() in ("true", "yes")
        if self.type == "int" and re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text):
            return int(text)
        if self.type == "float" and re.fullmatch(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?", text):
            return float(text)
        if self.type == "list[str]":
            return [part.strip() for part in text.split(",")] if text else []
        raise self._bad(f"{text[:60]!r} is not {self.type}")

    def _bad(self, words: str, near: list[str] | None = None) -> InputError:
        hint = f"did you mean {near[0]}?" if near else self.help
        return InputError(f"parameter {self.name} {words}", next=hint).of(self.name)


def _filled(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value != []


def _shown(value: Any) -> str:
    if type(value) is int and abs(value) >= BIGGEST:
        return f"a number of {value.bit_length()} bits"
    return repr(value if isinstance(value, str | int | float | bool) else type(value).__name__)[:60]


COMMON = (
    Parameter("element", "str", "", "host or container, as `opsguide elements` lists it", True, slot="name"),
    Parameter("mode", "str", "plan", "plan or apply", choices=("plan", "apply")),
    Parameter("follows", "str", "", "id of the plan to carry out, or of the run to go on from", slot="run"),
    Parameter("reason", "str", "", "why, for the record", lines=True),
)


@dataclass(frozen=True)
class Parameters:
    """All parameters of one runbook, the common ones among them."""

    known: dict[str, Parameter] = field(default_factory=dict)

    def named(self, name: str) -> Parameter:
        """The parameter called so; InputError with the nearest name."""
        if name in self.known:
            return self.known[name]
        near = get_close_matches(name, self.known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(self.known)}"
        raise InputError(f"unknown parameter {name[:60]!r}", next=hint).of(name)

    def check(self, values: dict[str, Any]) -> dict[str, Any]:
        """All values checked, defaults filled in; InputError for the first that does not fit."""
        for name in values:
            self.named(name)
        checked = {n: p.check(values.get(n, p.default)) for n, p in self.known.items()}
        if checked.get("mode") == "apply" and not str(checked.get("reason", "")).strip():
            next = "say why in reason: it stands in the record (mode apply)"
            raise InputError("an empty reason", next=next).of("reason")
        for name, known in self.known.items():
            if (needed := known.needed(checked)) and not _filled(checked[name]):
                raise InputError(f"{needed} needs {name}", next=known.help).of(name)
            if known.confirms and checked.get("mode") == "apply" and checked[name] != checked[known.confirms]:
                words = f"{name} must repeat {known.confirms} before anything is changed: {checked[known.confirms]}"
                raise InputError(words, next=f"{known.help}: {name}={checked[known.confirms]}").of(name)
        return checked
