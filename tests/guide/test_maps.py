"""The maps that a provider edits: what is wrong in one is named by file, row and key."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from opsguide.errors import InputError
from opsguide.guide import alive, invariants, maps, mends, services

ALIVE = "drained = []\nstop_order = []\n[checks]\nmsa = [{ %s }]\n"


@pytest.mark.parametrize(("name", "parse", "text", "words"), [
    ("services.toml", services.parse, '[hcore]\nnginx = { sorce = "G" }', "hcore.nginx: unknown key sorce; did you mean source?"),
    ("services.toml", services.parse, '[hcore]\nnginx = { probe = "true" }', "hcore.nginx: key source is missing"),
    ("services.toml", services.parse, '[hcore]\nnginx = { drained = "yes", source = "G" }', "key drained: true or false belongs"),
    ("services.toml", services.parse, '[hcore]\nnginx = { healthy = { name = "feels" }, source = "G" }', "hcore.nginx: not an exp"),
    ("services.toml", services.parse, '[hcore]\n"a b" = { source = "G" }', "'a b' is not the name of a unit"),
    ("services.toml", services.parse, "[hcore\n", "line 1"),
    ("services.toml", services.parse, 'nginx = "G"\n', "services.toml: "),
    ("alive.toml", alive.parse, ALIVE % 'name = "a", command = "true", sorce = "G"', "msa, check a: unknown key sorce"),
    ("alive.toml", alive.parse, ALIVE % 'name = "a", command = "true"', "msa, check a: key source is missing"),
    ("alive.toml", alive.parse, "drained = []\n", "key checks is missing"),
    ("mends.toml", mends.parse, '[[mend]]\nwhat = "x"\ncommand = "y"\n', "mend 1: key activity is missing"),
    ("mends.toml", mends.parse, '[[mend]]\nwhat = "x"\ncommand = "y"\nactivity = "z"\nanswer = "("\n', "mend 1, key answer: "),
    ("invariants.toml", invariants.parse, "[pair]\nsay = 3\n", "say"),
])  # fmt: skip
def test_a_broken_row_is_bad_input_with_file_place_and_key(
    monkeypatch, tmp_path: Path, name, parse, text, words
) -> None:
    (tmp_path / name).write_text(text)
    monkeypatch.setattr(maps, "files", lambda package: tmp_path)
    with pytest.raises(InputError) as refused:
        maps.read(name, parse)
    assert refused.value.words.startswith(f"{name}: ")
    assert words in refused.value.words
    assert refused.value.where == str(tmp_path / name)


def test_the_head_of_the_service_map_explains_every_key() -> None:
    head = re.split(r"(?m)^\[", (files("opsguide.guide") / "services.toml").read_text("utf-8"))[0]
    assert [key for key in services.KEYS if not re.search(rf"(?m)^#   {key} ", head)] == []
