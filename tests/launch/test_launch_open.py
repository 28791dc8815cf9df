"""`opsguide open` in full: JupyterLab on loopback, behind a token that nobody else sees, kernels on Unix sockets."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import FarDesk

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/lab/tree/(\S+)\?token=(\S+)")


@pytest.fixture
def jupyter(far: FarDesk) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    process = far.start("open", "06", "--on", "uh-01", "--no-browser", "--work", str(far.folder))
    assert process.stderr
    for line in process.stderr:
        if found := ADDRESS.search(line):
            assert found[2].endswith("06-restarting-processes-uh-01.ipynb")
            break
    else:
        pytest.fail("JupyterLab told no address")
    try:
        wait_for(int(found[1]))
        yield process, int(found[1]), found[3]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def wait_for(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
    pytest.fail("JupyterLab does not answer")


def asked(port: int, path: str, token: str = "", body: dict[str, Any] | None = None) -> Any:
    headers = {"Content-Type": "application/json", **({"Authorization": f"token {token}"} if token else {})}
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", content, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def test_jupyterlab_is_reached_by_its_user_alone(jupyter: tuple[subprocess.Popen[str], int, str]) -> None:
    process, port, token = jupyter
    assert len(token) > 30
    assert token.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked(port, "/api/kernels")
    assert refused.value.code == 403
    refused.value.close()
    listening = subprocess.run(["ss", "-H", "-l", "-t", "-n", "-p"], capture_output=True, text=True, check=True).stdout
    own = [line.split()[3] for line in listening.splitlines() if f"pid={process.pid}," in line]
    assert own == [f"127.0.0.1:{port}"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/lab?token={token}", timeout=20) as page:
        assert '"news": {"disabled": true}' in page.read().decode(), "it would fetch news from the network"
    kernel = asked(port, "/api/kernels", token, {"name": "python3"})
    environment = dict(
        pair.split("=", 1) for pair in Path(f"/proc/{process.pid}/environ").read_text().split("\0") if "=" in pair
    )
    runtime = Path(environment["JUPYTER_RUNTIME_DIR"])
    assert runtime.stat().st_mode & 0o077 == 0
    assert json.loads((runtime / f"kernel-{kernel['id']}.json").read_text())["transport"] == "ipc"
