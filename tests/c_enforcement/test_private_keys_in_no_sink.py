"""A private key that runbook 20 puts in place, and the one that was there: no line of them in any sink, also where a cell
that was added goes for the key itself."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from desk import Desk, wait_for
from opsguide import amend
from opsguide.errors import OpsguideError
from opsguide_lab import certificates
from stepping import Stepped

pytestmark = pytest.mark.lab
STATE = Path("/var/lib/opsguide-lab/state")
KEY = "/etc/nginx/ssl/platform.key"
GIVEN = {
    "element": "resolver1", "mode": "apply", "reason": "test", "certificate": "/etc/nginx/ssl/platform.crt", "key": KEY,
    "names": ["app.lab.example"], "address": "127.0.64.21", "peer_address": "127.0.64.22",
    "roots": "/etc/ssl/certs/ca-certificates.crt", "pinned_by": "nobody",
}  # fmt: skip


def canaries() -> list[bytes]:
    """Both keys: each line of the PEM, pieces of it as other lines would cut them, and the bytes as hex."""
    found = []
    for name in (certificates.SERVED, certificates.NEXT):
        lines = (certificates.PLACE / f"{name}.key").read_text().splitlines()[1:-1]
        body = "".join(lines)
        secret = base64.b64decode(body)[36:68]  # the private number of a P-256 key in PKCS #8
        found += [line.encode() for line in lines] + [body[at : at + 20].encode() for at in range(48, 84)]
        found += [secret, secret.hex().encode(), secret.hex(":").encode(), base64.b64encode(secret)[:20]]
    return found


def kept_in(*roots: Path) -> list[str]:
    files = [path for root in roots for path in root.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(one in path.read_bytes() for one in canaries())]


def test_no_byte_of_a_key_is_in_records_state_output_or_logs(desk: Desk, lab: Any, capsys: Any, tmp_path: Path) -> None:
    try:
        one = Stepped(desk, "20-ssl-certificates-update.ipynb", dict(GIVEN))
        assert one.run("swap") is None
        step = one.names["step"]
        with pytest.raises(OpsguideError, match="openssl x509"):
            step.edit("{key}", amend(content="not a key\n"))
        with pytest.raises(OpsguideError):
            step.look(f"cat {KEY}")
        one.close()
        wait_for(lambda: desk.record().sealed, what="the record is sealed")
    finally:
        lab.restore_certificates("resolver1")
    told = capsys.readouterr()
    assert "[hidden: private key]" in told.out, "the edit came as far as to the old key"
    (tmp_path / "screen").write_text(told.out + told.err)
    logs = [Path(root) / "var/log" for root in (lab.host_root("ih-01"), lab.container_root("resolver1"))]
    assert kept_in(tmp_path, STATE, *logs) == []
    assert kept_in(certificates.PLACE), "what is looked for can be found"
