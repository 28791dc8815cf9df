"""A request on its way to the support: mail and files, what is written when, and what happens when nobody saw the end."""

from __future__ import annotations

import base64
import json
import os
import pwd
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

import mail_server
from desk import wait_for
from mail_server import PASSWORD, Mailbox
from opsguide.broker import requests
from opsguide.errors import LockedError, OpsguideError
from opsguide.guide import scopes
from opsguide.launch import accepting
from opsguide.launch.cli import cli
from opsguide.reach import inventory
from opsguide.record import handoffs
from opsguide.record.redaction import Redactor
from opsguide.record.seal import seal
from record import sample

TOKEN = "token-canary-5d1e90aa"
ACTIVITY = {"slug": "logrotate-configuration", "number": 17, "title": "Logrotate Configuration\r\nBcc: evil@evil.test"}
ELEMENT = {"name": "hcore1", "kind": "infrastructure-container", "host": "ih-01", "ctid": 305, "env": "", "node": None}
HOSTILE = "x\r\nBcc: evil@evil.test\r\n\r\n.\r\n\x1b[2J\ud800"
PLATFORM = """\
platform: far
practice: true
edition: seed
domain: far.example
state: {folder}/state
region: west
ssh: {{user: root, key: "file:{folder}/key", known_hosts: {folder}/known_hosts, config: {folder}/ssh_config, port: 1}}
api: {{url: "http://127.0.0.1:1", token: "file:{folder}/token"}}
support:
  folder: requests
  to: support@vendor.test
  from: ops@provider.test
  smtp: {{host: 127.0.0.1, port: {port}, security: starttls, user: opsguide, password: "file:{folder}/smtp",
         ca: {folder}/trust/ca.pem, timeout: "{timeout}"}}
hosts:
  ih-01: {{kind: infrastructure-host, address: 127.0.0.1}}
  ih-02: {{kind: infrastructure-host, address: 127.0.0.2, region: east}}
containers:
  hcore1: {{kind: infrastructure-container, component: hcore, host: ih-01, ctid: 305}}
"""


@dataclass
class Said:
    code: int
    out: str


@dataclass
class Post:
    """A desk without hosts, its platform file, and the mail server behind it."""

    folder: Path
    box: Mailbox

    @property
    def records(self) -> Path:
        return self.folder / "records"

    def write(self, timeout: str = "2 min") -> None:
        for name, secret in (("smtp", PASSWORD), ("token", TOKEN)):
            (self.folder / name).write_text(secret)
            (self.folder / name).chmod(0o600)
        text = PLATFORM.format(folder=self.folder, port=self.box.port, timeout=timeout)
        (self.folder / "far.yml").write_text(text)

    @property
    def options(self) -> list[str]:
        return ["--platform", str(self.folder / "far.yml"), "--records", str(self.records)]

    def __call__(self, *words: str) -> Said:
        done = CliRunner().invoke(cli, [*self.options, *words])
        if isinstance(done.exception, OpsguideError):
            return Said(done.exception.exit_code, str(done.exception))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Said(done.exit_code, done.output)

    def asked(self, **parameters: Any) -> str:
        """A request as the broker writes it, and the number of its hand-off."""
        platform = inventory.load(self.folder / "far.yml")
        values = {"element": "hcore1", "mode": "plan", "reason": HOSTILE, "path": HOSTILE, **parameters}
        run = sample.begin(
            self.records, mode="request", activity=ACTIVITY, element=ELEMENT, parameters=values, reason=HOSTILE
        )
        sample.send(run, 1, line=f"cat {HOSTILE}")
        sample.answer(run, 1, out=f"## Wanted change\n~~~~\n{HOSTILE}")
        listed = [{"verb": "prove", "line": "true", "words": "", "on": "hcore1", "expect_words": HOSTILE, "ask": None},
                  {"verb": "change", "line": f"touch {HOSTILE}", "words": HOSTILE}]  # fmt: skip
        scope = scopes.load("logrotate-configuration")
        grounds = SimpleNamespace(platform=platform, element=platform.element("hcore1"), scope=scope)
        number = requests.write(run, grounds, SimpleNamespace(words="a cell"), listed)  # type: ignore[arg-type]
        seal(run, "requested", 3, f"request written: hand-off {number}")
        return number

    def told(self, number: str) -> dict[str, Any]:
        return handoffs.tell(self.records / "handoffs" / number)

    def story(self, number: str) -> list[str]:
        return [e["type"] for e in self.told(number)["events"]]


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mail_server.made_trust(tmp_path_factory.mktemp("trust"))


