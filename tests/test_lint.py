"""The code is in the form that `make tidy` gives it, and mypy finds nothing."""

from __future__ import annotations

import subprocess

import pytest

from desk import BINARIES, REPOSITORY


@pytest.mark.parametrize("command", [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)])
def test_lint_finds_nothing(command: tuple[str, ...]) -> None:
    words = (str(BINARIES / command[0]), *command[1:])
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
