"""One step and its five verbs: each makes data, asks the broker and prints what it says. Nothing is decided here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from opsguide.notebook.expect import plain
from opsguide.notebook.readings import Later, Reading

What = str | dict[str, Any] | None
Ask = Callable[[dict[str, Any]], Any]


class Step:
    """A step of the run; where it does not apply its verbs do nothing and its readings are empty."""

    def __init__(self, slug: str, applies: bool, ask: Ask) -> None:
        self.slug, self.applies, self._ask = slug, applies, ask

    def look(
        self,
        what: What,
        *,
        on: Any = None,
        each: Any = None,
        expect: Any = None,
        when: str = "now",
        among: Any = None,
        pin: bool = False,
        within: str = "",
        timeout: str = "",
        **slots: Any,
    ) -> Any:
        """Ask without changing anything; a Reading, or a Later one with when="apply" outside apply.

        `pin` marks a look at the starting state: a plan seals its answer and its run is refused when that has moved; a
        run that goes on from another gets the answer of the first one. With `each` it is asked for each row, unpinned.
        """
        if not self.applies or what is None:
            return Reading([])
        done = self._verb(
            "look",
            what,
            on,
            expect,
            slots,
            when=when,
            pin=pin,
            within=within,
            timeout=timeout,
            among=None if among is None else _rows(among),
            each=None if each is None else _rows(each),
        )
        return Later(done["later"]) if "later" in done else Reading(done["answers"])

    def require(self, condition: bool, words: str, **inputs: Any) -> None:
        """Stop unless the condition holds; recorded as judged in the notebook, with its inputs."""
        if self.applies:
            shown = {k: _told(v)[:400] for k, v in inputs.items()}
            self._ask({"do": "require", "step": self.slug, "met": bool(condition), "words": words, "inputs": shown})

    def change(
        self,
        what: What,
        *,
        on: Any = None,
        each: Any = None,
        at_a_time: int = 1,
        undo: str = "",
        timeout: str = "",
        **slots: Any,
    ) -> None:
        """Change something, once for each row of `each` and element of `on`, `at_a_time` of them together.

        Stops after the batch in which one failed. `undo` never runs by itself.
        """
        if self.applies and what is not None:
            self._verb(
                "change",
                what,
                on,
                None,
                slots,
                each=None if each is None else _rows(each),
                at_a_time=at_a_time,
                undo=undo,
                timeout=timeout,
            )

    def edit(self, path: str, content: Any, *, validate: str = "", on: Any = None, timeout: str = "") -> None:
        """Change one file: shown as a difference, staged, checked, backed up, swapped in, compared."""
        if self.applies:
            amended = {"content": content} if isinstance(content, str) else content
            self._verb("edit", path, on, None, {}, amend=amended, validate=validate, timeout=timeout)

    def prove(
        self,
        what: What,
        *,
        on: Any = None,
        each: Any = None,
        expect: Any = None,
        within: str = "",
        hold: str = "",
        progress: What = None,
        timeout: str = "",
        **slots: Any,
    ) -> None:
        """See the effect: asked until the expectation is met, `within` a time, or met all through `hold`."""
        if self.applies and what is not None:
            self._verb(
                "prove",
                what,
                on,
                expect,
                slots,
                within=within,
                hold=hold,
                timeout=timeout,
                each=None if each is None else _rows(each),
                progress=None if progress is None else _what(progress),
            )

    def _verb(self, verb: str, what: What, on: Any, expect: Any, slots: dict[str, Any], **more: Any) -> Any:
        request = {"do": verb, "step": self.slug, "what": _what(what), "on": _names(on), "expect": expect}
        filled = {name: plain(value) for name, value in slots.items()}
        return self._ask({**request, "slots": filled, **{k: v for k, v in more.items() if v not in ("", None, False)}})


def _what(what: What) -> dict[str, Any]:
    return {"command": what} if isinstance(what, str) else dict(what or {})


def _told(value: Any) -> str:
    """An input of a condition in words: rows by their values, elements by their names."""
    if isinstance(value, list | tuple) and not all(isinstance(one, str | int | float) for one in value):
        return "; ".join(" ".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in value)
    return str(value)


def _names(on: Any) -> list[str] | None:
    if on is None:
        return None
    many = on if isinstance(on, Sequence) and not isinstance(on, str) else [on]
    return [str(plain(one)) for one in many]


def _rows(rows: Any) -> Any:
    if isinstance(rows, Later):
        return {"later": rows.later}
    shaped = [row._asdict() if hasattr(row, "_asdict") else dict(row) for row in rows]
    json.dumps(shaped)
    return shaped
