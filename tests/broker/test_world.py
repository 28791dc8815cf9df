"""What a crash left behind is closed and held, from whichever records root somebody comes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from opsguide.broker.state import Settled
from opsguide.broker.world import World, known_secrets
from opsguide.errors import InputError
from opsguide.record.archive import Archive

from .fakes import LAB

INTENT = {"activity": {"slug": "restarting-processes", "title": "Restarting Processes"}, "element": {"name": "uh-01"},
          "mode": "apply", "person": {"name": "Ada"}, "platform": {"name": "mine"}}  # fmt: skip


def left_behind(records: Path) -> str:
    """A run whose broker died after a change was sent."""
    folder = Archive(records).start(INTENT)
    settle = "systemctl is-active nginx"
    folder.journal.append("send", command=4, verb="change", on="uh-01", line="ssh … restart", settle=settle)
    folder.journal.close()
    return folder.run


def world(tmp_path: Path) -> World:
    (tmp_path / "mine.yml").write_text(LAB)
    return World(tmp_path / "mine.yml", 1)


def test_a_change_without_an_end_is_held_with_the_look_that_may_settle_it(tmp_path: Path) -> None:
    run, here = left_behind(tmp_path / "a"), world(tmp_path)
    here.close_orphans(tmp_path / "a")
    hold = here.state().held(["uh-01"])
    assert hold is not None
    assert (hold.run, hold.command, hold.settle) == (run, 4, "systemctl is-active nginx")


def test_a_change_that_was_settled_is_not_held_again_from_another_records_root(tmp_path: Path) -> None:
    run, here = left_behind(tmp_path / "a"), world(tmp_path)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    here.close_orphans(tmp_path / "a")
    state = here.state()
    state.settle(Settled(run, 4, "uh-01", "done", "looked", "Ada", "t"))
    state.release("uh-01")
    here.close_orphans(tmp_path / "b")
    assert state.held(["uh-01"]) is None
    assert not Archive(tmp_path / "b").unfinished()


def test_the_password_of_the_mail_server_is_hidden_and_keeps_no_run_from_its_work_where_it_is_missing(
    tmp_path: Path,
) -> None:
    smtp = 'support: {to: a@b.test, from: c@d.test, smtp: {host: 127.0.0.1, security: tls, user: u, password: "file:mail"}}'
    (tmp_path / "mine.yml").write_text(LAB.replace("\nhosts:", f"\n{smtp}\nhosts:"))
    (tmp_path / "token").touch(0o600)
    (tmp_path / "token").write_text("token of nine lives")
    here = World(tmp_path / "mine.yml", 1)
    for secret, hidden in (("", False), ("short", False), ("mail of nine lives", True)):
        (tmp_path / "mail").touch(0o600)
        (tmp_path / "mail").write_text(secret)
        said = here.reach(here.platform()).redactor.text("a token of nine lives, a mail of nine lives")
        assert said.count("[hidden: ") == 1 + hidden


def test_passwords_for_sudo_are_hidden_like_the_token_and_a_changed_one_counts_at_once(tmp_path: Path) -> None:
    for name in ("token", "password"):
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_text(f"{name} of nine lives\n")
    general = 'port: 2222, become: {sudo: true, password: "file:password"}}'
    (tmp_path / "mine.yml").write_text(LAB.replace("port: 2222}", general))
    here = World(tmp_path / "mine.yml", 1)
    first = here.reach(here.platform())
    said = first.redactor.text("a token of nine lives, a password of nine lives")
    assert "nine lives" not in said, said
    assert here.reach(here.platform()) is first
    (tmp_path / "password").write_text("another one\n")
    assert "another" not in here.reach(here.platform()).redactor.text("with another one")


def test_a_token_that_cannot_be_read_keeps_every_run_from_its_work(tmp_path: Path) -> None:
    """What is not known cannot be hidden."""
    here = world(tmp_path)
    with pytest.raises(InputError):
        known_secrets(here.platform())