@pytest.fixture
def post(tmp_path: Path, trust: Path) -> Iterator[Post]:
    (tmp_path / "trust").symlink_to(trust)
    with mail_server.serving(trust) as box:
        made = Post(tmp_path, box)
        made.write()
        yield made


def test_a_mail_holds_the_request_and_its_data_and_no_value_of_it_makes_a_header(post: Post) -> None:
    number = post.asked()
    done = post("handoff", "send", number, "-p", f"impact=none, token {TOKEN}", "--severity", "4")
    assert done.code == 0, done
    (raw,), (message,) = post.box.mails, post.box.messages()
    heads = {name: message.get_all(name) for name in ("from", "to", "bcc", "cc", "subject")}
    assert heads["from"] == ["ops@provider.test"]
    assert heads["to"] == ["support@vendor.test"]
    assert heads["bcc"] is heads["cc"] is None
    assert heads["subject"] == [
        f"[{number}] severity 4: Logrotate Configuration␍\\nBcc: evil@evil.test on hcore1, platform far"
    ]
    head = raw.partition(b"\r\n\r\n")[0]
    assert b"\r\nBcc" not in head
    text, attached = message.get_body(("plain",)).get_content(), next(message.iter_attachments())
    assert "\x1b" not in text
    assert "\r" not in text.replace("\r\n", "\n")
    assert "- Severity: 4, " in text
    assert "- Region: west" in text
    assert "- impact: none, token [hidden: platform API token]" in text
    assert text.count("\n## Wanted change") == 2, "the request's own, and one in the evidence, which is fenced"
    assert attached.get_filename() == f"{number}.json"
    data = json.loads(attached.get_content())
    assert (data["handoff"], data["severity"], data["region"]) == (number, 4, "west")
    assert data["answers"] == {"impact": "none, token [hidden: platform API token]"}
    assert {q["field"] for q in data["to_fill_in"]} == {"window", "contact", "versions", "access", "rollback"}
    assert post.story(number) == ["opened", "sending", "sent"]
    kept = [p for p in post.records.rglob("*") if p.is_file()]
    assert not [c for c in (TOKEN, PASSWORD) for b in (raw, *(p.read_bytes() for p in kept)) if c.encode() in b]
    assert post("verify", "--all").code == 0


def test_a_secret_that_a_record_holds_all_the_same_is_in_no_mail_and_no_file(post: Post) -> None:
    forms = [PASSWORD, PASSWORD[::-1], PASSWORD.encode().hex(), base64.b64encode(PASSWORD.encode()).decode(), TOKEN]
    number = post.asked(content="\n".join(forms), reason=f"password={PASSWORD}")
    assert post("handoff", "send", number).code == 0
    assert post("handoff", "send", number, "--again", "--to-file").code == 0
    (message,) = post.box.messages()
    texts = [
        message.get_body(("plain",)).get_content(),
        *(a.get_content().decode() for a in message.iter_attachments()),
    ]
    texts += [path.read_text() for path in (post.folder / "requests").iterdir()]
    assert len(texts) == 4
    assert not [(form, text) for form in forms for text in texts if form in text]
    assert all("[hidden: password of the mail server]" in text for text in texts)


