"""Sending: nothing leaves without a journal line, and nothing ends without one.

- The line is journalled and on the disk before it is sent; the answer after.
- A change is preceded by a hold on its element; the hold goes when its end is known.
- A change that ends in timeout, lost or unknown keeps the hold.
- When the record cannot be written the command is given up and nothing further is sent.
- What the host says is redacted before it is stored, shown or judged.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from opsguide.broker.redaction import Lines, Redactor
from opsguide.broker.state import Hold, State
from opsguide.broker.targets import Target
from opsguide.errors import StoreError, UnreachableError
from opsguide.guide import expectations
from opsguide.reach.api import PlatformApi
from opsguide.reach.ssh import Connections
from opsguide.record import words
from opsguide.record.archive import RunFolder
from opsguide.record.visible import Stream

TEXT_LIMIT = 4 << 20


class Reach(Protocol):
    """What a run needs of the outside."""

    connections: Connections
    redactor: Redactor

    def api(self, timeout: float | None = None) -> PlatformApi:
        """The platform API's client."""
        ...


@dataclass
class Seen:
    """What came of one command. `state` is of the record's states; `text` is standard output, redacted."""

    state: str = "ok"
    exit: int | None = None
    seconds: float = 0.0
    text: str = ""
    note: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    sent: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)


class Commands:
    """The sender of one run."""

    def __init__(
        self, folder: RunFolder, state: State, reach: Reach, say: Callable[[list[str]], None], person: str, records: str
    ) -> None:
        self._folder, self._state, self._reach, self._say = folder, state, reach, say
        self._person, self._records = person, records
        self._count = 0
        self._raw: bytearray | None = None
        self.cancel = threading.Event()

    @property
    def run(self) -> str:
        """The run's id."""
        return self._folder.run

    def number(self) -> int:
        """The next command's number."""
        self._count += 1
        return self._count

    def write(self, type: str, /, **fields: Any) -> dict[str, Any]:
        """Journal an event, redacted."""
        hidden = {k: self._reach.redactor.value(v) for k, v in fields.items()}
        return self._folder.journal.append(type, **hidden)

    def show(self, event: dict[str, Any], **context: Any) -> None:
        """Say an event on the screen."""
        self._say(words.lines(event, words.Context(intent=self._folder.intent, **context)))

    def show_answer(self, seen: Seen, streamed: bool = False) -> None:
        """Say how a command ended."""
        self.show(seen.answer, send=seen.sent, streamed=streamed)

    def send(
        self,
        target: Target,
        verb: str,
        step: str,
        *,
        expect: dict[str, Any] | None = None,
        stdin: bytes = b"",
        deadline: float,
        hold: bool = False,
        note: str = "",
        undo: str = "",
        tries: int = 0,
        quiet: bool = False,
        proof: bool = False,
    ) -> Seen:
        """Journal, send, journal. `expect` judges the answer (exit 0 by default).

        With `tries` (from 1) the answer is not shown: the caller shows the last one. `quiet` shows failures only;
        a `proof` is judged by its asker and shown nowhere.
        """
        expect = expectations.checked(expect)
        number = self.number()
        if hold:
            self._hold(target, number)
        try:
            sent = self._announce(target, verb, step, number, expect, deadline, note, undo, tries)
        except StoreError:
            if hold:
                self._state.release(target.element.name)
            raise
        live = not quiet and not tries
        if live or (tries == 1 and not quiet):
            self.show(sent)
        seen = (
            self._call(target, deadline)
            if target.args is not None
            else self._run(target, number, stdin, deadline, live, cancel=None if hold else self.cancel)
        )
        return self._ended(
            target, number, sent, seen, expect, hold, live, quiet and not proof, tries or int(proof), proof
        )

    def fetch(self, target: Target, step: str, deadline: float) -> tuple[bytes, Seen]:
        """The bytes of a look as they are, for use in the broker alone; record and screen get them redacted."""
        raw = bytearray()
        self._raw = raw
        try:
            seen = self.send(target, "look", step, deadline=deadline, quiet=True)
        finally:
            self._raw = None
        return bytes(raw), seen

    def _announce(
        self,
        target: Target,
        verb: str,
        step: str,
        number: int,
        expect: dict[str, Any],
        deadline: float,
        note: str,
        undo: str,
        tries: int,
    ) -> dict[str, Any]:
        return self.write(
            "send",
            command=number,
            step=step,
            verb=verb,
            on=target.element.name,
            kind_of="ssh" if target.args is None else "api",
            template=target.template,
            slots=target.filled if target.args is None else {k: str(v) for k, v in target.args.items()},
            line=target.shown,
            deadline=deadline,
            expect=expect,
            expect_words=expectations.words(expect),
            row=None,
            undo=undo or None,
            note=note,
            **({"try": tries} if tries else {}),
        )

    def _hold(self, target: Target, number: int) -> None:
        run, at = self._folder.run, self._folder.run.split("-")[0]
        self._state.hold(
            Hold(target.element.name, run, self._records, number, target.shown, at, self._person, target.entry.settle)
        )

    def _run(
        self, target: Target, number: int, stdin: bytes, deadline: float, live: bool, cancel: threading.Event | None
    ) -> Seen:
        pump = _Pump(
            self._folder, number, self._reach.redactor, self._say if live else (lambda lines: None), cancel, self._raw
        )
        try:
            got = self._reach.connections.run(
                target.host, target.line, stdin=stdin, deadline=deadline, sink=pump.take, cancel=pump.stop
            )
        except UnreachableError as error:
            pump.end()
            return Seen("not-run", None, 0.0, "", f"{error.words}; {error.next}" if error.next else error.words)
        fields = pump.end()
        state = {"ok": "ok", "timeout": "timeout", "lost": "lost", "cancelled": "unknown"}[got.outcome]
        if state == "ok" and got.exit in (124, 137) and cancel is None:
            state = "timeout"
        return Seen(state, got.exit, got.seconds, pump.text, got.note, fields)

    def _call(self, target: Target, deadline: float) -> Seen:
        try:
            got = self._reach.api(deadline).call(target.template, target.args or {})
        except UnreachableError as error:
            return Seen("not-run", None, 0.0, "", f"{error.words}; {error.next}" if error.next else error.words)
        body = json.dumps(got.body, ensure_ascii=False) if got.body is not None else got.text
        text = self._reach.redactor.text(body)
        state = {"ok": "ok", "failed": "ok"}.get(got.outcome, got.outcome)
        status = got.result if got.result is not None else None
        out = text if len(text) <= 65536 else text[:65536]
        fields = {
            "out": out,
            "out_file": "",
            "out_bytes": len(text.encode()),
            "err": "",
            "err_file": "",
            "err_bytes": 0,
        }
        return Seen(state, status, got.seconds, text, "", fields)

    def _ended(
        self,
        target: Target,
        number: int,
        sent: dict[str, Any],
        seen: Seen,
        expect: dict[str, Any],
        hold: bool,
        live: bool,
        quiet: bool,
        tries: int,
        proof: bool,
    ) -> Seen:
        met: bool | None = None
        said = seen.note
        if seen.state == "ok" and not proof:
            verdict = expectations.judge(expect, seen.exit, seen.text)
            met, said = verdict.met, verdict.words + (f"; {seen.note}" if seen.note else "")
            seen.state = "ok" if met else "failed"
        unclear = seen.state in ("timeout", "lost", "unknown")
        answer = self.write(
            "answer",
            command=number,
            state=seen.state,
            exit=seen.exit,
            seconds=round(seen.seconds, 3),
            met=met,
            words=said,
            tries=tries or 1,
            **seen.fields,
        )
        seen.note, seen.sent, seen.answer = said, sent, answer
        if quiet and not met:
            self.show(sent)
        if not tries and (live or not met):
            self.show_answer(seen, streamed=live and target.args is None)
        if hold and unclear:
            self.show(
                self.write(
                    "hold",
                    element=target.element.name,
                    command=number,
                    settle=target.entry.settle,
                    words=f"nobody knows whether command {number} took effect",
                )
            )
        elif hold:
            self._state.release(target.element.name)
        return seen


