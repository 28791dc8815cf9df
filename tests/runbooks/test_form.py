"""The form of every runbook, read as data: cells, prose, parameters, and templates that are the scope's to the letter.

The table is that of the platform (OPSGUIDE_PLATFORM), the runbooks those of OPSGUIDE_HOME: a private one is held as well.

Each rule is a function that fails on a notebook that breaks it; below, one mutation for each rule shows that it can fail.
"""

from __future__ import annotations

import ast
import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
import pytest

import opsguide
from opsguide import places
from opsguide.guide import editions, entries, kinds, scopes
from opsguide.launch.setting import Setting

RUNBOOKS = places.runbooks()
FILES = sorted(p for p in RUNBOOKS.glob("*.ipynb") if p.name != "start-here.ipynb")
TABLE = Setting().edition()
VERBS = {"look": "look", "prove": "look", "change": "change"}
FACTS = ["Row of the table", "Who may", "What it changes", "Downtime", "Safe to run again", "Provenance"]
LOOPS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
NOT_IN_CELLS = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Try,
    ast.If,
    ast.IfExp,
    ast.For,
    ast.While,
    ast.With,
    ast.Lambda,
    ast.Delete,
    ast.Global,
    ast.Assert,
    ast.Raise,
    ast.Match,
)


@dataclass
class Book:
    """One runbook: its file name and its JSON."""

    name: str
    data: dict[str, Any]

    @property
    def cells(self) -> list[dict[str, Any]]:
        return self.data["cells"]

    @property
    def code(self) -> list[dict[str, Any]]:
        return [c for c in self.cells if c["cell_type"] == "code"]

    @property
    def ids(self) -> list[str]:
        return [c["id"] for c in self.cells]

    @cached_property
    def activity(self) -> editions.Activity:
        return TABLE.activity(self.name)

    @cached_property
    def scope(self) -> scopes.Scope:
        found = scopes.load(self.activity.slug)
        assert found, f"{self.name} has no scope: write scopes/{self.activity.slug}.toml (docs/scopes.md)"
        return found

    @property
    def parties(self) -> dict[str, str]:
        """Who does it, for each kind of element; a note is looked at everywhere."""
        looks = dict.fromkeys(kinds.KINDS, kinds.PROVIDER)
        return looks if self.activity.note else {k: TABLE.cells[self.activity.slug, k] for k in kinds.KINDS}

    def cell(self, name: str) -> dict[str, Any]:
        found = [c for c in self.cells if c["id"] == name]
        assert found, f"there is no cell {name}"
        return found[0]


def source(cell: dict[str, Any]) -> str:
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def dotted(node: ast.AST) -> str:
    return ast.unparse(node)


def step_of(cell: dict[str, Any]) -> str:
    """The slug in a cell's `step = run.step("…")`, or empty."""
    found = [c for c in calls(ast.parse(source(cell))) if dotted(c.func) == "run.step"]
    assert len(found) <= 1, f"{cell['id']}: one step a cell"
    return found[0].args[0].value if found else ""  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Use:
    """One verb in a cell: the template, or the API method with its arguments; `of_service` for the map's own commands."""

    cell: str
    verb: str
    template: str
    args: str = ""
    of_service: bool = False
    on: str = ""


def uses(book: Book) -> list[Use]:
    return [use for cell in book.code for use in uses_in(cell)]


def uses_in(cell: dict[str, Any]) -> Iterator[Use]:
    for call in calls(ast.parse(source(cell))):
        verb = dotted(call.func).removeprefix("step.")
        if dotted(call.func).startswith("step.") and verb in VERBS:
            keywords = {k.arg: k.value for k in call.keywords}
            on = dotted(keywords["on"]) if "on" in keywords else ""
            for what, name in [(call.args[0], VERBS[verb]), (keywords.get("progress"), "look")]:
                if what is not None:
                    yield use_of(cell["id"], name, what, on)


