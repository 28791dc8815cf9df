"""Every refusal and failure that an operator sees: what, where, which command, what it answered, what next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from opsguide.harmless import one_line

TEXTS = ("where", "command", "answer", "next")
NOTHING = "nothing to any element"


class OpsguideError(Exception):
    """Base of all errors that are shown to an operator without a traceback.

    `words` is one sentence. `where` names the element or file, `command` the line that was sent,
    `answer` what came back, `next` the next step to take; empty fields are left out. `sent` is what this run has sent
    by then, where that is known: whoever raises need not know it. `key` is the parameter that is wrong or missing.
    """

    exit_code: int = 1
    kinds: ClassVar[dict[str, type[OpsguideError]]] = {}

    def __init__(self, words: str, *, where: str = "", command: str = "", answer: str = "", next: str = "") -> None:
        super().__init__(words)
        self.words, self.where, self.command, self.answer, self.next = words, where, command, answer, next
        self.sent = self.key = ""

    def __init_subclass__(cls) -> None:
        OpsguideError.kinds[cls.__name__] = cls

    def lines(self) -> list[str]:
        """The few lines that an operator reads; no word of a host acts, or makes a line of its own."""
        fields = [(name, getattr(self, name)) for name in ("where", "command", "answer", "sent", "next")]
        first = f"{type(self).__name__}: {one_line(self.words)}"
        return [first, *(f"  {k + ':':9}{one_line(v)}" for k, v in fields if v)]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _render_traceback_(self) -> list[str]:
        """IPython asks for this instead of a traceback, in notebooks, papermill and nbval alike."""
        return self.lines()

    def with_texts(self, changed: Callable[[str], str]) -> OpsguideError:
        """The same error with each of its texts changed."""
        error = type(self)(changed(self.words), **{n: changed(getattr(self, n)) for n in TEXTS})
        error.exit_code, error.sent, error.key = self.exit_code, self.sent, self.key
        return error

    def as_dict(self) -> dict[str, Any]:
        """The error as it travels between broker and kernel."""
        names = ("words", *TEXTS, "sent", "key")
        return {"error": type(self).__name__, "exit": self.exit_code, **{n: getattr(self, n) for n in names}}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> OpsguideError:
        """The same error again on the other side of the wire."""
        kind = cls.kinds.get(str(fields.get("error")), OpsguideError)
        texts = {n: str(fields.get(n, "")) for n in TEXTS}
        error = kind(str(fields.get("words", "")), **texts)
        error.exit_code = int(fields.get("exit", kind.exit_code))
        error.sent, error.key = str(fields.get("sent", "")), str(fields.get("key", ""))
        return error


class InputError(OpsguideError):
    """Bad input or set-up; nothing more is sent."""

    exit_code = 2

    def of(self, key: str) -> InputError:
        """The same error, of that parameter."""
        self.key = key
        return self


class StoreError(OpsguideError):
    """A record or the state folder cannot be written; no record, no command."""

    exit_code = 2


class RefusedError(OpsguideError):
    """The table, the scope, the order or a rule says no; `exit_code` tells which."""


class FailedError(OpsguideError):
    """A command failed or an expectation was not met."""


class UnreachableError(OpsguideError):
    """The element or the platform could not be asked; nothing was sent."""


class UnknownError(OpsguideError):
    """A change was sent and nobody knows whether it took effect."""

    exit_code = 5


class HeldError(OpsguideError):
    """An earlier change on the element is still unknown; nothing changes it until that is settled."""

    exit_code = 5


class InterruptedRunError(OpsguideError):
    """The run was ended from outside before its last step."""

    exit_code = 5


class LockedError(OpsguideError):
    """Another run holds the element, or an invariant forbids the change."""

    exit_code = 7


class TamperedError(OpsguideError):
    """A record does not agree with its seal or the ledger."""

    exit_code = 8
