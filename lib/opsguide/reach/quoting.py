"""Quoting for every hop. Pure.

- sshd hands the line to the user's login shell; one level of quoting is for it.
- `vzctl exec2 CTID ARGS` joins ARGS with spaces and hands them to `bash -c` in the container; the inner line
  is one argument, quoted once more.
- A value arrives byte for byte at every hop, line ends included. NUL cannot travel and is refused.
- Answers are in the C locale at every hop; the system's own folders are on the PATH of the host.
- Where sudo is needed, it is told never to ask, and runs the whole line in a shell of its own.
- A deadline is `timeout -k 10 SECONDS` at the innermost hop, where the command runs.
- A word is quoted only where it must be, in double quotes where that reads better, never in a way that an
  interactive shell would expand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from opsguide.errors import InputError

HOST_PREFIX = "LC_ALL=C PATH=$PATH:/usr/sbin:/sbin "
CONTAINER_PREFIX = "LC_ALL=C "
GRACE = 10
"""Seconds between TERM and KILL once a deadline is over."""

_SAFE = re.compile(r"[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+=:,./-]*", re.ASCII)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")


def quoted(word: str) -> str:
    """The word as a POSIX shell reads it back byte for byte."""
    check(word)
    if _SAFE.fullmatch(word):
        return word
    single = "'" + word.replace("'", "'\\''") + "'"
    if "'" not in word or "!" in word:
        return single
    double = '"' + re.sub(r'([\\"$`])', r"\\\1", word) + '"'
    return min(double, single, key=len)


def check(text: str) -> None:
    """InputError for what no command line can carry."""
    if "\x00" in text:
        raise InputError("a NUL character cannot stand in a command", next="take it out of the value")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        words = "a value has half a character (a lone surrogate) in it"
        raise InputError(words, next="correct the value") from None


def remote_line(argv: Sequence[str], *, ctid: int | None = None, deadline: float | None = None) -> str:
    """What sshd's login shell gets, to run argv on the host, or in the container `ctid` of it.

    `deadline` in seconds, rounded up; a change always has one.
    """
    if not argv or not argv[0]:
        raise InputError("there is no command to run")
    words = [*_timeout(deadline), *(quoted(word) for word in argv)]
    if deadline is None and _ASSIGNMENT.match(argv[0]):
        words[0] = "'" + argv[0].replace("'", "'\\''") + "'"
    inner = " ".join(words)
    if ctid is None:
        return HOST_PREFIX + inner
    return f"{HOST_PREFIX}vzctl exec2 {int(ctid)} {quoted(CONTAINER_PREFIX + inner)}"


def raw_line(text: str, *, ctid: int | None = None, deadline: float | None = None) -> str:
    """The same for a text in shell language (pipes and the like), which bash reads where it runs."""
    return remote_line(["bash", "-c", text], ctid=ctid, deadline=deadline)


def as_root(line: str) -> str:
    """The line, run by sudo; its exit status comes through."""
    return f"sudo -n -- sh -c {quoted(line)}"


def _timeout(deadline: float | None) -> list[str]:
    if deadline is None:
        return []
    if not 0 < deadline < 2**31:
        raise InputError(f"a deadline of {deadline} s is no deadline")
    return ["timeout", "-k", str(GRACE), str(-int(-deadline // 1))]


def shown_line(config: Path | str, host: str, line: str) -> str:
    """The whole line for a local terminal: it does the same with nothing but OpenSSH."""
    return f"ssh -F {_local(str(config))} {_local(host)} -- {_local(line)}"


def _local(word: str) -> str:
    """For an interactive bash: control and invisible characters are spelt out, so that a paste is safe."""
    check(word)
    if word.isprintable():
        return quoted(word)
    return "$'" + "".join(_spelt(c) for c in word) + "'"


def _spelt(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character == "\n":
        return "\\n"
    if character.isprintable() and character != "!":
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8"))
