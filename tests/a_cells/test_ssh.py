"""08 on the practice platform: new logins judged by OpenSSH's own client, files and timers by entering the hosts.

The heart is a change that locks everybody out: it must be seen, told, and taken back by the host itself.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import REPOSITORY, Desk, Record, wait_for
from stepping import Stepped, stepped

pytestmark = pytest.mark.lab
BOOK = "08-ssh-configuration.ipynb"
CONFIG = "/var/lib/opsguide-lab/ssh_config"
TOKEN = Path("/var/lib/opsguide-lab/keys/api-token")
MAIN, DROP_IN, KEYS = "etc/ssh/sshd_config", "etc/ssh/sshd_config.d/50-site.conf", "root/.ssh/authorized_keys"
SEED = REPOSITORY / "lib/opsguide_lab/seed/host" / MAIN
INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\n"
HOSTS = {"uh-01": 3, "ih-01": 1}
SETTINGS = [
    "PermitRootLogin without-password", "PasswordAuthentication no", "MaxAuthTries 3", "ClientAliveInterval 200",
    "ClientAliveCountMax 3",
]  # fmt: skip
STATE = "find /etc/ssh /root/.ssh/authorized_keys -type f -printf '%p %m %U %G %s %T@\\n' -exec sha256sum {} + | sort"
SAVE = "rm -rf /run/as-built; mkdir /run/as-built; cp -a /etc/ssh /run/as-built/; cp -a /root/.ssh/authorized_keys /run/as-built/"
SOON = """
now=$(python3 -c 'import time; print(time.monotonic_ns() // 1000)')
begun=$(systemctl show -p InactiveExitTimestampMonotonic --value ssh-rollback.timer)
mkdir -p /run/systemd/system/ssh-rollback.timer.d
printf '[Timer]\nOnActiveSec=\nOnActiveSec=%sus\n' $((now - begun + $0 * 1000000)) > /run/systemd/system/ssh-rollback.timer.d/soon.conf
systemctl daemon-reload"""
BACK = """
rm -rf /run/systemd/system/ssh-rollback.timer.d; systemctl daemon-reload
systemctl stop ssh-rollback.timer; systemctl reset-failed 'ssh-rollback*'; rm -rf /root/ops-backup/ssh-rollback
rm -f /etc/ssh/sshd_config.d/*; cp -a --remove-destination /run/as-built/ssh/. /etc/ssh/
cp -a --remove-destination /run/as-built/authorized_keys /root/.ssh/; systemctl reload sshd"""


@pytest.fixture(autouse=True)
def as_built(lab) -> Iterator[None]:
    """sshd and keys of the two hosts come back whatever a test does; ih-01 includes the folder, uh-01 does not."""
    for host in HOSTS:
        lab.inside(host, ["sh", "-c", "rm -f /etc/ssh/sshd_config.d/*; systemctl stop ssh-rollback.timer"])
        (lab.host_root(host) / MAIN).write_text((INCLUDE if host == "ih-01" else "") + SEED.read_text())
        lab.inside(host, ["sh", "-c", SAVE])
    yield
    for host in HOSTS:
        lab.inside(host, ["sh", "-c", BACK])
        wait_for(lambda: comes_in(host), what="the lab's own key comes in")  # noqa: B023 - waited for at once


def asked(host: str, **more: Any) -> dict[str, Any]:
    given = {"element": host, "mode": "apply", "reason": "the way in is made narrower", "settings": SETTINGS}
    given |= {"address": f"127.0.64.{HOSTS[host]}", "port": 2222, "rollback": "10 min"}
    return {**given, "console": "second session open, console at hand", **more}


def comes_in(host: str, *options: str) -> bool:
    """Whether a new login works, by OpenSSH's own client."""
    line = ["ssh", "-F", CONFIG, "-o", "ControlPath=none", "-o", "ConnectTimeout=5", *options, host, "true"]
    return subprocess.run(line, capture_output=True).returncode == 0


def state(lab, host: str) -> tuple[str, str]:
    """Every file of sshd and the keys of root with content, mode, owner and time; and what sshd makes of it."""
    return lab.inside(host, ["sh", "-c", STATE]).stdout, lab.inside(host, ["sshd", "-T"]).stdout


def is_armed(lab, host: str) -> bool:
    return lab.inside(host, ["systemctl", "is-active", "ssh-rollback.timer"]).returncode == 0


def its_time_passes(lab, host: str) -> None:
    """To its timer ten minutes become what has passed and some seconds: it fires by itself. systemd reads all units anew."""
    span = lab.inside(host, ["systemctl", "show", "-p", "TimersMonotonic", "ssh-rollback.timer"]).stdout
    assert "OnActiveUSec=10min" in span
    for seconds in (3, 30, 100):  # a host that hears of it when they are over lets such a timer wait for ever
        end = time.monotonic() + seconds + 20
        lab.inside(host, ["sh", "-c", SOON, str(seconds)])
        while time.monotonic() < end:
            if not is_armed(lab, host):
                return
            time.sleep(0.1)


def in_force(lab, host: str) -> list[str]:
    return lab.inside(host, ["sshd", "-T"]).stdout.splitlines()


def changes(record: Record) -> list[str]:
    return [e["template"].split()[0] + " " + e["template"].split()[1] for e in record.sent("change")]


def fingerprint(lab, host: str, comment: str) -> str:
    listed = lab.inside(host, ["ssh-keygen", "-l", "-f", f"/{KEYS}"]).stdout.splitlines()
    return next(line.split()[1] for line in listed if comment in line)


@pytest.mark.parametrize(("host", "file"), [("uh-01", MAIN), ("ih-01", DROP_IN)])
def test_settings_come_into_force_and_the_stopped_rollback_never_fires(desk: Desk, lab, host: str, file: str) -> None:
    root = lab.host_root(host)
    main, keys = (root / MAIN).read_text(), (root / KEYS).read_text()
    done = desk("run", "08", "-f", str(REPOSITORY / f"parameters/runs/08-{host}.yml"), "-p", "rollback=10 min")
    assert done.code == 0, done
    record = desk.record()
    assert record.state == "succeeded"
    assert all(line in (root / file).read_text().splitlines() for line in SETTINGS)
    assert (root / MAIN).read_text().endswith(main)
    assert (root / KEYS).read_text() == keys
    assert {"maxauthtries 3", "clientaliveinterval 200", "permitrootlogin without-password"} <= set(in_force(lab, host))
    assert comes_in(host)
    assert not is_armed(lab, host)
    armed = next(e for e in record.sent("change") if e["template"].startswith("systemd-run"))
    assert armed["undo"] == "systemctl stop ssh-rollback.timer"
    assert not list(Path("/var/lib/opsguide-lab/state/open").glob(f"{host}.*"))
    left = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "ssh-rollback*"]
    wait_for(lambda: lab.inside(host, left).stdout == "", what="nothing is there that could still fire")


@pytest.mark.parametrize("host", HOSTS)
def test_a_lock_out_is_seen_told_and_taken_back_by_the_host_itself(desk: Desk, lab, host: str) -> None:
    before = state(lab, host)
    done = desk("run", "08", "-f", str(REPOSITORY / f"parameters/runs/08-{host}.yml"), "-p", "rollback=10 min",
                "-p", 'settings=["AllowUsers somebody-else"]')  # fmt: skip
    assert done.code == 1, done
    assert not comes_in(host), "the lock-out was a real one"
    assert state(lab, host) != before
    assert is_armed(lab, host)
    said = done.out + done.err
    assert f"{host} does not accept the key" in said
    record = desk.record()
    assert record.state == "failed"
    assert "LEFT" in said, "the time at which it fires was on the screen"
    (note,) = [n for n in record.events("open") if "armed at" in n["words"]]
    assert note["undo"] == "systemctl stop ssh-rollback.timer"
    assert "runs by itself unless it is stopped" in note["words"]
    assert note["words"] in said
    last = record.sent()[-1]
    assert (last["verb"], last["template"], last["fresh"]) == ("prove", "true", True)
    assert record.answer(last["command"])["state"] == "not-run"
    assert changes(record) == ["sh -c", "systemd-run --unit=ssh-rollback", "sh -c"]
    sent = len(record.sent())
    its_time_passes(lab, host)
    wait_for(lambda: comes_in(host), what="the host lets us in again")
    assert state(lab, host) == before, "byte for byte, with owners, modes and times"
    wait_for(lambda: not is_armed(lab, host), what="the timer has had its turn")
    assert len(desk.record().sent()) == sent, "nobody but the host did it"
    assert "ssh-rollback" in lab.inside(host, ["journalctl", "-u", "ssh-rollback", "--no-pager"]).stdout


def test_the_rollback_outlives_the_session_that_armed_it_and_no_other_run_begins_before_it(desk: Desk, lab) -> None:
    before = state(lab, "uh-01")
    one = Stepped(desk, BOOK, asked("uh-01", settings=["MaxAuthTries 2"]))
    assert one.run("reload") is None
    one.close()
    wait_for(lambda: desk.record().sealed, what="the record is sealed")
    assert desk.record().state == "interrupted"
    assert "maxauthtries 2" in in_force(lab, "uh-01")
    error = stepped(desk, BOOK, **asked("uh-01"))
    assert "exit 0" in str(error)
    assert "is-active ssh-rollback.timer" in str(error)
    assert desk.record().state == "failed"
    assert not desk.record().sent("change", "edit")
    its_time_passes(lab, "uh-01")
    wait_for(lambda: state(lab, "uh-01") == before, what="the old files are back")


@pytest.mark.parametrize(("last", "refused"), [("arm", "edit-main"), ("check", "reload")])
def test_after_a_pause_in_which_the_timer_has_fired_nothing_is_changed(
    desk: Desk, lab, last: str, refused: str
) -> None:
    lock_out = "AllowUsers somebody-else"
    one = Stepped(desk, BOOK, asked("uh-01", settings=[lock_out]))
    try:
        assert one.run(last) is None
        lab.inside("uh-01", ["sh", "-c", "systemctl stop ssh-rollback.timer; systemctl start ssh-rollback.service"])
        main = lab.host_root("uh-01") / MAIN
        main.write_text(f"{lock_out}\n{SEED.read_text()}")  # a reload would bring it into force
        edits = len(desk.record().sent("edit"))
        assert "exit 3" in str(one.run(refused))
        assert len(desk.record().sent("edit")) == edits
        assert main.read_text() == f"{lock_out}\n{SEED.read_text()}"
        assert comes_in("uh-01")
    finally:
        one.close()
    assert desk.record().state == "failed"


@pytest.mark.parametrize(("comment", "step"), [("migration@ih-01", "ssh -o BatchMode"), ("platform@", "CheckHost")])
def test_a_way_in_that_only_others_use_is_missed_too(desk: Desk, lab, comment: str, step: str) -> None:
    before = state(lab, "uh-01")
    key = fingerprint(lab, "uh-01", comment)
    error = stepped(desk, BOOK, **asked("uh-01", settings=[], remove_key=key, protected=["jelastic"]))
    assert error is not None
    assert desk.record().state == "failed"
    assert step in desk.record().sent()[-1]["template"]
    assert desk.record().sent()[-1]["step"] == "paths"
    assert comment not in (lab.host_root("uh-01") / KEYS).read_text()
    assert is_armed(lab, "uh-01")
    lab.inside("uh-01", ["systemctl", "start", "ssh-rollback.service"])
    wait_for(lambda: state(lab, "uh-01") == before, what="the old files are back")


def test_a_protected_key_is_not_removed(desk: Desk, lab) -> None:
    before = state(lab, "uh-01")
    for comment in ("migration@ih-02", "platform@"):
        error = stepped(desk, BOOK, **asked("uh-01", remove_key=fingerprint(lab, "uh-01", comment)))
        assert "it is none of the protected keys" in str(error)
        assert not desk.record().sent("change", "edit")
    assert state(lab, "uh-01") == before


def test_a_key_is_added_and_removed_by_its_fingerprint_and_no_other_key_is_touched(
    desk: Desk, lab, tmp_path: Path
) -> None:
    new, keys = tmp_path / "new", lab.host_root("uh-01") / KEYS
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ana 2026", "-f", str(new)], check=True)
    mine = ("-o", f"IdentityFile={new}", "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
            "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-p", "2222")  # fmt: skip
    line = ["ssh", *mine, "root@127.0.64.3", "true"]
    keys.write_text("# who may come in\n\n" + keys.read_text())
    before, stat = keys.read_text(), keys.stat()
    given = new.with_suffix(".pub").read_text().strip()
    assert stepped(desk, BOOK, **asked("uh-01", settings=[], add_key=given)) is None
    assert desk.record().state == "succeeded"
    assert keys.read_text() == f"{given}\n{before}"
    assert (keys.stat().st_mode, keys.stat().st_uid) == (stat.st_mode, stat.st_uid)
    assert subprocess.run(line, capture_output=True).returncode == 0
    again = stepped(desk, BOOK, **asked("uh-01", settings=[], add_key=given))
    assert "root does not have it yet" in str(again)
    key = fingerprint(lab, "uh-01", "ana 2026")
    assert stepped(desk, BOOK, **asked("uh-01", settings=[], remove_key=key)) is None
    assert keys.read_text() == before
    assert subprocess.run(line, capture_output=True).returncode == 255


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"settings": ["Port 2200"]}, "port, host keys and files stay as they are"),
        ({"settings": ["ListenAddress 10.0.0.1"]}, "port, host keys and files stay as they are"),
        ({"settings": ["Match all"]}, "port, host keys and files stay as they are"),
        ({"settings": ["MaxAuthTries"]}, "each setting is a directive and one value"),
        ({"settings": []}, "there is something to change"),
        ({"console": "not at hand"}, "a second session is open and the console at hand"),
        ({"address": ""}, "the address by which other hosts reach this one is given"),
        ({"remove_key": "SHA256:nobodys"}, "the key to remove is one of root's"),
        ({"add_key": "ssh-ed25519 $(touch /tmp/x) `id`"}, "look failed"),
        ({"port": 2223}, "look failed"),
    ],
)
def test_what_must_not_be_asked_is_refused_before_anything_is_changed(
    desk: Desk, lab, more: dict[str, Any], words: str
) -> None:
    before = state(lab, "uh-01")
    error = stepped(desk, BOOK, **asked("uh-01", **more))
    assert words in str(error)
    assert not desk.record().sent("change", "edit")
    assert desk.record().state == "failed"
    assert state(lab, "uh-01") == before
    assert not (lab.host_root("uh-01") / "tmp/x").exists()


@pytest.mark.parametrize(
    ("setting", "step"), [("NoSuchThing yes", "edit-main"), ("MaxAuthTries many", "edit-main"), ("LoginGraceTime 2m", "check")]
)  # fmt: skip
def test_what_sshd_refuses_or_reads_otherwise_never_comes_into_force(desk: Desk, lab, setting: str, step: str) -> None:
    before = in_force(lab, "uh-01")
    error = stepped(desk, BOOK, **asked("uh-01", settings=[setting]))
    assert error is not None
    assert desk.record().sent()[-1]["step"] == step
    assert "reload" not in [e["step"] for e in desk.record().sent("change")]
    assert is_armed(lab, "uh-01")
    lab.inside("uh-01", ["systemctl", "start", "ssh-rollback.service"])
    wait_for(lambda: in_force(lab, "uh-01") == before, what="the old files are back")


@pytest.mark.parametrize("value", ["settings=[\"MaxAuthTries 3\\nPort 1\"]", "address=-oProxyCommand=id", "rollback=soon",
                                   "main=/etc/shadow", "keys=/home/x/.ssh/authorized_keys", "port=0"])  # fmt: skip
def test_an_odd_value_is_refused_before_a_kernel_starts(desk: Desk, lab, value: str) -> None:
    done = desk("run", "08", "-f", str(REPOSITORY / "parameters/runs/08-uh-01.yml"), "-p", value)
    assert done.code == 2, done
    assert not desk.folders()


def test_a_plan_changes_nothing_and_shows_the_difference(desk: Desk, lab) -> None:
    before = state(lab, "uh-01")
    done = desk("plan", "08", "-f", str(REPOSITORY / "parameters/runs/08-uh-01.yml"))
    assert done.code == 0, done
    assert "+MaxAuthTries 3" in done.out
    assert not desk.record().sent("change", "edit")
    assert state(lab, "uh-01") == before


GATE_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFf3G8QzjE6vHcXwtQbB8c9oR1bUqV5J2yC1W4mXk7aZ ssh-gate@jelastic.com"
EVIDENCE = {
    "what is in force": "sshd -T | sort",
    "fingerprints of all users": "ssh-keygen -l -f",
    "the gate": "systemctl is-active sshproxyd sshd corosync",
    "what runs": "pgrep -a -x",
    "failed logins": "Failed password",
    "the log": "journalctl -u sshd",
    "what listens": "ss -l -t -n -p",
    "file modes": "stat -c",
    "the operating system": "os-release",
    "what is included": "Include[[:space:]]",
}


@pytest.mark.parametrize("element", ["gate1", "node101"])
def test_in_a_container_it_is_a_request_with_fingerprints_and_never_a_key(desk: Desk, lab, element: str) -> None:
    root, secret = lab.container_root(element), TOKEN.read_text().strip()
    main = (root / MAIN).read_text()
    (root / MAIN).write_text(f"# the token is {secret}\n{main}")
    (root / KEYS).write_text(GATE_KEY + "\n")
    try:
        before = {p: (root / p).read_bytes() for p in (MAIN, KEYS)}
        done = desk("run", "08", "-f", str(REPOSITORY / f"parameters/runs/08-{element}.yml"))
        assert done.code == 3, done
        assert {p: (root / p).read_bytes() for p in (MAIN, KEYS)} == before
    finally:
        (root / MAIN).write_text(main)
        (root / KEYS).unlink()
    record = desk.record()
    assert record.state == "requested"
    assert not record.sent("change", "edit")
    request = json.loads((record.path / "request.json").read_text())
    commands = "\n".join(e["command"] for e in request["evidence"])
    for what, words in EVIDENCE.items():
        assert words in commands, what
    assert "+PasswordAuthentication no" in request["wanted"][0]["diff"]
    assert {"gates", "sources", "window", "gate_test"} <= set(request["parameters"])
    assert [a for a in request["acceptance"] if "ssh-gate@jelastic.com" in a["expect"]], "the gate's key stays"
    asked = lab.inside(element, ["sshd", "-T"]).returncode == 0
    assert any("passwordauthentication no" in a["expect"] for a in request["acceptance"]) == asked
    assert asked or element != "gate1", "a gate's sshd tells its settings"
    everything = "".join(p.read_text() for p in record.path.rglob("*") if p.is_file())
    assert "SHA256:" in everything
    assert GATE_KEY.split()[1] not in everything + done.out + done.err
    assert secret not in everything + done.out + done.err


def test_a_request_says_that_it_is_to_name_keys_by_their_fingerprints(desk: Desk, lab) -> None:
    for key, met in ((GATE_KEY, False), ("256 SHA256:x ana (ED25519)", True)):
        assert stepped(desk, BOOK, **{**asked("uh-01"), "element": "gate1", "add_key": key}) is None
        assert desk.record().state == "requested"
        (said,) = [e for e in desk.record().events("require") if "fingerprints" in e["words"]]
        assert said["met"] is met
