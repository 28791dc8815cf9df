"""`opsguide custom` where no host answers: nothing is called drifted that was not read, and bad input runs nothing."""

from __future__ import annotations

import os
import pwd

import pytest
from click.testing import CliRunner

from opsguide.errors import InterruptedRunError
from opsguide.launch.cli import cli
from opsguide.record import register
from opsguide.record.verify import verify

from .conftest import FarDesk

SAID = {"ticket": "T-1", "agreed_with": "A. Support", "purpose": "ours", "run": "r", "person": "me", "sha256": "a" * 64,
        "size": 1, "mode": "644", "owner": "root:root"}  # fmt: skip


@pytest.fixture
def desk(far: FarDesk) -> FarDesk:
    """Settings of a host that does not answer, and of one that was decommissioned."""
    for element in ("uh-01", "gone-01"):
        register.agree(far.records, "far", element, "/etc/motd", **SAID)
    return far


def test_what_cannot_be_asked_is_not_checked_and_does_not_keep_the_others_from_it(desk: FarDesk) -> None:
    said = desk("custom", "check", "--json")
    assert said.code != 0
    told = {t["element"]: (t["verdict"], t["words"]) for t in said.json["settings"]}
    assert {verdict for verdict, _ in told.values()} == {"NOT CHECKED"}
    assert "gone-01" in told["gone-01"][1]
    assert told["uh-01"][1]
    assert [s["state"] for s in desk("custom", "list", "--json").json] == ["agreed", "agreed"]


def test_settings_of_what_has_gone_are_retired_and_those_of_what_is_there_are_not(
    desk: FarDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = desk("custom", "retire", "uh-01", "--ticket", "T-9")
    assert said.code == 2
    assert "action=retire" in said.err
    assert desk("custom", "retire", "gone-01", "--ticket", " ").code == 2
    monkeypatch.setenv("LOGNAME", "mallory")
    assert desk("custom", "retire", "gone-01", "--ticket", "T-9").code == 0
    (gone,) = desk("custom", "list", "--on", "gone-01", "--json").json
    assert gone["events"][-1]["person"] == pwd.getpwuid(os.getuid()).pw_name
    assert [(s["element"], s["state"]) for s in desk("custom", "list", "--json").json] == [
        ("gone-01", "retired"),
        ("uh-01", "agreed"),
    ]
    assert {f.verdict for f in verify(desk.records)} == {"OK"}


def test_a_register_that_was_edited_is_not_listed_and_not_checked(desk: FarDesk) -> None:
    journal = next((desk.records / "register").glob("uh-01-*")) / "events.jsonl"
    journal.write_text(journal.read_text().replace("a" * 64, "b" * 64))
    for words in (("list",), ("check",)):
        said = desk("custom", *words)
        assert (said.code, "opsguide verify" in said.err) == (8, True)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("action=register", "path=/etc/motd", "ticket=T", "agreed_with=A"), "purpose"),
        (("action=retire", "ticket=T"), "path"),
        (("action=forget",), "action"),
        (("action=register", "path=/etc/../etc/shadow", "ticket=T", "agreed_with=A", "purpose=x"), "path"),
    ],
)
def test_bad_input_is_named_and_leaves_no_record(far: FarDesk, words: tuple[str, ...], named: str) -> None:
    given = [word for one in words for word in ("-p", one)]
    said = far("run", "custom-configuration", "--on", "uh-01", "--reason", "t", *given)
    assert (said.code, named in said.err) == (2, True), said.err
    assert not far.folders()


def test_a_request_for_unlisted_maintenance_without_its_commands_is_bad_input(far: FarDesk) -> None:
    said = far("run", "unlisted-maintenance", "--on", "uh-01", "-p", "what=x", "--reason", "t")
    assert (said.code, "commands" in said.err) == (2, True)
    assert not far.folders()


def test_who_stops_a_check_stops_it_for_all_elements(desk: FarDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped:
        asked = closed = 0

        def __init__(self, *words: object) -> None:
            pass

        def ask(self, *words: object) -> None:
            Stopped.asked += 1
            raise InterruptedRunError("stopped by SIGINT")

        def close(self) -> None:
            Stopped.closed += 1

    monkeypatch.setattr("opsguide.wire.Client", Stopped)
    done = CliRunner().invoke(
        cli, ["--platform", str(desk.platform), "--records", str(desk.records), "custom", "check"]
    )
    assert isinstance(done.exception, InterruptedRunError)
    assert (Stopped.asked, Stopped.closed) == (1, 1)
