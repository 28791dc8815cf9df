"""A file that may hold a secret is read for no request; a digest of it would tell a short one to who can guess."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from desk import REPOSITORY, Desk
from opsguide.guide import entries, scopes, slots

SAMPLE = "sha256sum {sample}"
BACKUP = scopes.load("backup-and-restore")
IN_A_CONTAINER = [e for e in BACKUP.entries if e.args is None and "r=$(vzlist" in e.template]


@pytest.fixture
def link(lab: Any) -> Iterator[Path]:
    path = Path(lab.container_root("uploader1")) / "vap-platform/zz-sample"
    path.symlink_to("/etc/shadow")
    yield path
    path.unlink()


@pytest.mark.lab
@pytest.mark.parametrize("sample", ["/etc/shadow", "/root/.ssh/id_ed25519", "/vap-platform/zz-sample"])
def test_a_sample_of_the_uploader_is_no_secret_file_and_no_link_to_one(
    desk: Desk, raw: Any, link: Path, sample: str
) -> None:
    run = raw()
    given = yaml.safe_load((REPOSITORY / "parameters/runs/10-uploader1.yml").read_text())
    parameters = {"service": None, "settle": None, **given, "sample": sample}
    begun = run.begin(activity="uploader-configuration", parameters=parameters)
    assert "done" in begun, begun
    run.step("look")
    error = run.verb("look", "look", SAMPLE).get("error", {})
    assert "may hold a secret" in error.get("words", ""), error
    assert not [e for e in desk.record().sent("look") if e["template"].startswith("sha256sum")]


@pytest.mark.lab
@pytest.mark.parametrize("link", ["", "/opt/zz-app.conf"])
def test_a_secret_file_is_read_for_no_request(desk: Desk, raw: Any, lab: Any, link: str) -> None:
    """In a request a file that no activity owns is read as evidence; a line `host:user:password` no redactor knows."""
    secret, named = "/root/.pgpass", link or "/root/.pgpass"
    files = [Path(lab.container_root("hcore1")) / name[1:] for name in (secret, named)]
    files[0].write_text("db:5432:*:app:hunter2-hunter2\n")
    if link:
        files[1].symlink_to(secret)
    try:
        run = raw()
        parameters = {"element": "hcore1", "path": named, "service": None, "settle": None}
        assert "done" in run.begin(activity="editing-system-files", parameters=parameters)
        run.step("look")
        answers = [run.verb("look", "look", "stat -c '%a %U %G %s' {path}")]
        answers += [
            run.verb("look", "look", template) for template in ("cat {path}", "sha256sum {path}") if run.step("look")
        ]
        run.step("look")
        edit = {"do": "edit", "step": "look", "what": {"command": "{path}"}, "amend": {"content": "x"}}
        answers.append(run.ask(edit))
    finally:
        for file in files:
            file.unlink(missing_ok=True)
    assert [a.get("error", {}).get("error") for a in answers] == [None, *["RefusedError"] * 3], answers
    assert not [p for p in desk.records.rglob("*") if p.is_file() and b"hunter2" in p.read_bytes()]


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    """A host with a container below /vz, a folder of its own, and the tool that tells where the container is."""
    for name in ("vz/root/7/etc", "vz/root/7/data", "vz/root/70/etc", "host", "store/digests"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("vz/root/7/etc/own", "vz/root/7/data/own", "vz/root/70/etc/other", "host/secret"):
        (tmp_path / name).write_text(name)
    (tmp_path / "vz/root/7/out").symlink_to(tmp_path / "host")
    (tmp_path / "vz/root/7/beside").symlink_to("../70/etc")
    (tmp_path / "vz/root/7/within").symlink_to("data")
    (tmp_path / "vzlist").write_text(f"#!/bin/sh\necho ' {tmp_path}/vz/root/7 '\n")
    (tmp_path / "vzlist").chmod(0o755)
    return tmp_path


def sent(platform: Path, entry: entries.Entry, files: str) -> subprocess.CompletedProcess[str]:
    values = {"uuid": "7", "ctid": "7", "files": files, "store": f"{platform}/store", "backup": "b1"}
    argv = [slots.fill(token, values) for token in entry.tokens()]
    path = {"PATH": f"{platform}:{os.environ['PATH']}"}
    return subprocess.run(argv, env=path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("files", ["/out", "/beside"])
@pytest.mark.parametrize("entry", IN_A_CONTAINER, ids=lambda e: e.verb + " at " + e.at)
def test_a_folder_that_leads_out_of_the_container_is_read_by_no_line_of_24(
    platform: Path, entry: entries.Entry, files: str
) -> None:
    """The owner of a container makes such a link; the line runs as root of the host."""
    (platform / "store/digests/b1").write_text("")
    done = sent(platform, entry, files)
    assert done.returncode != 0
    assert f"{files} leads out of the container" in done.stdout
    assert (platform / "store/digests/b1").read_text() == ""


@pytest.mark.parametrize("files", ["/etc", "/within"])
def test_a_folder_of_the_container_is_read_and_compared(platform: Path, files: str) -> None:
    assert len(IN_A_CONTAINER) == 3
    for entry in sorted(IN_A_CONTAINER, key=lambda e: e.verb):
        done = sent(platform, entry, files)
        assert done.returncode == 0, done
    assert (platform / "store/digests/b1").read_text().endswith("  ./own\n")