def use_of(cell: str, verb: str, what: ast.expr, on: str) -> Use:
    if isinstance(what, ast.Constant) and isinstance(what.value, str):
        return Use(cell, verb, what.value, on=on)
    if isinstance(what, ast.Call) and dotted(what.func) == "api":
        args = {str(k.arg): ast.literal_eval(k.value) for k in what.keywords}
        return Use(cell, verb, ast.literal_eval(what.args[0]), json.dumps(args, sort_keys=True), on=on)
    assert dotted(what) in ("known.config_test", "known.probe", "services", "register"), (
        f"{cell}: {dotted(what)} is neither a literal nor the map's"
    )
    return Use(cell, verb, dotted(what), of_service=True, on=on)


# The rules


def is_a_notebook_of_the_written_form(book: Book) -> None:
    assert (book.data["nbformat"], book.data["nbformat_minor"]) == (4, 5)
    nbformat.validate(nbformat.from_dict(book.data))
    assert book.data["metadata"]["kernelspec"]["name"] == "python3"


def is_named_as_its_row_of_the_table(book: Book) -> None:
    assert book.name == book.activity.runbook, f"the row of the table asks for the file name {book.activity.runbook}"
    title = source(book.cell("title"))
    assert title.startswith(f"# {book.activity.title}\n\n"), f"cell title: begin with # {book.activity.title}"
    assert len(title.strip().split("\n\n")) == 2, "a title and one paragraph"


def has_its_cells_in_order(book: Book) -> None:
    steps = [c["id"] for c in book.code if step_of(c)]
    first = ["title", "facts", "about-parameters", "parameters", "about-begin", "begin", "about-look"]
    assert book.ids[:7] == first, f"the first cells are {', '.join(first)}"
    assert book.ids[-3:] == ["if-it-goes-wrong", "about-finish", "finish"], (
        "the last: if-it-goes-wrong, about-finish, finish"
    )
    assert steps[:1] == ["look"], "the first step is look"
    assert "about-verify" in book.ids, "a cell about-verify stands before the last steps"
    assert book.ids.index(steps[-1]) == len(book.ids) - 4 > book.ids.index("about-verify"), "the last steps verify"
    assert [c["id"] for c in book.code] == ["parameters", "begin", *steps, "finish"]


def numbers_its_steps(book: Book) -> None:
    heads = [source(c).split("\n")[0] for c in book.cells if c["id"].startswith("about-")]
    numbered = [h for h in heads if re.match(r"## \d", h)]
    assert [int(re.findall(r"\d+", h)[0]) for h in numbered] == list(range(1, len(numbered) + 1))
    assert heads[0] == "## Parameters"
    assert heads[1] == "## Begin"
    assert numbered[0] == "## 1 Look"
    assert heads[-2:] == ["## Verify", "## Finish"]
    assert heads[2:-2] == numbered


def ids_are_words_and_those_of_steps_are_their_slugs(book: Book) -> None:
    assert len(set(book.ids)) == len(book.ids)
    for cell in book.cells:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cell["id"]), cell["id"]
    for cell in book.code:
        assert step_of(cell) in ("", cell["id"])


def steps_are_the_scopes_in_order(book: Book) -> None:
    steps = [step_of(c) for c in book.code if step_of(c)]
    assert steps == list(book.scope.steps), f"the scope has the steps {', '.join(book.scope.steps)}, in this order"


def a_step_begins_its_cell(book: Book) -> None:
    for cell in book.code:
        first = ast.parse(source(cell)).body[0]
        if step_of(cell):
            assert isinstance(first, ast.Assign)
            assert dotted(first.targets[0]) == "step"
            assert "run.step" in dotted(first.value)


def the_first_step_only_looks(book: Book) -> None:
    assert {use.verb for use in uses_in(book.cell("look"))} == {"look"}, "the first step looks, and changes nothing"
    assert "step.edit" not in source(book.cell("look"))


def a_cell_has_at_most_8_lines(book: Book) -> None:
    """Parameters stand one a line and are read as a form: 12."""
    for cell in book.code:
        lines = len(source(cell).splitlines())
        assert lines <= 8 or cell["id"] == "parameters", f"{cell['id']}: {lines} lines, 8 are the most"


