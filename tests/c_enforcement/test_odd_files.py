"""Files on a host that are not what an edit takes: nothing is cut, nothing is half done, nothing hangs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk import Desk

pytestmark = pytest.mark.lab
PATH = "/etc/cron.d/zz-odd"


@pytest.fixture
def file(lab) -> Iterator[Path]:
    found = Path(lab.host_root("uh-02")) / PATH[1:]
    yield found
    found.unlink(missing_ok=True)


def edit(raw, **amend):
    run = raw()
    parameters = {"element": "uh-02", "path": PATH, "mode": "apply", "reason": "test"}
    begun = run.begin(activity="editing-system-files", parameters={**parameters, "service": None, "settle": None})
    assert "done" in begun, begun
    run.step("look")
    return run.ask({"do": "edit", "step": "look", "what": {"command": "{path}"}, "amend": amend})


def test_a_file_of_more_than_4_mib_is_refused_and_not_cut(raw, file: Path) -> None:
    file.write_text("a = 1\n" + "# line\n" * 700_000)
    size = file.stat().st_size
    answer = edit(raw, settings=["a = 2"])
    assert "less than 4 MiB" in answer["error"]["words"]
    assert file.stat().st_size == size


def test_a_fifo_is_refused_without_reading_it(raw, file: Path) -> None:
    os.mkfifo(file)
    assert "a fifo of" in edit(raw, content="# x\n")["error"]["words"]


def test_a_file_of_two_names_is_refused(raw, file: Path, lab) -> None:
    file.write_text("# one\n")
    other = Path(lab.host_root("uh-02")) / "root/zz-other"
    os.link(file, other)
    try:
        assert "2 names" in edit(raw, content="# x\n")["error"]["words"]
    finally:
        other.unlink()


def test_bytes_that_are_not_text_are_a_difference(raw, file: Path) -> None:
    file.write_bytes(b"# \xff\n")
    assert edit(raw, content="# \\xff\n") == {"done": None}
    assert file.read_bytes() == b"# \\xff\n"


def test_nothing_is_left_beside_a_file_that_was_not_swapped(desk: Desk, raw, file: Path, lab) -> None:
    file.write_text("# one\n")
    lab.inside("uh-02", ["chattr", "+i", PATH])
    edit(raw, content="# x\n")
    lab.inside("uh-02", ["chattr", "-i", PATH])
    assert [p.name for p in file.parent.iterdir() if "opsguide-new" in p.name] == []


def test_a_patch_that_does_not_fit_says_nothing_of_what_is_in_the_file(desk: Desk, raw, file: Path) -> None:
    file.write_text("one\nhunter2-hunter2\nthree\n")
    answer = edit(raw, patch="--- f\n+++ f\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n")
    assert "does not fit" in answer["error"]["words"]
    assert "hunter2" not in json.dumps(answer)


@pytest.mark.parametrize("element", ["uh-02", "node202"])
@pytest.mark.parametrize("path", ["/etc/shadow", "/root/.ssh/authorized_keys", "/proc/self/environ", "/dev/zero"])
def test_a_path_of_another_activity_is_not_read_either(desk: Desk, raw, element: str, path: str) -> None:
    run = raw()
    parameters = {"element": element, "path": path, "mode": "plan", "service": None, "settle": None}
    run.begin(activity="editing-system-files", parameters=parameters)
    run.step("look")
    assert run.verb("look", "look", "cat {path}")["error"]["error"] == "RefusedError"
    assert not desk.record().sent("look")


def test_a_link_to_a_file_of_another_activity_is_not_read(desk: Desk, raw, file: Path) -> None:
    file.symlink_to("/etc/shadow")
    run = raw()
    parameters = {"element": "uh-02", "path": PATH, "mode": "plan", "service": None, "settle": None}
    run.begin(activity="editing-system-files", parameters=parameters)
    for verb in ("look", "prove"):
        run.step("look")
        answer = run.verb(verb, "look", "cat {path}")
        assert verb == "prove" or "/etc/shadow belongs to" in answer["error"]["words"]
    assert [s["template"] for s in desk.record().sent("look")] == [f"readlink -m {PATH}"]


def make(raw, path: str, activity: str = "logrotate-configuration", **more: str):
    run = raw()
    parameters = {"element": "uh-02", "path": path, "mode": "apply", "reason": "test", "service": None, "settle": None}
    begun = run.begin(activity=activity, parameters={**parameters, **more})
    assert "done" in begun, begun
    run.step("look")
    return run.ask({"do": "edit", "step": "look", "what": {"command": "{path}"}, "amend": {"content": "# x\n"}})


def test_an_absent_file_is_made_with_the_mode_and_owner_of_its_row_and_nothing_is_left_beside_it(raw, lab) -> None:
    made = Path(lab.host_root("uh-02")) / "etc/logrotate.d/zz-new"
    try:
        assert make(raw, "/etc/logrotate.d/zz-new", log="/var/log/x") == {"done": None}
        found = made.stat()
        assert (found.st_mode & 0o7777, found.st_uid, found.st_gid, found.st_nlink) == (0o644, 0, 0, 1)
        assert made.read_text() == "# x\n"
        assert not [p.name for p in made.parent.iterdir() if "opsguide-new" in p.name]
    finally:
        made.unlink(missing_ok=True)


def test_a_link_that_leads_nowhere_is_not_followed_to_make_a_file(raw, lab) -> None:
    link, there = (Path(lab.host_root("uh-02")) / p for p in ("etc/logrotate.d/zz-new", "root/zz-there"))
    link.symlink_to("/root/zz-there")
    try:
        answer = make(raw, "/etc/logrotate.d/zz-new", log="/var/log/x")
        assert "not a plain file" in answer["error"]["words"]
        assert link.is_symlink()
        assert not there.exists()
    finally:
        link.unlink()


def test_a_folder_that_is_absent_is_not_made(raw, lab) -> None:
    folder = Path(lab.host_root("uh-02")) / "etc/zabbix/zabbix_agentd.d"
    assert not folder.exists()
    more = {"servers": ["10.64.1.20"], "hostname": "x"}
    answer = make(raw, "/etc/zabbix/zabbix_agentd.d/site.conf", "zabbix-agent-configuration", **more)
    assert "zabbix_agentd.d is not a plain folder" in answer["error"]["words"]
    assert not folder.exists()


def test_an_absent_file_is_not_made_where_its_row_does_not_say_how(raw, lab) -> None:
    assert "not a plain file" in make(raw, "/etc/ntp.conf", "editing-system-files")["error"]["words"]
    assert not (Path(lab.host_root("uh-02")) / "etc/ntp.conf").exists()
