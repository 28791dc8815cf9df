"""YAML read with the line of every key, so that an error can name file, line and key.

- A key stands once in its mapping, and only keys that are known are taken; a close match is offered.
- A value has the type that is asked for: `no` is a truth value and 012 is a number, never quietly a text.
- Nothing is constructed from tags, and merge keys are refused like any unknown key.
- Relative paths are meant from the file's own folder.
- A file over 4 MiB is refused before it is parsed, one that is nested too deeply before nodes are made of it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml

from opsguide.errors import InputError

LARGEST = 4 * 1024 * 1024
DEEPEST = 20
T = TypeVar("T")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SAID = {
    "str": "text",
    "int": "a whole number",
    "bool": "true or false",
    "float": "a number",
    "null": "nothing",
}


def close_matches(word: str, known: Iterable[str]) -> str:
    """'; did you mean a or b?' or an empty text."""
    close = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""


class Section:
    """One mapping of the file. `key` is its dotted place, `line` where it begins (from 1)."""

    def __init__(self, file: Path, node: yaml.Node, key: str, allowed: Iterable[str] | None) -> None:
        self.file, self.key, self.line = file, key, node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            raise self.error("", f"expected keys with values, found {_said(node)}")
        self._values: dict[str, yaml.Node] = {}
        self._lines: dict[str, int] = {}
        for name, value in node.value:
            self._add(name, value, None if allowed is None else list(allowed))

    def _add(self, name: yaml.Node, value: yaml.Node, allowed: list[str] | None) -> None:
        line = name.start_mark.line + 1
        word = str(name.value) if isinstance(name, yaml.ScalarNode) else "?"
        known_before = self._lines.get(word)
        self._lines[word] = line
        if allowed is not None and word not in allowed:
            hint = close_matches(word, allowed) or f"; known are {', '.join(allowed)}"
            raise self.error(word, f"unknown key{hint}")
        if known_before is not None:
            raise self.error(word, f"stands twice; first on line {known_before}")
        self._values[word] = value

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def is_bare(self, name: str) -> bool:
        """Whether nothing stands after a key."""
        return self._values[name].tag == "tag:yaml.org,2002:null"

    def error(self, name: str, words: str) -> InputError:
        """An InputError that opens with file:line and key."""
        place = ".".join(part for part in (self.key, name) if part)
        line = self._lines.get(name, self.line) if name else self.line
        said = f"{place}: {words}" if place else words
        return InputError(f"{self.file.name}:{line}: {said}", where=str(self.file))

    def text(self, name: str, default: str | None = None, form: str = "", fits: str = "") -> str:
        """A text; `form` is a regular expression it must match whole, `fits` says so in words."""
        value = self._scalar(name, "str", default)
        if name in self._values and form and not re.fullmatch(form, value, re.ASCII):
            raise self.error(name, f"{value[:80]!r} is not {fits}")
        return value

    def read(self, name: str, how: Callable[[str], T], default: T | None = None) -> T:
        """A text turned into something else; a ValueError of `how` becomes the error."""
        if name not in self._values and default is not None:
            return default
        try:
            return how(self._scalar(name, "str", None))
        except ValueError as reason:
            raise self.error(name, str(reason)) from None

    def choice(self, name: str, options: Iterable[str], default: str | None = None) -> str:
        """One of the given words."""
        words, value = list(options), self._scalar(name, "str", default)
        if name in self._values and value not in words:
            hint = close_matches(value, words)
            raise self.error(name, f"{value[:80]!r} is not one of {', '.join(words)}{hint}")
        return value

    def whole(self, name: str, least: int, most: int) -> int | None:
        """A whole number between both, None where the key is missing."""
        if name not in self._values:
            return None
        text = self._scalar(name, "int", None)
        if not re.fullmatch(r"[0-9]|[1-9][0-9]{0,17}", text, re.ASCII):
            raise self.error(name, f"{text[:40]!r} is not a plain whole number")
        if not least <= int(text) <= most:
            raise self.error(name, f"{text} is not between {least} and {most}")
        return int(text)

    def path(self, name: str) -> Path:
        """A path; a relative one is meant from the file's own folder."""
        return self.file.parent / Path(self.text(name, form=r"[^\x00-\x1f]+", fits="a path")).expanduser()

    def flag(self, name: str) -> bool:
        """True or false, spelt so."""
        text = self._scalar(name, "bool", None)
        if text not in ("true", "false"):
            raise self.error(name, f"{text!r} is ambiguous; write true or false")
        return text == "true"

    def section(self, name: str, allowed: Iterable[str] | None) -> Section:
        """The mapping under a key that must be there; `allowed` None takes any key."""
        node = self._node(name)
        place = f"{self.key}.{name}" if self.key else name
        found = Section(self.file, node, place, allowed)
        found.line = self._lines[name]
        return found

    def _node(self, name: str) -> yaml.Node:
        if name not in self._values:
            raise self.error("", f"the key {name} is missing")
        return self._values[name]

    def _scalar(self, name: str, wanted: str, default: str | None) -> str:
        if name not in self._values and default is not None:
            return default
        node = self._node(name)
        if not isinstance(node, yaml.ScalarNode) or node.tag != f"tag:yaml.org,2002:{wanted}":
            quoted = wanted == "str" and isinstance(node, yaml.ScalarNode) and node.value
            hint = f'; write "{node.value[:40]}" in quotes' if quoted else ""
            raise self.error(name, f"expected {_SAID[wanted]}, found {_said(node)}{hint}")
        return str(node.value)


def _said(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "keys with values"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return _SAID.get(node.tag.rpartition(":")[2], f"something tagged {node.tag[:40]}")


def of_file(file: Path, allowed: Iterable[str]) -> Section:
    """The top mapping of a file that may be absent or empty; InputError as for `parse`."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        content = b""
    except OSError as reason:
        raise InputError(f"{file.name} cannot be read: {reason.strerror}", where=str(file)) from None
    return parse(file, content, allowed, may_be_empty=True)


def parse(file: Path, content: bytes, allowed: Iterable[str], may_be_empty: bool = False) -> Section:
    """The top mapping of a file; InputError with file and line for anything that is not YAML."""
    if len(content) > LARGEST:
        raise InputError(f"{file.name} is larger than 4 MiB", where=str(file))
    node = composed(file.name, content, str(file))
    if node is None and may_be_empty:
        return parse(file, b"{}", allowed)
    if node is None:
        raise InputError(f"{file.name}: the file is empty", where=str(file))
    return Section(file, node, "", list(allowed))


def composed(name: str, content: bytes, where: str = "") -> yaml.Node | None:
    """The nodes of a file called so, None where it is empty; InputError with its line for anything that is not YAML."""
    next = "mend that line"
    try:
        text = content.decode("utf-8")
        _refuse_deep(text)
        return yaml.compose(text, Loader=_LOADER)
    except UnicodeDecodeError as reason:
        line, words = content.count(b"\n", 0, reason.start) + 1, "not UTF-8"
        next = "save the file as UTF-8"
    except yaml.MarkedYAMLError as reason:
        mark = reason.problem_mark or reason.context_mark
        line, words = mark.line + 1 if mark else 1, f"not YAML: {reason.problem}"
    except yaml.reader.ReaderError as reason:
        line, words = content.count(b"\n", 0, reason.position) + 1, f"not YAML: {str(reason).splitlines()[0][:120]}"
    raise InputError(f"{name}:{line}: {words}", where=where, next=next)


def _refuse_deep(text: str) -> None:
    """Before nodes are made of it: the parser that makes them has no end to its recursion."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            mark: Any = event.start_mark
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {DEEPEST}", problem_mark=mark)
