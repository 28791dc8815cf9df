"""Scope files as texts: what is read of one, and what a broken one is told."""

from __future__ import annotations

import pytest

from opsguide.errors import InputError
from opsguide.guide import scopes

CHANGE = '[[change]]\ncommand = "a"\ndeadline = "1 s"\n'


def parsed(text: str) -> scopes.Scope:
    return scopes.parse("mine", ('steps = ["look"]\n' + text).encode())


def refusal(text: str) -> str:
    with pytest.raises(InputError, match="broken scope") as refused:
        parsed(text)
    assert refused.value.where == "scopes/mine.toml"
    return refused.value.words
