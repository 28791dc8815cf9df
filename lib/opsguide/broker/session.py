"""One session of a client: requests come in order, an interrupt may overtake them.

- A run whose begin did not come to its end is over: no later request can use it.
- A client of another version is refused in one sentence.
- When the client is gone a look is given up, a change is followed to its end; then the run is sealed with the truth.
- A run that is idle for too long is sealed interrupted and its element is free.
- What refuses says what was sent by then: most often nothing.
- When the record cannot be written, nothing further is sent; the unfinished record is closed at the next start.
- A bug here ends the run, not the broker.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opsguide import __version__
from opsguide.broker.beginning import begin
from opsguide.broker.interrupts import Interrupts
from opsguide.broker.means import Asker, Means
from opsguide.broker.resume import resume
from opsguide.broker.run import Run
from opsguide.broker.verbs import VERBS
from opsguide.broker.world import World
from opsguide.errors import NOTHING, HeldError, InputError, LockedError, OpsguideError, RefusedError, StoreError
from opsguide.guide import editions, scopes
from opsguide.guide.parameters import COMMON
from opsguide.wire import Lines

CELL_WORDS = ("cell", "output", "cell-end")
REFUSING = (InputError, RefusedError, HeldError, LockedError)


class Session:
    """Serves one connection until it ends."""

    def __init__(self, world: World, lines: Lines, pid: int, person: dict[str, Any]) -> None:
        self._world, self._lines, self.pid, self._person = world, lines, pid, person
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._asker: Asker | None = None
        self.run: Run | None = None
        self._broken: StoreError | None = None
        self._interrupts = Interrupts()
        self.over = threading.Event()

    def serve(self) -> None:
        """Answer requests until the client is gone or idle for too long."""
        threading.Thread(target=self._read, daemon=True).start()
        how = "the notebook's kernel or its launcher ended"
        try:
            while (request := self._queue.get(timeout=self._world.idle)) is not None:
                self._answer(request)
        except queue.Empty:
            how = f"idle for {self._world.idle / 60:.0f} min"
        finally:
            self._leave(how)
            self._lines.close()
            self.over.set()

    def displace(self) -> None:
        """End this session: the same kernel begins another run."""
        self._no_more()
        self.over.wait(600)

    def _read(self) -> None:
        try:
            with contextlib.suppress(OSError, ValueError, InputError):
                for message in self._lines:
                    if message.get("do") == "interrupt":
                        self._interrupts.came(message.get("n"))
                    else:
                        self._queue.put(message)
        finally:
            self._no_more()

    def _no_more(self) -> None:
        self._queue.put(None)
        self._interrupts.gone()

    def _leave(self, how: str) -> None:
        run, self.run = self.run, None
        self._interrupts.watch(None)
        if run is None or self._broken:
            if run:
                run.locks.free()
                run.folder.journal.close()
            return
        try:
            run.left(how)
        except StoreError:
            run.locks.free()
        except Exception:
            traceback.print_exc()

    def _answer(self, request: dict[str, Any]) -> None:
        silent = request.get("do") in CELL_WORDS
        try:
            if self._broken:
                raise self._broken
            result = self._do(request)
        except StoreError as error:
            self._broken = error
            self._failed(request, error, silent)
        except OpsguideError as error:
            self._failed(request, error, silent)
        except Exception as error:
            traceback.print_exc()
            if self.run and not silent:
                self.run.work.steps.fail("error")
            self._failed(
                request,
                OpsguideError(
                    f"a defect in opsguide: {type(error).__name__}: {error}", next="report it with the broker's log"
                ),
                silent,
            )
        else:
            if not silent:
                self._reply(request, {"done": result})

    def _reply(self, request: dict[str, Any], message: dict[str, Any]) -> None:
        self._send({"interrupted": True} if self._interrupts.answered(request.get("n")) else message)

    def _failed(self, request: dict[str, Any], error: OpsguideError, silent: bool) -> None:
        if self._interrupts.pending and not silent:
            if self.run:
                self.run.work.steps.fail("interrupt")
            return self._reply(request, {})
        if isinstance(error, REFUSING):
            error.sent = error.sent or (self.run.commands.sent if self.run else NOTHING)
        if self.run:
            error = error.with_texts(self.run.commands.hidden)
        if self.run and not silent:
            self.run.trouble = error.words
        if isinstance(error, RefusedError | HeldError | LockedError) and self.run and request.get("do") != "begin":
            with contextlib.suppress(StoreError):
                self.run.refused(error)
        if not silent:
            self._reply(request, {"error": error.as_dict()})
        return None

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._lines.send(message)
        except OSError:
            self._lines.end()

    def say(self, lines: list[str]) -> None:
        """Lines for the screen."""
        if lines:
            self._send({"say": lines})

    def _do(self, request: dict[str, Any]) -> Any:
        name = str(request.get("do", ""))
        if name != "hello" and self._asker is None:
            raise InputError("a session starts with hello")
        deed = DEEDS.get(name)
        if deed is None:
            raise InputError(f"the broker knows no {name!r}")
        return deed(self, request)

    def _hello(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("version") != __version__:
            raise InputError(
                f"this broker is version {__version__}, the client is {request.get('version')}",
                next="wait a minute until the broker has ended, then try again",
            )
        records = Path(str(request["records"]))
        if not records.is_absolute():
            raise InputError("the records root must be absolute")
        self._world.close_orphans(records)
        self._asker = Asker(self._person, self.pid, str(request.get("frontend", ""))[:40], records)
        return {"version": __version__, "platform": self._world.platform().name, "pid": os.getpid()}

    def _parameters(self, request: dict[str, Any]) -> list[str]:
        platform = self._world.platform()
        edition = editions.load(platform.edition, platform.file.parent)
        scope = scopes.load(edition.activity(str(request.get("activity", ""))).slug)
        return list(scope.parameters.known) if scope else [p.name for p in COMMON]

    def _begin(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.run:
            raise InputError("this session has a run already")
        self._world.displace(self)

        def watch(run: Run) -> None:
            self.run = run
            self._interrupts.watch(run.commands.cancel)

        means = self._means()
        try:
            run = begin(means, request, watch)
        except StoreError:
            raise
        except BaseException:
            self._leave("begin did not come to its end")
            raise
        return run.facts()

    def _resume(self, request: dict[str, Any]) -> dict[str, Any]:
        return resume(self._means(), request)

    def _means(self) -> Means:
        assert self._asker is not None
        platform = self._world.platform()
        return Means(self._asker, platform, self._world.state(), self._world.reach(platform), self.say)

    def _of_run(self) -> Run:
        if self.run is None or self.run.sealed or not self.run.admitted:
            raise InputError("no run has begun in this session, or it has ended", next="run the cell of begin again")
        return self.run

    def _step(self, request: dict[str, Any]) -> None:
        self._of_run().step(str(request.get("step", "")), request.get("applies") is True)

    def _related(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        return self._of_run().related(str(request.get("kind", "")), [str(n) for n in request.get("named", [])])

    def _service(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._of_run().service(str(request.get("name", "")))

    def _finish(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._of_run().finish()

    def _cell(self, request: dict[str, Any]) -> None:
        if self.run and not self.run.sealed:
            self.run.cells.starts(int(request["cell"]), str(request.get("id", "")), str(request.get("source", "")))

    def _output(self, request: dict[str, Any]) -> None:
        if self.run and not self.run.sealed:
            self.run.cells.shows(request)

    def _cell_end(self, request: dict[str, Any]) -> None:
        if self.run and not self.run.sealed:
            self.run.cell_ends(int(request["cell"]), str(request.get("state")), float(request.get("seconds", 0)))


def _verb(name: str) -> Callable[[Session, dict[str, Any]], Any]:
    return lambda session, request: VERBS[name](session._of_run().work, request)


DEEDS: dict[str, Callable[[Session, dict[str, Any]], Any]] = {
    "hello": Session._hello,
    "parameters": Session._parameters,
    "begin": Session._begin,
    "step": Session._step,
    "related": Session._related,
    "service": Session._service,
    "finish": Session._finish,
    "resume": Session._resume,
    "cell": Session._cell,
    "output": Session._output,
    "cell-end": Session._cell_end,
    **{name: _verb(name) for name in VERBS},
}
