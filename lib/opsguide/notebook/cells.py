"""Every executed cell goes into the record: its source when it starts, what it printed and showed, how it ended.

The hooks are IPython's own, so the same happens by hand, under papermill and under our engine. Lines that the broker
said are not captured again: they are in the record already. What a cell prints or shows of a host's words does not act
on the screen; the record has it as it was. Runs in one kernel stand beside each other: each is told of every cell.
"""

from __future__ import annotations

import base64
import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from opsguide.harmless import Shown
from opsguide.notebook import screen

LIMIT = 1 << 20
DISPLAYS = 100
Tell = Callable[[dict[str, Any]], None]


class Tee(Shown):
    """A stream that also keeps what cells write, up to 1 MiB a cell."""

    def __init__(self, real: TextIO) -> None:
        super().__init__(real)
        self.kept: list[str] = []
        self.size = 0

    def write(self, text: str) -> int:
        """Write through, harmless, and keep it as it is."""
        self.size += len(text)
        if self.size <= LIMIT:
            self.kept.append(text)
        return super().write(text)

    @property
    def text(self) -> str:
        """What was kept, and how much was not."""
        kept = "".join(self.kept)
        return kept if self.size <= LIMIT else f"{kept}\n[{self.size - len(kept)} characters more were not kept]\n"


class Cells:
    """The hooks of one run in this kernel; `close` takes them out again."""

    def __init__(self, tell: Tell, shell: Any) -> None:
        self._tell, self._shell, self._number, self._started = tell, shell, 0, time.monotonic()
        self._tees: dict[str, Tee] = {}
        self._displayed: list[dict[str, str]] = []
        screen.guard(shell)
        if hasattr(shell.display_pub, "register_hook"):
            shell.display_pub.register_hook(self._on_display)
        shell.events.register("pre_run_cell", self._before)
        shell.events.register("post_run_cell", self._after)

    def begun(self, count: int) -> None:
        """The broker knows the cells up to the one that runs now; keep what it prints from here on."""
        self._number = count
        self._capture()

    def close(self) -> None:
        """Take the hooks out; what ran before stays in the record."""
        self._release()
        if hasattr(self._shell.display_pub, "unregister_hook"):
            self._shell.display_pub.unregister_hook(self._on_display)
        for event, hook in (("pre_run_cell", self._before), ("post_run_cell", self._after)):
            with contextlib.suppress(ValueError):
                self._shell.events.unregister(event, hook)

    def _before(self, info: Any) -> None:
        if not getattr(info, "silent", False):
            self._start(info.raw_cell, getattr(info, "cell_id", None) or "")
            self._capture()

    def _after(self, result: Any) -> None:
        outputs = [("stream", name, tee.text) for name, tee in self._tees.items() if tee.size]
        self._release()
        for kind, name, text in outputs:
            self._output(kind, name, {"text": text})
        for shown in self._displayed:
            self._output("display", "", shown)
        self._displayed = []
        error = result.error_before_exec or result.error_in_exec
        if result.result is not None and not error:
            self._display(result.result)
        if error is not None:
            self._output("error", type(error).__name__, {"text": str(error)})
        stopped = isinstance(error, KeyboardInterrupt)
        self._end("interrupted" if stopped else "error" if error is not None else "ok")

    def _on_display(self, message: dict[str, Any]) -> dict[str, Any]:
        """Called by ipykernel for display(…); the message goes on unchanged."""
        forms = message.get("content", {}).get("data", {})
        kept = {"text": forms.get("text/plain"), "html": forms.get("text/html"), "png": forms.get("image/png")}
        shown = {name: str(value)[:LIMIT] for name, value in kept.items() if value}
        if shown and len(self._displayed) < DISPLAYS:
            self._displayed.append(shown)
        return message

    def _display(self, value: Any) -> None:
        shown = self._shown(value)
        if shown:
            self._output("display", "", shown)

    def _shown(self, value: Any) -> dict[str, str]:
        formats = screen.as_it_is(self._shell, value, {*screen.TEXTS, "image/png"})
        shown = {"text": str(formats.get("text/plain", "")), "html": str(formats.get("text/html", ""))}
        png = formats.get("image/png")
        shown["png"] = base64.b64encode(png).decode() if isinstance(png, bytes) else png or ""
        return {k: v[:LIMIT] for k, v in shown.items() if v}

    def _start(self, source: str, name: str) -> None:
        self._number += 1
        self._started = time.monotonic()
        self._tell({"do": "cell", "cell": self._number, "id": name, "source": source})

    def _output(self, kind: str, name: str, shown: dict[str, str]) -> None:
        self._tell({"do": "output", "cell": self._number, "kind": kind, "name": name, **shown})

    def _end(self, state: str) -> None:
        seconds = round(time.monotonic() - self._started, 3)
        self._tell({"do": "cell-end", "cell": self._number, "state": state, "seconds": seconds})

    def _capture(self) -> None:
        if not self._tees:
            self._tees = {"stdout": Tee(sys.stdout), "stderr": Tee(sys.stderr)}
            sys.stdout, sys.stderr = self._tees["stdout"], self._tees["stderr"]

    def _release(self) -> None:
        for name, tee in self._tees.items():
            outer = getattr(sys, name)
            if outer is tee:
                setattr(sys, name, tee.real)
            while isinstance(outer, Tee):  # another run's, around ours
                if outer.real is tee:
                    outer.real = tee.real
                outer = outer.real
        self._tees = {}