def a_cell_holds_no_deciding_and_no_magic(book: Book) -> None:
    for cell in book.code:
        tree = ast.parse(source(cell))
        for node in ast.walk(tree):
            assert not isinstance(node, NOT_IN_CELLS), f"{cell['id']}: {type(node).__name__}"
            if isinstance(node, LOOPS):
                assert not any(dotted(c.func).startswith("step.") for c in calls(node)), (
                    f"{cell['id']}: a loop over commands"
                )
        for line in source(cell).splitlines():
            assert not re.match(r"\s*[!%?]", line), f"{cell['id']}: {line}"
        called = {dotted(c.func) for c in calls(tree)}
        assert not called & {
            "input",
            "exit",
            "quit",
            "sys.exit",
            "eval",
            "exec",
            "print",
            "open",
            "__import__",
            "getattr",
        }


def a_cell_imports_from_the_one_door_what_the_notebook_uses(book: Book) -> None:
    imports = [
        (c["id"], n)
        for c in book.code
        for n in ast.walk(ast.parse(source(c)))
        if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    assert [name for name, _ in imports] == ["begin"]
    node = imports[0][1]
    assert isinstance(node, ast.ImportFrom)
    assert node.module == "opsguide"
    taken = {alias.name for alias in node.names}
    assert taken <= set(opsguide.__all__)
    names = {n.id for c in book.code for n in ast.walk(ast.parse(source(c))) if isinstance(n, ast.Name)}
    assert taken == names & set(opsguide.__all__)


def begins_with_its_own_slug(book: Book) -> None:
    assert f'run = begin("{book.activity.slug}", globals())' in source(book.cell("begin")).splitlines()
    assert source(book.cell("finish")) == "run.finish()"


def a_call_over_several_lines_has_one_argument_a_line(book: Book) -> None:
    for cell in book.code:
        for call in calls(ast.parse(source(cell))):
            parts = [*call.args, *(k.value for k in call.keywords)]
            if call.end_lineno != call.lineno and parts:
                lines = [part.lineno for part in parts]
                assert len(set(lines)) == len(lines), f"{cell['id']}: one argument a line"
                assert min(lines) > call.lineno


def prose_stands_before_code_and_says_what_to_expect(book: Book) -> None:
    assert book.cells[0]["cell_type"] == "markdown"
    for number, cell in enumerate(book.cells):
        if cell["cell_type"] != "code":
            continue
        above = next(c for c in reversed(book.cells[:number]) if c["cell_type"] == "markdown")
        direct = book.cells[number - 1]["cell_type"] == "markdown"
        assert direct or above["id"] == "about-verify", f"{cell['id']}: no prose above it"
        if step_of(cell) or cell["id"] == "begin":
            assert re.search(r"^\*\*Expect\*\* \S", source(above), re.MULTILINE), (
                f"{cell['id']}: no **Expect** above it"
            )


def prose_is_plain(book: Book) -> None:
    for cell in book.cells:
        if cell["cell_type"] == "markdown":
            text = source(cell)
            assert not re.search(r"\bsimply\b|\ba while\b|\bplease\b|—", text, re.IGNORECASE), cell["id"]
            assert all(ord(c) < 0x2190 for c in text), f"{cell['id']}: an emoji or sign"
            assert "TODO" not in text, f"{cell['id']}: TODO is left to be written"


def the_facts_are_whole_and_agree_with_the_table(book: Book) -> None:
    rows = [line.strip("| ").split(" | ", 1) for line in source(book.cell("facts")).splitlines()[2:]]
    facts = {row[0]: row[1] for row in rows}
    assert list(facts) == FACTS
    assert all(facts.values())
    row = f"{book.activity.place} {book.activity.title}"
    assert facts["Row of the table"] == row, f"facts, Row of the table: {row}"
    told = {}
    for clause in facts["Who may"].split(";"):
        party = next(p for p in kinds.PARTIES if clause.strip().startswith(p))
        told |= {k: party for k in kinds.KINDS if f"{kinds.words(k)}s" in clause}
    cells = {k: p for k, p in book.parties.items() if p != kinds.NOT_APPLICABLE}
    assert told == cells, f"facts, Who may: the table says {cells}"


def nothing_of_a_run_is_kept(book: Book) -> None:
    for cell in book.code:
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
    for cell in book.cells:
        assert cell["metadata"] == ({"tags": ["parameters"]} if cell["id"] == "parameters" else {}), cell["id"]
        assert not cell.get("attachments")


def links_lead_somewhere(book: Book) -> None:
    for cell in book.cells:
        if cell["cell_type"] == "markdown":
            for line in source(cell).splitlines():
                for target in re.findall(r"\]\(([^)#]*)[^)]*\)", line):
                    there = target.startswith("https://") or (RUNBOOKS / target).is_file()
                    assert there or "to come" in line, f"{cell['id']}: {target} does not exist"


def a_request_is_sent_as_a_hand_off_and_confirmed(book: Book) -> None:
    """The request in the record is sealed: who fills in its questions there is told TAMPERED."""
    text = source(book.cell("if-it-goes-wrong"))
    if "request.md" in text or any(p == kinds.OPERATIONS for p in book.parties.values()):
        for words in ("opsguide handoff send NUMBER", "opsguide handoff confirm NUMBER --ticket T"):
            assert f"`{words}" in text, f"if-it-goes-wrong: say how the request is sent: {words}"


def parameters_are_the_scopes(book: Book) -> None:
    told = {}
    for line in source(book.cell("parameters")).splitlines():
        found = re.fullmatch(r"([a-z_]+): ([a-z\[\]]+) = (.+?)  # (.+)", line)
        assert found, f"{line}: name: type = literal  # help"
        told[found[1]] = (found[2], ast.literal_eval(found[3]), found[4])
    known = book.scope.parameters.known
    wanted = {name: (p.type, p.default, p.help) for name, p in known.items()}
    assert told == wanted, "parameters: name, type, default and help are the scope's"
    common = ["mode", "follows", "reason"]
    order = ["element", *[n for n in known if n not in ("element", *common)], *common]
    assert list(told) == order, f"parameters: in the order {', '.join(order)}"


def no_parameter_names_a_host_by_default(book: Book) -> None:
    for parameter in book.scope.parameters.known.values():
        numbers = parameter.type in ("int", "float")
        no_name = parameter.slot in ("duration", "path") or numbers or parameter.choices
        assert not re.search(r"\d", str(parameter.default)) or no_name, parameter.name
    assert book.scope.parameters.known["element"].default == ""
    assert book.scope.parameters.known["mode"].default == "plan"


def own(book: Book) -> list[entries.Entry]:
    common = entries.common_looks()
    return [e for e in book.scope.entries if e not in common]


def said(entry: entries.Entry) -> tuple[str, str, str]:
    return entry.verb, entry.template, "" if entry.args is None else json.dumps(entry.args, sort_keys=True)


def templates_stand_in_the_scope_to_the_letter(book: Book) -> None:
    allowed = {said(entry) for entry in book.scope.entries}
    for use in uses(book):
        assert use.of_service or (use.verb, use.template, use.args) in allowed, (
            f"{use.cell}: the scope has no {use.verb} {use.template!r}"
        )


def every_entry_of_the_scope_is_used(book: Book) -> None:
    used = {(use.verb, use.template, use.args) for use in uses(book)}
    unused = [entry.template for entry in own(book) if said(entry) not in used]
    assert not unused, f"the scope has what no cell sends: {unused}"


def another_element_is_named_only_where_the_entry_allows_it(book: Book) -> None:
    """The service map and the common looks may be asked on any element of the run; `[run.element] * n` is the run's own."""
    free = {said(entry) for entry in entries.common_looks()}
    for use in uses(book):
        if use.on and not use.of_service and (use.verb, use.template, use.args) not in free:
            allowed = {on for e in own(book) if said(e) == (use.verb, use.template, use.args) for on in e.on}
            on = chosen(book).get(use.on, use.on.removeprefix("known."))
            on = "element" if use.on.startswith("[run.element] * ") else on
            told = on in (*kinds.KINDS, "element") or use.on.startswith("known.")
            named = {on} if told else allowed - {"element", "peer"}
            assert named, f"{use.cell}: {use.template} is for the element alone"
            assert named <= allowed, f"{use.cell}: {use.template} on {use.on}"


def chosen(book: Book) -> dict[str, str]:
    """Names that stand for related elements, with the kind that `run.related` chose."""
    found = {}
    for cell in book.code:
        for node in ast.walk(ast.parse(source(cell))):
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Call)
                and dotted(node.value.func) == "run.related"
            ):
                found[dotted(node.targets[0])] = ast.literal_eval(node.value.args[0])
    return found


