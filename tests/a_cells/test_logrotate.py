"""17 on the practice platform: rules and rotated files seen in the roots of the elements, not by the runbook's proves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk import REPOSITORY, Desk

pytestmark = pytest.mark.lab
RULE, LOG = "etc/logrotate.d/opsguide-site", "var/log/opsguide-test.log"
GOOD = f"/{LOG} {{\n    weekly\n    rotate 3\n    missingok\n    create 640 root adm\n}}\n"
RUN = ("run", "logrotate-configuration", "-p", f"path=/{RULE}", "-p", f"log=/{LOG}", "--reason", "the log grows")


@pytest.fixture(autouse=True)
def as_built(lab) -> Iterator[None]:
    """No rule and no log of an earlier test on the hosts."""
    _clean(lab)
    yield
    _clean(lab)


def _clean(lab) -> None:
    for host in ("uh-01", "ih-01"):
        root = Path(lab.host_root(host))
        for path in (
            root / RULE,
            root / "etc/logrotate.d/install-site",
            *(root / "var/log").glob("opsguide-test.log*"),
        ):
            path.unlink(missing_ok=True)


def root_of(lab, element: str) -> Path:
    return Path(lab.host_root(element) if element[:2] in ("uh", "ih") else lab.container_root(element))


def write_log(lab, host: str, text: str = "a line\n") -> Path:
    """The log as its writer made it: 640 root adm."""
    log = root_of(lab, host) / LOG
    log.write_text(text)
    lab.inside(host, ["chown", "root:adm", f"/{LOG}"])
    log.chmod(0o640)
    return log


def owner(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_mode & 0o7777, stat.st_uid, stat.st_gid


@pytest.mark.parametrize("host", ["uh-01", "ih-01"])
def test_a_new_rule_is_written_and_its_log_rotated_with_its_mode_kept(desk: Desk, lab, host: str) -> None:
    log = write_log(lab, host)
    before = owner(log)
    done = desk(*RUN, "--on", host, "-p", f"content={GOOD}", "-p", "rotate=now")
    assert done.code == 0, done
    assert (root_of(lab, host) / RULE).read_text() == GOOD
    assert owner(root_of(lab, host) / RULE) == (0o644, 0, 0)
    assert (log.parent / "opsguide-test.log.1").read_text() == "a line\n"
    assert log.read_text() == ""
    assert owner(log) == before
    record = desk.record()
    assert record.state == "succeeded"
    assert [e["template"] for e in record.sent("change")][-1] == "logrotate -v -f {path}"


def test_a_rule_that_is_there_is_changed_and_the_old_one_kept_and_nothing_rotated(desk: Desk, lab) -> None:
    rule, log = root_of(lab, "uh-01") / RULE, write_log(lab, "uh-01")
    rule.write_text(GOOD)
    rule.chmod(0o600)
    patch = f"--- a\n+++ b\n@@ -1,3 +1,3 @@\n /{LOG} {{\n     weekly\n-    rotate 3\n+    rotate 9\n"
    done = desk(*RUN, "--on", "uh-01", "-p", f"patch={patch}")
    assert done.code == 0, done
    assert rule.read_text() == GOOD.replace("rotate 3", "rotate 9")
    assert owner(rule) == (0o600, 0, 0)
    run = desk.record().intent["run"]
    assert (root_of(lab, "uh-01") / f"root/ops-backup/{run}/{RULE}").read_text() == GOOD
    assert log.read_text() == "a line\n"
    assert not list(log.parent.glob("opsguide-test.log.*"))
    assert not desk.record().sent("change")


def test_a_bad_rule_is_refused_before_it_is_swapped_in(desk: Desk, lab) -> None:
    rule = root_of(lab, "uh-01") / RULE
    write_log(lab, "uh-01")
    rule.write_text(GOOD)
    done = desk(*RUN, "--on", "uh-01", "-p", f"content={GOOD.replace('rotate 3', 'rotat 3')}")
    assert done.code == 1, done
    assert "unknown option 'rotat'" in done.out + done.err
    assert rule.read_text() == GOOD
    assert not list(rule.parent.glob(".*opsguide-new"))
    assert desk.record().state == "failed"


def test_a_log_that_stands_in_two_files_is_noticed_and_the_way_back_is_said(desk: Desk, lab) -> None:
    rule, log = root_of(lab, "uh-01") / RULE, "/var/log/syslog"
    rule.write_text(GOOD)
    words = [w.replace(f"log=/{LOG}", f"log={log}") for w in RUN]
    done = desk(*words, "--on", "uh-01", "-p", f"content={log} {{\n    weekly\n    rotate 3\n}}\n")
    assert done.code == 1, done
    assert "duplicate log entry" in done.out + done.err
    undo = [e["undo"] for e in desk.record().events("open")][-1]
    assert lab.inside("uh-01", ["sh", "-c", undo]).returncode == 0
    assert rule.read_text() == GOOD


def test_a_rule_that_would_throw_the_old_log_away_is_not_forced(desk: Desk, lab) -> None:
    log = write_log(lab, "uh-01")
    rule = GOOD.replace("    rotate 3\n", "")
    done = desk(*RUN, "--on", "uh-01", "-p", f"content={rule}", "-p", "rotate=now")
    assert done.code == 1, done
    assert log.read_text() == "a line\n"
    assert "logrotate -v -f {path}" not in [e["template"] for e in desk.record().sent("change")]


def test_a_file_of_the_vendor_is_left_alone(desk: Desk, lab) -> None:
    rule = root_of(lab, "uh-01") / "etc/logrotate.d/zabbix-agent"
    before = rule.read_bytes()
    words = [w.replace(f"path=/{RULE}", "path=/etc/logrotate.d/zabbix-agent") for w in RUN]
    done = desk(*words, "--on", "uh-01", "-p", f"content={GOOD}")
    assert done.code == 1, done
    assert rule.read_bytes() == before
    assert not desk.record().sent("edit", "change")


def test_the_plan_of_a_new_rule_shows_it_whole_and_is_carried_out_and_taken_back_exactly(desk: Desk, lab) -> None:
    rule = root_of(lab, "uh-01") / "etc/logrotate.d/install-site"
    plan = desk("plan", "17", "-f", str(REPOSITORY / "parameters/runs/17-uh-01-install.yml"))
    assert plan.code == 0, plan
    assert not rule.exists()
    assert not desk.record().sent("edit", "change")
    (shown,) = desk.record().events("planned")[:1]
    assert (shown["verb"], "--- /dev/null" in shown["diff"], "+    rotate 6" in shown["diff"]) == ("edit", True, True)
    done = desk("run", "--plan", "last", "--reason", "as planned")
    assert done.code == 0, done
    assert "rotate 6\n" in rule.read_text()
    assert owner(rule) == (0o644, 0, 0)
    undo = [e["undo"] for e in desk.record().events("open")][-1]
    text = rule.read_text()
    rule.write_text(f"{text}# mine\n")
    assert lab.inside("uh-01", ["sh", "-c", undo]).returncode == 1, "somebody else has changed it since"
    rule.write_text(text)
    assert lab.inside("uh-01", ["sh", "-c", undo]).returncode == 0
    assert not rule.exists()


def test_a_rule_that_has_appeared_since_the_plan_is_left_as_it_is(desk: Desk, lab) -> None:
    rule = root_of(lab, "uh-01") / "etc/logrotate.d/install-site"
    desk("plan", "17", "-f", str(REPOSITORY / "parameters/runs/17-uh-01-install.yml"))
    rule.write_text("# somebody else's\n")
    done = desk("run", "--plan", "last", "--reason", "as planned")
    assert done.code == 1, done
    assert "has changed since the plan" in done.out + done.err
    assert rule.read_text() == "# somebody else's\n"
    assert not desk.record().sent("edit", "change")


@pytest.mark.parametrize(("name", "element"), [("17-hcore1-nginx", "hcore1"), ("17-node101-nginx", "node101")])
def test_a_rule_in_a_container_becomes_a_request_and_nothing_changes(desk: Desk, lab, name: str, element: str) -> None:
    folder = root_of(lab, element) / "etc/logrotate.d"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = desk("run", "17", "-f", str(REPOSITORY / f"parameters/runs/{name}.yml"))
    assert done.code == 3, done
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    record = desk.record()
    assert record.state == "requested"
    assert not record.sent("change", "edit")
    request = json.loads((record.path / "request.json").read_text())
    evidence = "\n".join(e["command"] for e in request["evidence"])
    for asked in ("cat /etc/logrotate.conf", "/etc/logrotate.d -mindepth 1 -ls", "*status", "df -h /var/log",
                  "du -ax /var/log", "lsof +L1", "logrotate.timer", "journalctl -u logrotate"):  # fmt: skip
        assert asked in evidence, asked
    assert request["wanted"]
    assert any("error:" in a["expect"] for a in request["acceptance"])
    told = {"content", "urgency", "truncate", "full_by"}
    assert told <= set(request["parameters"])
    assert f"+    rotate {14 if element == 'hcore1' else 7}" in request["wanted"][0]["diff"]
    assert any("rotate" in a["expect"] for a in request["acceptance"])
    asked_peer = any(" ih-02 -- " in e["command"] for e in request["evidence"])
    assert asked_peer == (element == "hcore1"), "both members of a pair are looked at"
