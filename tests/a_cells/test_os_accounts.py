"""12 on the practice platform: logins by OpenSSH's own client through a real sshd, accounts as their files hold them.

In a container, where none runs, a real sshd is started for the login; without PAM, for which the lab's containers are booting.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from desk import REPOSITORY, Desk, wait_for
from opsguide.errors import InputError
from opsguide.guide import scopes
from stepping import stepped

BOOK, SLUG = "12-managing-os-user-accounts.ipynb", "managing-os-user-accounts"
CONFIG = "/var/lib/opsguide-lab/ssh_config"
FOUR = {"uh-01": "", "ih-01": "", "hcore1": "", "node101": "the customer asked, ticket 4713"}
LAST, LAST_DAY = "2099-12-31", "47481"  # a day that no run of the tests sees, as shadow counts it
CANARY = "$6$kanarie7731$0123456789abcdefghijklmnopqrstuvwxyz./ABCDEFGHIJKLMNOPQRSTUVWXYZ"
GONE = """
for u in anna berta deploy hivext jelastic; do
  for i in $(seq 600); do pkill -KILL -u $u || break; sleep 0.05; done  # userdel refuses while one lives
  userdel $u; rm -rf /home/$u /var/spool/cron/crontabs/$u; done
for g in ops-operator ops-admin ssh-access; do groupdel $g; done
umount /mnt/more /mnt/net; rm -rf /mnt/more /mnt/net /vz/root/101/srv/hers /vz/private/101/hers /var/mail/anna /srv/late /var/spool/hers
rm -rf /etc/sudoers.d/50-profiles /etc/sudoers.d/anna /root/ops-backup/accounts /srv/hers /root/k; true"""
MOUNTED = """
mkdir -p /mnt/more /mnt/net; mount -t tmpfs none /mnt/more; mount -t tmpfs server:/export /mnt/net
for f in /mnt/more /mnt/net /vz/root/101/srv /vz/private/101; do echo hers > $f/hers; chown 2101 $f/hers; done"""
SSHD = """
mkdir -p /run/sshd; ssh-keygen -A > /dev/null; /usr/sbin/sshd -o Port=2222 -o UsePAM=no -o PidFile=/run/once.pid
for i in $(seq 1200); do test -s /run/once.pid && ss -l -t -n | grep -q :2222 && break; sleep 0.05; done
ssh -i /root/k -p 2222 -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null anna@127.0.0.1 id -un
kill $(cat /run/once.pid); rm /run/once.pid"""


@pytest.fixture
def people(lab) -> Iterator[Any]:
    """The lab; whoever a test made is gone before and after it."""
    for element in FOUR:
        lab.inside(element, ["sh", "-c", GONE])
    yield lab
    for element in FOUR:
        lab.inside(element, ["sh", "-c", GONE])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key of somebody's; the public one beside it."""
    path = tmp_path_factory.mktemp("pair") / "k"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "anna@home", "-f", str(path)], check=True)
    return path


def public(pair: Path) -> str:
    return pair.with_suffix(".pub").read_text().strip()


def fingerprint(pair: Path) -> str:
    return subprocess.run(["ssh-keygen", "-l", "-f", str(pair)], capture_output=True, text=True).stdout.split()[1]


def root(lab, element: str) -> Path:
    return Path(lab.host_root(element) if "-" in element else lab.container_root(element))


def line_of(lab, element: str, file: str, user: str = "anna") -> list[str]:
    """The fields of an account as a file of the element holds them."""
    lines = [line.split(":") for line in (root(lab, element) / "etc" / file).read_text().splitlines()]
    return next((fields for fields in lines if fields[0] == user), [])


def login(lab, element: str, pair: Path, *command: str) -> tuple[int, str]:
    """A new login as anna with the key."""
    if "-" not in element:
        (root(lab, element) / "root/k").write_text(pair.read_text())
        (root(lab, element) / "root/k").chmod(0o600)
        done = lab.inside(element, ["sh", "-c", SSHD])
        return (0 if done.stdout.strip() == "anna" else 255), done.stdout.strip()
    words = ["ssh", "-F", CONFIG, "-o", "ControlPath=none", "-o", "IdentitiesOnly=yes", "-o", f"IdentityFile={pair}",
             "-o", "IdentityAgent=none", "-l", "anna", element, *(command or ("id", "-un"))]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout.strip()


