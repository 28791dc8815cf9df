from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from opsguide.errors import InputError
from opsguide.reach.secrets import resolve

CANARY = "correct-horse-battery"


def held(tmp_path: Path, content: bytes, mode: int = 0o600) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_file_gives_its_text_without_the_line_end(tmp_path: Path) -> None:
    path = held(tmp_path, b" a b\r\n")
    assert resolve(f"file:{path}") == " a b"


def test_the_environment_gives_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSGUIDE_TEST_SECRET", CANARY)
    assert resolve("env:OPSGUIDE_TEST_SECRET") == CANARY


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o620, 0o601])
def test_a_file_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = held(tmp_path, CANARY.encode(), mode)
    with pytest.raises(InputError, match="open to others") as refused:
        resolve(f"file:{path}")
    assert refused.value.next == f"chmod 600 {path}"
    assert CANARY not in str(refused.value)


def test_a_group_may_read_for_a_sender_with_a_user_of_its_own(tmp_path: Path) -> None:
    assert resolve(f"file:{held(tmp_path, CANARY.encode(), 0o640)}") == CANARY


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = held(tmp_path, CANARY.encode())
    os.chown(path, 12345, 12345)
    with pytest.raises(InputError, match="neither you nor root"):
        resolve(f"file:{path}")


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\n"])
def test_an_empty_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="is empty"):
        resolve(f"file:{held(tmp_path, content)}")


def test_a_missing_secret_says_what_to_do(tmp_path: Path) -> None:
    for reference in (f"file:{tmp_path}/none", "env:OPSGUIDE_TEST_NO_SUCH"):
        with pytest.raises(InputError) as refused:
            resolve(reference)
        assert refused.value.next


def test_what_is_no_plain_file_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("pipe", ".", "none/x"):
        with pytest.raises(InputError):
            resolve(f"file:{tmp_path / name}")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 70000])
def test_what_cannot_be_a_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError):
        resolve(f"file:{held(tmp_path, content)}")


@pytest.mark.parametrize("reference", [CANARY, f"pass:{CANARY}", f"{CANARY}:x", "env:", "keyring:a", "file:a\x00b", ""])
def test_a_secret_in_place_of_a_reference_is_refused_and_not_shown(reference: str) -> None:
    with pytest.raises(InputError) as refused:
        resolve(reference)
    assert CANARY not in str(refused.value)


def test_a_missing_keyring_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(InputError) as refused:
        resolve("keyring:opsguide/token")
    assert "pip install keyring" in refused.value.next
