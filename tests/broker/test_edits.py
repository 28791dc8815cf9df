from __future__ import annotations

import difflib
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsguide.broker import edits
from opsguide.broker.commands import Command, Seen
from opsguide.broker.edits import Edit, amended, difference, patched, set_lines
from opsguide.errors import FailedError, InputError, OpsguideError, RefusedError, UnknownError
from opsguide.reach.inventory import Platform

from .fakes import grounds, platform

# key = value


@pytest.mark.parametrize(
    ("text", "setting", "after"),
    [
        ("a = 1\nb = 2\n", "a = 9", "a = 9\nb = 2\n"),
        ("a=1\n", "a = 9", "a=9\n"),
        ("\ta   =   1\n", "a = 9", "\ta   =   9\n"),
        ("a =\n", "a = 9", "a =9\n"),
        ("a = 1\n", "b = 2", "a = 1\nb = 2\n"),
        ("#a = 1\n", "a = 9", "#a = 1\na = 9\n"),
        ("ab = 1\n", "a = 9", "ab = 1\na = 9\n"),
        ("a.b = 1\naxb = 2\n", "a.b = 9", "a.b = 9\naxb = 2\n"),
        ("", "a = 9", "a = 9\n"),
        ("a = 1", "b = 2", "a = 1\nb = 2\n"),
        ("\n", "a = 9", "\na = 9\n"),
        ("a = 1\n", "a =", "a = \n"),
        ("a = 1\n", "a = b = c", "a = b = c\n"),
        ("a = 1\n", r"a = \1 \g<0>", "a = \\1 \\g<0>\n"),
    ],
)
def test_a_setting_replaces_the_one_line_of_its_key_in_that_lines_style_or_is_added(
    text: str, setting: str, after: str
) -> None:
    assert set_lines(text, [setting]) == after


def test_a_key_that_stands_on_several_lines_is_refused() -> None:
    with pytest.raises(InputError, match="stands on 2 lines"):
        set_lines("a = 1\na = 2\n", ["a = 3"])


def test_a_key_that_is_set_twice_is_refused() -> None:
    with pytest.raises(InputError, match="set twice"):
        set_lines("a = 1\n", ["a = 2", "a=3"])


@pytest.mark.parametrize("setting", ["", "a", "= 1", " = ", "a b = 1", "a = 1\nroot = x", "a = 1\u2028b = 2", "a\n= 1"])
def test_what_is_not_one_line_key_equals_value_is_refused(setting: str) -> None:
    with pytest.raises(InputError, match="not of the form"):
        set_lines("a = 1\n", [setting])


WORDS = st.text("abc.=# ", max_size=6)


@given(st.lists(WORDS, max_size=6), st.text("abc.", min_size=1, max_size=3), st.text("xyz =#", max_size=6))
def test_setting_twice_is_setting_once_and_touches_one_line_at_most(lines: list[str], key: str, value: str) -> None:
    text = "".join(line + "\n" for line in lines)
    try:
        once = set_lines(text, [f"{key} = {value}"])
    except InputError:
        return
    assert set_lines(once, [f"{key} = {value}"]) == once
    kept = [line for line in difflib.ndiff(text.splitlines(), once.splitlines()) if line.startswith("  ")]
    assert len(kept) >= len(lines) - 1


# Patches

OLD = "one\ntwo\nthree\nfour\n"
GOOD = "--- f\n+++ f\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n"


def test_a_patch_that_fits_is_applied() -> None:
    assert patched(OLD, GOOD) == "one\nTWO\nthree\nfour\n"


@pytest.mark.parametrize(
    "text",
    [
        "one\ntwo\nthre\nfour\n",
        "ONE\ntwo\nthree\n",
        "one\ntoo\nthree\n",
        "zero\none\ntwo\nthree\n",
        "one\n",
        "",
        "two\n",
    ],
)
def test_a_patch_whose_context_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="does not fit|must be"):
        patched(text, GOOD)


@pytest.mark.parametrize(
    "patch",
    [
        "",
        "hello",
        GOOD + GOOD.replace(" f", " g"),
        "--- f\n+++ f\n",
        "@@ -1 +1 @@\n",
        GOOD.replace("-1,3", "-9,3"),
        "diff --git a/f b/f\nrename from f\nrename to g\n",
    ],
)
def test_what_is_not_the_diff_of_one_file_is_refused(patch: str) -> None:
    with pytest.raises(InputError):
        patched(OLD, patch)


