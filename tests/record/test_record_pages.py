"""Suite H without a browser: what the notebook and the page hold when everything in them is hostile."""

import base64
import html.parser
import json
import re

import nbformat
import pytest

from opsguide.record import journal, notebook_page, page, story, words
from opsguide.record.seal import seal
from record import sample

EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> ![p](http://evil.example/p.png) [l](javascript:alert(1)) "
    '"><svg onload=alert(1)> {{ 7*7 }} </pre></style> `x` $x$ | a \x1b[31mred\x1b[0m \u202e http://evil.example/x'
)
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode()


def evil_run(root):
    run = sample.begin(
        root,
        reason=EVIL,
        parameters={EVIL: EVIL},
        person={"name": EVIL, "uid": EVIL, "user": EVIL, "how": EVIL},
        cell={"party": EVIL, "text": EVIL},
        runbook={"name": EVIL, "sha256": EVIL, "matches": False},
    )
    write = run.journal.append
    write("proof", element=EVIL, verdict=EVIL, evidence=[{"what": EVIL, "value": EVIL}], api=EVIL, words=EVIL)
    write("cell", cell=1, id=EVIL, source=EVIL + "\n" + EVIL, known=False)
    write("step", step=EVIL, attempt=1, applies=True, words=EVIL)
    sample.send(run, 1, "change", EVIL, on=EVIL, note=EVIL, step=EVIL)
    sample.answer(run, 1, EVIL, EVIL, state="failed", met=False, words=EVIL)
    write("output", cell=1, kind="display", name="", text=EVIL, html="<script>alert(2)</script>", png=PNG)
    write("output", cell=1, kind="display", name="", text="", html="<iframe src=http://evil.example>", png=EVIL)
    write("output", cell=1, kind="error", name=EVIL, text=EVIL)
    write("output", cell=1, kind="stream", name="stdout", text=EVIL)
    write("planned", step=EVIL, verb="edit", on=EVIL, line=EVIL, expect_words=EVIL, words=EVIL, diff=EVIL)
    write("refused", words=EVIL, rule=EVIL, cell={"text": EVIL}, who_may=EVIL, next=EVIL, exit=3)
    write("open", element=EVIL, words=EVIL, undo=EVIL)
    write("hold", element=EVIL, command=1, words=EVIL, settle=EVIL)
    write("note", words=EVIL)
    return seal(run, "failed", 1, EVIL)


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        self.text.append(data)


def test_nothing_in_a_hostile_page_is_active_or_fetched(tmp_path):
    found = Page((evil_run(tmp_path) / "report.html").read_text())
    allowed = {"html", "head", "meta", "title", "style", "body", "header", "p", "h1", "h2", "h3", "main", "section",
               "table", "thead", "tbody", "tr", "th", "td", "div", "article", "details", "summary", "pre", "span",
               "img", "footer", "code", "a"}  # fmt: skip
    assert set(found.tags) <= allowed
    assert [name for _, name, _ in found.attributes if name.startswith("on") or name in ("style", "srcset")] == []
    links = [value for _, name, value in found.attributes if name in ("src", "href")]
    assert links
    assert all(re.fullmatch(r"#c\d+|data:image/png;base64,[A-Za-z0-9+/=]+", link) for link in links)
    policy = [value for tag, name, value in found.attributes if (tag, name) == ("meta", "content")]
    assert policy[0] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert "\x1b" not in "".join(found.text)
    assert "\u202e" not in "".join(found.text)
    assert "<script>alert(1)</script>" in "".join(found.text)


