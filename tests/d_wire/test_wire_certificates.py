"""Host keys that an authority vouches for: our verdict is OpenSSH's on the same file and the same server."""

from __future__ import annotations

import base64
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from d_wire.got import Got
from d_wire.openssh import openssh
from d_wire.sshd import Sshd, keygen
from opsguide.errors import UnreachableError
from opsguide.reach import hostcerts
from opsguide.reach.hostkeys import fingerprint

NOW, PAST, FUTURE = "-V always:forever", "-V 20200101:20200102", "-V 20900101:20900102"
VOUCHED, HERE = "@cert-authority {at} {ca}", "-n 127.0.0.1"
PLAIN, CHANGED = "{at} {key}", "{at} {other}"


class Certified(Sshd):
    """A server with a certificate for its host key, signed by `folder/ca`; one `other` key stands beside."""

    def __init__(self, folder: Path, sign: str, authority: str = "ed25519", key: str = "ed25519") -> None:
        super().__init__(folder, keys=(key,))
        self.key = key
        self.authority, self.other = keygen(folder / "ca", authority), keygen(folder / "other", authority)
        if sign != "nothing":
            command = ["ssh-keygen", "-q", "-s", str(folder / "ca"), "-I", "uh-01", *sign.split()]
            subprocess.run([*command, f"{folder}/host_{key}.pub"], check=True, stdin=subprocess.DEVNULL)
            self.options = (f"HostCertificate {folder}/host_{key}-cert.pub",)

    def know(self, *lines: str) -> None:
        own = {"at": f"[127.0.0.1]:{self.port}", "ca": self.authority, "key": self.public[self.key]}
        self.known_hosts.write_text("".join(line.format(other=self.other, **own) + "\n" for line in lines))

    def verdict(self) -> str:
        """Ours: "" when we are let in, else what is said; nobody has logged in then."""
        ssh = self.connections()
        try:
            assert ssh.run(self.element(), "exit 3", deadline=60, sink=Got()).exit == 3
        except UnreachableError as error:
            assert self.logins == 0
            return error.words
        finally:
            ssh.close()
        return ""


@pytest.fixture
def made() -> Iterator[list[Certified]]:
    servers: list[Certified] = []
    yield servers
    for server in servers:
        server.stop()


IN = ""
CASES = [
    ("-h", [VOUCHED], IN),
    (f"-h {NOW} {HERE}", [VOUCHED], IN),
    (f"-h {HERE},uh-09", ["@cert-authority * {ca}"], "and not for uh-01"),
    (f"-h {HERE},uh-01", ["@cert-authority * {ca}"], IN),
    ("-h", [VOUCHED, CHANGED], IN),
    (f"-h {PAST} {HERE}", [VOUCHED], "it has expired"),
    (f"-h {FUTURE} {HERE}", [VOUCHED], "it is not valid yet"),
    ("-h -n 127.0.0.2,uh-01", [VOUCHED], "it is for 127.0.0.2, uh-01 and not for 127.0.0.1"),
    ("-h -O critical:colour=red", [VOUCHED], "its option colour"),
    ("-h", ["@cert-authority {at} {other}"], "its certificate's authority is not on file"),
    ("-h", ["@cert-authority [127.0.0.9]:* {ca}"], "a host key that is not on file"),
    ("-h", ["{at} {ca}"], "another host key than the one on file"),
    ("-h", [VOUCHED, "@revoked * {key}"], "revoked"),
    ("-h", [VOUCHED, "@revoked * {ca}"], "revoked: .*certificate's authority"),
    ("-h", [VOUCHED, PLAIN, "@revoked * {ca}"], "revoked"),
    ("-h", [VOUCHED, "@revoked * {other}"], IN),
    (f"-h {PAST}", [VOUCHED, PLAIN], IN),
    (f"-h {PAST}", [VOUCHED, CHANGED], "another host key"),
    ("-h", ["@cert-authority {at} {other}", PLAIN], IN),
    ("nothing", [VOUCHED], "a host key that is not on file"),
    ("nothing", [VOUCHED, PLAIN], IN),
]


@pytest.mark.parametrize(("sign", "lines", "expected"), CASES, ids=[f"{i}" for i in range(len(CASES))])
def test_a_certificate_of_a_host_key_gets_the_verdict_of_openssh(
    made: list[Certified], tmp_path: Path, sign: str, lines: list[str], expected: str
) -> None:
    made.append(server := Certified(tmp_path / "sshd", sign))
    server.start()
    server.know(*lines)
    ours = server.verdict()
    alias = "uh-01" if lines[0].startswith("@cert-authority *") else ""
    assert bool(ours) == bool(openssh(server, server.port, alias)), ours
    assert re.search(expected or "^$", ours), ours


@pytest.mark.parametrize("authority", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("key", ["ed25519", "ecdsa", "rsa"])
def test_authorities_and_hosts_have_keys_of_every_type(
    made: list[Certified], tmp_path: Path, authority: str, key: str
) -> None:
    made.append(server := Certified(tmp_path / "sshd", "-h", authority, key))
    server.start()
    server.know(VOUCHED)
    assert (server.verdict(), openssh(server, server.port)) == ("", "")


def test_an_authority_that_signs_with_sha1_is_not_believed(made: list[Certified], tmp_path: Path) -> None:
    made.append(server := Certified(tmp_path / "sshd", "-h -t ssh-rsa", "rsa"))
    server.start()
    server.know(VOUCHED)
    assert "it is signed with ssh-rsa" in server.verdict()
    assert openssh(server, server.port)


def test_the_authority_is_told_beside_the_hosts_own_key(made: list[Certified], tmp_path: Path) -> None:
    made.append(server := Certified(tmp_path / "sshd", "-h"))
    server.start()
    server.know(VOUCHED)
    ssh = server.connections()
    prints = [fingerprint(base64.b64decode(key.split()[1])) for key in (server.public["ed25519"], server.authority)]
    assert ssh.shown_keys(server.element()) == dict(zip(("host key", "host key authority"), prints, strict=True))
    server.know(PLAIN)
    again = server.connections()
    assert again.shown_keys(server.element()) == {"host key": prints[0]}
    for opened in (ssh, again):
        opened.close()


def _certificate(folder: Path, sign: str) -> bytes:
    keygen(folder / "key"), keygen(folder / "ca")
    command = ["ssh-keygen", "-q", "-s", str(folder / "ca"), "-I", "x", *sign.split(), str(folder / "key.pub")]
    subprocess.run(command, check=True)
    return base64.b64decode((folder / "key-cert.pub").read_text().split()[1])


def test_a_users_certificate_is_no_hosts(tmp_path: Path) -> None:
    shown = hostcerts.read(_certificate(tmp_path, "-n uh-01"))
    assert shown
    assert hostcerts.objection(shown, "uh-01", time.time()) == "it is not a host's"


def test_no_byte_of_a_certificate_can_be_changed(tmp_path: Path) -> None:
    blob = _certificate(tmp_path, "-h -n uh-01")
    whole = hostcerts.read(blob)
    assert whole
    assert hostcerts.objection(whole, "uh-01", time.time()) == ""
    for place in range(len(blob)):
        forged = hostcerts.read(blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :])
        believed = forged and forged.authority == whole.authority and not hostcerts.objection(forged, "uh-01", 2e9)
        assert not believed, place
    for end in range(len(blob)):
        assert hostcerts.read(blob[:end]) is None
