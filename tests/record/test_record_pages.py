"""Suite H without a browser: what the notebook and the page hold when everything in them is hostile."""

import html.parser
import json
import re

import nbformat
import pytest

from opsguide.record import journal, notebook_page, page, story
from opsguide.record.seal import seal
from record import sample
from record.hostile import PNG, evil_run


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
               "img", "footer", "code", "a", "svg", "rect"}  # fmt: skip
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


def lost(run):
    """A reboot that was lost and then settled, an enabling that nobody sent, and a drain that is in force."""
    sample.send(run, 1, "change", step="reboot")
    sample.answer(run, 1, state="lost", exit=None)
    run.journal.append("settled", element="uh-01", command=1, found="done", why="another boot id")
    for number in (2, 3):
        sample.send(run, number, "change", step="stop")
        sample.answer(run, number)
    sample.send(run, 4, "change", step="enable", on="hcore1")
    sample.answer(run, 4, state="not-run", exit=None)
    run.journal.append("open", element="hcore1", words="drained", undo="enable.sh")


def listed(run):
    run.journal.append("planned", step="restart", verb="change", on="uh-01", line="x", expect_words="", words="")
    run.journal.append("planned", step="restart", verb="prove", on="uh-01", line="x", expect_words="", words="")


def nothing(run):
    sample.send(run, 1, "look")
    sample.answer(run, 1)


@pytest.mark.parametrize(
    ("state", "mode", "did", "changed", "still"),
    [
        ("succeeded", "apply", sample.work, "restart on uh-01 ok", "Nothing was left open."),
        (
            "failed",
            "apply",
            lost,
            "reboot on uh-01 lost, found done; stop on uh-01 ok (2 times); enable on hcore1 not sent",
            "undo:    enable.sh",
        ),
        ("refused", "apply", lambda run: None, "nothing", "Nothing was left open."),
        ("requested", "request", listed, "nothing; asked for: restart on uh-01", "The request is open until"),
        ("succeeded", "plan", listed, "nothing; planned: restart on uh-01", "Nothing was left open."),
        ("interrupted", "apply", nothing, "nothing", "Nothing was left open."),
        ("unknown", "apply", lambda run: sample.send(run, 1, "change"), "restart on uh-01 unknown", "Nothing was left"),
    ],
)
def test_the_first_screen_says_who_what_when_why_what_changed_and_what_is_open(
    tmp_path, state, mode, did, changed, still
):
    run = sample.begin(tmp_path, mode=mode)
    did(run)
    path = seal(run, state, 1, "its words")
    notebook = nbformat.read(path / f"{path.name}.ipynb", as_version=4).cells[0].source
    found = Page((path / "report.html").read_text())
    report = " ".join("".join(found.text).split("Commands")[0].split())
    head = f"{state.upper()}{' (plan)' if mode == 'plan' else ''}: Restarting Processes on uh-01"
    assert notebook.startswith(f"# {notebook_page.markdown(head)}\n".replace("\\:", ":"))
    assert head in report
    cell = "Restarting Processes on user host = Hosting Provider, edition seed (3fa94c81d2aa)"
    for said in ("its words", cell, "Anna Berg", "nginx leaks memory", " ".join(still.split())):
        assert said in report
        assert said in " ".join(notebook.split()) or notebook_page.markdown(said) in notebook
    assert re.search(r"\| when \| \d{4}-\d\d-\d\d .* UTC", notebook)
    assert f"| changed | {notebook_page.markdown(changed)} |" in notebook
    assert f"changed{changed}" in report


def parts(events):
    told = story.tell(sample.intent(), events)
    return told, [(part.cell.get("cell"), part.state) for part in told.parts]


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
    text = "\n".join(story.transcript(told))
    assert "[2] interrupted: this cell never ended" in text
    assert "[3] error after 1 s" in text
    assert text.count("NO ANSWER") == 3
    assert text.endswith("RUNNING  this run has not ended")


def test_a_report_leads_from_its_verdict_to_what_went_wrong_and_the_error_stands_out(tmp_path):
    run = sample.begin(tmp_path)
    run.journal.append("cell", cell=1, id="a", source="x", known=True)
    for number, state in ((1, "ok"), (2, "failed"), (3, "ok")):
        sample.send(run, number)
        sample.answer(run, number, state=state, met=state == "ok")
    run.journal.append("output", cell=1, kind="error", name="FailedError", text="FailedError: no\n  next:    look")
    path = seal(run, "failed", 1, "step restart failed")
    report = (path / "report.html").read_text()
    assert '<a href="#c2">see command 2</a>' in report
    assert '<span class="bad">! FailedError: no</span>\n<span class="plain">!   next:    look</span>' in report
    assert report.count('<rect class="bad"') == 1
    assert "see command" not in (sample.sealed(tmp_path) / "report.html").read_text()


def test_a_bar_shows_when_a_command_ran_and_how_long(tmp_path):
    run = sample.begin(tmp_path)
    sample.send(run, 1)
    sample.send(run, 2, "change")
    told, _ = parts(journal.read(run.path))
    at = [
        {**c.send, "at": f"2026-01-01T00:00:{second:02}.000Z"}
        for c, second in zip(told.commands.values(), (0, 10), strict=True)
    ]
    end = {"at": "2026-01-01T00:00:40.000Z"}
    told.commands.update({1: story.Command(at[0], {}), 2: story.Command(at[1], end)})
    assert page.bars(told) == [{"begins": 0.0, "lasts": 2.0}, {"begins": 25.0, "lasts": 75.0}]
    told.commands.update({1: story.Command({"at": "never"}, {}), 2: story.Command(at[1], {})})
    assert page.bars(told) == [{"begins": 0.0, "lasts": 100.0}] * 2