def test_a_hostile_notebook_is_valid_and_holds_text_and_png_only(tmp_path):
    path = evil_run(tmp_path)
    notebook = nbformat.reads((path / f"{path.name}.ipynb").read_text(), as_version=4)
    nbformat.validate(notebook)
    kinds = {kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert kinds == {"text/plain", "image/png"}
    text = json.dumps(notebook, ensure_ascii=False)
    assert "\\u001b" not in text
    assert "\u202e" not in text
    assert [cell.source for cell in notebook.cells if cell.cell_type == "code"][-1].startswith("<script>")


def test_a_hostile_value_in_the_notebooks_header_stays_text(tmp_path):
    import mistune

    path = evil_run(tmp_path)
    notebook = nbformat.read(path / f"{path.name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            made = mistune.create_markdown(escape=False, plugins=["table", "url", "math", "strikethrough"])(cell.source)
            shown = Page(made)
            assert set(shown.tags) <= {
                "h1",
                "h2",
                "p",
                "strong",
                "table",
                "thead",
                "tbody",
                "tr",
                "th",
                "td",
                "pre",
                "code",
            }
            assert not [name for _, name, _ in shown.attributes if name in ("src", "href")]


def test_the_notebook_opens_on_the_verdict_and_the_facts(tmp_path):
    path = sample.sealed(tmp_path)
    notebook = nbformat.read(path / f"{path.name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    first = notebook.cells[0].source
    assert first.startswith("# SUCCEEDED: Restarting Processes on uh-01\n\n**lab \\(PRACTICE\\)** all steps are done")
    for fact in (
        "Hosting Provider, edition seed \\(3fa94c81d2aa\\)",
        "Anna Berg",
        "nginx leaks memory",
        "UTC",
        "service=nginx",
    ):
        assert fact.replace("=", "\\=") in first
    assert "Nothing was left open." in first
    cell = next(cell for cell in notebook.cells if cell.metadata.get("opsguide", {}).get("id") == "restart")
    assert cell.source.startswith('step = run.step("restart")')
    assert cell.outputs[0].text.split("\n")[:5] == [
        "== restart", "look on uh-01, at most 1 min", "$ ssh uh-01 -- systemctl show -p MainPID --value nginx", "  812",
        "exit 0 in 0.04 s",
    ]  # fmt: skip
    assert notebook.metadata.kernelspec.name == "opsguide-record"


def test_what_is_still_open_is_said_on_top_with_the_way_to_close_it(tmp_path):
    run = sample.begin(tmp_path)
    run.journal.append("open", element="uh-01", words="nginx is drained", undo="bash /root/scripts/enable_me.sh")
    run.journal.append("open", element="uh-01", words="taken back", undo="other.sh")
    run.journal.append("closed", element="uh-01", undo="other.sh")
    sample.send(run, 4, "change")
    run.journal.append("hold", element="uh-01", command=4, words="nobody knows", settle="systemctl is-active nginx")
    path = seal(run, "unknown", 5, "the link was cut")
    first = nbformat.read(path / f"{path.name}.ipynb", as_version=4).cells[0].source
    report = "".join(Page((path / "report.html").read_text()).text)
    for text in (first, report):
        assert "undo:    bash /root/scripts/enable_me.sh" in text
        assert f"opsguide resume {path.name} --found done|not-done --why" in text
        assert "taken back" not in text.split("Commands")[0]
    assert "NO ANSWER  nothing was written down after this; whether it took effect is not known" in report


def parts(events):
    told = story.tell(sample.intent(), events)
    return told, [(part.cell.get("cell"), part.state) for part in told.parts]


def transcript(told):
    """All parts of a run as lines, as both pages show them."""
    lines = []
    for part in told.parts:
        said = [line for _, piece in story.blocks(told, part) for line in piece]
        shown = [line for event in story.printed(part, said) for line in words.lines(event)]
        lines += [*story.head(part), *said, *shown, *story.foot(part)]
    return lines


def test_cells_are_told_in_order_and_one_without_an_end_was_interrupted(tmp_path):
    run = sample.begin(tmp_path)
    for number, end in ((1, "ok"), (2, None), (3, "error")):
        run.journal.append("cell", cell=number, id=f"c{number}", source="x", known=True)
        sample.send(run, number)
        if end:
            run.journal.append("cell-end", cell=number, state=end, seconds=1)
    sample.answer(run, 2)
    sample.send(run, 9)
    told, found = parts(journal.read(run.path))
    assert found == [(None, ""), (1, "ok"), (2, "interrupted"), (3, "error"), (None, "")]
    text = "\n".join(transcript(told))
    assert "[2] interrupted: this cell never ended" in text
    assert "[3] error after 1 s" in text
    assert text.count("NO ANSWER") == 3
    assert told.state == "running"


def test_cells_that_are_not_the_repositorys_are_marked(tmp_path):
    run = sample.begin(tmp_path)
    run.journal.append("cell", cell=1, id="extra", source="print(1)", known=False)
    run.journal.append("cell-end", cell=1, state="ok", seconds=1)
    path = seal(run, "succeeded", 0, "")
    for name in (f"{path.name}.ipynb", "report.html"):
        assert "NOT a cell of the repository" in (path / name).read_text()


def test_tries_of_one_check_are_told_once_with_the_last_answer(tmp_path):
    run = sample.begin(tmp_path)
    for number in (1, 2, 3):
        sample.send(run, number, "prove", **{"try": number})
        last = number == 3
        sample.answer(run, number, f"answer {number}\n", state="ok" if last else "failed", met=last, tries=number)
    sample.send(run, 4, "prove", **{"try": 1})
    sample.answer(run, 4, "answer 4\n", met=True)
    told, _ = parts(journal.read(run.path))
    text = transcript(told)
    assert len(told.commands) == 2
    assert [line for line in text if line.startswith("  answer")] == ["  answer 3", "  answer 4"]
    assert "exit 0 in 1.2 s, 3 tries" in text


def test_what_the_kernel_printed_is_not_told_twice(tmp_path):
    run = sample.begin(tmp_path)
    run.journal.append("cell", cell=1, id="a", source="x", known=True)
    sample.send(run, 1, line="ssh x")
    sample.answer(run, 1, "active\n")
    run.journal.append(
        "output", cell=1, kind="stream", name="stdout", text="$ ssh x\n  active\nexit 0 in 1.2 s\nmine\n"
    )
    run.journal.append("cell-end", cell=1, state="ok", seconds=1)
    told, _ = parts(journal.read(run.path))
    text = transcript(told)
    assert (text.count("$ ssh x"), text.count("  active"), text.count("  mine")) == (1, 1, 1)


def test_the_same_events_give_the_same_bytes(tmp_path):
    path = sample.sealed(tmp_path)
    intent, events = json.loads((path / "intent.json").read_text()), journal.read(path)
    assert notebook_page.render(intent, events) == (path / f"{path.name}.ipynb").read_bytes()
    assert page.render(intent, events) == (path / "report.html").read_bytes()


def test_a_page_that_cannot_be_rendered_does_not_keep_the_truth_from_being_sealed(tmp_path, monkeypatch):
    def broken(intent, events):
        raise ZeroDivisionError("<b>bug</b>")

    monkeypatch.setattr(page, "render", broken)
    path = sample.sealed(tmp_path)
    assert "could not be rendered: ZeroDivisionError: &lt;b&gt;bug&lt;/b&gt;" in (path / "report.html").read_text()
    nbformat.validate(nbformat.read(path / f"{path.name}.ipynb", as_version=4))
    assert json.loads((path / "seal.json").read_text())["state"] == "succeeded"


@pytest.mark.parametrize("png", ["", "x", "PHN2Zz48L3N2Zz4=", "é", PNG[:-3]])
def test_what_is_no_png_is_not_embedded(png):
    assert notebook_page.picture({"png": png}) in ("", png)
    assert notebook_page.picture({"png": "PHN2Zz48L3N2Zz4="}) == ""


def test_the_page_has_a_language_headings_and_header_cells(tmp_path):
    found = Page((sample.sealed(tmp_path) / "report.html").read_text())
    assert ("html", "lang", "en") in found.attributes
    assert found.tags.count("h1") == 1
    assert ("th", "scope", "col") in found.attributes
    assert ("th", "scope", "row") in found.attributes
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert ids == ["c1", "c2", "c3"]


def test_neither_verifying_nor_speaking_imports_jupyter_or_jinja():
    import subprocess
    import sys

    code = (
        "import sys; from opsguide.record import seal, summary, verify, words;"
        "print([m for m in ('nbformat', 'IPython', 'jinja2', 'paramiko', 'pandas', 'papermill') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