def test_the_same_content_has_the_same_id_and_what_is_new_refers_to_the_first(post: Post) -> None:
    number = post.asked()
    assert post("handoff", "send", number).code == 0
    assert post.asked(reason="asked once more") == number
    twice = post("handoff", "send", number)
    assert (twice.code, len(post.box.mails)) == (2, 1)
    assert "--again" in twice.out
    assert post("handoff", "send", number, "--again").code == 0
    assert post("handoff", "send", number, "--again").code == 0
    first, second, third = post.box.messages()
    assert second["message-id"] == third["message-id"] != first["message-id"]
    assert first["references"] is None
    assert second["references"] == second["in-reply-to"] == first["message-id"]
    assert first["subject"] == second["subject"]


@pytest.mark.parametrize(("fault", "code", "end"), [("rcpt 550 no", 1, "not-sent"), ("cut after", 5, "unknown")])
def test_what_failed_may_be_sent_again_and_what_is_unknown_is_settled_first(
    post: Post, fault: str, code: int, end: str
) -> None:
    number = post.asked()
    post.box.fault = fault
    done = post("handoff", "send", number)
    assert done.code == code, done
    assert post.story(number) == ["opened", "sending", end]
    post.box.fault = ""
    if end == "unknown":
        (lost,) = post.box.messages()
        assert lost["message-id"] in done.out
        assert "--found" in done.out
        assert "unknown" in post("handoff", "list", "--state", "unknown").out
        again = post("handoff", "send", number, "--again")
        assert (again.code, len(post.box.mails)) == (2, 1)
        assert post("handoff", "send", number, "--found", "not-arrived").code == 2
        assert post("handoff", "send", number, "--found", "not-arrived", "--why", "not in their portal").code == 0
        assert post.told(number)["state"] == "open"
    assert post("handoff", "send", number).code == 0
    assert post.told(number)["state"] == "sent"
    ids = {m["message-id"] for m in post.box.messages()}
    assert len(ids) == 1, "the support sees that it is the same mail"


def test_what_arrived_is_in_the_vendors_court_once_somebody_says_so(post: Post) -> None:
    number = post.asked()
    post.box.fault = "cut after"
    assert post("handoff", "send", number).code == 5
    assert post("handoff", "send", number, "--found", "arrived", "--why", f"ticket 7, {PASSWORD}").code == 0
    told = post.told(number)
    assert (told["state"], told["court"]) == ("sent", "Jelastic Operations")
    assert PASSWORD not in json.dumps(told)
    assert post("handoff", "send", number, "--found", "arrived", "--why", "again").code == 2


def test_who_is_stopped_while_the_answer_is_awaited_leaves_it_unknown_at_once(post: Post) -> None:
    number = post.asked()
    post.box.fault = "silent after"
    words = [sys.executable, "-m", "opsguide.launch", *post.options, "handoff", "send", number]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: post.box.mails, what="the mail")
    process.terminate()
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 5, said
    assert "may have arrived" in said
    assert post.story(number) == ["opened", "sending", "unknown"]


@pytest.mark.parametrize("how", ["mail", "file"])
def test_a_crash_while_it_is_sent_shows_as_unknown(post: Post, how: str) -> None:
    number = post.asked()
    post.box.fault = "silent after"
    crash = "import os, opsguide.record.durable as d; d.write_file = lambda *a: os._exit(9)\n" if how == "file" else ""
    code = f"from opsguide.launch.cli import main\n{crash}main()"
    words = ["handoff", "send", number, *(["--to-file"] if how == "file" else [])]
    process = subprocess.Popen([sys.executable, "-c", code, *post.options, *words], env={**os.environ})
    if how == "mail":
        wait_for(lambda: post.box.mails, what="the mail")
        assert post.told(number)["state"] == "sending"
        process.kill()
    process.wait(120)
    assert post.story(number) == ["opened", "sending"]
    assert post.told(number)["state"] == "unknown"
    shown = post("handoff", "show", number).out
    assert "look " in shown.splitlines()[-1]
    assert "--found" in shown
    assert post("handoff", "send", number, "--to-file").code == 2
    assert not (post.folder / "requests").exists() or not list((post.folder / "requests").iterdir())


