"""Backups as prlctl lists them: what is usable, fresh, the latest, expired."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from opsguide import coverage, expired, latest, newest, outdated
from opsguide.errors import InputError
from opsguide.notebook.backups import usable
from opsguide.notebook.readings import Later

NOW = "2026-11-28 03:00:00"


class Source(NamedTuple):
    uuid: str
    kind: str
    name: str


class Backup(NamedTuple):
    uuid: str
    backup: str
    node: str
    day: str
    time: str
    kind: str
    size: str


class Archive(NamedTuple):
    archive: str
    size: str
    day: str
    time: str


A, B = Source("aa", "CT", "shop"), Source("bb", "CT", "blog")


def made(uuid: str, backup: str, day: str, kind: str = "f", size: str = "10", time: str = "02:00:00") -> Backup:
    return Backup(uuid, backup, "uh-01", day, time, kind, size)


def names(backups: list[Any]) -> list[str]:
    return [b.backup for b in backups]


def test_a_backup_counts_when_it_has_a_size_and_its_full_one_is_there() -> None:
    found = [made("aa", "x", "2026-11-20"), made("aa", "x.2", "2026-11-21", "i"), made("aa", "x.3", "2026-11-22", "i", "0"),
             made("aa", "y.2", "2026-11-23", "i"), made("aa", "z", "2026-11-24", size="0"),
             made("aa", "z.2", "2026-11-25", "i")]  # fmt: skip
    assert names(usable(found)) == ["x", "x.2"]


@pytest.mark.parametrize(("day", "time", "missing"), [
    ("2026-11-28", "02:00:00", []), ("2026-11-27", "01:00:00", []), ("2026-11-27", "00:59:59", ["shop"]),
])  # fmt: skip
def test_covered_is_what_has_a_backup_of_the_last_hours(day: str, time: str, missing: list[str]) -> None:
    assert coverage([A], [made("aa", "x", day, time=time)], NOW, 26).missing == missing


def test_what_has_no_backup_stands_in_the_table_too() -> None:
    told = coverage(
        [A, B], [made("aa", "x", "2026-11-28"), made("aa", "x.2", "2026-11-28", "i", time="02:30:00")], NOW, 26
    )
    assert told.missing == ["blog"]
    assert [line.split() for line in repr(told).splitlines()[1:]] == [
        ["shop", "2026-11-28", "02:30:00", "0.5", "h", "2026-11-28", "02:00:00", "2"], ["blog", "none", "-", "none", "0"],
    ]  # fmt: skip


def test_the_last_good_full_chain_stays_however_old_it_is() -> None:
    old = [made("aa", "x", "2020-01-01"), made("aa", "x.2", "2020-01-02", "i")]
    assert expired(old, NOW, 1) == []
    assert expired([*old, made("aa", "y", "2026-11-28", size="0")], NOW, 1) == [], "an empty one takes its place not"
    assert names(expired([*old, made("aa", "y", "2026-11-27")], NOW, 1)) == ["x.2", "x"]
    assert expired([*old, made("bb", "y", "2026-11-27")], NOW, 1) == [], "that of another container neither"


def test_a_chain_is_kept_by_its_last_backup_and_the_oldest_goes_first() -> None:
    found = [made("aa", "new", "2026-11-27"), made("bb", "b", "2026-11-26"),
             made("aa", "q", "2026-10-20"), made("aa", "q.2", "2026-11-27", "i"),
             made("bb", "p", "2026-10-10"), made("aa", "o", "2026-10-01"), made("aa", "o.2", "2026-10-02", "i"),
             made("aa", "o.3", "2026-10-03", "i")]  # fmt: skip
    assert names(expired(found, NOW, 14)) == ["o.3", "o.2", "o", "p"]


def test_the_latest_or_the_named_one_is_chosen_and_a_later_reading_stays_one() -> None:
    found = [made("aa", "y", "2026-11-27"), made("aa", "x", "2026-11-20"), made("bb", "b", "2026-11-28")]
    assert names(latest(found, [A, B])) == ["y", "b"]
    assert names(latest(found, [A], "x")) == ["x"]
    assert latest(found, [A], "b") == [], "that is another container's"
    twice = [made("aa", "y", "2026-11-27"), made("aa", "z", "2026-11-27"), made("aa", "x", "2026-11-20")]
    assert names(latest(twice, [A])) == ["y", "z"], "in doubt both: one must be named"
    assert names(latest([*twice, made("aa", "y", "2026-11-27")], [A], "y")) == ["y", "y"]
    later = Later(1)
    assert latest(later, [A]) is later


def test_an_archive_is_outdated_by_the_time_it_was_made_and_the_latest_never() -> None:
    def archive(day: str, time: str = "03:00:00.5000000000") -> Archive:
        return Archive(f"uh-01-{day}.tar.gz", "99", day, time)

    found = [archive("2026-11-14", "03:00:00.0000000000"), archive("2026-01-02"), archive("2026-11-13"),
             archive("2026-01-01"), archive("2026-11-14", "02:59:59.9999999999")]  # fmt: skip
    old, last = outdated(found, NOW, 14)
    assert [a.day for a in old] == ["2026-01-01", "2026-01-02", "2026-11-13", "2026-11-14"]
    assert last == [found[0]]
    assert outdated(found[1:2], NOW, 14) == ([], found[1:2])
    assert outdated([], NOW, 14) == ([], [])


def test_the_newest_is_told_by_day_and_time() -> None:
    assert (
        newest([made("aa", "y", "2026-11-27", time="09:00:00"), made("aa", "x", "2026-11-27")]) == "2026-11-27 09:00:00"
    )
    assert newest([]) == "0"


def test_a_list_of_another_form_is_refused() -> None:
    with pytest.raises(InputError, match="no date and time"):
        coverage([A], [made("aa", "x", "28.11.2026")], NOW, 26)
