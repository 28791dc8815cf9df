from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from opsguide.broker import edits
from opsguide.broker.edits import Edit
from opsguide.broker.transit import Command, Seen
from opsguide.errors import FailedError, InputError, OpsguideError, RefusedError, UnknownError
from opsguide.reach.inventory import Platform

from .fakes import grounds, platform

# Which file


@dataclass
class Recorded:
    """In place of the sender: what was sent, and answers by the first words of a command. The rest is real."""

    files: dict[str, bytes]
    run: str = "20261123T100000Z-editing-system-files-uh-01-abcd0123"
    sent: list[str] = field(default_factory=list)
    answers: dict[str, Seen] = field(default_factory=dict)
    after: dict[str, dict[str, bytes]] = field(default_factory=dict)
    stdin: bytes = b""

    def number(self) -> int:
        return 1

    def send(self, command: Command) -> Seen:
        text = command.target.template
        self.sent.append(text + (" HOLD" if command.holds else ""))
        self.stdin = command.stdin or self.stdin
        seen = next((a for start, a in self.answers.items() if text.startswith(start)), None)
        self.files |= next((f for start, f in self.after.items() if text.startswith(start)), {})
        if seen:
            return seen
        words = shlex.split(command.target.line)
        words = words[words.index("PATH=$PATH:/usr/sbin:/sbin") + 1 :]
        if words[0] == "test":
            return Seen(state="failed" if words[-1] in self.files else "ok")
        if words[0] == "readlink":
            return Seen(text=words[-1] + "\n") if words[-1] in self.files else Seen(exit=1)
        if words[0] == "stat":
            return Seen(text=f"1 {len(self.files[words[-1]])} regular file\n")
        if words[0] == "cat":
            return Seen(text="…", raw=self.files[words[-1]])
        return Seen()


@pytest.fixture
def lab(tmp_path: Path) -> Platform:
    return platform(tmp_path)


def edit(
    lab: Platform, path: str, element: str = "uh-01", template: str = "{path}", amend: Any = None
) -> tuple[Edit, Recorded]:
    run = grounds(lab, element, "editing-system-files", path=path, mode="apply", reason="why")
    recorded = Recorded({path: b"a = 1\n"})
    request = {"what": {"command": template}, "amend": amend or {"settings": ["a = 2"]}}
    return Edit(run, recorded, "edit", request), recorded  # type: ignore[arg-type]


def refused(lab: Platform, path: str, element: str = "uh-01") -> OpsguideError:
    found, recorded = edit(lab, path, element)
    with pytest.raises(RefusedError) as error:
        found.prepared()
    assert recorded.sent == [], "nothing is sent before the refusal"
    return error.value


@pytest.mark.parametrize(
    ("path", "title", "runbook"),
    [
        ("/etc/ssh/sshd_config", "SSH Configuration on a user host: Hosting Provider", "08-ssh-configuration.ipynb"),
        (
            "/etc/sysconfig/iptables",
            "Host Firewall Configuration on a user host: Jelastic Operations",
            "13-host-firewall-configuration.ipynb",
        ),
        ("/etc/firewalld/firewalld.conf", "Host Firewall Configuration", "13-host-firewall-configuration.ipynb"),
        ("/etc/sudoers", "Managing OS User Accounts", "12-managing-os-user-accounts.ipynb"),
        ("/etc/zabbix/zabbix_agentd.conf", "Zabbix Agent Configuration", "16-zabbix-agent-configuration.ipynb"),
        ("/etc/logrotate.d/nginx", "Logrotate Configuration", "17-logrotate-configuration.ipynb"),
    ],
)
def test_a_file_of_another_activity_is_refused_with_its_runbook_and_cell(
    lab: Platform, path: str, title: str, runbook: str
) -> None:
    error = refused(lab, path)
    assert title in error.words
    assert runbook in error.next
    assert "uh-01" in error.next


def test_a_file_of_another_activity_is_refused_in_containers_too(lab: Platform) -> None:
    error = refused(lab, "/etc/ssh/sshd_config", "hcore1")
    assert "SSH Configuration on an infrastructure container: Jelastic Operations" in error.words


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwdx",
        "/opt/x",
        "/etc/cron.d/a/b",
        "/etc/hosts.allow",
        "/vz/root/101/etc/hosts",
        "/proc/1/root/etc/hosts",
    ],
)
def test_a_file_of_no_activity_is_refused_on_a_host(lab: Platform, path: str) -> None:
    assert refused(lab, path).next


@pytest.mark.parametrize(
    "template",
    ["", "{}", "{path", "{path}x", "{path}{path}", "{reason}", "{element}", "{nobody}", "/etc/hosts", "path", "{0}"],
)
def test_only_the_slot_of_a_path_can_be_edited(lab: Platform, template: str) -> None:
    found, recorded = edit(lab, "/etc/hosts", template=template)
    with pytest.raises(InputError, match="takes the slot of a path"):
        found.prepared()
    assert recorded.sent == []


