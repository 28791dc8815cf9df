"""The resolvers of the lab serve TLS to every host, with certificates of the lab's own authority."""

from __future__ import annotations

import opsguide_lab
from opsguide_lab import certificates, topology

FRONTS = {c.name: c.front for c in topology.CONTAINERS if c.front}
ASK = "curl -s -S -m 60 --cacert /{} --resolve app.lab.example:443:{} https://app.lab.example/"


def test_every_host_reaches_both_and_trusts_them(lab) -> None:
    assert list(FRONTS) == ["resolver1", "resolver2"]
    for host in topology.HOSTS:
        for name, front in FRONTS.items():
            done = opsguide_lab.inside(host.name, ASK.format(certificates.ROOTS, front).split())
            assert done.stdout == f"{topology.container(name).hostname}\n", done.stderr


def test_a_lab_that_is_restored_serves_what_it_was_built_with(lab) -> None:
    folder = opsguide_lab.container_root("resolver2") / certificates.FOLDER
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "platform.crt.new").rename(folder / "platform.crt")
    (folder / "platform.key.old").write_text("not a key")
    opsguide_lab.restore()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    for path in folder.glob("*.key*"):
        assert path.stat().st_mode & 0o777 == 0o600