def a_change_is_proved_in_its_cell_or_the_scope_says_why_not(book: Book) -> None:
    for cell in book.code:
        ordered = sorted(calls(ast.parse(source(cell))), key=lambda call: (call.lineno, call.col_offset))
        verbs = [dotted(call.func) for call in ordered]
        proved = "step.prove" in verbs and "step.change" not in verbs[verbs.index("step.prove") :]
        for use in uses_in(cell):
            entry = next((e for e in own(book) if said(e) == (use.verb, use.template, use.args)), None)
            said_why = entry is not None and entry.unproven
            assert use.verb != "change" or proved or said_why, f"{cell['id']}: {use.template} is not proved"


def what_takes_a_change_back_is_a_change_of_the_scope(book: Book) -> None:
    """Or the words of its entry, where no command of the scope takes it back."""
    known = {e.template for e in own(book) if e.verb == "change"} | {e.undo for e in own(book) if e.undo}
    for cell in book.code:
        for call in calls(ast.parse(source(cell))):
            for keyword in call.keywords:
                if keyword.arg == "undo":
                    assert ast.literal_eval(keyword.value) in known


RULES: list[Callable[[Book], None]] = [
    is_a_notebook_of_the_written_form,
    is_named_as_its_row_of_the_table,
    has_its_cells_in_order,
    numbers_its_steps,
    ids_are_words_and_those_of_steps_are_their_slugs,
    steps_are_the_scopes_in_order,
    a_step_begins_its_cell,
    the_first_step_only_looks,
    a_cell_has_at_most_8_lines,
    a_cell_holds_no_deciding_and_no_magic,
    a_cell_imports_from_the_one_door_what_the_notebook_uses,
    begins_with_its_own_slug,
    a_call_over_several_lines_has_one_argument_a_line,
    prose_stands_before_code_and_says_what_to_expect,
    prose_is_plain,
    the_facts_are_whole_and_agree_with_the_table,
    nothing_of_a_run_is_kept,
    links_lead_somewhere,
    a_request_is_sent_as_a_hand_off_and_confirmed,
    parameters_are_the_scopes,
    no_parameter_names_a_host_by_default,
    templates_stand_in_the_scope_to_the_letter,
    every_entry_of_the_scope_is_used,
    another_element_is_named_only_where_the_entry_allows_it,
    a_change_is_proved_in_its_cell_or_the_scope_says_why_not,
    what_takes_a_change_back_is_a_change_of_the_scope,
]


