"""The rules of the register of custom settings, one test a sentence; no host is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opsguide.errors import LockedError, TamperedError
from opsguide.record import history, register
from opsguide.record.journal import Journal
from opsguide.record.ledger import SETTING
from opsguide.record.verify import verify

AT = ("lab", "uh-01", "/etc/motd")
READ = {"sha256": "a" * 64, "size": 42, "mode": "644", "owner": "root:root"}
SAID: dict[str, Any] = {
    "ticket": "T-1",
    "agreed_with": "them",
    "purpose": "a warning",
    "run": "r",
    "person": "me",
} | READ


def agreed(root: Path, *at: str, **more: Any) -> register.Setting:
    at = at or AT
    register.agree(root, *at, **{**SAID, **more})
    return next(s for s in register.settings(root, at[0], at[1]) if s.path == at[2])


def lines(root: Path) -> Path:
    return root / "register" / register.named(*AT) / "events.jsonl"


def test_a_setting_is_named_by_platform_element_and_path(tmp_path: Path) -> None:
    agreed(tmp_path)
    for other in (("real", "uh-01", "/etc/motd"), ("lab", "uh-02", "/etc/motd"), ("lab", "uh-01", "/etc/issue")):
        agreed(tmp_path, *other)
    assert len(list((tmp_path / "register").iterdir())) == 4
    assert [s.path for s in register.settings(tmp_path, "lab", "uh-01")] in (
        ["/etc/motd", "/etc/issue"],
        ["/etc/issue", "/etc/motd"],
    )
    assert len(register.settings(tmp_path, "lab")) == 3


def test_agreed_again_the_newest_counts_and_the_old_one_stays_on_record(tmp_path: Path) -> None:
    agreed(tmp_path)
    one = agreed(tmp_path, ticket="T-2", sha256="b" * 64)
    assert (one.agreed["ticket"], one.agreed["sha256"], one.state) == ("T-2", "b" * 64, "agreed")
    assert [e["ticket"] for e in one.events] == ["T-1", "T-2"]


def test_what_a_check_found_stands_until_another_finds_it_gone(tmp_path: Path) -> None:
    one = agreed(tmp_path)
    register.add(tmp_path, one, "found", run="r", words="gone")
    (drifted,) = register.settings(tmp_path, "lab")
    assert (drifted.state, drifted.drift) == ("drifted", "gone")
    register.add(tmp_path, one, "found", run="r", words="")
    (back,) = register.settings(tmp_path, "lab")
    assert (back.state, back.drift) == ("agreed", "")


def test_a_retired_setting_may_be_agreed_again(tmp_path: Path) -> None:
    register.add(tmp_path, agreed(tmp_path), "retired", ticket="T-3")
    assert register.settings(tmp_path, "lab")[0].state == "retired"
    assert agreed(tmp_path).state == "agreed"


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (READ, ""),
        (READ | {"sha256": "b" * 64}, "sha256 aaaaaaaaaaaa -> bbbbbbbbbbbb"),
        (READ | {"size": 43}, "size 42 -> 43"),
        (READ | {"mode": "600", "owner": "zabbix:root"}, "mode 644 -> 600; owner root:root -> zabbix:root"),
        ({"trouble": "gone"}, "gone"),
        ({"trouble": "it leads to /etc/\x1b[2J\n"}, "it leads to /etc/\u241b[2J\\n"),
        (READ | {"owner": "a\x1b[2J:b"}, "owner root:root -> a\u241b[2J:b"),
    ],
)
def test_what_differs_is_said_in_words(tmp_path: Path, seen: dict[str, Any], words: str) -> None:
    assert agreed(tmp_path).differs(seen) == words


def damage(root: Path, how: str) -> None:
    path, ledger = lines(root), root / "ledger.jsonl"
    if how == "edited":
        path.write_text(path.read_text().replace("b" * 64, "c" * 64))
    elif how == "cut":
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    elif how == "rewritten":
        path.unlink()
        journal = Journal(path.parent, register.FIRST)
        journal.append("agreed", **SAID)
        journal.append("agreed", **SAID)
        journal.close()
    elif how == "removed":
        path.unlink()
        path.with_name(register.FIRST).unlink()
        path.parent.rmdir()
    else:
        assert SETTING in ledger.read_text()
        path.with_name(register.FIRST).write_text(path.with_name(register.FIRST).read_text().replace("motd", "issu"))


@pytest.mark.parametrize("how", ["edited", "cut", "rewritten", "removed", "renamed"])
def test_a_setting_that_is_not_what_was_written_is_not_believed_and_verify_names_it(tmp_path: Path, how: str) -> None:
    agreed(tmp_path)
    one = agreed(tmp_path, sha256="b" * 64)
    assert [f.verdict for f in verify(tmp_path)] == ["OK"]
    damage(tmp_path, how)
    with pytest.raises(TamperedError):
        register.settings(tmp_path, "lab")
    assert [f.run for f in verify(tmp_path) if f.bad] == [one.name]


@pytest.mark.parametrize("first", [True, False])
def test_a_crash_before_anything_was_agreed_leaves_no_setting_and_the_next_one_mends_it(
    tmp_path: Path, first: bool
) -> None:
    agreed(tmp_path, "lab", "uh-02", "/etc/motd")
    folder = lines(tmp_path).parent
    folder.mkdir()
    if first:
        (folder / register.FIRST).write_text('{"platform": "lab", "element": "uh-01", "path": "/etc/motd"}\n')
    assert [s.element for s in register.settings(tmp_path, "lab")] == ["uh-02"]
    assert [f.verdict for f in verify(tmp_path)].count("UNFINISHED") == 1
    assert agreed(tmp_path).state == "agreed"
    assert {f.verdict for f in verify(tmp_path)} == {"OK"}


def test_two_writers_of_one_setting_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "WAIT", 0.0)
    agreed(tmp_path)
    journal = Journal(lines(tmp_path).parent, register.FIRST)
    try:
        with pytest.raises(LockedError):
            agreed(tmp_path, ticket="T-2")
    finally:
        journal.close()
    assert agreed(tmp_path, ticket="T-2").agreed["ticket"] == "T-2"
