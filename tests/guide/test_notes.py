"""The guide's two notes stand beside the table: they are looked at, and move no verdict of a row."""

from __future__ import annotations

import time
from importlib.resources import files
from typing import Any

import pytest

from opsguide.errors import InputError, RefusedError
from opsguide.guide import custom, editions, kinds, scopes, unlisted
from opsguide.guide.decision import decide
from opsguide.notebook import form

SEED = editions.load("seed")
UNLISTED, CUSTOM = editions.NOTES
FILLED = {
    "element": "uh-01",
    "action": "register",
    "path": "/etc/motd",
    "ticket": "T-1",
    "agreed_with": "them",
    "purpose": "a warning",
}
NEEDED = [
    ("register", "path"), ("register", "ticket"), ("register", "agreed_with"), ("register", "purpose"),
    ("agree-again", "path"), ("agree-again", "ticket"), ("agree-again", "agreed_with"),
    ("retire", "path"), ("retire", "ticket"),
]  # fmt: skip


def test_a_note_is_no_row_and_has_no_cell() -> None:
    assert not {note.slug for note in editions.NOTES} & {a.slug for a in SEED.activities}
    assert not {note.slug for note in editions.NOTES} & {slug for slug, _ in SEED.cells}
    for note in editions.NOTES:
        assert SEED.activity(note.slug) is SEED.activity(note.runbook) is note
        with pytest.raises(InputError) as refused:
            SEED.party(note.slug, "user-host")
        assert refused.value.next == kinds.NOTE_1


@pytest.mark.parametrize("name", ["0", "00", "note", "unlisted", "custom", "unlisted-maintenance-2", "none"])
def test_what_is_nearly_a_note_is_unknown_as_before(name: str) -> None:
    with pytest.raises(InputError, match="has no activity"):
        SEED.activity(name)


def test_a_refusal_with_a_note_names_its_runbook() -> None:
    assert UNLISTED.runbook in kinds.NOTE_1
    assert CUSTOM.runbook in kinds.NOTE_2


@pytest.mark.parametrize("kind", kinds.KINDS)
@pytest.mark.parametrize("mode", ["plan", "apply"])
def test_note_1_writes_a_request_and_note_2_goes_on_in_the_mode_that_was_asked(kind: str, mode: str) -> None:
    first, second = (decide(SEED, note.slug, kind, mode) for note in editions.NOTES)
    assert (first.party, first.mode, first.exit) == ("note 1", "request", 3)
    assert (second.party, second.mode, second.exit) == ("note 2", mode, 0)
    assert "wait until they confirm" in first.next
    for told in (first, second):
        assert "look only" in told.words
        assert "edition seed" in told.words


@pytest.mark.parametrize("kind", ["", "host", "windows-host"])
def test_a_note_on_a_kind_that_there_is_not_is_refused_with_the_first_note(kind: str) -> None:
    with pytest.raises(InputError) as refused:
        decide(SEED, UNLISTED.slug, kind)
    assert refused.value.next == kinds.NOTE_1


def test_an_edition_whose_row_has_the_name_of_a_note_is_refused() -> None:
    content = (
        files("opsguide.guide") / "editions" / "seed.csv"
    ).read_bytes() + b"Custom Configuration,N/A,N/A,N/A,N/A\n"
    with pytest.raises(InputError, match="is a note of the guide") as refused:
        editions.parse("ours", content, "ours.csv")
    assert refused.value.where == "ours.csv:26"


@pytest.mark.parametrize("note", editions.NOTES, ids=lambda note: note.slug)
@pytest.mark.parametrize(
    "more",
    ['[[change]]\ncommand = "reboot"\nstep = "look"\ndeadline = "1 min"\nunproven = "x"\n', '[[file]]\npath = "/etc/motd"\n'],
    ids=["change", "file"],
)  # fmt: skip
def test_the_scope_of_a_note_holds_no_change_and_no_file(note: editions.Activity, more: str) -> None:
    text = (files("opsguide.guide") / "scopes" / f"{note.slug}.toml").read_text("utf-8")
    assert scopes.parse("additional-software", (text + "\n" + more).encode())
    with pytest.raises(InputError, match="looked at only"):
        scopes.parse(note.slug, (text + "\n" + more).encode())


