"""The search for kept secrets finds one in each form that it names, wherever it stands, and nothing where there is none."""

from __future__ import annotations

import base64
import json
import urllib.parse
from pathlib import Path

import pytest

from kept import found_in

SECRET = b's3cret/+ "canary"=of letters'
AMONG = [b"x" * n + SECRET + b"and more" for n in range(3)]


@pytest.mark.parametrize("content", [
    SECRET, SECRET[::-1], SECRET.hex().encode(), urllib.parse.quote(SECRET.decode(), safe="").encode(),
    json.dumps(SECRET.decode())[1:-1].encode(), *map(base64.b64encode, AMONG),
])  # fmt: skip
def test_a_secret_is_found_in_every_form_and_only_the_plain_one_without_asking_for_all(tmp_path: Path, content) -> None:
    file = tmp_path / "2026/11/run/events.jsonl"
    file.parent.mkdir(parents=True)
    file.write_bytes(b'{"out": "before ' + content + b' after"}')
    assert found_in(tmp_path, {"it": SECRET}, all_forms=True) == [f"it in {file}"]
    assert bool(found_in(tmp_path, {"it": SECRET})) == (content == SECRET)


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text(json.dumps({"out": "SECRET", "words": base64.b64encode(b"other").decode()}))
    assert found_in(tmp_path, {"it": SECRET}, all_forms=True) == []
