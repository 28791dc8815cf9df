from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from opsguide.errors import InputError
from opsguide.reach import people


def test_who_asks_is_what_the_kernel_says_of_the_sockets_other_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "somebody-else")
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert people.peer(here) == (os.getpid(), os.getuid())


def test_an_account_goes_by_the_name_that_the_file_gives_it(tmp_path: Path) -> None:
    (tmp_path / "people.yml").write_text("people:\n  root: Anna Berg\n")
    assert people.person(0, tmp_path / "people.yml") == {
        "name": "Anna Berg",
        "uid": 0,
        "user": "root",
        "how": "account on this machine, in people.yml",
    }


@pytest.mark.parametrize("content", [None, "", "people:\n", "people: {}\n", "people:\n  anna: Anna\n"])
def test_an_account_that_is_not_listed_goes_by_its_own_name_and_the_record_says_so(
    tmp_path: Path, content: str
) -> None:
    if content is not None:
        (tmp_path / "people.yml").write_text(content)
    found = people.person(0, tmp_path / "people.yml")
    assert (found["name"], found["how"]) == ("root", "account on this machine, not in people.yml")


def test_an_account_that_the_machine_does_not_know_goes_by_its_number(tmp_path: Path) -> None:
    assert people.person(3_999_999_999, tmp_path / "no.yml")["user"] == "3999999999"


@pytest.mark.parametrize(
    "content",
    [
        b"people: [root]\n",
        b"- root\n",
        b"people:\n  root: 5\n",
        b"people:\n  root: {name: Anna}\n",
        b'people:\n  root: "A\\nB"\n',
        b"people: {\n",
        b"\xff\xfe",
        b"people: !!python/object:os.system x\n",
        b"people:\n\troot: x\n",
        b"people:\n  root: Anna\npeople:\n  root: Bo\n",
        b"peple:\n  root: Anna\n",
    ],
)
def test_a_file_that_is_not_such_a_list_is_bad_input_and_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "people.yml").write_bytes(content)
    with pytest.raises(InputError) as refused:
        people.person(0, tmp_path / "people.yml")
    assert refused.value.where.startswith(str(tmp_path / "people.yml"))


def test_a_file_that_is_not_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "people.yml").write_text("people:\n  root: Anna\n  bo: [\n")
    with pytest.raises(InputError) as refused:
        people.person(0, tmp_path / "people.yml")
    assert refused.value.words.startswith("people.yml:4: ")


def test_a_name_that_is_none_is_refused_with_file_line_and_key(tmp_path: Path) -> None:
    (tmp_path / "people.yml").write_text("people:\n  root: Anna\n  bo: 5\n")
    with pytest.raises(InputError, match=r"people\.yml:3: people\.bo: expected text"):
        people.person(0, tmp_path / "people.yml")


def test_a_file_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "people.yml").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        people.person(0, tmp_path / "people.yml")
