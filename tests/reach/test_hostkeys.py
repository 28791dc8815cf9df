from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from opsguide.errors import InputError
from opsguide.reach.hostkeys import KnownKey, deciding, entries, fingerprint, names, on_file, verdict

BLOB = b"\x00\x00\x00\x0bssh-ed25519 key"
HERE = base64.b64encode(BLOB).decode()
OTHER = base64.b64encode(b"another").decode()


def known(marker: str = "", type_: str = "ssh-ed25519", blob: str = HERE) -> KnownKey:
    return KnownKey(marker, type_, blob, 1)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([], "unknown"),
        ([known()], "known"),
        ([known(blob=OTHER)], "changed"),
        ([known(blob=OTHER), known()], "known"),
        ([known(type_="ssh-rsa", blob=OTHER)], "unknown"),
        ([known("@revoked"), known()], "revoked"),
        ([known("@revoked", blob=OTHER), known()], "known"),
    ],
)
def test_the_verdict_is_that_of_openssh(keys: list[KnownKey], expected: str) -> None:
    assert verdict(keys, "ssh-ed25519", BLOB) == expected


def test_the_first_name_with_an_entry_decides_and_a_revocation_counts_under_any() -> None:
    mine, stale, gone = known(), known(blob=OTHER), known("@revoked", blob="x")
    authority = known("@cert-authority", blob="ca")
    assert deciding([[mine], [stale, gone]]) == [gone, mine]
    assert deciding([[authority], [stale]]) == [stale]
    assert deciding([[], []]) == []


def test_a_port_of_its_own_stands_in_the_name() -> None:
    assert names("uh-01", "192.0.2.1", 22) == ("uh-01", "192.0.2.1")
    assert names("uh-01", "192.0.2.1", 2222) == ("uh-01", "[192.0.2.1]:2222")


def test_an_answer_of_ssh_keygen_is_read_with_its_lines_and_markers() -> None:
    text = (
        "# Host uh-01 found: line 3 REVOKED\n@revoked * ssh-rsa AAA=\n"
        "# Host uh-01 found: line 6 \nuh-*,!uh-02 ssh-ed25519 BBB comment here\n"
    )
    assert entries(text) == [
        KnownKey("@revoked", "ssh-rsa", "AAA=", 3),
        KnownKey("", "ssh-ed25519", "BBB", 6),
    ]


def test_hashed_names_are_found(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"[192.0.2.1]:2222 ssh-ed25519 {HERE}\n")
    subprocess.run(["ssh-keygen", "-q", "-f", str(tmp_path / "k"), "-N", "", "-t", "ed25519"], check=True)
    key = " ".join((tmp_path / "k.pub").read_text().split()[:2])
    file.write_text(f"[192.0.2.1]:2222 {key}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "192.0.2.1" not in file.read_text()
    assert [k.blob for k in on_file(file, "[192.0.2.1]:2222")] == [key.split()[1]]
    assert on_file(file, "192.0.2.1") == []


def test_a_missing_file_knows_nobody(tmp_path: Path) -> None:
    assert on_file(tmp_path / "none", "uh-01") == []


def test_an_unreadable_file_is_an_error_and_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        on_file(tmp_path, "uh-01")


def test_fingerprints_look_like_openssh_writes_them(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-f", str(tmp_path / "k"), "-N", "", "-t", "ed25519"], check=True)
    said = subprocess.run(["ssh-keygen", "-lf", str(tmp_path / "k.pub")], capture_output=True, text=True, check=True)
    blob = base64.b64decode((tmp_path / "k.pub").read_text().split()[1])
    assert fingerprint(blob) == said.stdout.split()[1]
