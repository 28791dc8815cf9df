"""What begin and the cells' hooks do in a kernel: a real IPython shell in this process, and a broker that only notes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from opsguide.errors import RefusedError
from opsguide.notebook import run as module
from opsguide.notebook.cells import LIMIT, Cells
from opsguide.notebook.run import assigned

KNOWN = ["element", "mode", "reason", "service"]


class Noted:
    """In place of the wire: notes what it is told and asked, and answers as the broker would."""

    last: Noted

    def __init__(self, *_: Any) -> None:
        self.told: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.closed = False
        Noted.last = self

    def tell(self, message: dict[str, Any]) -> None:
        self.told.append(message)

    def ask(self, request: dict[str, Any], say: Any = None) -> Any:
        self.asked.append(request)
        if request["do"] == "parameters":
            return KNOWN
        if say:
            say([f"broker: {request['do']}"])
        if request["do"] == "begin":
            if request["parameters"].get("element") == "no":
                raise RefusedError("no")
            return {
                "run": "r1",
                "mode": "plan",
                "element": {"name": "uh-01", "kind": "user-host", "host": "uh-01", "env": ""},
            }
        return None

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(
        config=Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
    )
    monkeypatch.setattr(module, "Client", Noted)
    yield shell
    InteractiveShell.clear_instance()


PARAMETERS = 'element: str = "uh-01"  # e\nservice: str = "nginx"\nmode: str = "plan"\nreason: str = ""'
BEGIN = 'from opsguide import begin\nrun = begin("restarting-processes", globals())'


def cells(shell: InteractiveShell, *sources: str) -> list[Any]:
    return [shell.run_cell(source, store_history=True) for source in sources]


def registered() -> dict[str, Any]:
    return next(r for r in Noted.last.asked if r["do"] == "begin")["parameters"]


# begin


def test_begin_registers_the_parameters_that_stand_in_the_notebook(shell: InteractiveShell) -> None:
    cells(shell, PARAMETERS, BEGIN)
    assert registered() == {"element": "uh-01", "service": "nginx", "mode": "plan", "reason": ""}
    assert repr(shell.user_ns["run"]) == "<run r1 plan on uh-01>"


def test_papermills_injected_cell_wins(shell: InteractiveShell) -> None:
    cells(shell, PARAMETERS, '# Parameters\nservice = "rsyslog"\nmode = "apply"', BEGIN)
    assert registered()["service"] == "rsyslog"
    assert registered()["mode"] == "apply"


def test_a_misspelt_parameter_goes_to_the_broker_which_refuses_it(shell: InteractiveShell) -> None:
    cells(shell, PARAMETERS, '# Parameters\nservce = "nginx"', BEGIN)
    assert registered()["servce"] == "nginx"


def test_a_misspelt_annotated_parameter_goes_to_the_broker_too(shell: InteractiveShell) -> None:
    cells(shell, PARAMETERS.replace("service", "servce"), BEGIN)
    assert registered()["servce"] == "nginx"


def test_other_variables_of_the_kernel_are_no_parameters(shell: InteractiveShell) -> None:
    cells(shell, "x = 5", PARAMETERS, BEGIN)
    assert "x" not in registered()


def test_a_parameter_of_a_type_that_cannot_travel_is_refused_before_it_is_sent(shell: InteractiveShell) -> None:
    _, _, result = cells(shell, PARAMETERS, "service = {1: 2}", BEGIN)
    assert "parameter service must be text" in str(result.error_in_exec)
    assert [r["do"] for r in Noted.last.asked] == ["parameters"]


def test_a_refused_begin_leaves_no_hooks_and_no_session(shell: InteractiveShell) -> None:
    before = sys.stdout
    results = cells(shell, PARAMETERS.replace("uh-01", "no"), BEGIN, "print(1)")
    assert isinstance(results[1].error_in_exec, RefusedError)
    assert Noted.last.closed
    assert sys.stdout is before
    assert [m for m in Noted.last.told if "print(1)" in str(m)] == []


# The cells


def told(kind: str) -> list[dict[str, Any]]:
    return [m for m in Noted.last.told if m["do"] == kind]


def test_each_cell_after_begin_is_told_with_source_number_outputs_and_end(shell: InteractiveShell) -> None:
    cells(shell, PARAMETERS, BEGIN, "print('a')\nprint('b')\n40 + 2")
    assert told("cell")[-1]["source"] == "print('a')\nprint('b')\n40 + 2"
    stream, display = told("output")[-2:]
    assert (stream["kind"], stream["name"]) == ("stream", "stdout")
    assert stream["text"].startswith("a\nb\n")  # a shell in a terminal prints its Out[…] there as well
    assert (display["kind"], display["text"]) == ("display", "42")
    end = told("cell-end")[-1]
    assert (end["state"], end["cell"]) == ("ok", told("cell")[-1]["cell"])
    assert end["seconds"] >= 0


def test_cells_are_numbered_one_after_another_from_the_notebooks_first(shell: InteractiveShell) -> None:
    cells(shell, PARAMETERS, BEGIN, "1", "2")
    assert [m["cell"] for m in told("cell")][-2:] == [3, 4]


def test_a_cell_that_raises_ends_in_error_with_its_words(shell: InteractiveShell) -> None:
    cells(shell, PARAMETERS, BEGIN, "print('before')\n1 / 0")
    assert [(m["kind"], m["name"]) for m in told("output")[-2:]] == [
        ("stream", "stdout"),
        ("error", "ZeroDivisionError"),
    ]
    assert told("cell-end")[-1]["state"] == "error"


@pytest.mark.parametrize(
    ("source", "state", "name"),
    [
        ("1 +", "error", "SyntaxError"),
        ("raise SystemExit(1)", "error", "SystemExit"),
        ("raise KeyboardInterrupt", "interrupted", "KeyboardInterrupt"),
    ],
)
def test_a_cell_that_stops_otherwise_ends_with_its_state(
    shell: InteractiveShell, source: str, state: str, name: str
) -> None:
    cells(shell, PARAMETERS, BEGIN)
    if name == "SystemExit":
        with pytest.warns(UserWarning, match="To exit"):
            cells(shell, source)
    else:
        cells(shell, source)
    assert (told("cell-end")[-1]["state"], told("output")[-1]["name"]) == (state, name)


def test_what_the_broker_said_is_not_told_again(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    cells(shell, PARAMETERS, BEGIN, 'print("mine")\nstep = run.step("look")')
    assert "broker: step" in capsys.readouterr().out
    assert [m["text"] for m in told("output") if m["kind"] == "stream"][-1] == "mine\n"
    assert not [m for m in told("output") if "broker:" in m.get("text", "")]


def test_errors_go_to_their_own_stream(shell: InteractiveShell) -> None:
    cells(shell, PARAMETERS, BEGIN, "import sys\nprint('x', file=sys.stderr)")
    assert (told("output")[-1]["name"], told("output")[-1]["text"]) == ("stderr", "x\n")


def test_what_a_cell_writes_is_kept_up_to_a_limit_and_the_screen_gets_all(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    cells(shell, PARAMETERS, BEGIN, f"for _ in range(20):\n    print('x' * {LIMIT // 10})")
    assert len(told("output")[-1]["text"]) <= LIMIT
    assert len(capsys.readouterr().out) > 2 * LIMIT


def test_a_frame_is_told_as_text_and_as_a_table(shell: InteractiveShell) -> None:
    cells(shell, PARAMETERS, BEGIN, "import pandas\npandas.DataFrame({'a': [1]})")
    shown = told("output")[-1]
    assert "a\n0  1" in shown["text"]
    assert "<table" in shown["html"]


def test_after_finish_nothing_is_told_and_the_streams_are_the_kernels_own(shell: InteractiveShell) -> None:
    before = sys.stdout
    cells(shell, PARAMETERS, BEGIN, "run.finish()")
    count = len(Noted.last.told)
    cells(shell, "print(1)")
    assert len(Noted.last.told) == count
    assert sys.stdout is before
    assert Noted.last.closed


def test_runs_that_begin_in_one_kernel_wrap_the_screen_and_what_is_displayed_once(shell: InteractiveShell) -> None:
    before = sys.stdout
    cells(shell, PARAMETERS, BEGIN)
    first, display, traceback = Noted.last, shell.display_formatter.format, shell._showtraceback
    cells(shell, BEGIN.replace("run =", "other ="), "print(1)")
    assert [m["text"] for m in (first.told[-2], told("output")[-1])] == ["1\n", "1\n"]
    assert (shell.display_formatter.format, shell._showtraceback) == (display, traceback)
    assert sys.stdout is before
    cells(shell, "run.finish()", "print(2)", "other.finish()")
    assert told("output")[-1]["text"] == "2\n"
    assert "2\n" not in [m.get("text") for m in first.told]
    assert sys.stdout is before


@pytest.mark.parametrize("colours", ["nocolor", "linux"])
def test_a_host_s_words_in_the_traceback_of_a_bug_do_not_act(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], colours: str
) -> None:
    shell.colors = colours
    cells(shell, PARAMETERS, BEGIN, "host = '\\x1b[2J\\u202e\\x1b[31mnginx'")
    cells(shell, "run.finish()")
    capsys.readouterr()
    cells(shell, "try:\n    raise ValueError(host)\nexcept ValueError:\n    1 / 0")
    cells(shell, "error = ValueError(1)\nerror.add_note(f'told: {host}')\nraise error")
    shown = capsys.readouterr().out
    assert "told: ␛[2J" in shown
    assert "␛[2J\\u202e␛[31mnginx" in shown
    assert "\u202e" not in shown
    assert "ZeroDivisionError" in shown
    assert ("\x1b[" in shown) == (colours == "linux")


def test_a_stream_that_the_cell_replaced_is_left_as_the_cell_wished(shell: InteractiveShell) -> None:
    before = sys.stdout
    try:
        cells(shell, PARAMETERS, BEGIN, "import io, sys\nmine = sys.stdout = io.StringIO()")
        assert sys.stdout is shell.user_ns["mine"]
    finally:
        sys.stdout = before


def test_hooks_that_are_taken_out_twice_do_no_harm(shell: InteractiveShell) -> None:
    hooks = Cells(lambda message: None, shell)
    hooks.close()
    hooks.close()


def test_a_silent_cell_is_not_told(shell: InteractiveShell) -> None:
    cells(shell, PARAMETERS, BEGIN)
    count = len(told("cell"))
    shell.run_cell("1", silent=True, store_history=False)
    assert len(told("cell")) == count


# assigned


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (PARAMETERS, ["element", "service", "mode", "reason"]),
        ("a: int = 1\nb = 2", ["a"]),
        ("# Parameters\na = 1\nb = c = 2", ["a", "b", "c"]),
        ("\n# Parameters\na = 1", ["a"]),
        ("x = 1", []),
        ("run.mode: str = 'apply'", []),
        ("def f():\n    a: int = 1", []),
        ("!ls", []),
        ("a: int = (", []),
        ("", []),
    ],
)
def test_a_parameters_cell_sets_annotated_names_and_the_injected_one_all_its_names(
    source: str, names: list[str]
) -> None:
    assert assigned(source) == names


@given(st.text(st.characters(exclude_characters="\x00"), max_size=50))
def test_no_source_breaks_the_reading_of_parameters(source: str) -> None:
    assert isinstance(assigned(source), list)
