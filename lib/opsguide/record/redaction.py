"""Secrets reach no record: known values in every usual spelling, and what looks like a secret in a file.

- A known value is hidden plain, URL, JSON, repr, HTML, shell, hex, reversed and base64 (bare and inside, all offsets).
- A value of fewer than six characters would hide everything: it is refused as a secret.
- In a line `key = value` whose key speaks of a password, passphrase, secret, token or private key, all after the sign
  is hidden; elsewhere in a line the quoted text or the word after such a sign. The tag `NOPASSWD:` of sudo is no key.
- A private key's body is hidden, over many lines or within one.
- Output is hidden line by line, so a value that arrives in pieces is still one value.
- A line that is too long to wait for is shown in pieces that are never cut within what must be hidden.
- Hiding takes time in proportion to the text, whatever the text is.
- Not caught: a value with colour codes inside, compressed, hashed, in other letter case, or in wrapped base64; a value
  after a word and a blank alone (`requirepass x`), or within an address (`https://user:x@host`).
"""

from __future__ import annotations

import base64
import codecs
import html
import json
import re
import shlex
import threading
from urllib.parse import quote

from opsguide.errors import InputError

SHORTEST = 6
LONGEST_LINE, LONGEST_WAIT, REACH = 1 << 16, 1 << 20, 4096
_HINTS = ("passw", "passp", "secret", "token", "key")
_WORD = r"(?:password|passwd(?<!(?-i:\bNOPASSWD)(?=:))|passphrase|secret|token|api[_-]?key|private[_-]?key)"
_SIGN = r"""[\w.-]{0,64}["']?[ \t]{0,16}[=:][ \t]{0,16}"""
KEY_LINE = re.compile(rf"""(?i)([ \t]*(?:export[ \t]+)?["']?[\w.-]{{0,64}}?{_WORD}{_SIGN})(?!\[hidden)(\S.*)""")
KEYED = re.compile(
    rf"""(?i)({_WORD}{_SIGN})(?!\s|\[hidden)("(?:[^"\\]|\\.){{0,1024}}"|'(?:[^'\\]|\\.){{0,1024}}'|[^\s,;}}]+)"""
)
BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
LONG_WORD, LONG_PIECE = 16, 12
MADE_UP = re.compile(r"[0-9]|[a-z][A-Z]|[A-Z]{2}[a-z]")
OPTION = re.compile(r"(?i)--?[\w-]*(?:key|token|secret|pass)[\w-]*[= ]['\"]?([^\s'\"|;&]+)")
USERINFO = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
MARK = "[hidden"
HIDDEN_KEY = "[hidden: private key]"


def spellings(value: str) -> set[str]:
    """The forms in which a value is looked for."""
    raw = value.encode("utf-8", "surrogateescape")
    texts = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    forms = {value, value[::-1], raw.hex(), raw.hex().upper(), *texts, *(t.replace("/", "\\/") for t in texts)}
    for quoted in (quote(value, safe="", errors="surrogateescape"), quote(value, errors="surrogateescape")):
        forms |= {quoted, quoted.replace("%20", "+"), re.sub("%..", lambda m: m.group().lower(), quoted)}
    for entity in ("&#x27;", "&#39;", "&apos;"):
        forms |= {html.escape(value).replace("&#x27;", entity), html.escape(value, quote=False)}
    forms |= {shlex.quote(value), value.replace("'", "'\\''"), re.sub(r'([\\"$`])', r"\\\1", value)}
    forms |= {re.sub(r"([^\w@%+=:,./-])", r"\\\1", value, flags=re.ASCII)}
    for pad in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms |= _inside(encode(b"\0" * pad + raw).decode(), pad, len(raw))
    return {form for form in forms | set(value.splitlines()) if len(form) >= SHORTEST}