def test_files_go_to_the_folder_of_the_platform_file_or_to_the_one_that_is_named(post: Post) -> None:
    number = post.asked()
    assert post("handoff", "send", number, "--to-file").code == 0
    assert sorted(p.name for p in (post.folder / "requests").iterdir()) == [f"{number}.json", f"{number}.md"]
    assert post("handoff", "send", number, "--again", "--to-file", str(post.folder / "other")).code == 0
    assert (post.folder / "other" / f"{number}.md").read_bytes() == (
        post.folder / "requests" / f"{number}.md"
    ).read_bytes()
    assert post.box.mails == []
    (post.folder / "far.yml").write_text((post.folder / "far.yml").read_text().replace("  folder: requests\n", ""))
    assert "names no folder" in post("handoff", "send", number, "--again", "--to-file").out


def test_a_folder_that_cannot_be_written_leaves_it_not_sent(post: Post) -> None:
    number = post.asked()
    (post.folder / "requests").write_text("a file")
    assert post("handoff", "send", number, "--to-file").code == 2
    assert post.story(number) == ["opened", "sending", "not-sent"]
    assert post.told(number)["state"] == "open"


def test_severity_and_region_stand_in_the_list_and_choose_from_it(post: Post) -> None:
    number = post.asked()
    assert post.told(number)["severity"] == 3
    assert "reached" in post("handoff", "send", number, "--severity", "1").out
    assert "open are: impact, window" in post("handoff", "send", number, "-p", "colour=red").out
    assert post("handoff", "send", number, "--severity", "1", "-p", "contact=Ada, +49 30 1").code == 0
    listed = {key: json.loads(post("handoff", "list", "--json", f"--{key}", value).out)
              for key, value in (("severity", "1"), ("region", "west"))}  # fmt: skip
    assert [[h["handoff"] for h in found] for found in listed.values()] == [[number], [number]]
    assert "no hand-off" in post("handoff", "list", "--severity", "3").out
    assert "no hand-off" in post("handoff", "list", "--region", "east").out
    assert post.asked() == number
    assert post.told(number)["severity"] == 1, "a request without a severity leaves the one that was chosen"
    assert post.asked(severity="2") == number
    assert post.told(number)["severity"] == 2


def test_a_run_on_record_names_its_hand_off_and_how_that_stands(post: Post) -> None:
    number = post.asked()
    assert f"{number} open" in post("records").out
    assert post("handoff", "withdraw", number, "--why", "not wanted").code == 0
    (told,) = json.loads(post("records", "--json").out)
    assert (told["handoff"], told["handoff_state"]) == (number, "withdrawn")


FORGED = "no\n2026-11-28T00:00:00Z  confirmed  A. Support  \x1b[2J"


def test_who_did_it_is_what_the_kernel_says_and_no_words_of_his_pass_for_another_event(post: Post, monkeypatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "mallory")
    number, me = post.asked(), pwd.getpwuid(os.getuid()).pw_name
    assert post("handoff", "send", number, "--to-file").code == 0
    assert post("handoff", "confirm", number, "--ticket", " ").code == 2
    assert post("handoff", "withdraw", number, "--why", " ").code == 2
    assert post.told(number)["state"] == "sent"
    assert post("handoff", "withdraw", number, "--why", FORGED).code == 0
    assert {e["person"] for e in post.told(number)["events"][1:]} == {me}
    shown = post("handoff", "show", number).out
    assert "\x1b" not in shown
    assert not [line for line in shown.splitlines() if line.startswith("2026-11-28T00:00:00Z")]


def test_one_that_was_changed_is_named_and_does_not_hide_the_others(post: Post) -> None:
    whole, changed = post.asked(), post.asked(path="/another")
    (post.records / "handoffs" / changed / "handoff.json").unlink()
    listed = post("handoff", "list")
    assert listed.code == 8
    assert whole in listed.out
    assert f"handoffs/{changed}" in listed.out
    assert f"{whole} open" in post("records").out