def test_a_bar_is_seen_however_short_and_never_over_the_end():
    def command(first, last):
        return story.Command({"at": f"2026-01-01T00:00:{first:02}Z"}, {"at": f"2026-01-01T00:00:{last:02}Z"})

    def bars(*commands):
        return [
            (bar["begins"], bar["lasts"]) for bar in page.bars(story.Story({}, [], dict(enumerate(commands)), {}, []))
        ]

    assert bars(command(0, 10), command(10, 10), command(5, 50)) == [(0.0, 20.0), (20.0, 2.0), (10.0, 90.0)]
    assert bars(command(0, 50), command(50, 50)) == [(0.0, 100.0), (98.0, 2.0)]
    assert bars(command(7, 7)) == [(0.0, 100.0)]
    assert bars() == []


@pytest.mark.parametrize(("verb", "state", "met", "tone"), [
    ("look", "ok", None, "plain"), ("look", "failed", None, "bad"), ("look", "ok", False, "bad"),
    ("change", "ok", None, "loud"), ("edit", "ok", None, "loud"), ("change", "lost", None, "bad"),
    ("prove", "ok", True, "ok"), ("prove", "ok", False, "bad"), ("change", None, None, "bad"),
])  # fmt: skip
def test_the_colour_of_a_bar_is_what_went_wrong_what_changed_or_what_was_proved(verb, state, met, tone):
    assert page.tone(story.Command({"verb": verb}, {"state": state, "met": met} if state else {})) == tone


@pytest.mark.parametrize(("line", "tone"), [
    ("OK  nginx is active", "ok"), ("PROVEN  uh-01", "ok"), ("SUCCEEDED", "ok"), ("FAILED  x", "bad"), ("NO ANSWER  x", "bad"),
    ("UNKNOWN", "bad"), ("CHANGE on uh-01", "loud"), ("EDIT on uh-01", "loud"), ("== restart", "head"), ("$ ssh uh-01", "sent"),
    ("! warned", "err"), ("  active", "out"), ("exit 0 in 1 s", "plain"), ("OKAY", "plain"),
])  # fmt: skip
def test_the_colour_of_a_line_follows_from_its_first_word(line, tone):
    assert page.toned([line]) == [(tone, line)]


def test_cells_that_are_not_the_repositorys_are_marked(tmp_path):
    run = sample.begin(tmp_path)
    run.journal.append("cell", cell=1, id="extra", source="print(1)", known=False)
    run.journal.append("cell-end", cell=1, state="ok", seconds=1)
    path = seal(run, "succeeded", 0, "")
    for name in (f"{path.name}.ipynb", "report.html"):
        assert "NOT a cell of the repository" in (path / name).read_text()


def test_the_runbooks_words_stand_before_a_cell_as_text(tmp_path):
    words = "## 1 Look\n\nSee [Other](07-x.ipynb), <b>not</b>.\n\n**Expect** `OK`\n# and ![x](https://e.example/x.png)"
    run = sample.begin(tmp_path)
    run.journal.append("cell", cell=1, id="look", source="x", known=True, about=words)
    run.journal.append("cell-end", cell=1, state="ok", seconds=1)
    path = seal(run, "succeeded", 0, "")
    text = (path / "report.html").read_text()
    assert '<p class="about first">1 Look</p>\n<p class="about">See Other, &lt;b&gt;not&lt;/b&gt;.</p>' in text
    assert '<span class="sent">Expect</span> `OK`\n# and !x</p>' in text
    cells = nbformat.read(path / f"{path.name}.ipynb", as_version=4).cells
    about = cells[[cell.id for cell in cells].index("about-2")].source.split("\n\n")
    assert about[:2] == ["### 1 Look", r"See Other, \<b\>not\</b\>."]
    assert about[2].startswith(r"**Expect** \`OK\`")


def test_a_cell_that_sets_parameters_is_no_alarm(tmp_path):
    run = sample.begin(tmp_path)
    for known, name in ((None, "parameters"), (False, "extra")):
        run.journal.append("cell", cell=1, id=name, source="x", known=known)
        run.journal.append("cell-end", cell=1, state="ok", seconds=1)
    text = (seal(run, "succeeded", 0, "") / "report.html").read_text()
    assert "<h3>[1] parameters: sets parameters</h3>" in text
    assert '<h3 class="bad">[1] extra: NOT a cell of the repository' in text


def test_the_table_of_commands_has_each_as_it_was_asked_there():
    filled = {"template": "awk {{ print $1 }} {path}", "slots": {"path": "/etc/hosts"}, "line": "ssh x"}
    assert page.asked(filled) == "awk { print $1 } /etc/hosts"
    assert page.asked({"template": "find -exec {} {other}", "slots": {}}) == "find -exec {} {other}"
    assert page.asked({"kind_of": "api", "template": "a.B", "slots": {"id": "3", "on": "true"}}) == "a.B(id=3, on=true)"
    assert page.asked({"line": "ssh uh-01 -- x", "slots": None}) == "ssh uh-01 -- x"


def test_tries_of_one_check_are_told_once_with_the_last_answer(tmp_path):
    run = sample.begin(tmp_path)
    for number in (1, 2, 3):
        sample.send(run, number, "prove", **{"try": number})
        last = number == 3
        sample.answer(run, number, f"answer {number}\n", state="ok" if last else "failed", met=last, tries=number)
    sample.send(run, 4, "prove", **{"try": 1})
    sample.answer(run, 4, "answer 4\n", met=True)
    told, _ = parts(journal.read(run.path))
    text = story.transcript(told)
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
    text = story.transcript(told)
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
