"""The resolvers of the lab serve TLS to every host, with certificates of the lab's own authority."""

from __future__ import annotations

import opsguide_lab
from desk import wait_for
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


GONE = """
import socket, struct
line = socket.create_connection(("{front}", 443), 60)
line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
line.close()
"""


def open_at(name: str) -> int:
    """The connections to its port 443 that are open in a container."""
    listed = opsguide_lab.inside(name, ["cat", "/proc/net/tcp"]).stdout.splitlines()[1:]
    return sum(local.endswith(":01BB") and state == "01" for _, local, _, state, *_ in map(str.split, listed))


def test_a_client_that_goes_without_a_word_leaves_no_connection_behind_it(lab) -> None:
    """One that were left would keep the old worker of a reload for a minute."""
    wait_for(lambda: open_at("resolver2") == 0, what="earlier clients are gone")
    for _ in range(5):
        done = opsguide_lab.inside("uh-01", ["python3", "-c", GONE.format(front=FRONTS["resolver2"])])
        assert done.returncode == 0, done.stderr
    wait_for(lambda: open_at("resolver2") == 0, 30, "both ends are closed")