def go(desk: Desk, element: str, action: str, **more: Any) -> Exception | None:
    """One run, in this process."""
    given = {"element": element, "action": action, "user": "anna", "consent": FOUR[element]}
    return stepped(desk, BOOK, **{**given, "mode": "apply", "reason": "test", **more})


def add(desk: Desk, element: str, pair: Path, **more: Any) -> Exception | None:
    return go(desk, element, "add", uid=2101, comment="Anna Muster, ticket 4713", key=public(pair), **more)


def taken_back(desk: Desk, people, change: str) -> bool:
    """The commands that take a change back, as its record names them, sent by hand; `then` stands between them."""
    undo = next(e["undo"] for e in desk.record().sent("change") if e["template"].startswith(change))
    return all(people.inside("uh-01", ["sh", "-c", one]).returncode == 0 for one in undo.split(", then "))


def kept(desk: Desk, text: str) -> list[str]:
    return [str(p) for p in desk.records.rglob("*") if p.is_file() and text.encode() in p.read_bytes()]


@pytest.mark.lab
@pytest.mark.parametrize("element", FOUR)
def test_a_new_account_comes_in_with_its_key_and_has_no_password(
    desk: Desk, people, pair: Path, tmp_path: Path, element: str
) -> None:
    given = yaml.safe_load((REPOSITORY / f"parameters/runs/12-{element}.yml").read_text())
    until = {"expires": LAST} if "expires" in given else {}
    (tmp_path / "run.yml").write_text(json.dumps({**given, "key": public(pair), **until}))
    waits = ("-p", "login_within=2 min") if element == "uh-01" else ()
    process = desk.start("opsguide", "run", "12", "-f", str(tmp_path / "run.yml"), *waits)
    keys = root(people, element) / "home/anna/.ssh/authorized_keys"
    if waits:
        wait_for(lambda: keys.exists() and keys.read_text(), what="the key is there")
        wait_for(lambda: login(people, element, pair) == (0, "anna"), what="the login that the run waits for")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, out + err
    assert any("journalctl -t sshd" in e["template"] for e in desk.record().sent("prove")) is bool(waits)
    assert line_of(people, element, "passwd")[2:7] == ["2101", "2101", given["comment"], "/home/anna", "/bin/bash"]
    shadow = line_of(people, element, "shadow")
    assert (shadow[1], shadow[7]) == ("*", LAST_DAY if until else "")
    assert keys.read_text() == public(pair) + "\n"
    stat = keys.stat()
    assert (stat.st_uid, stat.st_mode & 0o777, keys.parent.stat().st_mode & 0o777) == (2101, 0o600, 0o700)
    assert login(people, element, pair) == (0, "anna")
    assert kept(desk, public(pair).split()[1]), "a public key is no secret"
    record = desk.record()
    assert record.state == "succeeded"


@pytest.mark.lab
def test_an_operator_may_what_the_profile_says_and_nothing_else_and_an_admin_all(
    desk: Desk, people, pair: Path
) -> None:
    assert add(desk, "ih-01", pair, sudo="operator") is None
    agent = ["systemctl", "show", "-p", "MainPID", "--value", "zabbix-agent"]
    before = people.inside("ih-01", agent).stdout
    assert login(people, "ih-01", pair, "sudo -n /usr/bin/systemctl restart zabbix-agent")[0] == 0
    assert people.inside("ih-01", agent).stdout != before
    assert "hcore" in login(people, "ih-01", pair, "sudo -n prlctl list -a")[1]
    for refused in ("cat /etc/shadow", "/usr/bin/systemctl restart sshd", "/usr/bin/systemctl restart zabbix-agent sshd",
                    "/usr/bin/systemctl status zabbix-agent"):  # fmt: skip
        assert login(people, "ih-01", pair, f"sudo -n {refused}")[0] == 1, refused
    rules = root(people, "ih-01") / "etc/sudoers.d/50-profiles"
    assert (rules.stat().st_mode & 0o777, rules.stat().st_uid) == (0o440, 0)
    assert go(desk, "ih-01", "sudo", sudo="admin") is None
    assert login(people, "ih-01", pair, "sudo -n id -un") == (0, "root")
    groups = people.inside("ih-01", ["id", "-Gn", "anna"]).stdout.split()
    assert groups == ["anna", "ops-admin"]
    assert go(desk, "ih-01", "sudo", sudo="none") is None
    assert login(people, "ih-01", pair, "sudo -n id -un")[0] == 1
    assert rules.exists(), "the profiles of the others stay"


