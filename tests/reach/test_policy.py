from __future__ import annotations

from pathlib import Path

import pytest

from opsguide.errors import InputError
from opsguide.places import home
from opsguide.reach import policy


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    found = policy.load(tmp_path / "none.yml")
    assert (found.idle, found.linger) == (1800, 60)
    assert found.at_most == {"hosts-of-a-group": 1, "members-of-a-component": 1}


def test_the_file_sets_times_and_how_many_may_be_out_at_once(tmp_path: Path) -> None:
    (tmp_path / "policy.yml").write_text("idle: 5 min\nat_most: {hosts-of-a-group: 2}\n")
    found = policy.load(tmp_path / "policy.yml")
    assert (found.idle, found.at_most["hosts-of-a-group"]) == (300, 2)


@pytest.mark.parametrize(
    "text",
    [
        "idel: 5 min",
        "idle: 5",
        "at_most: {hosts: 2}",
        "at_most: {hosts-of-a-group: 0}",
        "at_most: 2",
        "- x",
        "{",
        "1: a\nx: b",
        "[" * 3000,
        "at_most: {1: 2, x: 3}",
        "at_most: {hosts-of-a-group: true}",
        "idle: 2001-01-01 99:99:99",
        "a: &a [*a]",
        "idle: -5 min",
        "idle: .inf",
        "? [a]\n: b",
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.yml").write_text(text)
    with pytest.raises(InputError) as refused:
        policy.load(tmp_path / "policy.yml")
    assert "policy.yml" in refused.value.where


@pytest.mark.parametrize(("text", "words"), [
    ("idle: 5 min\nlinger: soon\n", r"policy\.yml:2: linger: 'soon' is not a duration"),
    ("idle: 5 min\nat_most:\n  hosts-of-a-group: 0\n", r"policy\.yml:3: at_most\.hosts-of-a-group: 0 is not between"),
    ("idle: 5 min\nat_most: {hosts-of-group: 2}\n", r"policy\.yml:2: at_most\.hosts-of-group: unknown key; did you mean"),
    ("idle: 5 min\nidle: 6 min\n", r"policy\.yml:2: idle: stands twice"),
])  # fmt: skip
def test_what_is_wrong_is_named_by_file_line_and_key(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "policy.yml").write_text(text)
    with pytest.raises(InputError, match=words):
        policy.load(tmp_path / "policy.yml")


def test_the_shipped_file_reads() -> None:
    assert policy.load(home() / "parameters" / "policy.yml").idle == 1800


def test_a_file_that_cannot_be_read_or_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "odd.yml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "odd.yml"):
        with pytest.raises(InputError) as refused:
            policy.load(path)
        assert refused.value.where == str(path)