def test_the_form_offers_the_notes_by_their_names() -> None:
    assert [(f"{note.place} {note.title}", note.slug) for note in editions.NOTES] == list(form.NOTES)


PLANNED = """
systemctl restart nginx
ipmitool sdr type Fan
vi /etc/ssh/sshd_config
cat /etc/ssh/sshd_config
yum -y update
echo "it's" > /etc/motd
"""


def test_a_planned_command_that_a_row_has_is_named_with_its_row() -> None:
    found = {line: row.number for line, row in unlisted.listed(SEED, "user-host", PLANNED).items()}
    assert found == {
        "systemctl restart nginx": 6, "vi /etc/ssh/sshd_config": 8, "yum -y update": 3, 'echo "it\'s" > /etc/motd': 7,
    }  # fmt: skip
    assert "yum -y update" not in unlisted.listed(SEED, "end-user-container", PLANNED)
    assert not unlisted.listed(SEED, "user-host", "\n \n")


@pytest.mark.parametrize("text", ["a " * 100_000, "\n".join(f"systemctl x {n}" for n in range(20_000)), ":" * 200_000])
def test_hundreds_of_thousands_of_words_are_held_against_the_table_in_no_time(text: str) -> None:
    start = time.monotonic()
    assert not unlisted.listed(SEED, "user-host", text)
    assert time.monotonic() - start < 60


# What an action needs, and what no digest is taken of


@pytest.mark.parametrize(("action", "name"), NEEDED)
def test_an_action_that_lacks_what_it_needs_is_bad_input(action: str, name: str) -> None:
    check = scopes.load(CUSTOM.slug).parameters.check  # type: ignore[union-attr]
    check({**FILLED, "action": action})
    with pytest.raises(InputError, match=f"action {action} needs {name}") as refused:
        check({**FILLED, "action": action, name: ""})
    assert refused.value.key == name


@pytest.mark.parametrize(
    "value",
    ["motd", "/etc/../etc/shadow", "/etc//motd", "/etc/motd\n", "/etc/mo*d", "/etc/{a}", "-/etc/motd", "/etc/motd\x00",
     "/etc/./motd", "/etc/m\u202eotd", "/", "/" + "a" * 1024, ["/etc/motd"], 7],
)  # fmt: skip
def test_a_path_that_is_none_is_bad_input(value: Any) -> None:
    scope = scopes.load(CUSTOM.slug)
    assert scope
    with pytest.raises(InputError, match="parameter path"):
        scope.parameters.check({"element": "uh-01", **FILLED, "path": value})


@pytest.mark.parametrize(
    "path",
    ["/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/SHADOW", "/root/.ssh/id_ed25519", "/home/a/.ssh/id_rsa",
     "/etc/ssh/ssh_host_rsa_key", "/etc/pki/tls/private/a", "/etc/nginx/site.KEY", "/etc/nginx/site.pem", "/root/.my.cnf",
     "/etc/zabbix/agent.psk", "/root/.pgpass", "/etc/opsguide/api-token", "/etc/krb5.keytab", "/etc/db_password"],
)  # fmt: skip
def test_a_path_that_may_hold_a_secret_is_refused(path: str) -> None:
    with pytest.raises(RefusedError, match="may hold a secret"):
        custom.refuse(path)


@pytest.mark.parametrize("path", ["/proc/1/environ", "/sys/kernel/x", "/dev/sda", "/proc"])
def test_what_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(RefusedError, match="is no file"):
        custom.refuse(path)


@pytest.mark.parametrize(
    "path",
    ["/etc/motd", "/etc/passwd", "/etc/nginx/nginx.conf", "/etc/ssh/sshd_config", "/etc/keys.conf", "/etc/private"],
)
def test_any_other_file_may_be_registered(path: str) -> None:
    custom.refuse(path)