@pytest.mark.lab
def test_a_profile_that_sudo_cannot_read_is_refused_before_it_counts(desk: Desk, people, pair: Path) -> None:
    rules = root(people, "uh-01") / "etc/sudoers.d/50-profiles"
    error = add(desk, "uh-01", pair, sudo="operator", units=["a:b"])
    assert "file's own check failed" in str(error)
    assert not rules.exists()
    assert [p.name for p in rules.parent.iterdir()] == ["README"]
    assert people.inside("uh-01", ["visudo", "-c"]).returncode == 0
    assert add(desk, "uh-01", pair, sudo="operator", units=["cron"]) is None, "what is there already is left alone"
    assert [e["template"].split()[0] for e in desk.record().sent("change")] == ["groupadd", "gpasswd"]
    assert "systemctl restart cron" in rules.read_text()


@pytest.mark.lab
def test_from_lock_to_removal_each_step_is_seen_on_the_host_and_no_hash_is_kept(
    desk: Desk, people, pair: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host, inside = root(people, "uh-01"), people.inside
    assert add(desk, "uh-01", pair, sudo="admin", expires=LAST) is None
    inside("uh-01", ["usermod", "-p", CANARY, "anna"])
    others = [line for line in (host / "etc/shadow").read_text().splitlines() if not line.startswith("anna:")]
    inside(
        "uh-01",
        [
            "sh",
            "-c",
            "runuser -u anna -- sh -c 'sleep 600 < /dev/null > /dev/null 2>&1 & echo \"0 0 1 1 * true\" | crontab -'",
        ],
    )
    assert go(desk, "uh-01", "lock") is None
    assert inside("uh-01", ["pgrep", "-u", "anna"]).returncode == 1
    assert login(people, "uh-01", pair)[0] == 255
    assert (line_of(people, "uh-01", "shadow")[1][:2], line_of(people, "uh-01", "shadow")[7]) == ("!$", "1")
    assert taken_back(desk, people, "usermod -L")
    assert line_of(people, "uh-01", "shadow")[7] == LAST_DAY, "as before"
    assert login(people, "uh-01", pair) == (0, "anna")
    people.inside("uh-01", ["usermod", "-L", "-e", "1", "anna"])
    assert go(desk, "uh-01", "unlock", expires="never") is None
    assert login(people, "uh-01", pair) == (0, "anna")
    assert line_of(people, "uh-01", "shadow")[1] == CANARY
    assert go(desk, "uh-01", "audit", user="") is None
    assert go(desk, "uh-01", "key-del", fingerprint=fingerprint(pair)) is None
    assert login(people, "uh-01", pair)[0] == 255
    assert (host / "home/anna/.ssh/authorized_keys").read_text() == ""
    (host / "srv/hers").write_text("her work\n")
    inside("uh-01", ["chown", "anna", "/srv/hers"])
    inside("uh-01", ["sh", "-c", "mkdir /var/spool/hers; touch /var/spool/hers/x; chown -R anna /var/spool/hers"])
    assert "no files outside the home" in str(go(desk, "uh-01", "remove", again="anna"))
    rule = "echo 'anna ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{0}; chmod 440 /etc/sudoers.d/{0}"
    inside("uh-01", ["sh", "-c", f"{MOUNTED}; {rule.format('anna')}; {rule.format('50-other')}"])
    error = go(desk, "uh-01", "remove", again="anna", outside="give to root")
    inside("uh-01", ["rm", "/etc/sudoers.d/50-other"])
    assert "no rule of sudo elsewhere names it" in str(error)
    inside("uh-01", ["sh", "-c", "dd if=/dev/zero of=/root/fill bs=1M status=none"])
    try:
        error = go(desk, "uh-01", "remove", again="anna", outside="give to root")
    finally:
        (host / "root/fill").unlink()
    assert "there is room in /root" in str(error)
    assert line_of(people, "uh-01", "passwd"), "still there"
    assert go(desk, "uh-01", "remove", again="anna", outside="give to root") is None
    assert not line_of(people, "uh-01", "passwd")
    assert not line_of(people, "uh-01", "group", "ops-admin")[3]
    assert {p.lstat().st_uid for p in [host / "home/anna", host / "srv/hers", *(host / "home/anna").rglob("*")]} == {0}
    assert (host / "home/anna").stat().st_mode & 0o777 == 0o700
    assert not (host / "var/spool/cron/crontabs/anna").exists()
    assert not (host / "var/spool/hers").exists()
    assert not (host / "etc/sudoers.d/anna").exists()
    owners = inside(
        "uh-01", ["sh", "-c", "stat -c %u /mnt/more/hers /mnt/net/hers /vz/root/101/srv/hers /vz/private/101/hers"]
    )
    assert owners.stdout.split() == ["0", "2101", "2101", "2101"], "local file systems, no network, no container"
    archive = host / "root/ops-backup/accounts/anna.tar"
    assert archive.stat().st_mode & 0o777 == 0o600
    listed = subprocess.run(
        ["tar", "-t", "-v", "--numeric-owner", "-f", archive], capture_output=True, text=True
    ).stdout
    for name in (
        "home/anna/.bashrc",
        "srv/hers",
        "mnt/more/hers",
        "var/spool/cron/crontabs/anna",
        "etc/sudoers.d/anna",
    ):
        assert f" {name}\n" in listed, name
    others_own = [line for line in listed.splitlines() if not line.split()[1].startswith("2101/")]
    assert [line.split()[-1] for line in others_own] == ["etc/sudoers.d/anna"], "with its owner"
    assert [line for line in (host / "etc/shadow").read_text().splitlines() if not line.startswith("anna:")] == others
    assert taken_back(desk, people, "userdel")
    back = [host / name for name in ("home/anna/.bashrc", "srv/hers", "var/spool/cron/crontabs/anna")]
    assert [p.stat().st_uid for p in back] == [2101] * 3
    assert line_of(people, "uh-01", "passwd")[2:4] == ["2101", "2101"]
    assert desk("verify", "--all").code == 0
    said = capsys.readouterr()
    assert "anna set never" in said.out, "the audit tells that there is a password"
    for piece in (CANARY, CANARY[14:]):
        assert not kept(desk, piece)
        assert piece not in said.out + said.err


@pytest.mark.lab
@pytest.mark.parametrize(
    ("made", "user", "words"),
    [
        ("useradd -m -u 700 deploy", "deploy", "it is a person's"),
        ("useradd -M -d /var/www -u 2150 deploy", "deploy", "it is a person's"),
        ("groupadd ssh-access; useradd -m -u 2150 -G ssh-access deploy", "deploy", "none of the platform's"),
        ("useradd -m -u 2150 hivext", "hivext", "nor a service's"),
        ("true", "berta", "only add makes one"),
    ],
)
def test_what_is_not_a_persons_account_is_left_alone(desk: Desk, people, made: str, user: str, words: str) -> None:
    people.inside("node101", ["sh", "-c", made])
    before = (root(people, "node101") / "etc/shadow").read_bytes()
    assert words in str(go(desk, "node101", "lock", user=user))
    assert (root(people, "node101") / "etc/shadow").read_bytes() == before
    assert not desk.record().sent("change", "edit")


@pytest.mark.lab
def test_the_last_administrator_that_comes_in_is_not_locked(desk: Desk, people, pair: Path) -> None:
    assert add(desk, "uh-01", pair, sudo="admin") is None
    config = root(people, "uh-01") / "etc/ssh/sshd_config"
    old = config.read_text()
    config.write_text("PermitRootLogin no\n" + old)  # said, and not yet in force: so the run still comes in
    try:
        assert "another administrator comes in" in str(go(desk, "uh-01", "lock"))
        assert not desk.record().sent("change", "edit")
        people.inside("uh-01", ["sh", "-c", "useradd -m -u 2102 -G ops-admin berta; cp -a /home/anna/.ssh /home/berta"])
        assert go(desk, "uh-01", "lock") is None
    finally:
        config.write_text(old)


@pytest.mark.lab
def test_the_account_that_opsguide_comes_in_with_is_left_alone(desk: Desk, people, tmp_path: Path) -> None:
    lab = yaml.safe_load((REPOSITORY / "parameters/platforms/lab.yml").read_text())
    lab["ssh"] |= {"user": "berta", "become": {"sudo": True}}
    (tmp_path / "mine.yml").write_text(yaml.safe_dump(lab))
    (tmp_path / "people.yml").write_text("{}\n")
    rule = "echo 'berta ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/50-profiles"
    made = (
        "useradd -m -u 2102 -p '*' -s /bin/bash berta; cp -a /root/.ssh /home/berta/; chown -R berta /home/berta/.ssh"
    )
    people.inside("uh-01", ["sh", "-c", f"{made}; {rule}"])
    desk.env["OPSGUIDE_PLATFORM"] = str(tmp_path / "mine.yml")
    error = go(desk, "uh-01", "lock", user="berta")
    assert "neither the account that opsguide comes in with" in str(error)
    assert not desk.record().sent("change", "edit")
    assert line_of(people, "uh-01", "shadow", "berta")[7] == ""


@pytest.mark.lab
def test_the_key_of_the_gate_is_not_removed(desk: Desk, people, pair: Path) -> None:
    assert add(desk, "node101", pair) is None
    keys = root(people, "node101") / "home/anna/.ssh/authorized_keys"
    keys.write_text(keys.read_text().replace("anna@home", "ssh-gate@jelastic.com"))
    assert "not the gate's key" in str(go(desk, "node101", "key-del", fingerprint=fingerprint(pair)))
    assert "ssh-gate@jelastic.com" in keys.read_text()


@pytest.mark.lab
def test_a_run_whose_kernel_was_lost_is_gone_on_with_to_its_end(desk: Desk, people, pair: Path) -> None:
    given = {"uid": 2101, "comment": "Anna", "key": public(pair)}
    assert go(desk, "uh-01", "add", last="key", **given) is None
    done = desk("resume", desk.record().intent["run"])
    assert done.code == 0, done
    assert login(people, "uh-01", pair) == (0, "anna")
    assert (root(people, "uh-01") / "home/anna/.ssh/authorized_keys").read_text() == public(pair) + "\n", (
        "not added twice"
    )
    people.inside("uh-01", ["sh", "-c", "echo hers > /srv/hers; chown anna /srv/hers"])
    assert go(desk, "uh-01", "remove", last="home", again="anna", outside="give to root") is None
    done = desk("resume", desk.record().intent["run"])
    assert done.code == 0, done
    assert not line_of(people, "uh-01", "passwd")
    assert [e["template"] for e in desk.record().sent("change")] == ["userdel {user}"]


@pytest.mark.lab
def test_a_removal_that_broke_off_is_finished_without_a_second_userdel_and_without_a_loss(
    desk: Desk, people, pair: Path
) -> None:
    """Broken off after the archive, then after userdel; then what is left of an account that is gone."""
    host, inside = root(people, "uh-01"), people.inside
    removes = {"again": "anna", "outside": "give to root"}
    assert add(desk, "uh-01", pair) is None
    inside("uh-01", ["sh", "-c", "echo early > /var/mail/anna; chown anna /var/mail/anna"])
    assert go(desk, "uh-01", "remove", last="archive", **removes) is None
    inside("uh-01", ["sh", "-c", "echo late >> /var/mail/anna"])
    assert go(desk, "uh-01", "remove", follows=desk.record().intent["run"], **removes) is not None
    assert (host / "var/mail/anna").read_text() == "early\nlate\n", "what came after the archive is not deleted"
    assert line_of(people, "uh-01", "passwd"), "not removed"
    assert go(desk, "uh-01", "remove", last="remove", **removes) is None
    assert not line_of(people, "uh-01", "passwd")
    inside("uh-01", ["sh", "-c", "echo late > /srv/late; chown 2101 /srv/late"])
    error = go(desk, "uh-01", "remove", follows=desk.record().intent["run"], **removes)
    assert error is None, error
    assert [e["step"] for e in desk.record().sent("change")] == ["hand-over"]
    assert (host / "srv/late").stat().st_uid == 0
    made = "echo mail > /var/mail/anna; echo '0 0 1 1 * true' > /var/spool/cron/crontabs/anna"
    rule = "echo 'anna ALL=(ALL) ALL' > /etc/sudoers.d/anna; chmod 440 /etc/sudoers.d/anna"
    inside("uh-01", ["sh", "-c", f"{made}; chown 2101 /var/mail/anna /var/spool/cron/crontabs/anna; {rule}"])
    assert "remove of one that is gone takes its uid" in str(go(desk, "uh-01", "remove", again="anna"))
    error = go(desk, "uh-01", "remove", again="anna", uid=2101)
    assert error is None, error
    assert [e["step"] for e in desk.record().sent("change")] == ["end", "archive", "spool", "home"]
    for left in ("var/mail/anna", "var/spool/cron/crontabs/anna", "etc/sudoers.d/anna"):
        assert not (host / left).exists(), left
        archive = ["tar", "-t", "-f", host / "root/ops-backup/accounts/anna.tar", left]
        assert subprocess.run(archive, capture_output=True).returncode == 0, left
    assert (host / "root/ops-backup/accounts/anna.tar.~2~").exists(), "the earlier ones are kept"
    assert go(desk, "uh-01", "remove", again="anna", uid=2101) is None, "nothing is left"
    assert [e["step"] for e in desk.record().sent("change")] == ["end", "home"]
    inside("uh-01", ["useradd", "-m", "-u", "2101", "berta"])
    assert "nobody else has its number" in str(go(desk, "uh-01", "remove", again="anna", uid=2101))
    assert not desk.record().sent("change")


@pytest.mark.lab
@pytest.mark.parametrize("tool", ["visudo", "sudo"])
def test_what_sudo_takes_is_looked_for_before_an_account_is_made(desk: Desk, people, pair: Path, tool: str) -> None:
    program = root(people, "hcore1") / {"visudo": "usr/sbin/visudo", "sudo": "usr/bin/sudo"}[tool]
    aside = program.rename(program.with_name("aside"))
    try:
        error = add(desk, "hcore1", pair, sudo="operator")
    finally:
        aside.rename(program)
    assert f"got {tool}" in str(error)
    assert not desk.record().sent("change", "edit")
    assert not line_of(people, "hcore1", "passwd")


@pytest.mark.lab
def test_file_systems_that_cannot_be_listed_are_not_taken_for_empty_ones(desk: Desk, people) -> None:
    people.inside("node101", ["useradd", "-m", "-u", "2101", "anna"])
    before, program = (root(people, "node101") / "etc/shadow").read_bytes(), root(people, "node101") / "usr/bin/df"
    aside = program.rename(program.with_name("aside"))
    program.write_text('#!/bin/sh\ncase "$*" in *--output*) echo "df: unrecognized option" >&2; exit 1;; esac\n')
    program.chmod(0o755)
    try:
        error = go(desk, "node101", "remove", again="anna")
    finally:
        aside.rename(program)
    assert "unrecognized option" in str(error)
    assert not desk.record().sent("change")
    assert (root(people, "node101") / "etc/shadow").read_bytes() == before


@pytest.mark.lab
def test_a_number_that_is_somebody_elses_on_another_host_is_not_given(desk: Desk, people, pair: Path) -> None:
    people.inside("ih-01", ["useradd", "-m", "-u", "2101", "berta"])
    assert "name and number are free everywhere" in str(add(desk, "uh-01", pair))
    assert not line_of(people, "uh-01", "passwd")
    people.inside("ih-01", ["sh", "-c", "userdel berta; useradd -m -u 2101 anna"])
    assert add(desk, "uh-01", pair) is None, "the same person there is no obstacle"


@pytest.mark.lab
def test_a_link_in_a_home_leads_root_nowhere(desk: Desk, people, pair: Path) -> None:
    assert add(desk, "node101", pair) is None
    shadow = (root(people, "node101") / "etc/shadow").read_bytes()
    with contextlib.suppress(FileNotFoundError):
        (root(people, "node101") / "home/anna/.ssh/authorized_keys").unlink()
    (root(people, "node101") / "home/anna/.ssh/authorized_keys").symlink_to("/etc/shadow")
    assert go(desk, "node101", "key-add", key=public(pair)) is not None
    assert (root(people, "node101") / "etc/shadow").read_bytes() == shadow
    assert not kept(desk, "root:*:")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("user", "", "action add needs user"),
        ("user", "root", "neither root nor one of the platform's"),
        ("user", "jelastic", "neither root nor one of the platform's"),
        ("user", "jelastic-ftp", "neither root nor one of the platform's"),
        *[("user", bad, "is not an account") for bad in ("Anna", "a;id", "-a", "a b", "../a", "a" * 33, "a:b", "ä")],
        *[("expires", bad, "is not a day") for bad in ("tomorrow", "2027-6-1", "-1", "99999")],
        ("expires", "2027-13-01", "month must be in 1..12"),
        ("expires", "2027-02-29", "day is out of range"),
        ("uid", 60000, "outside 0 to 59999"),
        ("action", "delete", "is none of"),
        ("sudo", "all", "is none of"),
        ("key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", "line break"),
        ("profiles", "/etc/sudoers", "is none of"),
        ("login_within", "soon", "is not a duration"),
        ("units", ["a b"], "is not the name of a unit"),
        ("usr", "anna", "unknown parameter"),
    ],
)
def test_bad_input_is_refused_with_its_parameter(name: str, value: Any, words: str) -> None:
    scope = scopes.load(SLUG)
    assert scope
    good = {"element": "uh-01", "action": "add", "user": "anna"}
    scope.parameters.check(good)
    with pytest.raises(InputError, match=name) as refused:
        scope.parameters.check({**good, name: value})
    assert words in refused.value.words
