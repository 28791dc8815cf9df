import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsguide.record import visible, words
from opsguide.record.words import Context
from record import sample

INTENT = sample.intent(run="20260301T020304Z-restarting-processes-uh-01-5f0c9a3e")
SEND = {"type": "send", "command": 2, "verb": "change", "on": "uh-01", "line": "ssh uh-01 -- x", "deadline": 90}
LOOK = {**SEND, "verb": "look"}


def say(type: str, send: dict | None = None, streamed: bool = False, **fields):
    return words.lines({"type": type, **fields}, Context(INTENT, send or {}, streamed))


def test_a_run_opens_with_the_platform_and_practice_or_real():
    assert words.banner(INTENT)[0] == "lab (PRACTICE)"
    for practice in (False, None, "yes", 1):
        real = sample.intent(platform={"name": "north", "practice": practice})
        assert words.banner(real)[0] == "north (REAL)"
    assert words.banner({})[0] == "unknown platform (REAL)"


def test_the_banner_says_what_where_who_why_and_by_which_cell():
    assert words.banner(INTENT)[1:] == [
        "Restarting Processes on uh-01",
        "  table:   Restarting Processes on user host = Hosting Provider, edition seed (3fa94c81d2aa)",
        "  where:   uh-01, user host",
        "  mode:    apply",
        "  who:     Anna Berg (user anna, uid 1000; socket peer)",
        "  why:     nginx leaks memory",
        "  with:    element=uh-01, service=nginx, mode=apply",
        "  through: opsguide run",
        "  runbook: 06-restarting-processes.ipynb, compared cell by cell (dddddddddddd)",
        "  run:     20260301T020304Z-restarting-processes-uh-01-5f0c9a3e",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a on b = c", "a on b = c, edition seed (3fa94c81d2aa)"),
        ("a on b: c (edition seed)", "a on b: c (edition seed), digest 3fa94c81d2aa"),
        ("a on b: c, edition seed 3fa94c81d2aa", "a on b: c, edition seed 3fa94c81d2aa"),
    ],
)
def test_the_cell_is_named_with_its_edition_and_digest_once(text, said):
    assert f"  table:   {said}" in words.banner(sample.intent(cell={"party": "c", "text": text}))


def test_a_container_is_named_with_its_host_and_environment():
    element = {"name": "node101", "kind": "end-user-container", "host": "uh-01", "ctid": 101, "env": "shop"}
    text = "\n".join(words.banner(sample.intent(element=element)))
    assert "where:   node101, end-user container 101 on uh-01, environment shop\n" in text


def test_the_runbook_is_named_with_its_digest_and_how_it_is_compared():
    runbook = {"name": "06.ipynb", "sha256": "3fa94c81d2aa" + 52 * "0"}
    assert "runbook: 06.ipynb, compared cell by cell (3fa94c81d2aa)" in "\n".join(
        words.banner(sample.intent(runbook=runbook))
    )


def test_a_command_is_announced_with_what_it_is_where_and_how_long_it_may_take():
    assert say("send", **SEND_FIELDS) == ["CHANGE on uh-01, at most 1 min 30 s", "$ ssh uh-01 -- x"]
    assert say("send", **{**SEND_FIELDS, "verb": "look", "deadline": None}) == ["look on uh-01", "$ ssh uh-01 -- x"]


SEND_FIELDS = {key: value for key, value in SEND.items() if key != "type"}


def test_an_answer_has_its_output_its_exit_and_its_verdict():
    met = {"state": "ok", "exit": 0, "seconds": 1.2, "out": "active\n", "err": "warned\n", "met": True}
    assert say("answer", LOOK, **met, words="nginx is active") == [
        "  active", "! warned", "exit 0 in 1.2 s", "OK  nginx is active",
    ]  # fmt: skip
    assert say("answer", LOOK, True, **met, words="nginx is active") == ["exit 0 in 1.2 s", "OK  nginx is active"]
    failed = {**met, "state": "failed", "exit": 3, "met": False, "tries": 4, "out": "", "err": ""}
    assert say("answer", LOOK, **failed, words="expected active, got inactive") == [
        "exit 3 in 1.2 s, 4 tries", "FAILED  expected active, got inactive",
    ]  # fmt: skip


def test_an_answer_of_the_platform_api_has_a_result():
    assert say("answer", {"kind_of": "api", "verb": "look"}, state="ok", exit=0, seconds=0.3) == ["result 0 in 0.3 s"]