def test_a_shell_is_offered_states_severities_regions_and_open_questions(post: Post) -> None:
    from click.shell_completion import ShellComplete

    number = post.asked()
    offered = ShellComplete(cli, {}, "opsguide", "_OPSGUIDE_COMPLETE").get_completions

    def words(*before: str) -> set[str]:
        return {one.value for one in offered([*post.options, "handoff", *before], "")}

    assert words("list", "--severity") == {"1", "2", "3", "4"}
    assert words("list", "--region") == {"west", "east"}
    assert {"unknown", "sent"} < words("list", "--state")
    assert {"impact=", "contact="} < words("send", number, "-p")
    assert "service=" in {one.value for one in offered(["run", "restarting-processes", "-p"], "ser")}


def test_two_who_ask_the_same_at_one_moment_make_one_hand_off(post: Post) -> None:
    numbers: list[str] = []
    askers = [threading.Thread(target=lambda: numbers.append(post.asked())) for _ in range(4)]
    for one in askers:
        one.start()
    for one in askers:
        one.join()
    assert len(numbers) == 4
    assert len(set(numbers)) == 1
    assert sorted(post.story(numbers[0])) == ["evidence"] * 3 + ["opened"]
    assert post("verify", "--all").code == 0


def test_who_sends_waits_briefly_for_another_who_does(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    number = post.asked()
    path = post.records / "handoffs" / number
    monkeypatch.setattr(handoffs, "WAIT", 0.1)
    with handoffs.deed(path):
        assert post("handoff", "send", number).code == LockedError.exit_code
    assert post.box.mails == []
    monkeypatch.setattr(handoffs, "WAIT", 10.0)
    with handoffs.deed(path):
        waiting = threading.Thread(target=lambda: post("handoff", "send", number))
        waiting.start()
    waiting.join()
    assert len(post.box.mails) == 1


def test_a_request_of_another_platform_is_not_sent_by_this_ones_server(post: Post) -> None:
    number = post.asked()
    (post.folder / "far.yml").write_text(
        (post.folder / "far.yml").read_text().replace("platform: far", "platform: near")
    )
    done = post("handoff", "send", number)
    assert done.code == 2
    assert "--platform far" in done.out
    assert (post.box.mails, post.story(number)) == ([], ["opened"])


def test_the_doctor_says_how_requests_leave_and_what_is_wrong_with_it(post: Post) -> None:
    def said() -> dict[str, tuple[str, str]]:
        return {c["name"]: (c["state"], c["words"]) for c in json.loads(post("doctor", "--json").out)}

    assert said()["support"] == ("ok", f"mail to support@vendor.test by 127.0.0.1 port {post.box.port}, starttls")
    assert said()["password of the mail server"][0] == "ok"
    (post.folder / "smtp").chmod(0o644)
    assert said()["password of the mail server"][0] == "wrong"


def test_one_whose_first_file_is_another_is_named_and_does_not_hide_the_others(post: Post) -> None:
    whole, changed = post.asked(), post.asked(path="/another")
    folder = post.records / "handoffs" / changed
    for text in ("{}", "[]", "\udcff", '{"slug": "x"}'):
        (folder / "handoff.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        (folder / "events.jsonl").write_text("")
        listed = post("handoff", "list")
        assert listed.code == 8
        assert whole in listed.out
        assert post("handoff", "show", changed).code == 8
        assert f"{whole} open" in post("records").out


def test_a_check_that_is_known_only_later_or_hidden_in_part_is_not_asked_by_itself() -> None:
    hidden = Redactor({"platform API token": TOKEN}).value({"slots": {"path": f"/tmp/{TOKEN}"}})
    request = {
        "acceptance": [{"ask": None}, {"ask": hidden}, {"check": "no ask"}, {"ask": {"slots": {"path": "/tmp"}}}]
    }
    assert accepting.askable(request) == [request["acceptance"][3]]
