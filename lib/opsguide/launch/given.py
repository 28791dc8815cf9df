"""Parameters as an operator gives them: `-p name=value`, a YAML file, a row of a sheet. Each knows where it stands.

- A name is one of the runbook's declared parameters; nothing else is ever pasted into a notebook.
- Text from a command line or a CSV cell is read by the declared type: `010` stays text for str, is refused for int.
- A YAML value has the declared type as YAML reads it, so that stock papermill with the same file gets the same.
- A list on a command line is `a,b`; one whose texts hold commas is a JSON list.
- A name stands once.
- An error names the file, the line and the key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from opsguide.errors import InputError
from opsguide.guide.parameters import Parameter, Parameters
from opsguide.reach import lined

SAID = {"str": "text", "int": "a whole number", "bool": "true or false", "float": "a number", "null": "nothing"}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
FILE_OF = re.compile(r":[0-9]+$")
LARGEST = 4 << 20


@dataclass(frozen=True)
class Given:
    """One value as given; `read` turns it into the type of its parameter, `where` is `file:line` or empty."""

    name: str
    read: Callable[[Parameter], Any]
    where: str = ""

    def checked(self, known: Parameters) -> Any:
        """The value, of the declared type; InputError that begins with the place."""
        try:
            declared = known.named(self.name)
            return declared.check(self.read(declared))
        except InputError as error:
            raise placed(error, self.where) from None


def placed(error: InputError, where: str) -> InputError:
    """The same error, beginning with `file:line`; unchanged for the command line, and where it begins so already."""
    if not where or error.words.startswith(f"{FILE_OF.sub('', where)}:"):
        return error
    words = f"{where}: {error.words}"
    return InputError(words, where=error.where, answer=error.answer, next=error.next).of(error.key)


def text(name: str, value: str, where: str = "") -> Given:
    """A value that stands as text on a command line or in a CSV cell."""

    def read(declared: Parameter) -> Any:
        if declared.type == "list[str]" and value.startswith("["):
            try:
                return json.loads(value)
            except (ValueError, RecursionError):
                raise InputError(f"parameter {name}: {value[:60]!r} is not a JSON list", next='["a, b", "c"]') from None
        return declared.read(value)

    return Given(name, read, where)


def pairs(words: Iterable[str]) -> dict[str, Given]:
    """`name=value` words of a command line; InputError for what is not one, or stands twice."""
    found: dict[str, Given] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not NAME.fullmatch(name):
            raise InputError(f"-p takes name=value, not {word[:80]!r}", next="opsguide show ACTIVITY lists the names")
        if name in found:
            raise InputError(f"-p {name} stands twice")
        found[name] = text(name, value)
    return found


def content_of(path: Path) -> bytes:
    """The bytes of a file; InputError where it cannot be read, or has no end."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", next="name a file that you can read") from None
    if len(content) > LARGEST:
        raise InputError(f"{path} is larger than 4 MiB", next="is it the file that you mean?")
    return content


def composed(path: Path) -> yaml.Node | None:
    """The nodes of a YAML file; InputError with file and line for anything that is not YAML."""
    return lined.composed(str(path), content_of(path))


def from_file(path: Path) -> dict[str, Given]:
    """The parameters of a YAML file, one key each."""
    node = composed(path)
    return {} if node is None else mapping(node, path)


def mapping(node: yaml.Node, path: Path) -> dict[str, Given]:
    """The keys of one YAML mapping."""
    if not isinstance(node, yaml.MappingNode):
        raise InputError(f"{place(path, node)}: expected `name: value` lines, found {_said(node)}")
    found: dict[str, Given] = {}
    for key, value in node.value:
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
        if not NAME.fullmatch(name):
            raise InputError(f"{place(path, key)}: {name[:60] or _said(key)!r} is not the name of a parameter")
        if name in found:
            first = FILE_OF.search(found[name].where)
            raise InputError(f"{place(path, key)}: {name} stands twice; first on line {first[0][1:] if first else 1}")
        found[name] = Given(name, _reader(value), place(path, key))
    return found


def place(path: Path, node: yaml.Node) -> str:
    """`file:line` of a node."""
    return f"{path}:{node.start_mark.line + 1}"


def _reader(node: yaml.Node) -> Callable[[Parameter], Any]:
    def read(declared: Parameter) -> Any:
        if declared.type == "list[str]":
            if not isinstance(node, yaml.SequenceNode):
                raise _wrong(declared, "a list of text", node)
            return [_scalar(one, declared, "str") for one in node.value]
        return _scalar(node, declared, declared.type)

    return read


def _scalar(node: yaml.Node, declared: Parameter, wanted: str) -> Any:
    found = node.tag.rpartition(":")[2] if isinstance(node, yaml.ScalarNode) else ""
    if found != wanted and not (wanted == "float" and found == "int"):
        raise _wrong(declared, SAID[wanted], node)
    if wanted == "str":
        return node.value
    if wanted == "bool" and node.value.lower() not in ("true", "false"):
        raise _wrong(declared, "true or false, spelt so", node)
    return declared.read(node.value)


def _wrong(declared: Parameter, wanted: str, node: yaml.Node) -> InputError:
    quotes = wanted == "text" and isinstance(node, yaml.ScalarNode) and node.value
    hint = f'write "{node.value[:40]}" in quotes' if quotes else declared.help
    return InputError(f"{declared.name}: expected {wanted}, found {_said(node)}", next=hint)


def _said(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "keys with values"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return SAID.get(node.tag.rpartition(":")[2], f"something tagged {node.tag[:40]}")