@pytest.mark.parametrize(
    ("state", "first"),
    [
        ("timeout", "TIMEOUT  no end within 1 min"),
        ("lost", "LOST  the connection ended after 1 min, before the command did"),
    ],
)
def test_without_an_exit_status_the_reason_is_said_and_for_a_change_the_doubt(state, first):
    fields = {"state": state, "exit": None, "seconds": 60}
    assert say("answer", LOOK, **fields) == [first]
    assert say("answer", SEND, **fields) == [first + "; whether it took effect is not known"]


def test_a_look_that_was_given_up_is_cut_off_and_a_change_is_unknown():
    fields = {"state": "unknown", "exit": None, "seconds": 60}
    assert say("answer", LOOK, **fields) == ["CUT OFF  given up before it ended"]
    assert say("answer", SEND, **fields)[0].startswith("UNKNOWN  nobody saw")


def test_a_command_that_never_left_is_said_not_to_have_run():
    assert say("answer", SEND, state="not-run", exit=None, seconds=0, words="no route to host") == [
        "NOT SENT  nothing ran on the element", "note: no route to host",
    ]  # fmt: skip


def test_a_refusal_says_the_cell_the_edition_who_may_and_what_next():
    said = say(
        "refused", words="this cell belongs to Jelastic Operations", rule="2", who_may="Jelastic Operations",
        cell="Editing System Files on infrastructure container = Jelastic Operations", next="opsguide run",
    )  # fmt: skip
    assert said == [
        "REFUSED  this cell belongs to Jelastic Operations",
        "  cell:    Editing System Files on infrastructure container = Jelastic Operations",
        "  edition: seed (3fa94c81d2aa)",
        "  may act: Jelastic Operations",
        "  rule:    2",
        "  next:    opsguide run",
    ]
    assert "  cell:    Restarting Processes on user host = Hosting Provider" in say("refused", words="no")


def test_a_hold_says_how_to_look_and_how_to_settle():
    assert say("hold", element="uh-01", words="command 2 is unknown", settle="systemctl is-active nginx") == [
        "HELD  uh-01: command 2 is unknown",
        "  look:    systemctl is-active nginx",
        f'  next:    opsguide resume {INTENT["run"]} --found done|not-done --why "…"',
    ]


def test_settling_says_who_found_what_and_why():
    said = say("settled", element="uh-01", command=2, found="not-done", why="pid is the old one", person={"name": "Bo"})
    assert said == ["SETTLED  uh-01: command 2 found not done", "  by:      Bo", "  why:     pid is the old one"]


def test_steps_plans_conditions_cells_notes_and_ends():
    assert say("step", step="restart", attempt=1, applies=True) == ["== restart"]
    assert say("step", step="restart", attempt=2, applies=True) == ["== restart (attempt 2)"]
    assert say("step", step="drain", attempt=1, applies=False) == ["== drain: does not apply"]
    assert say("planned", verb="change", on="uh-01", line="ssh x", expect_words="", words="") == [
        "change on uh-01, planned", "would run: ssh x",
    ]  # fmt: skip
    assert say("planned", verb="prove", on="uh-01", line="ssh x", expect_words="nginx is active", words="")[2:] == [
        "would check: nginx is active",
    ]  # fmt: skip
    assert say("planned", verb="edit", on="uh-01", line="", diff="-a\n+b\n")[1:] == ["  -a", "  +b"]
    assert say("require", met=True, words="there is room") == ["OK  there is room (judged in the notebook)"]
    assert say("require", met=False, words="there is room", inputs={"free": 1}) == [
        "FAILED  there is room (judged in the notebook; free: 1)",
    ]  # fmt: skip
    assert say("cell", cell=3, id="restart", source="x", known=True) == ["[3] restart"]
    assert say("cell", cell=3, id="", source="x", known=False) == ["[3] cell: NOT a cell of the repository's runbook"]
    assert say("cell", cell=3, id="a", source="", known=None) == ["[3] a: its source is not recorded"]
    assert say("cell-end", cell=3, state="ok", seconds=1) == []
    assert say("cell-end", cell=3, state="interrupted", seconds=1) == ["[3] interrupted after 1 s"]
    assert say("note", words="look here") == ["note: look here"]
    assert say("open", element="hcore1", words="it is drained", undo="enable_me.sh")[1] == "  undo:    enable_me.sh"
    assert say("closed", element="hcore1", undo="enable_me.sh") == ["CLOSED  hcore1: enable_me.sh"]
    assert say("end", state="failed", exit=1, words="step restart failed") == ["FAILED  step restart failed (exit 1)"]
    assert say("output", kind="error", name="ValueError", text="no number") == ["! ValueError: no number"]
    assert "cannot put into words" in say("from-the-future")[0]