def read(path: Path) -> Book:
    return Book(path.name, json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_runbook(path: Path, rule: Callable[[Book], None]) -> None:
    rule(read(path))


def test_every_scope_has_its_runbook_and_every_runbook_its_scope() -> None:
    known = (*TABLE.activities, *editions.NOTES)
    assert {p.name for p in FILES} == {a.runbook for a in known if scopes.load(a.slug)}


# One mutation a rule: a check that cannot fail is a defect


def swap(cell: str, old: str, new: str) -> Callable[[Book], None]:
    def mutate(book: Book) -> None:
        text = source(book.cell(cell))
        assert old in text, f"{cell}: {old}"
        book.cell(cell)["source"] = text.replace(old, new, 1)

    return mutate


def put(cell: str, key: str, value: Any) -> Callable[[Book], None]:
    return lambda book: book.cell(cell).update({key: value})


def without(cell: str) -> Callable[[Book], None]:
    return lambda book: book.cells.remove(book.cell(cell))


def moved(cell: str, place: int) -> Callable[[Book], None]:
    def mutate(book: Book) -> None:
        found = book.cell(cell)
        book.cells.remove(found)
        book.cells.insert(place, found)

    return mutate


def added(cell: str, line: str) -> Callable[[Book], None]:
    return lambda book: book.cell(cell).update(source=source(book.cell(cell)) + "\n" + line)


RESTART = 'step.change("systemctl restart {service}")'
MUTATIONS: list[tuple[Callable[[Book], None], Callable[[Book], None]]] = [
    (is_a_notebook_of_the_written_form, lambda book: book.data.update(nbformat_minor=4)),
    (is_named_as_its_row_of_the_table, swap("title", "Restarting", "Restart")),
    (is_named_as_its_row_of_the_table, swap("title", "last.", "last.\n\nMore.")),
    (has_its_cells_in_order, moved("facts", 0)),
    (has_its_cells_in_order, without("about-verify")),
    (has_its_cells_in_order, moved("if-it-goes-wrong", 3)),
    (has_its_cells_in_order, added("look", 'run.step("drain")')),
    (numbers_its_steps, swap("about-drain", "2 Drain", "3 Drain")),
    (ids_are_words_and_those_of_steps_are_their_slugs, put("restart", "id", "Restart_1")),
    (ids_are_words_and_those_of_steps_are_their_slugs, put("restart", "id", "restarting")),
    (ids_are_words_and_those_of_steps_are_their_slugs, put("about-drain", "id", "restart")),
    (steps_are_the_scopes_in_order, moved("reload", 9)),
    (steps_are_the_scopes_in_order, without("settle")),
    (a_step_begins_its_cell, swap("enable", "step = run.step", "1\nstep = run.step")),
    (the_first_step_only_looks, added("look", RESTART)),
    (the_first_step_only_looks, added("look", 'step.edit("{path}", "")')),
    (a_cell_has_at_most_8_lines, added("begin", "\n".join("123456"))),
    *[
        (a_cell_holds_no_deciding_and_no_magic, added("restart", line))
        for line in (
            "def f(): pass",
            "class A: pass",
            "try: pass\nexcept E: pass",
            "if a: b",
            "for a in b: c",
            "while a: b",
            "!ls",
            "%time",
            "input()",
            "sys.exit(1)",
            "[step.look(a) for a in b]",
            "a = b if c else d",
            "f = lambda: 1",
            "with a: b",
            "exec('1')",
        )
    ],
    (a_cell_imports_from_the_one_door_what_the_notebook_uses, added("begin", "import os")),
    (a_cell_imports_from_the_one_door_what_the_notebook_uses, added("restart", "from opsguide import says")),
    (a_cell_imports_from_the_one_door_what_the_notebook_uses, swap("begin", "says", "lacks")),
    (a_cell_imports_from_the_one_door_what_the_notebook_uses, swap("begin", "from opsguide", "from opsguide.broker")),
    (a_cell_imports_from_the_one_door_what_the_notebook_uses, swap("begin", "says", "says, lacks")),
    (begins_with_its_own_slug, swap("begin", "restarting-processes", "editing-system-files")),
    (begins_with_its_own_slug, swap("begin", "globals()", "{}")),
    (begins_with_its_own_slug, added("finish", "1")),
    (a_call_over_several_lines_has_one_argument_a_line, swap("restart", '{service}", expect', '{service}",\n expect')),
    (prose_stands_before_code_and_says_what_to_expect, without("about-restart")),
    (prose_stands_before_code_and_says_what_to_expect, swap("about-restart", "**Expect**", "Expect")),
    (prose_stands_before_code_and_says_what_to_expect, swap("about-begin", "**Expect**", "Look for")),
    (prose_is_plain, added("about-restart", "Simply wait.")),
    (prose_is_plain, added("about-restart", "Done \U0001f389")),
    (prose_is_plain, added("about-restart", "TODO")),
    (the_facts_are_whole_and_agree_with_the_table, swap("facts", "| Downtime", "| Time")),
    (the_facts_are_whole_and_agree_with_the_table, swap("facts", "06 Restarting", "07 Restarting")),
    (the_facts_are_whole_and_agree_with_the_table, swap("facts", "user hosts, ", "")),
    (the_facts_are_whole_and_agree_with_the_table, swap("facts", "Hosting Provider on", "Jelastic Operations on")),
    (nothing_of_a_run_is_kept, put("restart", "execution_count", 1)),
    (nothing_of_a_run_is_kept, put("restart", "outputs", [{"output_type": "stream", "name": "stdout", "text": "x"}])),
    (nothing_of_a_run_is_kept, put("restart", "metadata", {"papermill": {}})),
    (nothing_of_a_run_is_kept, put("parameters", "metadata", {})),
    (links_lead_somewhere, swap("if-it-goes-wrong", "07-editing-system-files.ipynb", "07-editing-files.ipynb")),
    (
        a_request_is_sent_as_a_hand_off_and_confirmed,
        added("if-it-goes-wrong", "Send `request.md` to Jelastic Support."),
    ),
    (parameters_are_the_scopes, swap("parameters", 'service: str = ""', 'service: str = "nginx"')),
    (parameters_are_the_scopes, swap("parameters", "service: str", "servce: str")),
    (parameters_are_the_scopes, swap("parameters", "unit, for example", "unit like")),
    (parameters_are_the_scopes, swap("parameters", "mode: str", "mode: bool")),
    (parameters_are_the_scopes, added("parameters", "more = 1  # unannotated")),
    (parameters_are_the_scopes, added("parameters", 'more: str = ""  # not in the scope')),
    (templates_stand_in_the_scope_to_the_letter, swap("restart", "restart {service}", "restart  {service}")),
    (templates_stand_in_the_scope_to_the_letter, swap("restart", "restart {service}", "restart nginx")),
    (templates_stand_in_the_scope_to_the_letter, swap("restart", "step.change", "step.look")),
    (templates_stand_in_the_scope_to_the_letter, swap("restart-through-platform", '"@element"', "1001")),
    (templates_stand_in_the_scope_to_the_letter, swap("restart-through-platform", "RestartServices", "StopEnv")),
    (templates_stand_in_the_scope_to_the_letter, swap("look", "known.config_test", "known.name")),
    (templates_stand_in_the_scope_to_the_letter, added("look", 'step.look(f"systemctl cat {service}")')),
    (every_entry_of_the_scope_is_used, without("restart-in-container")),
    (
        another_element_is_named_only_where_the_entry_allows_it,
        swap("restart", 'restart {service}"', 'restart {service}", on=known.peer'),
    ),
    (a_change_is_proved_in_its_cell_or_the_scope_says_why_not, swap("enable", "step.prove", "step.look")),
    (a_change_is_proved_in_its_cell_or_the_scope_says_why_not, added("restart", RESTART)),
    (what_takes_a_change_back_is_a_change_of_the_scope, swap("drain", "enable_me.sh", "enable.sh")),
]


@pytest.mark.parametrize(
    ("rule", "mutation"), MUTATIONS, ids=[f"{i}-{r.__name__}" for i, (r, _) in enumerate(MUTATIONS)]
)
def test_a_runbook_that_breaks_the_rule_is_noticed(
    rule: Callable[[Book], None], mutation: Callable[[Book], None]
) -> None:
    book = read(RUNBOOKS / "06-restarting-processes.ipynb")
    before = copy.deepcopy(book.data)
    mutation(book)
    assert book.data != before
    with pytest.raises((AssertionError, SyntaxError)):
        rule(book)


def test_every_rule_but_the_scopes_own_was_seen_to_fail() -> None:
    assert set(RULES) - {r for r, _ in MUTATIONS} == {no_parameter_names_a_host_by_default}
