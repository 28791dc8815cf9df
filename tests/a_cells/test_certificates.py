"""Suite A: 20 in both members of the resolvers' pair; what is served is read by Python's own TLS, verified, all the time."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import REPOSITORY, Desk
from opsguide_lab import certificates
from opsguide_lab.elements import entering

pytestmark = pytest.mark.lab
BOOK = "20-ssl-certificates-update.ipynb"
BOTH = {"resolver1": "127.0.64.21", "resolver2": "127.0.64.22"}
FOLDER = "etc/nginx/ssl"
WATCH = """
import select, socket, ssl, sys
trusted = ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt")
while True:
    for address in ("127.0.64.21", "127.0.64.22"):
        with socket.create_connection((address, 443), 5) as line:
            with trusted.wrap_socket(line, server_hostname="app.lab.example") as tls:
                print(address, tls.getpeercert()["serialNumber"], tls.version(), flush=True)
    if select.select([sys.stdin], [], [], 0.1)[0]:  # closed: that was all
        break
"""


def served(lab: Any) -> dict[str, str]:
    """The serial that each member serves now, by an accepted handshake from a user host."""
    done = lab.inside("uh-01", ["python3", "-c", WATCH])
    assert done.returncode == 0, done.stderr
    return {address: serial for address, serial, _ in map(str.split, done.stdout.splitlines())}


def serial(place: Path) -> str:
    line = ["openssl", "x509", "-in", f"{place}.crt", "-noout", "-serial"]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip().partition("=")[2]


def fingerprint(place: Path) -> str:
    line = ["openssl", "x509", "-in", f"{place}.crt", "-noout", "-fingerprint", "-sha256"]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip().partition("=")[2]


def master(lab: Any, element: str) -> str:
    return lab.inside(element, ["cat", "/run/nginx.pid"]).stdout


def files(lab: Any, element: str) -> dict[str, bytes]:
    folder = Path(lab.container_root(element)) / FOLDER
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def lay(lab: Any, element: str, place: Path) -> None:
    """A new pair beside the old one, as an operator lays it there."""
    for kind in ("crt", "key"):
        line = ["sh", "-c", f"umask 077; cat > /{FOLDER}/platform.{kind}.new"]
        lab.inside(element, line, stdin=Path(f"{place}.{kind}").read_text())


OLD, NEW = certificates.PLACE / certificates.SERVED, certificates.PLACE / certificates.NEXT


@pytest.fixture(autouse=True)
def as_built(lab: Any) -> Iterator[None]:
    yield
    for element in BOTH:
        root = Path(lab.container_root(element))
        for path in (root / FOLDER).iterdir():
            path.unlink()
        certificates.place(root)
        lab.inside(element, ["systemctl", "reload", "nginx"])


def given(element: str, **more: Any) -> dict[str, Any]:
    other = next(name for name in BOTH if name != element)
    fixed = {"element": element, "mode": "apply", "reason": "test", "pinned_by": "nobody, all were asked"}
    fixed |= {"certificate": f"/{FOLDER}/platform.crt", "key": f"/{FOLDER}/platform.key", "names": ["app.lab.example"]}
    fixed |= {"address": BOTH[element], "peer_address": BOTH[other], "roots": "/etc/ssl/certs/ca-certificates.crt"}
    return {**fixed, **more}


def test_one_member_after_the_other_serves_the_new_certificate_and_no_handshake_fails(desk: Desk, lab: Any) -> None:
    old, new = serial(OLD), serial(NEW)
    assert served(lab) == dict.fromkeys(BOTH.values(), old)
    before = [master(lab, element) for element in BOTH], files(lab, "resolver1"), files(lab, "resolver2")
    line = entering("uh-01", ["python3", "-c", WATCH])
    watch = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        for element in BOTH:
            done = desk("run", "20", "-f", str(REPOSITORY / f"parameters/runs/20-{element}.yml"))
            assert done.code == 0, done
            assert served(lab) == {BOTH["resolver1"]: new, BOTH["resolver2"]: new if element == "resolver2" else old}
            if element == "resolver1":
                assert files(lab, "resolver2") == before[2]
    finally:
        seen = [line.split() for line in watch.communicate(timeout=30)[0].splitlines()]
    assert watch.returncode == 0, "every handshake was accepted"
    assert {version for _, _, version in seen} == {"TLSv1.3"}
    for address in BOTH.values():
        told = [number for at, number, _ in seen if at == address]
        assert told == sorted(told, key=[old, new].index), "from the old to the new, and never back"
        assert set(told) == {old, new}
    assert [master(lab, element) for element in BOTH] == before[0], "reloaded, not restarted"
    kept = files(lab, "resolver1")
    assert {name: kept[f"{name}.old"] for name in ("platform.crt", "platform.key")} == {
        name: before[1][name] for name in ("platform.crt", "platform.key")
    }
    assert [[e["step"] for e in desk.record(n).sent("change")] for n in (0, 1)] == [["swap", "reload"]] * 2
    assert "both" not in {e["step"] for e in desk.record(0).sent()}
    assert "both" in {e["step"] for e in desk.record(1).sent()}