def test_a_proof_names_its_evidence_and_what_contradicts():
    evidence = [{"what": "role marker", "value": "user-host", "agrees": False}, {"what": "boot id", "value": "7"}]
    assert say("proof", element="uh-01", verdict="contradicted", evidence=evidence, api="silent", words="no") == [
        "CONTRADICTED  uh-01: no",
        "  role marker: user-host (CONTRADICTS)",
        "  boot id: 7 (not compared)",
        "  platform API: silent",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 s"), (0.004, "0.004 s"), (0.04, "0.04 s"), (1.2, "1.2 s"), (59.96, "1 min"), (200, "3 min 20 s"),
     (7500, "2 h 5 min"), (3600, "1 h"), (None, "an unknown time"), ("x", "x s"), (float("nan"), "nan s")],
)  # fmt: skip
def test_durations_are_words(value, text):
    assert words.seconds(value) == text


def test_long_output_is_head_tail_and_where_the_rest_is():
    text = "".join(f"{number}\n" for number in range(1, 873))
    shown = say("answer", state="ok", exit=0, seconds=1, out=text, out_file="output/c0007.out")
    assert shown[:40] == [f"  {number}" for number in range(1, 41)]
    assert shown[40] == "… 812 lines more: output/c0007.out"
    assert shown[41:61] == [f"  {number}" for number in range(853, 873)]
    assert "events.jsonl line 8" in say("answer", seq=7, state="ok", exit=0, seconds=1, out=text)[40]


def test_of_a_stream_in_a_file_the_lines_between_are_counted(tmp_path):
    run = sample.begin(tmp_path)
    spool = run.journal.output(7, "out")
    for number in range(1, 20_001):
        spool.write(f"line {number}\n")
    shown = say("answer", state="ok", exit=0, seconds=1, **spool.close())
    assert shown[40] == "… 19940 lines more: output/c0007.out"
    assert shown[60] == "  line 20000"


@given(st.text(alphabet="ab\n\r\t\x1b", max_size=400), st.lists(st.integers(0, 400), max_size=8))
def test_the_screen_shows_in_pieces_what_the_page_shows_at_once(text, places):
    stream, shown, last = visible.Stream(), [], 0
    for place in sorted(place for place in places if place < len(text)):
        shown += stream.feed(text[last:place])
        last = place
    assert [*shown, *stream.feed(text[last:]), *stream.end()] == visible.excerpt(text)


def test_one_endless_line_costs_no_memory_and_is_cut():
    stream = visible.Stream()
    for _ in range(1000):
        stream.feed("a" * 10_000)
    assert stream.end() == ["  " + "a" * 2000 + " … 9998000 characters more"]


HOSTILE = "\x1b[2J\x1b]0;x\x07\rOK  nginx is active\nexit 0 in 0.1 s\u202e\x9b\x7f\udc80\u200b"


def test_hostile_output_can_neither_act_nor_pass_for_our_own_lines():
    shown = say("answer", state="failed", exit=1, seconds=1, out=HOSTILE, err=HOSTILE, met=False, words=HOSTILE)
    assert shown[0] == "  ␛[2J␛]0;x␇␍OK  nginx is active"
    assert shown[1] == "  exit 0 in 0.1 s\\u202e\\x9b␡\\udc80\\u200b"
    assert [line[:2] for line in shown] == ["  ", "  ", "! ", "! ", "ex", "FA"]
    assert all(line.isprintable() for line in shown)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "step",
    "attempt",
    "applies",
    "words",
    "cell",
    "id",
    "source",
    "known",
    "kind",
    "name",
    "text",
    "png",
    "state",
    "seconds",
    "command",
    "verb",
    "on",
    "kind_of",
    "line",
    "deadline",
    "note",
    "exit",
    "out",
    "err",
    "out_tail",
    "out_lines",
    "met",
    "tries",
    "diff",
    "expect_words",
    "inputs",
    "rule",
    "who_may",
    "next",
    "element",
    "undo",
    "settle",
    "found",
    "why",
    "person",
    "how",
    "evidence",
    "verdict",
    "api",
    "seq",
    "edition",
]


@given(st.sampled_from([*words.SPEAKERS, "answer"]), st.dictionaries(st.sampled_from(FIELDS), ANY, max_size=12))
def test_no_event_however_odd_keeps_its_words_from_being_said(kind, fields):
    said = words.lines({**fields, "type": kind}, Context(INTENT, fields))
    assert all(line.replace("\t", "").isprintable() for line in said)