def _inside(encoded: str, pad: int, length: int) -> set[str]:
    """What of a base64 text is the value's alone, whatever stands before and after; and its whole end when bare."""
    first = 0 if pad == 0 else pad + 1
    return {encoded.rstrip("=")[first:], encoded[first : (pad + length) * 8 // 6]}


def of_command(text: str) -> set[str]:
    """What of a one-use command would let another use it: all of it, its long words, pieces that look made up, and
    what stands after an option that speaks of a key or as a password in an address. Names of machines stay readable.
    """
    words = {word for word in re.split(r"[\s'\"|;]+", text) if len(word) >= LONG_WORD}
    within = re.sub(r"://[^/\s'\"]*", " ", text)
    pieces = {p for p in re.split(r"[^A-Za-z0-9_~+-]+", within) if len(p) >= LONG_PIECE and MADE_UP.search(p)}
    named = {found for found in (*OPTION.findall(text), *USERINFO.findall(text)) if len(found) >= SHORTEST}
    return {text, *words, *pieces, *named}


def has_hidden(value: object) -> bool:
    """Whether a structure of JSON that was redacted has had something hidden in it."""
    return MARK in json.dumps(value)


class Redactor:
    """Hides the given secrets; `secrets` maps a label (never the value) to a value."""

    def __init__(self, secrets: dict[str, str]) -> None:
        for label, value in secrets.items():
            if len(value) < SHORTEST:
                raise InputError(f"the secret {label} has fewer than {SHORTEST} characters", next="use a longer one")
        self._learning = threading.Lock()
        self._labels: dict[str, str] = {}
        self._know({form: label for label, value in secrets.items() for form in spellings(value)})

    def _know(self, forms: dict[str, str]) -> None:
        """Thread safe for readers: the labels are there before a pattern finds their forms."""
        longest_first = sorted(forms, key=len, reverse=True)
        self._labels = forms
        self._longest = max(map(len, forms), default=0)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def learn(self, label: str, values: set[str]) -> None:
        """Hide further values from now on; one that is too short to be hidden is left out."""
        with self._learning:
            new = {form: label for value in values if len(value) >= SHORTEST for form in spellings(value)}
            self._know({**new, **self._labels})

    def text(self, text: str) -> str:
        """The text without secrets, and without the bodies of private keys."""
        shown, inside = [], False
        for line in text.split("\n"):
            hidden, inside = self.next_line(line, inside)
            shown.append(hidden)
        return "\n".join(shown)

    def next_line(self, line: str, inside: bool) -> tuple[str, bool]:
        """(one line without secrets, whether a private key is still open); `inside` says whether one was before it."""
        start = ""
        if not line:
            return "", inside
        if inside:
            end = END.search(line)
            if not end:
                return HIDDEN_KEY, True
            start, line = HIDDEN_KEY, line[end.start() :]
        parts, at = [start], 0
        while begin := BEGIN.search(line, at):
            end = END.search(line, begin.end())
            parts += [self.line(line[at : begin.end()]), HIDDEN_KEY if line[begin.end() :].strip() else ""]
            if not end:
                return "".join(parts), True
            at = end.start()
        return "".join([*parts, self.line(line[at:])]), False

    def line(self, text: str) -> str:
        """One line, or a piece of one, without secrets; for private keys see `next_line`."""
        if self._known and any(form in text for form in self._labels):
            text = self._known.sub(lambda m: f"[hidden: {self._labels[m.group()]}]", text)
        low = text.lower()
        if not any(hint in low for hint in _HINTS):
            return text
        whole = KEY_LINE.match(text)
        if whole:
            return whole.group(1) + "[hidden]" + text[len(text.rstrip(", \t\r\n")) :]
        return KEYED.sub(lambda m: m.group(1) + "[hidden]", text)

    def cut(self, text: str) -> int:
        """Where a line that goes on may be cut, so that nothing to be hidden lies across; 0: nowhere yet."""
        if KEY_LINE.match(text):
            return 0
        spans: list[tuple[int, int]] = []
        at = 0
        while begin := BEGIN.search(text, at):
            end = END.search(text, begin.end())
            at = end.end() if end else len(text) + 1
            spans.append((begin.start(), at))
        spans += [m.span() for pattern in (self._known, KEYED) if pattern for m in pattern.finditer(text)]
        cut = len(text) - max(REACH, self._longest)
        for first, past in sorted(spans, reverse=True):
            cut = first if first < cut < past else cut
        return max(cut, 0)

    def value(self, value: object) -> object:
        """A structure of JSON with all its texts hidden where needed."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return [self.value(v) for v in value]
        if isinstance(value, dict):
            return {self.text(str(k)): self.value(v) for k, v in value.items()}
        return value


class Lines:
    """A stream of bytes as redacted text, whole lines at a time; a very long line in pieces that cut no secret."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor, self._open, self._inside, self._mute = redactor, "", False, False
        self._patience = LONGEST_LINE
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def feed(self, chunk: bytes, final: bool = False) -> str:
        """The text that may be shown now; with `final` all that is left."""
        self._open += self._decoder.decode(chunk, final)
        if self._mute:
            self._unmute()
        whole, newline, rest = self._open.rpartition("\n")
        if final:
            whole, newline, rest = self._open, "", ""
        self._open = rest
        shown = self._shown(whole) + newline if whole or newline else ""
        return shown + (self._piece() if len(rest) > self._patience else "")

    def _shown(self, lines: str) -> str:
        shown = []
        for line in lines.split("\n"):
            hidden, self._inside = self._redactor.next_line(line, self._inside)
            shown.append(hidden)
        return "\n".join(shown)

    def _piece(self) -> str:
        cut = 0 if self._inside else self._redactor.cut(self._open)
        if cut == 0:
            self._patience = 2 * len(self._open)
            if len(self._open) <= LONGEST_WAIT:
                return ""
            self._mute, cut = True, len(self._open)
        self._patience = LONGEST_LINE
        piece, self._open = self._open[:cut], self._open[cut:]
        shown = self._shown(piece)
        return "[hidden: a long line]" if self._mute else shown

    def _unmute(self) -> None:
        """Drop the rest of a line that had to be hidden whole."""
        _, newline, rest = self._open.partition("\n")
        self._open, self._mute = newline + rest, not newline
