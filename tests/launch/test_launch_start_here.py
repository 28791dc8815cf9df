"""start-here and README show the table as the edition has it; the form fills, and guards nothing."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from opsguide import places
from opsguide.errors import InputError
from opsguide.guide import editions, kinds
from opsguide.launch import table
from opsguide.notebook import form

from .conftest import FarDesk

SEED = editions.load("seed")
MARKED = re.compile(r"<!-- table -->\n(.*?)\n?<!-- /table -->", re.DOTALL)


def start_here() -> dict[str, Any]:
    return json.loads((places.runbooks() / "start-here.ipynb").read_text("utf-8"))


def text_of(notebook: dict[str, Any]) -> str:
    return "\n\n".join("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown")


def test_start_here_holds_the_table_of_the_edition() -> None:
    found = MARKED.search(text_of(start_here()))
    assert found
    assert found[1].splitlines() == table.coloured(table.as_markdown(SEED, ""))
    assert re.sub(r"</?span[^>]*>", "", found[1]).splitlines() == table.as_markdown(SEED, ""), "colour only adds"
    for party in kinds.PARTIES:
        count = sum(cell == party for cell in SEED.cells.values())
        assert found[1].count(f'<span style="{table.LOOKS[party]}">{party}</span>') == count


def test_readme_holds_the_table_of_the_edition() -> None:
    found = MARKED.search((places.home() / "README.md").read_text("utf-8"))
    assert found, "README has lost its <!-- table --> markers"
    assert found[1].splitlines() == table.as_markdown(SEED, "runbooks/")


def test_every_row_links_to_its_notebook_or_says_that_it_comes() -> None:
    rows = MARKED.search(text_of(start_here()))[1].splitlines()[2:]  # type: ignore[index]
    assert len(rows) == 24
    for row, activity in zip(rows, SEED.activities, strict=True):
        linked = (places.runbooks() / activity.runbook).is_file()
        assert (f"]({activity.runbook})" in row) is linked
        assert ("(comes later)" in row) is not linked


def test_both_notes_link_to_their_runbooks() -> None:
    readme = (places.home() / "README.md").read_text("utf-8")
    for note in editions.NOTES:
        assert f"[{note.title}]({note.runbook})" in text_of(start_here())
        assert f"[{note.title}](runbooks/{note.runbook})" in readme
        assert (places.runbooks() / note.runbook).is_file()


def test_every_link_of_start_here_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)", text_of(start_here())):
        assert (places.runbooks() / target).is_file(), target


def test_start_here_has_legend_notes_and_support_and_no_outputs() -> None:
    notebook = start_here()
    text = text_of(notebook)
    for words in (*kinds.PARTIES, "User Host", "Infrastructure Host", "Infrastructure Container", "End-User Container"):
        assert f"**{words}**" in text
    assert text.count("Jelastic Support") >= 2
    assert "wait" in text
    assert "upgrade" in text
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.fixture
def filled(far: FarDesk, monkeypatch: pytest.MonkeyPatch) -> form.Form:
    for name, value in far.environment().items():
        monkeypatch.setenv(name, value)
    return form.Form()


def test_the_form_shows_a_line_that_the_command_line_understands(filled: form.Form, far: FarDesk) -> None:
    filled._activity.value = "restarting-processes"
    filled._element.value = "uh-01"
    filled._inputs["service"].value = "zabbix-agent"
    filled._inputs["reason"].value = 'it\'s "hung"'
    words = shlex.split(filled._line.value)
    assert words[:5] == ["opsguide", "plan", "restarting-processes", "--on", "uh-01"]
    filled._inputs["mode"].value = "apply"
    words = shlex.split(filled._line.value)
    assert words[1] == "run"
    assert words[-1] == 'it\'s "hung"'
    assert "Hosting Provider" in filled._said.value


def test_what_the_command_line_refuses_is_raised_with_its_fields(filled: form.Form) -> None:
    with pytest.raises(InputError) as asked:
        form.asked("may", "06", "uh-99")
    assert (asked.value.next, asked.value.sent) == ("opsguide elements lists them all", "nothing to any element")
    with pytest.raises(InputError) as copied:
        form.copied("restarting-processes", [], {"element": "uh-99"})
    assert copied.value.words.startswith("far has no element 'uh-99'")
    assert copied.value.next == "opsguide elements lists them all"


def shown(filled: form.Form) -> str:
    (output,) = filled._made.outputs
    return output["data"]["text/plain"]


def test_the_form_makes_a_copy_or_says_why_not(
    filled: form.Form, far: FarDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = form._opsguide

    def elsewhere(*words: str) -> Any:
        return plain(*words, *(["--work", str(far.folder)] if words[0] == "open" else []))

    monkeypatch.setattr(form, "_opsguide", elsewhere)
    filled._activity.value = "editing-system-files"
    filled._element.value = "uh-01"
    filled._inputs["path"].value = "/etc/motd"
    filled._inputs["settings"].value = "a = b, c\n\nd = e"
    filled._copy.click()
    copy = far.folder / "07-editing-system-files-uh-01.ipynb"
    assert str(copy) in shown(filled)
    assert r'["a = b, c", "d = e"]' in "".join(json.loads(copy.read_text())["cells"][3]["source"])
    filled._inputs["path"].value = "relative"
    filled._copy.click()
    assert "path" in shown(filled)
    assert len(list(far.folder.glob("07-*"))) == 1


def test_values_are_written_as_the_command_line_takes_them(tmp_path: Path) -> None:
    assert form.written(True) == "true"
    assert form.written(["a", "b"]) == "a,b"
    assert form.written(["a, b"]) == '["a, b"]'
    assert form.written(3) == "3"
