"""display(…) in a real kernel's publisher reaches the record; a name that was misspelt and corrected does not count."""

from __future__ import annotations

from types import SimpleNamespace

from ipykernel.zmqshell import ZMQDisplayPublisher
from IPython.core.formatters import DisplayFormatter
from jupyter_client.session import Session
from traitlets import Any

from opsguide.notebook.cells import Cells
from opsguide.notebook.run import _last_filled


class Recorded(Session):
    """A session that keeps what it would send."""

    sent = Any()

    def send(self, stream, message, *more, **options):  # type: ignore[no-untyped-def]
        self.sent = [*(self.sent or []), message]


def shell() -> object:
    publisher = ZMQDisplayPublisher(session=Recorded(key=b"k"), pub_socket=object())
    publisher.set_parent({})
    publisher.store_display_history = False
    events = SimpleNamespace(register=lambda *a: None, unregister=lambda *a: None)
    return SimpleNamespace(
        display_pub=publisher, events=events, display_formatter=DisplayFormatter(), _showtraceback=lambda *a: None
    )


def test_what_display_shows_is_told_and_still_shown() -> None:
    told: list[dict[str, object]] = []
    one = shell()
    cells = Cells(told.append, one)
    one.display_pub.publish({"text/plain": "a table", "text/html": "<b>a table</b>"})
    cells._after(SimpleNamespace(result=None, error_before_exec=None, error_in_exec=None))
    shown = [t for t in told if t["do"] == "output"]
    assert [(t["kind"], t["text"], t["html"]) for t in shown] == [("display", "a table", "<b>a table</b>")]
    assert len(one.display_pub.session.sent) == 1
    cells.close()
    one.display_pub.publish({"text/plain": "later"})
    assert len([t for t in told if t["do"] == "output"]) == 1


def test_only_the_last_parameters_cell_and_what_follows_it_counts() -> None:
    old, new = 'element: str = "a"\nservce: str = "x"', 'element: str = "a"\nservice: str = "x"'
    assert _last_filled([old, new, "begin(1)"]) == [new, "begin(1)"]
    injected = "# Parameters\nelement = 'a'\nservce = 'x'"
    assert injected in _last_filled([new, injected, "begin(1)"])


def test_a_value_that_is_shown_does_not_act_and_stands_in_the_record_as_it_was() -> None:
    class Answer:
        def __repr__(self) -> str:
            return "\x1b[2J\u202eOK\n\tnext"

        def _repr_html_(self) -> str:
            return "<b>\u202eOK</b>"

    told: list[dict[str, object]] = []
    one = shell()
    cells = Cells(told.append, one)
    formats, _ = one.display_formatter.format(Answer())
    assert formats == {"text/plain": "␛[2J\\u202eOK\n\tnext", "text/html": "<b>\\u202eOK</b>"}
    cells._after(SimpleNamespace(result=Answer(), error_before_exec=None, error_in_exec=None))
    assert next(t for t in told if t["do"] == "output")["text"] == "\x1b[2J\u202eOK\n\tnext"
    cells.close()
    assert one.display_formatter.format(Answer())[0] == formats
