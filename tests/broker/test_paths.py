"""Where a path leads is asked on each element that is looked at, and believed only where there is an answer."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from broker.fakes import grounds, platform
from opsguide.broker.order import Step
from opsguide.broker.paths import refuse_others
from opsguide.broker.targets import targets
from opsguide.broker.transit import Command, Seen
from opsguide.broker.work import Work
from opsguide.errors import RefusedError

SAMPLE, PATH = "sha256sum {sample}", "/vap-platform/shop.zip"
GIVEN = {
    "storage": "NFS", "mount_source": "x", "size": "1G", "way": ["hcore1"], "config_keys": "k", "symptoms": "s",
    "growth": "g", "owner": "o", "backup": "b", "impact": "i", "window": "w", "rollback": "r", "change_id": "c",
}  # fmt: skip


class Host:
    """Answers `readlink -m` as it is told."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.exit, self.leads = 0, PATH

    def send(self, command: Command) -> Seen:
        self.asked.append(command.target.element.name)
        return Seen("ok", self.exit, text=f"{self.leads}\n" if self.exit == 0 else "")


@pytest.fixture
def host() -> Host:
    return Host()


def held(folder: Path, host: Any, activity: str, element: str, command: str, on: list[str], **given: Any) -> None:
    run = grounds(platform(folder), element, activity, **given)
    work = Work(run, host, SimpleNamespace(), SimpleNamespace(), "plan")  # type: ignore[arg-type]
    found = targets(run, "look", {"what": {"command": command}, "on": on})
    for _ in range(2):
        work.hold_paths(Step("look"), found, asks=True)


def test_where_a_path_leads_is_asked_once_on_each_element(tmp_path: Path, host: Host) -> None:
    host.leads = "/var/log/messages"
    more = {"path": "/var/log/messages", "user": "daemon"}
    held(
        tmp_path,
        host,
        "file-access-settings",
        "hcore1",
        "stat -c '%a %U %G %h %F %n' {path}",
        ["hcore1", "hcore2"],
        **more,
    )
    assert host.asked == ["hcore1", "hcore2"]


def test_a_path_of_which_nobody_says_where_it_leads_is_refused(tmp_path: Path, host: Host) -> None:
    """A readlink that cannot do this is in small containers; what cannot be asked is not taken for plain."""
    host.exit = 1
    with pytest.raises(RefusedError, match="cannot be asked"):
        held(tmp_path, host, "uploader-configuration", "hcore1", SAMPLE, ["hcore1"], sample=PATH, **GIVEN)


@pytest.mark.parametrize("path", ["/etc/shadow", "/root/.ssh/id_ed25519"])
def test_a_path_that_may_hold_a_secret_is_refused_before_anything_is_asked(
    tmp_path: Path, host: Host, path: str
) -> None:
    with pytest.raises(RefusedError, match="may hold a secret"):
        held(tmp_path, host, "uploader-configuration", "hcore1", SAMPLE, ["hcore1"], sample=path, **GIVEN)
    assert host.asked == []


@pytest.mark.parametrize(("path", "says"), [
    ("/etc/shadow", "belongs to Managing OS User Accounts"), ("/opt/nobody.conf", "is not a file of"),
    ("/vz/root/101/etc/hosts", "leads into a container"),
])  # fmt: skip
def test_a_path_that_is_not_this_activitys_is_refused_before_anything_is_asked(
    tmp_path: Path, host: Host, path: str, says: str
) -> None:
    run = grounds(platform(tmp_path), "uh-01", "file-access-settings", path="/etc/hosts", user="daemon")
    with pytest.raises(RefusedError, match=says):
        refuse_others(run, path, asked=False)
    if says != "is not a file of":
        with pytest.raises(RefusedError, match=says):
            refuse_others(run, path, asked=True)


@pytest.mark.parametrize(("leads", "says"), [("/etc/shadow", "belongs to"), ("/vz/root/101/etc/x", "into a container")])
def test_a_path_that_leads_to_what_is_not_this_activitys_is_refused(
    tmp_path: Path, host: Host, leads: str, says: str
) -> None:
    host.leads = leads
    more = {"path": "/var/log/messages", "user": "daemon"}
    with pytest.raises(RefusedError, match=says):
        held(tmp_path, host, "file-access-settings", "uh-01", "stat -c '%a %U %G %h %F %n' {path}", ["uh-01"], **more)


@pytest.mark.parametrize("leads", ["/etc/shadow", "/root/.ssh/id_ed25519"])
def test_a_sample_that_leads_to_a_secret_is_refused(tmp_path: Path, host: Host, leads: str) -> None:
    host.leads = leads
    with pytest.raises(RefusedError, match="may hold a secret"):
        held(tmp_path, host, "uploader-configuration", "hcore1", SAMPLE, ["hcore1"], sample=PATH, **GIVEN)