@pytest.mark.parametrize("sign", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r"])
def test_a_file_with_other_line_separators_is_not_patched(sign: str) -> None:
    with pytest.raises(InputError, match="line separators"):
        patched(f"one{sign}\ntwo\nthree\n", GOOD)


LINES = st.lists(st.text("ab+-@ ", max_size=4), max_size=8).map(lambda lines: "".join(line + "\n" for line in lines))


@given(LINES, LINES, st.sampled_from([0, 1, 3]))
def test_every_unified_diff_makes_the_new_text_of_the_old(old: str, new: str, context: int) -> None:
    patch = "".join(
        difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), "f", "f", n=context)
    )
    if patch:
        assert patched(old, patch) == new


@given(LINES, LINES, st.data())
def test_no_mangled_patch_makes_anything_but_a_text_or_an_input_error(old: str, new: str, data: st.DataObject) -> None:
    patch = "".join(difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), "f", "f"))
    for _ in range(3):
        at = data.draw(st.integers(0, len(patch)))
        patch = patch[:at] + data.draw(st.sampled_from(["", "+", "-", "@", "9", "\n", " "])) + patch[at + 1 :]
    try:
        patched(old, patch)
    except InputError as refused:
        assert refused.exit_code == 2


# The new text


def test_an_edit_takes_exactly_one_of_content_settings_and_patch() -> None:
    assert amended(b"a = 1\n", {"content": ""}, "/f") == b""
    assert amended(b"a = 1\n", {"settings": ["a = 2"], "patch": "", "content": None}, "/f") == b"a = 2\n"
    for amend in (
        {},
        {"settings": [], "patch": ""},
        {"settings": ["a = 1"], "patch": GOOD},
        {"content": "x", "patch": GOOD},
    ):
        with pytest.raises(InputError, match="exactly one"):
            amended(b"", amend, "/f")


def test_a_file_that_is_not_utf_8_or_has_cr_line_ends_takes_whole_content_only() -> None:
    for old, words in ((b"caf\xe9 = 1\n", "not UTF-8"), (b"a = 1\r\n", "CR line ends")):
        with pytest.raises(InputError, match=words) as refused:
            amended(old, {"settings": ["a = 2"]}, "/etc/f")
        assert "/etc/f" in refused.value.words
        assert amended(old, {"content": "new\n"}, "/etc/f") == b"new\n"


# The difference


def test_files_that_are_the_same_have_no_difference() -> None:
    assert difference(b"a\n", b"a\n", "/f") == ""


def test_a_line_end_that_is_missing_is_shown() -> None:
    assert difference(b"a", b"a\n", "/f").splitlines()[3:] == ["-a", "\\ No newline at end of file", "+a"]
    assert difference(b"a\n", b"a", "/f").splitlines()[3:] == ["-a", "+a", "\\ No newline at end of file"]


def test_bytes_that_are_no_text_are_shown_as_signs() -> None:
    assert "-caf\\xe9" in difference(b"caf\xe9\n", b"x\n", "/f")


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_there_is_a_difference_exactly_where_the_files_differ_and_each_line_of_it_ends(old: bytes, new: bytes) -> None:
    shown = difference(old, new, "/f")
    texts = [b.decode("utf-8", "backslashreplace") for b in (old, new)]
    assert bool(shown) is (texts[0] != texts[1])
    assert not shown or shown.endswith("\n")


@given(LINES, LINES, st.booleans(), st.booleans())
def test_the_difference_that_is_shown_can_be_applied_by_patch(
    tmp_path_factory: pytest.TempPathFactory, old: str, new: str, end: bool, other: bool
) -> None:
    old, new = old if end else old[:-1], new if other else new[:-1]
    shown = difference(old.encode(), new.encode(), "/f")
    path = tmp_path_factory.getbasetemp() / "patched"
    path.write_text(old)
    if shown and PATCH:
        subprocess.run(["patch", "-s", str(path)], input=shown.encode(), check=True, capture_output=True)
        assert path.read_text() == new


PATCH = subprocess.run(["which", "patch"], capture_output=True, check=False).returncode == 0


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