@pytest.mark.parametrize("real", ["/etc/shadow\n", "/vz/root/101/etc/hosts\n", ""])
def test_a_link_that_leads_elsewhere_is_refused(lab: Platform, real: str) -> None:
    found, recorded = edit(lab, "/etc/hosts")
    recorded.answers["readlink"] = Seen(text=real, state="ok" if real else "failed")
    with pytest.raises(RefusedError, match="not a plain file"):
        found.prepared()
    assert recorded.sent == ["readlink -e /etc/hosts"]


# The deed


def test_an_edit_stages_checks_backs_up_swaps_and_compares_in_that_order(lab: Platform) -> None:
    found, recorded = edit(lab, "/etc/motd")
    undo = found.prepared().apply()
    backup = f"/root/ops-backup/{recorded.run}/etc/motd"
    assert recorded.sent == [
        "readlink -e /etc/motd",
        "stat -c %h %s %F /etc/motd",
        "cat /etc/motd",
        f"mkdir -p -m 700 /root/ops-backup/{recorded.run}/etc",
        f"cp -a -- /etc/motd {backup}",
        "cp -a -- /etc/motd /etc/.motd.opsguide-new",
        "dd of=/etc/.motd.opsguide-new conv=fsync status=none",
        "cat /etc/motd",
        "mv -T -- /etc/.motd.opsguide-new /etc/motd HOLD",
        "sha256sum /etc/motd",
    ]
    assert recorded.stdin == b"a = 2\n"
    assert undo == f"cp -a {backup} /etc/motd"


def test_the_command_that_takes_it_back_is_quoted(lab: Platform) -> None:
    found, _ = edit(lab, "/etc/cron.d/a b")
    assert found.prepared().apply().endswith("'/etc/cron.d/a b'")


@pytest.mark.parametrize("step", ["mkdir", "cp -a -- /etc/motd /root", "cp -a -- /etc/motd /etc", "dd"])
def test_nothing_is_swapped_when_a_step_before_the_swap_fails(lab: Platform, step: str) -> None:
    found, recorded = edit(lab, "/etc/motd")
    recorded.answers[step] = Seen(state="failed", note="no space left")
    with pytest.raises(FailedError, match="nothing was swapped"):
        found.prepared().apply()
    assert not [s for s in recorded.sent if s.startswith("mv")]


def test_a_file_that_changed_since_the_difference_was_made_is_left_alone_and_the_staged_one_removed(
    lab: Platform,
) -> None:
    found, recorded = edit(lab, "/etc/motd")
    recorded.after["dd"] = {"/etc/motd": b"a = 7\n"}
    with pytest.raises(FailedError, match="has changed since"):
        found.prepared().apply()
    assert recorded.sent[-1] == "rm -f -- /etc/.motd.opsguide-new"


@pytest.mark.parametrize("state", ["timeout", "lost", "unknown"])
def test_only_the_swap_can_leave_the_file_unknown(lab: Platform, state: str) -> None:
    found, recorded = edit(lab, "/etc/motd")
    recorded.answers["mv"] = Seen(state=state)
    with pytest.raises(UnknownError, match=f"ended {state}") as error:
        found.prepared().apply()
    assert recorded.run in error.value.next
    assert [s for s in recorded.sent if s.endswith("HOLD")] == ["mv -T -- /etc/.motd.opsguide-new /etc/motd HOLD"]


def test_a_file_that_does_not_read_as_it_was_written_fails(lab: Platform) -> None:
    found, recorded = edit(lab, "/etc/motd")
    recorded.answers["sha256sum"] = Seen(state="failed", note="got something else")
    with pytest.raises(FailedError, match="does not read as it was written"):
        found.prepared().apply()


def test_a_plan_shows_the_difference_and_both_digests(lab: Platform) -> None:
    found, _ = edit(lab, "/etc/motd")
    event = found.prepared().planned()
    assert event["diff"].splitlines()[3:] == ["-a = 1", "+a = 2"]
    assert edits._digest(b"a = 1\n")[:12] in event["words"]
    assert edits._digest(b"a = 2\n")[:12] in event["words"]


def test_a_file_that_already_reads_as_wanted_has_nothing_to_change(lab: Platform) -> None:
    found, _ = edit(lab, "/etc/motd", amend={"settings": ["a = 1"]})
    assert found.prepared().diff == ""
    assert "nothing to change" in found.planned()["words"]


# An absent file

RULE = "/etc/logrotate.d/site"


def new(lab: Platform, path: str = RULE, text: str = "a\n", **files: bytes) -> tuple[Edit, Recorded]:
    run = grounds(lab, "uh-01", "logrotate-configuration", path=path, log="/var/log/x", mode="apply", reason="why")
    recorded = Recorded({path.rpartition("/")[0]: b"", **files})
    request = {"what": {"command": "{path}"}, "amend": {"content": text}}
    return Edit(run, recorded, "edit", request), recorded  # type: ignore[arg-type]