class _Pump:
    """Takes output as it comes: redacts, stores, shows. A full disk stops the command."""

    def __init__(
        self,
        folder: RunFolder,
        number: int,
        redactor: Redactor,
        say: Callable[[list[str]], None],
        cancel: threading.Event | None,
        raw: bytearray | None,
    ) -> None:
        self._raw = raw
        self._lines = {name: Lines(redactor) for name in ("out", "err")}
        self._spools = {name: folder.journal.output(number, name) for name in ("out", "err")}
        self._shown = {"out": Stream("  "), "err": Stream("! ")}
        self._say, self._kept, self._size = say, [""], 0
        self.stop = cancel if cancel is not None else threading.Event()
        self.broken: StoreError | None = None

    def take(self, stream: str, chunk: bytes, final: bool = False) -> None:
        """The transport's sink."""
        if self._raw is not None and stream == "out":
            self._raw += chunk
        text = self._lines[stream].feed(chunk, final)
        if not text or self.broken:
            return
        try:
            self._spools[stream].write(text)
        except StoreError as error:
            self.broken = error
            self.stop.set()
            return
        if stream == "out" and self._size < TEXT_LIMIT:
            self._kept.append(text)
            self._size += len(text)
        lines = self._shown[stream].feed(text)
        if lines:
            self._say(lines)

    def end(self) -> dict[str, Any]:
        """Close both streams; StoreError when something could not be stored."""
        for name in ("out", "err"):
            self.take(name, b"", final=True)
        if self.broken:
            for spool in self._spools.values():
                spool.discard()
            raise self.broken
        fields: dict[str, Any] = {}
        for name in ("out", "err"):
            kept = self._spools[name].close()
            self._say(self._shown[name].end(kept.get(f"{name}_file") or "events.jsonl"))
            fields |= kept
        return fields

    @property
    def text(self) -> str:
        """Standard output so far, up to 4 MiB."""
        return "".join(self._kept)
