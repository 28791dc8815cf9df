"""Secrets do not leave the broker: known values in every usual spelling, and what looks like a secret in a file.

- A known value is hidden plain, URL, JSON, repr, HTML, shell, hex, reversed and base64 (bare and inside, all offsets).
- A value of fewer than six characters would hide everything: it is refused as a secret.
- The value after password, token, secret or key in a `key = value` line is hidden, and so is a private key's body.
- Output is hidden line by line, so a value that arrives in pieces is still one value.
- Not caught: a value with colour codes inside, compressed, hashed, in other letter case, or in wrapped base64.
"""

from __future__ import annotations

import base64
import codecs
import html
import json
import re
import shlex
from urllib.parse import quote, quote_plus

from opsguide.errors import InputError

SHORTEST = 6
LONGEST_LINE = 65536
KEYED = re.compile(
    r"""(?ix)( ["']? [\w.-]* (?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key) [\w.-]* ["']?
        \s* [=:] \s* ) (?! \s | \[hidden ) ( "[^"]*" | '[^']*' | [^\s,;}]+ )"""
)
BEGIN, END = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")


def spellings(value: str) -> set[str]:
    """The forms in which a value is looked for."""
    raw = value.encode()
    forms = {
        value,
        value[::-1],
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        html.escape(value),
        shlex.quote(value),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        raw.hex(),
        raw.hex().upper(),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }
    for pad in (1, 2):
        inside = base64.b64encode(b"\0" * pad + raw).decode().rstrip("=")
        forms.add(inside[pad + 1 : len(inside) - 1])
    forms |= {base64.b64encode(raw).decode().rstrip("=")[:-1]}
    forms |= set(value.splitlines())
    return {form for form in forms if len(form) >= SHORTEST}


class Redactor:
    """Hides the given secrets; `secrets` maps a label (never the value) to a value."""

    def __init__(self, secrets: dict[str, str]) -> None:
        for label, value in secrets.items():
            if len(value) < SHORTEST:
                raise InputError(f"the secret {label} has fewer than {SHORTEST} characters", next="use a longer one")
        forms = {form: label for label, value in secrets.items() for form in spellings(value)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._labels = forms
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def text(self, text: str) -> str:
        """The text without secrets; shapes of keys are hidden line by line."""
        return "".join(self._in_key(line, state) for state, line in _keyed_lines(text))

    def line(self, text: str) -> str:
        """One line, or a piece of one, without secrets."""
        if self._known:
            text = self._known.sub(lambda m: f"[hidden: {self._labels[m.group()]}]", text)
        return KEYED.sub(lambda m: m.group(1) + "[hidden]", text)

    def value(self, value: object) -> object:
        """A structure of JSON with all its texts hidden where needed."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return [self.value(v) for v in value]
        if isinstance(value, dict):
            return {str(k): self.value(v) for k, v in value.items()}
        return value

    def _in_key(self, line: str, inside: bool) -> str:
        return "[hidden: private key]\n" if inside else self.line(line)


def _keyed_lines(text: str) -> list[tuple[bool, str]]:
    found, inside = [], False
    for line in text.splitlines(keepends=True):
        found.append((inside and not END.search(line), line))
        inside = bool(BEGIN.search(line)) or (inside and not END.search(line))
    return found


class Lines:
    """A stream of bytes as redacted text, whole lines at a time; a very long line in pieces that overlap no secret."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor, self._open, self._inside = redactor, "", False
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def feed(self, chunk: bytes, final: bool = False) -> str:
        """The text that may be shown now; with `final` all that is left."""
        self._open += self._decoder.decode(chunk, final)
        if final:
            whole, self._open = self._open, ""
        elif len(self._open) > LONGEST_LINE and "\n" not in self._open:
            whole, self._open = self._open[:-4096], self._open[-4096:]
            return self._redactor.line(whole)
        else:
            whole, newline, self._open = self._open.rpartition("\n")
            whole += newline
        return "".join(self._hidden(line) for line in whole.splitlines(keepends=True)) if whole else ""

    def _hidden(self, line: str) -> str:
        if self._inside and not END.search(line):
            return "[hidden: private key]\n"
        self._inside = bool(BEGIN.search(line))
        return self._redactor.line(line)