def test_an_absent_file_is_made_where_its_row_says_so_and_linked_into_its_place(lab: Platform) -> None:
    found, recorded = new(lab)
    undo = found.prepared().apply()
    looks = [f"readlink -e {RULE}", "readlink -e /etc/logrotate.d", f"test ! -e {RULE} -a ! -L {RULE}"]
    assert recorded.sent[:3] == looks
    staged = "/etc/logrotate.d/.site.opsguide-new"
    assert [s for s in recorded.sent[3:] if not s.startswith("sh -c (logrotate")] == [
        f"install -T -m 644 -o root -g root /dev/null {staged}",
        f"dd of={staged} conv=fsync status=none",
        looks[2],
        f'sh -c ln -T -- "$0" "$1" && rm -f -- "$0" {staged} {RULE} HOLD',
        f"sha256sum {RULE}",
    ]
    assert recorded.stdin == b"a\n"
    assert undo == f'test "$(sha256sum < {RULE})" = "{edits._digest(recorded.stdin)}  -" && rm -- {RULE}'


@pytest.mark.parametrize("text", ["a\n", ""])
def test_the_difference_of_a_new_file_is_against_nothing_and_the_plan_binds_its_absence(
    lab: Platform, text: str
) -> None:
    event = new(lab, text=text)[0].prepared().planned()
    assert event["diff"].splitlines()[:2] == (["--- /dev/null", f"+++ {RULE}"] if text else [f"{RULE} is made, empty"])
    assert "made as 644 root root" in event["words"]
    assert event["old"] == ""


def test_an_absent_file_whose_row_does_not_say_how_it_is_made_is_refused(lab: Platform) -> None:
    found, recorded = new(lab, "/etc/logrotate.conf")
    with pytest.raises(RefusedError, match="not a plain file"):
        found.prepared()
    assert recorded.sent == ["readlink -e /etc/logrotate.conf"]


@pytest.mark.parametrize("state", ["lost", "timeout", "unknown", "not-run"])
def test_a_file_of_which_nobody_knows_whether_it_is_there_is_not_made(lab: Platform, state: str) -> None:
    for look in ("readlink -e /etc/logrotate.d/site", "readlink -e /etc/logrotate.d", "test"):
        found, recorded = new(lab)
        recorded.answers[look] = Seen(state=state)
        with pytest.raises(RefusedError):
            found.prepared()


def test_no_folder_is_made_and_none_behind_a_link_is_written_to(lab: Platform) -> None:
    for real in ("", "/vz/root/101/etc/logrotate.d\n"):
        found, recorded = new(lab)
        recorded.answers["readlink -e /etc/logrotate.d/site"] = Seen(exit=1)
        recorded.answers["readlink -e /etc/logrotate.d"] = Seen(text=real, state="ok" if real else "failed")
        with pytest.raises(RefusedError, match="is not a plain folder"):
            found.prepared()


def test_a_file_that_appears_before_the_swap_stays_and_the_staged_one_goes(lab: Platform) -> None:
    found, recorded = new(lab)
    recorded.after["dd"] = {RULE: b"somebody's\n"}
    with pytest.raises(FailedError, match="has appeared since"):
        found.prepared().apply()
    assert recorded.sent[-1] == "rm -f -- /etc/logrotate.d/.site.opsguide-new"
    assert not [s for s in recorded.sent if s.endswith("HOLD")]


@pytest.mark.parametrize("state", ["timeout", "lost", "unknown"])
def test_a_new_file_of_which_nobody_knows_whether_it_was_linked_holds_the_element(lab: Platform, state: str) -> None:
    found, recorded = new(lab)
    recorded.answers["sh -c ln"] = Seen(state=state)
    opened: list[str] = []
    with pytest.raises(UnknownError, match=f"ended {state}"):
        found.prepared().apply(opened.append)
    assert not recorded.sent[-1].startswith("rm"), "what is staged may be the file itself by now"
    assert not opened
    assert f"sha256sum {RULE}" in found.target.look


@pytest.mark.parametrize("there", ["", "file", "link"])
def test_the_link_into_place_replaces_nothing(lab: Platform, tmp_path: Path, there: str) -> None:
    staged, path = tmp_path / "staged", tmp_path / "path"
    staged.write_text("new")
    if there:
        path.write_text("old") if there == "file" else path.symlink_to("/nowhere")
    argv = new(lab)[0].prepared()._moving(str(staged))
    ended = subprocess.run([*argv[:-1], str(path)], check=False, capture_output=True)
    assert (ended.returncode == 0) is (there == "")
    assert staged.exists() is bool(there)
    assert (path.is_symlink() or path.read_text()) == {"": "new", "file": "old", "link": True}[there]


@pytest.mark.parametrize(("now", "left"), [(b"a\n", False), (b"a\nb\n", True)])
def test_what_takes_a_new_file_back_removes_exactly_what_was_made(
    lab: Platform, tmp_path: Path, now: bytes, left: bool
) -> None:
    undo, there = new(lab)[0].prepared().apply(), tmp_path / "site"
    there.write_bytes(now)
    ended = subprocess.run(["sh", "-c", undo.replace(RULE, str(there))], check=False)
    assert (there.exists(), ended.returncode) == (left, int(left))
