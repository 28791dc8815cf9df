"""The rules of a hand-off's history, one test a sentence; no host is needed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from opsguide.errors import LockedError, TamperedError
from opsguide.record import handoffs
from opsguide.record.journal import Journal
from opsguide.record.verify import request_of, verify
from record import sample

RUN, WHO = "20261125T080000Z-logrotate-configuration-hcore1-0123abcd", "operator"
FIELDS: dict[str, Any] = {
    "platform": "lab", "edition": "0" * 64, "slug": "logrotate-configuration", "number": 17, "element": "hcore1",
    "parameters": {"path": "/var/log/a.log", "reason": "one"}, "wanted": [{"what": "rotate"}],
}  # fmt: skip


@pytest.fixture
def one(tmp_path: Path) -> Path:
    return tmp_path / "handoffs" / handoffs.ask(tmp_path, FIELDS, RUN, person=WHO)


def verdict(path: Path) -> str:
    return next(f.verdict for f in verify(path.parents[1], path.name) if f.run == path.name)


def unnamed(path: Path, kind: str) -> None:
    """An event that the ledger does not name."""
    journal = Journal(path, handoffs.FIRST)
    journal.append(kind, person=WHO, run=RUN)
    journal.close()


def test_the_same_request_is_the_same_open_hand_off_and_another_wish_is_another(one: Path) -> None:
    root = one.parents[1]
    again = FIELDS | {"parameters": FIELDS["parameters"] | {"reason": "two"}}
    assert handoffs.ask(root, again, RUN, person=WHO) == one.name
    assert handoffs.ask(root, FIELDS | {"wanted": [{"what": "rotate daily"}]}, RUN, person=WHO) != one.name
    assert len(handoffs.tell(one)["runs"]) == 2


@pytest.mark.parametrize("end", handoffs.OVER)
def test_after_its_end_the_same_request_is_a_new_hand_off(one: Path, end: str) -> None:
    handoffs.append(one, end, person=WHO, run=RUN)
    assert handoffs.ask(one.parents[1], FIELDS, RUN, person=WHO) == one.name.removesuffix("1") + "2"


def test_a_crash_before_the_ledger_shows_and_the_next_event_names_it_late(one: Path) -> None:
    assert verdict(one) == "OK"
    unnamed(one, "sent")
    assert verdict(one) == "UNFINISHED"
    handoffs.append(one, "failed", person=WHO, run=RUN)
    assert verdict(one) == "OK"
    assert [e["type"] for e in handoffs.tell(one)["events"]] == ["opened", "sent", "failed"]


def test_two_events_that_the_ledger_does_not_name_are_no_crash(one: Path) -> None:
    unnamed(one, "sent")
    unnamed(one, "confirmed")
    assert verdict(one) == "TAMPERED"
    with pytest.raises(TamperedError, match="the last 2 events"):
        handoffs.append(one, "failed", person=WHO, run=RUN)


def test_time_with_the_vendor_is_the_sum_over_all_sendings(one: Path) -> None:
    at = "2026-11-25T0{}:00:00+00:00"
    kinds = ("opened", "sent", "sent", "failed", "sent")
    events = [{"type": kind, "at": at.format(hour)} for hour, kind in enumerate(kinds)]
    assert handoffs.in_court(events, datetime.fromisoformat(at.format(7))) == (2 + 3) * 3600


@pytest.mark.parametrize("how", ["edited", "cut", "removed"])
def test_a_history_that_was_changed_is_named_and_not_gone_on_with(one: Path, how: str) -> None:
    handoffs.append(one, "sent", person=WHO, run=RUN)
    journal = one / "events.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    if how == "removed":
        (one / "handoff.json").unlink()
    else:
        journal.write_text("".join(lines[:-1]) if how == "cut" else "".join(lines).replace(WHO, "somebody"))
    assert verdict(one) == "TAMPERED"
    with pytest.raises((TamperedError, FileNotFoundError)):
        handoffs.append(one, "confirmed", person=WHO, run=RUN)


def test_a_crash_right_after_the_folder_appears_is_mended_by_who_asks_again(tmp_path: Path) -> None:
    number = handoffs.ask(tmp_path, FIELDS, RUN, person=WHO)
    (tmp_path / "ledger.jsonl").unlink()
    (tmp_path / "handoffs" / number / "events.jsonl").unlink()
    assert verdict(tmp_path / "handoffs" / number) == "UNFINISHED"
    assert handoffs.ask(tmp_path, FIELDS, RUN, person=WHO) == number
    assert verdict(tmp_path / "handoffs" / number) == "OK"
    assert [e["type"] for e in handoffs.tell(tmp_path / "handoffs" / number)["events"]] == ["opened"]


def test_two_do_not_send_confirm_or_withdraw_the_same_hand_off_at_once(
    one: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handoffs, "WAIT", 0.0)
    with handoffs.deed(one), pytest.raises(LockedError, match="by somebody else now"), handoffs.deed(one):
        pytest.fail("both are in")
    with handoffs.deed(one):
        pass


def test_a_hand_off_without_its_first_file_is_told_as_changed(one: Path) -> None:
    (one / "handoff.json").write_text('{"slug": "logrotate-configuration"}')
    (one / "events.jsonl").unlink()
    with pytest.raises(TamperedError, match="is not one that opsguide wrote"):
        handoffs.tell(one)
    (one / "handoff.json").unlink()
    for deed in (lambda: handoffs.tell(one), lambda: handoffs.deed(one).__enter__()):
        with pytest.raises(TamperedError, match="is gone"):
            deed()


def test_a_request_whose_record_was_changed_is_not_sent_on(tmp_path: Path) -> None:
    path = sample.sealed(tmp_path)
    one = tmp_path / "handoffs" / handoffs.ask(tmp_path, FIELDS, path.name, person=WHO)
    assert request_of(tmp_path, handoffs.tell(one)) == path
    sample.overwrite(path / "report.html", b"other words")
    with pytest.raises(TamperedError, match="report.html is not as it was sealed"):
        request_of(tmp_path, handoffs.tell(one))


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        ("opened sending not-sent", "open"),
        ("opened sent failed sending unknown not-sent", "reopened"),
        ("opened sending sent sending evidence not-sent", "sent"),
        ("opened sending evidence", "unknown"),
        ("opened sending unknown sent", "sent"),
        ("opened sending unknown withdrawn", "withdrawn"),
    ],
)
def test_what_was_not_sent_is_as_it_was_before(tmp_path: Path, kinds: str, state: str) -> None:
    path = tmp_path / "handoffs" / handoffs.ask(tmp_path, FIELDS, RUN, person=WHO)
    for kind in kinds.split()[1:]:
        handoffs.append(path, kind, person=WHO, run=RUN)
    assert handoffs.tell(path)["state"] == state
