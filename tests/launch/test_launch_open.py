"""`opsguide open` in full: JupyterLab on loopback, behind a token that nobody else sees, kernels on Unix sockets."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opsguide.launch.copies import work_folder
from opsguide.launch.open import served

from .conftest import far_desk

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/lab/tree/(\S+)\?token=(\S+)")


@dataclass
class Lab:
    """A JupyterLab that runs, and the copy that it opened, as it names it."""

    process: subprocess.Popen[str]
    port: int
    where: str
    token: str
    copy: Path


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    far = far_desk(tmp_path_factory.mktemp("far"))
    work = Path(tempfile.mkdtemp(dir=work_folder()))
    process = far.start("open", "06", "--on", "uh-01", "--no-browser", "--work", str(work))
    assert process.stderr
    try:
        found = next(found for line in process.stderr if (found := ADDRESS.search(line)))
        assert found[2].endswith("06-restarting-processes-uh-01.ipynb")
        wait_for(int(found[1]))
        yield Lab(process, int(found[1]), found[2], found[3], work / "06-restarting-processes-uh-01.ipynb")
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=60)
        process.kill()
        process.communicate()
        shutil.rmtree(work)


def wait_for(port: int) -> None:
    end = time.monotonic() + 120
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
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize(
    ("home", "folder", "all_of"),
    [
        ("/srv/opsguide", "/srv/opsguide/work", "/srv/opsguide"),
        ("/home/anna/opsguide", "/home/anna/scratch/today", "/home/anna"),
        ("/srv/opsguide", "/tmp/copies", "/tmp/copies"),
    ],
)
def test_what_holds_copy_and_runbooks_is_served_but_never_the_whole_machine(
    home: str, folder: str, all_of: str
) -> None:
    assert served(Path(home), Path(folder)) == Path(all_of)


def test_links_lead_to_the_runbooks_from_a_copy_and_long_lines_are_wrapped(jupyter: Lab) -> None:
    links = set(re.findall(r"\]\(([^)#]+\.ipynb)", jupyter.copy.read_text()))
    assert len(links) > 2
    for link in links:
        there = os.path.normpath(Path(jupyter.where).parent / link)
        assert asked(jupyter.port, f"/api/contents/{there}?content=0", jupyter.token)["type"] == "notebook"
    told = asked(jupyter.port, "/lab/api/settings/@jupyterlab/notebook-extension:tracker", jupyter.token)
    assert told["schema"]["properties"]["codeCellConfig"]["default"]["lineWrap"] is True
    told = asked(jupyter.port, "/lab/api/settings/@jupyterlab/apputils-extension:notification", jupyter.token)
    assert told["schema"]["properties"]["fetchNews"]["default"] == "false", "it would ask whether to fetch news"


def test_jupyterlab_is_reached_by_its_user_alone(jupyter: Lab) -> None:
    process, port, token = jupyter.process, jupyter.port, jupyter.token
    assert len(token) > 30
    assert token.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked(port, "/api/kernels")
    assert refused.value.code == 403
    refused.value.close()
    listening = subprocess.run(["ss", "-H", "-l", "-t", "-n", "-p"], capture_output=True, text=True, check=True).stdout
    own = [line.split()[3] for line in listening.splitlines() if f"pid={process.pid}," in line]
    assert own == [f"127.0.0.1:{port}"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/lab?token={token}", timeout=120) as page:
        assert '"news": {"disabled": true}' in page.read().decode(), "it would fetch news from the network"
    kernel = asked(port, "/api/kernels", token, {"name": "python3"})
    environment = dict(
        pair.split("=", 1) for pair in Path(f"/proc/{process.pid}/environ").read_text().split("\0") if "=" in pair
    )
    runtime = Path(environment["JUPYTER_RUNTIME_DIR"])
    assert runtime.stat().st_mode & 0o077 == 0
    assert json.loads((runtime / f"kernel-{kernel['id']}.json").read_text())["transport"] == "ipc"
