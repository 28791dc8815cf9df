from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsguide.errors import InputError
from opsguide.guide import editions, kinds

HEAD = "activity,user-host,infrastructure-host,infrastructure-container,end-user-container\n"
SEED = editions.load("seed")


def parsed(rows: str, head: str = HEAD) -> editions.Edition:
    return editions.parse("mine", (head + rows).encode(), "mine.csv")


def test_an_edition_is_one_column_for_the_activity_and_one_for_each_kind() -> None:
    assert parsed("A,N/A,N/A,Hosting Provider,N/A\n").cells["a", kinds.KINDS[2]] == "Hosting Provider"


@pytest.mark.parametrize(
    "head",
    ["", "\n", "activity,user-host\n", HEAD.replace("user-host,", "User-host,"), HEAD.strip() + ",note\n", " " + HEAD],
)
def test_another_first_line_is_refused(head: str) -> None:
    with pytest.raises(InputError) as refused:
        parsed("A,N/A,N/A,N/A,N/A\n", head)
    assert refused.value.where == "mine.csv:1"


@pytest.mark.parametrize(
    ("rows", "where", "words"),
    [
        ("A,N/A,N/A,N/A,N/A\nB,N/A,Anybody,N/A,N/A\n", "mine.csv:3", "infrastructure-host: 'Anybody'"),
        ("A,N/A,N/A,N/A,hosting provider\n", "mine.csv:2", "end-user-container"),
        ("A,N/A ,N/A,N/A,N/A\n", "mine.csv:2", "user-host: 'N/A '"),
        ("A,N/A,N/A,N/A\n", "mine.csv:2", "4 columns"),
        ("A,N/A,N/A,N/A,N/A,N/A\n", "mine.csv:2", "6 columns"),
        ("A,N/A,N/A,N/A,N/A\n\nB,N/A,N/A,N/A,N/A\n", "mine.csv:3", "0 columns"),
        (",N/A,N/A,N/A,N/A\n", "mine.csv:2", "columns"),
        ("A,N/A,N/A,N/A,N/A\na!,N/A,N/A,N/A,N/A\n", "mine.csv:3", "stands twice"),
        ("!!!,N/A,N/A,N/A,N/A\n", "mine.csv:2", "not the title"),
        ('"A\nB",N/A,N/A,N/A,N/A\n', "mine.csv:3", "not the title"),
        ("A\x00B,N/A,N/A,N/A,N/A\n", "mine.csv:2", "not the title"),
        ('A,"N/A,N/A,N/A,N/A\n', "mine.csv:2", "not a CSV file"),
        ("A," + "x" * 200_000 + ",N/A,N/A,N/A\n", "mine.csv:2", "not a CSV file"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(rows: str, where: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        parsed(rows)
    assert refused.value.where == where
    assert words in refused.value.words
    assert refused.value.exit_code == 2


def test_the_line_is_the_files_also_after_a_field_of_several_lines() -> None:
    head = HEAD.replace("activity", "activity")
    with pytest.raises(InputError) as refused:
        parsed('A,N/A,N/A,N/A,N/A\n"B\n\nB",N/A,N/A,N/A,N/A\n', head)
    assert refused.value.where == "mine.csv:5"


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InputError, match="not a CSV file"):
        editions.parse("mine", HEAD.encode() + b"\xff\xfe,N/A,N/A,N/A,N/A\n", "mine.csv")


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(InputError, match="no rows"):
        parsed("")


@given(st.binary(max_size=300))
def test_no_bytes_make_anything_but_an_edition_or_an_input_error(tail: bytes) -> None:
    try:
        edition = editions.parse("mine", HEAD.encode() + tail, "mine.csv")
    except InputError as refused:
        assert refused.where.startswith("mine.csv")
    else:
        assert set(edition.cells.values()) <= set(kinds.PARTIES)


ROW = st.tuples(st.integers(0, 999).map("Row, {}".format), *[st.sampled_from(kinds.PARTIES)] * 4)


@given(st.lists(ROW, min_size=1, max_size=5, unique_by=lambda row: row[0]))
@settings(max_examples=50)
def test_every_well_formed_table_is_read_back_as_it_was_written(rows: list[tuple[str, ...]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([editions.COLUMNS, *rows])
    edition = editions.parse("mine", out.getvalue().encode(), "mine.csv")
    assert [(a.title, *(edition.party(a.slug, k) for k in kinds.KINDS)) for a in edition.activities] == rows


def test_the_number_of_an_activity_is_its_row() -> None:
    edition = parsed("B,N/A,N/A,N/A,N/A\nA,N/A,N/A,N/A,N/A\n")
    assert [(a.number, a.slug) for a in edition.activities] == [(1, "b"), (2, "a")]


def test_the_digest_is_the_sha_256_of_the_bytes() -> None:
    content = (files("opsguide.guide") / "editions" / "seed.csv").read_bytes()
    assert SEED.digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "name",
    [
        "restarting-processes",
        "Restarting Processes",
        "6",
        "06",
        " 6 ",
        "06-restarting-processes",
        "06-restarting-processes.ipynb",
        "runbooks/06-restarting-processes.ipynb",
    ],
)
def test_an_activity_is_found_by_slug_title_number_and_runbook(name: str) -> None:
    assert SEED.activity(name).number == 6


@pytest.mark.parametrize("name", ["", "0", "25", "-6", "6.0", "restarting", "../06", "restarting-processes; rm", "٦"])
def test_anything_else_is_no_activity(name: str) -> None:
    with pytest.raises(InputError, match="has no activity"):
        SEED.activity(name)


def test_a_misspelt_activity_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError) as refused:
        SEED.activity("restarting-proceses")
    assert "did you mean restarting-processes?" in refused.value.next


def test_an_unknown_edition_is_refused_with_the_shipped_ones() -> None:
    with pytest.raises(InputError) as refused:
        editions.load("newest")
    assert "seed" in refused.value.next


def test_an_edition_is_also_a_file_beside_the_platforms(tmp_path: Path) -> None:
    (tmp_path / "ours.csv").write_text(HEAD + "A,N/A,N/A,N/A,N/A\n")
    assert editions.load("ours.csv", tmp_path).name == "ours"


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "ours.csv").write_text(HEAD + "A,N/A,N/A,N/A,N/A\n")
    before = editions.load("ours.csv", tmp_path)
    (tmp_path / "ours.csv").write_text(HEAD + "A,Hosting Provider,N/A,N/A,N/A\n")
    assert editions.moved(before, editions.load("ours.csv", tmp_path)) == [
        ("a", "user-host", "N/A", "Hosting Provider")
    ]


def test_moved_lists_what_differs_and_what_only_one_has() -> None:
    old = parsed("A,N/A,N/A,N/A,N/A\n")
    new = parsed("A,N/A,Hosting Provider,N/A,N/A\nB,N/A,N/A,N/A,N/A\n")
    assert editions.moved(old, new) == [
        ("a", "infrastructure-host", "N/A", "Hosting Provider"),
        *[("b", kind, "-", "N/A") for kind in kinds.KINDS],
    ]
    assert editions.moved(new, old)[1:] == [("b", kind, "N/A", "-") for kind in kinds.KINDS]
    assert editions.moved(old, replace(old, name="same")) == []


def test_each_kind_reads_well_in_a_sentence() -> None:
    assert [kinds.words(k) for k in kinds.KINDS] == [
        "user host",
        "infrastructure host",
        "infrastructure container",
        "end-user container",
    ]


def test_the_edition_of_the_second_lab_file_is_the_seed_with_row_03_given_to_the_provider() -> None:
    other = editions.load("seed-03-provider")
    slug = "virtuozzo-software-and-kernel-update"
    parties = ("Jelastic Operations", "Hosting Provider")
    assert editions.moved(SEED, other) == [(slug, kind, *parties) for kind in ("user-host", "infrastructure-host")]
