"""Suite A: 24 on both kinds of hosts; what was saved and what was put back is read on the disk of the lab host."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import REPOSITORY, Desk
from opsguide.errors import InputError
from opsguide.guide import scopes
from stepping import Stepped, stepped

pytestmark = pytest.mark.lab
BOOK = "24-backup-and-restore.ipynb"
STORE = "vz/vmprivate/backups"
CLEAN = "cd /vz/vmprivate/backups && rm -rf *-*-*-* host-config digests; " \
        "rm -f /vz/private/*/fail-backup /vz/vmprivate/*/disk /etc/vz/backup.conf; " \
        "! vzctl status restore-test | grep -q exist || { prlctl umount restore-test; prlctl delete restore-test; }"  # fmt: skip
MOTD = "etc/motd"
CANARY = "Kanarie-2424-zz"


@pytest.fixture(autouse=True)
def as_it_was(lab: Any) -> Iterator[None]:
    yield
    for host in ("uh-01", "ih-01"):
        lab.inside(host, ["bash", "-c", CLEAN])


def given(action: str, element: str = "uh-01", **more: Any) -> dict[str, Any]:
    return {"element": element, "action": action, "mode": "apply", "reason": "test", **more}


def sources(lab: Any, host: str) -> dict[str, str]:
    """Names and identifiers of what is on a host."""
    rows = lab.inside(host, ["prlctl", "list", "-a", "-H", "-o", "uuid,name"]).stdout.splitlines()
    return {name: number.strip("{}") for number, name in map(str.split, rows)}


def saved(lab: Any, host: str, name: str) -> list[Path]:
    """The archives of one in the store, in the order in which they were made."""
    place = lab.host_root(host) / STORE / sources(lab, host)[name]
    return sorted(place.glob("*/*/data.tar"), key=lambda p: p.stat().st_mtime_ns)


def within(archive: Path, name: str) -> bytes:
    """A file as it stands last in an archive."""
    with tarfile.open(archive) as tar:
        found = tar.extractfile(tar.getmember(name))
        assert found
        return found.read()


def on_disk(lab: Any, ctid: int) -> Path:
    return lab.host_root("uh-01") / f"vz/private/{ctid}/fs"


def listed(lab: Any, host: str = "uh-01") -> str:
    return lab.inside(host, ["vzlist", "-a", "-H", "-o", "ctid,uuid,status,ip,hostname,onboot"]).stdout


def aged(archive: Path, days: float) -> None:
    """The backup as made so many days ago."""
    info, then = archive.parent / "info.json", time.localtime(time.time() - days * 86400)
    told = {"at": time.mktime(then), "date": time.strftime("%m/%d/%Y %H:%M:%S", then)}
    info.write_text(json.dumps({**json.loads(info.read_text()), **told}))


def boot_id(lab: Any, name: str) -> str:
    return lab.inside(name, ["cat", "/proc/sys/kernel/random/boot_id"]).stdout


def lines(desk: Desk) -> list[str]:
    return [e["template"] for e in desk.record().sent("change")]


def backed_up(lab: Any) -> Path:
    """node101 has a backup of an hour ago with its digests, made without the runbook."""
    lab.inside("uh-01", ["prlctl", "backup", "101"])
    (archive,) = saved(lab, "uh-01", "node101")
    aged(archive, 1 / 24)
    file = f"/vz/vmprivate/backups/digests/{archive.parent.parent.name}"
    line = f"mkdir -p {Path(file).parent}; cd /vz/root/101/etc; find . -xdev -type f -exec sha256sum {{}} + > {file}"
    lab.inside("uh-01", ["bash", "-ec", line])
    return archive


def test_a_user_host_and_all_on_it_is_saved_as_filed(desk: Desk, lab: Any) -> None:
    (lab.container_root("node101") / MOTD).write_text("as of the backup\n")
    (lab.host_root("uh-01") / "root/secret").write_text(f"password = {CANARY}\n")
    file = str(REPOSITORY / "parameters/runs/24-uh-01-backup.yml")
    done = desk("run", "24", "--on", "uh-01", "-f", file, "--reason", "test")
    (lab.host_root("uh-01") / "root/secret").unlink()
    assert done.code == 0, done
    assert set(sources(lab, "uh-01")) == {"node101", "node102", "node103", "win2019-1"}
    assert all(len(saved(lab, "uh-01", name)) == 1 for name in sources(lab, "uh-01"))
    assert within(saved(lab, "uh-01", "node101")[0], f"fs/{MOTD}") == b"as of the backup\n"
    store = lab.host_root("uh-01") / STORE
    digests = store / "digests" / saved(lab, "uh-01", "node101")[0].parent.parent.name
    assert (
        f"{hashlib.sha256(b'as of the backup' + bytes([10])).hexdigest()}  ./motd" in digests.read_text().splitlines()
    )
    archive = store / "host-config/uh-01-practice-1.tar.gz"
    assert [p.stat().st_mode & 0o077 for p in (archive, archive.parent, digests)] == [0, 0, 0]
    assert within(archive, "etc/machine-id") == (lab.host_root("uh-01") / "etc/machine-id").read_bytes()
    assert CANARY.encode() in within(archive, "root/secret")
    assert not [p for p in desk.records.rglob("*") if p.is_file() and CANARY.encode() in p.read_bytes()]
    again = stepped(desk, BOOK, **given("backup", label="practice-1"))
    assert "expected nothing" in str(again), "a label is used once"
    assert not desk.record().sent("change")


def test_an_infrastructure_host_is_saved_as_planned_and_the_next_night_only_what_changed(desk: Desk, lab: Any) -> None:
    plan = {**given("backup", "ih-01", label="one"), "mode": "plan"}
    assert stepped(desk, BOOK, **plan) is None
    assert saved(lab, "ih-01", "hcore1") == []
    assert stepped(desk, BOOK, **{**plan, "mode": "apply"}, follows=desk.record().intent["run"]) is None
    assert len(lines(desk)) == 1 + 7 + 7
    again = desk("prove", "last")
    assert again.code == 0, again
    assert "16 of 16 proves" in again.out, "each row is asked again"
    assert desk.record().intent["again"] == desk.record(1).intent["run"]
    (lab.container_root("hcore1") / "etc/new-since").write_text("x")
    assert stepped(desk, BOOK, "save", **given("backup", "ih-01", label="two")) is None
    (lab.container_root("hcore1") / "etc/new-since").unlink()
    full, more = saved(lab, "ih-01", "hcore1")
    assert (full.parent.name, more.parent.name) == ("base", "2")
    with tarfile.open(full) as one, tarfile.open(more) as two:
        assert "fs/etc/new-since" in set(two.getnames()) - set(one.getnames())
        assert "fs/etc/machine-id" in set(one.getnames()) - set(two.getnames())


def test_a_container_is_put_back_to_what_it_was_also_when_the_restore_failed_at_first(desk: Desk, lab: Any) -> None:
    inside = lab.container_root("node101")
    (inside / MOTD).write_text("as of the backup\n")
    (inside / "etc/kept.conf").write_text("a = 1\n")
    (inside / "etc/new.conf").unlink(missing_ok=True)
    archive = backed_up(lab)
    (inside / MOTD).write_text("spoilt\n")
    (inside / "etc/kept.conf").unlink()
    (inside / "etc/new.conf").write_text("never saved\n")
    before, neighbour = listed(lab), boot_id(lab, "node102")
    wish = given("restore", container="node101", confirm="node101", service="nginx")
    one = Stepped(desk, BOOK, wish)
    assert one.run("stop") is None
    archive.rename(archive.with_suffix(".away"))
    assert one.run() is not None
    archive.with_suffix(".away").rename(archive)
    one.close()
    assert (on_disk(lab, 101) / MOTD).read_bytes() == b"spoilt\n"
    assert {e["undo"] for e in desk.record().events("open")} == {"prlctl start 101"}

    assert stepped(desk, BOOK, **wish, follows=desk.record().intent["run"]) is None
    assert [t.split()[1] for t in lines(desk)] == ["restore", "start"], "nothing is saved or stopped twice"
    assert (on_disk(lab, 101) / MOTD).read_bytes() == b"as of the backup\n"
    assert (on_disk(lab, 101) / "etc/kept.conf").read_bytes() == b"a = 1\n"
    assert not (on_disk(lab, 101) / "etc/new.conf").exists()
    assert (listed(lab), boot_id(lab, "node102")) == (before, neighbour)
    assert lab.inside("node101", ["pgrep", "-x", "nginx"]).stdout

    safety = saved(lab, "uh-01", "node101")[-1]
    assert within(safety, f"fs/{MOTD}") == b"spoilt\n", "the way back"
    error = stepped(desk, BOOK, **wish)
    assert "the backup has digests, or backup_id names it" in str(error), "the latest is the way back, and not meant"
    assert not desk.record().sent("change")
    assert stepped(desk, BOOK, **wish, backup_id=safety.parent.parent.name) is None
    assert [t.split()[1] for t in lines(desk)] == ["backup", "stop", "restore", "start"]
    assert (on_disk(lab, 101) / MOTD).read_bytes() == b"spoilt\n"
    (lab.container_root("node101") / "etc/new.conf").unlink()


def test_a_copy_is_compared_and_gone_and_one_of_a_damaged_backup_names_the_file(desk: Desk, lab: Any) -> None:
    (lab.container_root("node101") / MOTD).write_text("as of the backup\n")
    archive = backed_up(lab)
    before, boot, wish = (
        listed(lab),
        boot_id(lab, "node101"),
        given("test-restore", container="node101", confirm="node101"),
    )
    one = Stepped(desk, BOOK, wish)
    assert one.run("mount") is None
    copy = [row for row in listed(lab).splitlines() if row not in before.splitlines()]
    assert [row.split()[2:] for row in copy] == [["stopped", "-", "node1001-shop.lab.example", "no"]]
    root = lab.host_root("uh-01") / f"vz/root/{copy[0].split()[0]}"
    assert (root / MOTD).read_bytes() == b"as of the backup\n"
    with pytest.raises(OSError, match="Read-only"):
        (root / "etc/x").write_text("x")
    assert one.run() is None
    one.close()
    assert (listed(lab), boot_id(lab, "node101"), root.exists()) == (before, boot, False)

    with tarfile.open(archive, "a") as tar:
        wrong = tarfile.TarInfo(f"fs/{MOTD}")
        wrong.size = 3
        tar.addfile(wrong, io.BytesIO(b"bad"))
    error = stepped(desk, BOOK, **wish)
    assert "./motd: FAILED" in str(vars(error)), error
    undone = {e["undo"] for e in desk.record().events("open")}
    assert undone == {"prlctl delete restore-test", "prlctl umount restore-test"}


def told(archive: Path, **more: Any) -> None:
    """What the store keeps of a backup, changed."""
    info = archive.parent / "info.json"
    info.write_text(json.dumps({**json.loads(info.read_text()), **more}))


def said(desk: Desk, word: str) -> list[str]:
    """What those answered that have a word in their template."""
    return [str(desk.record().answer(e["command"])) for e in desk.record().sent() if word in e["template"]]


def test_chosen_is_a_backup_that_this_host_made_lies_in_the_store_and_is_of_this_container_alone(
    desk: Desk, lab: Any
) -> None:
    lab.inside("uh-01", ["bash", "-c", "prlctl backup 101 -f; prlctl backup 101 -f"])
    older, newer = saved(lab, "uh-01", "node101")
    aged(older, 1)
    wish = {**given("test-restore", container="node101", confirm="node101"), "mode": "plan"}
    conf = newer.parent / "ve.conf"
    right = conf.read_text()
    conf.write_text(right.replace("node1001-", "node1002-"))
    one = Stepped(desk, BOOK, wish)
    assert "is of this container alone" in str(one.run("choose")), "the older one is of it"
    conf.unlink()
    assert "lies in the store" in str(one.again("choose"))
    conf.write_text(right)
    assert one.again("choose") is None
    assert [c.backup for c in one.names["chosen"]] == [newer.parent.parent.name]
    told(newer, node="uh-02")
    assert one.again("coverage") is None
    assert one.again("choose") is None
    assert [c.backup for c in one.names["chosen"]] == [older.parent.parent.name], "the latest of this host"
    one.names["backup_id"] = newer.parent.parent.name
    assert one.again("choose") is None
    one.close()
    assert [c.backup for c in one.names["chosen"]] == [newer.parent.parent.name], "named"


def test_a_virtual_machine_counts_when_the_room_is_asked_for(desk: Desk, lab: Any) -> None:
    used = sum(map(int, lab.inside("uh-01", ["vzlist", "-a", "-H", "-o", "diskspace"]).stdout.split()))
    (lab.host_root("uh-01") / "vz/vmprivate/win2019-1/disk").write_bytes(b"x" * (32 << 20))
    small = f"mount -t tmpfs -o size={used + (16 << 10)}k tmpfs /vz/vmprivate/backups; touch /vz/vmprivate/backups/backup-store"
    lab.inside("uh-01", ["bash", "-c", small])
    try:
        wish = {**given("backup", room=1.0), "mode": "plan"}
        error = stepped(desk, BOOK, "room", **wish)
        one = stepped(desk, BOOK, "room", **{**wish, "action": "restore"}, container="node101", confirm="node101")
    finally:
        lab.inside("uh-01", ["umount", "/vz/vmprivate/backups"])
    assert "the store has room for a full backup of what is saved" in str(error)
    assert one is None, "a restore saves one container and no machine"


def test_a_backup_server_that_is_set_is_named_and_nothing_is_saved_past_it(desk: Desk, lab: Any) -> None:
    lab.inside("uh-01", ["prlsrvctl", "set", "--backup-storage", "root@10.64.9.9"])
    error = stepped(desk, BOOK, **given("backup", label="x"))
    assert "no backup server is set" in str(error)
    judged = [e for e in desk.record().events("require") if not e["met"]]
    assert "Default backup storage: root@10.64.9.9" in judged[0]["inputs"]["server"]
    assert not desk.record().sent("change")
    assert [p.name for p in (lab.host_root("uh-01") / STORE).iterdir()] == ["backup-store"]


def test_a_container_that_was_down_ends_down_and_a_suspended_one_is_left_alone(desk: Desk, lab: Any) -> None:
    (lab.container_root("node101") / MOTD).write_text("as of the backup\n")
    backed_up(lab)
    (lab.container_root("node101") / MOTD).write_text("spoilt\n")
    wish, status = given("restore", container="node101", confirm="node101"), ["vzctl", "status", "101"]
    dump = lab.host_root("uh-01") / "vz/dump/Dump.101"
    lab.inside("uh-01", ["prlctl", "suspend", "101"])
    try:
        one = Stepped(desk, BOOK, {**wish, "service": "nginx"})
        assert "the container runs or is down" in str(one.run())
        assert dump.exists()
        dump.unlink()
        assert "or no service is to be asked" in str(one.again("safety"))
        one.close()
        assert not desk.record().sent("change")
        assert stepped(desk, BOOK, **{**wish, "mode": "plan"}) is None
        assert stepped(desk, BOOK, **wish, follows=desk.record().intent["run"]) is None, "as planned"
        assert [t.split()[1] for t in lines(desk)] == ["backup", "restore"]
        assert (on_disk(lab, 101) / MOTD).read_bytes() == b"as of the backup\n"
        assert lab.inside("uh-01", status).stdout.split()[-1] == "down"
    finally:
        dump.unlink(missing_ok=True)
        lab.inside("uh-01", ["prlctl", "start", "101"])


def test_the_service_is_asked_when_files_differ_and_both_are_seen(desk: Desk, lab: Any) -> None:
    (lab.container_root("node101") / MOTD).write_text("as of the backup\n")
    archive = backed_up(lab)
    digests = lab.host_root("uh-01") / STORE / "digests" / archive.parent.parent.name
    wrong = [("0" * 64 + row[64:]) if row.endswith("./motd") else row for row in digests.read_text().splitlines()]
    digests.write_text("".join(f"{row}\n" for row in wrong))
    one = Stepped(desk, BOOK, given("restore", container="node101", confirm="node101", service="nginx"))
    assert one.run("start") is None
    lab.inside("node101", ["systemctl", "stop", "nginx"])
    assert (
        lab.inside("uh-01", ["prlctl", "restore", "-t", archive.parent.parent.name, "-n", "restore-test"]).returncode
        == 0
    )
    one.cells["probe"] = one.cells["probe"].replace("2 min", "1 s")
    error = one.run()
    assert "is-active" in str(vars(error)), "a container that has come to the host meanwhile fails nothing"
    assert "./motd: FAILED" in said(desk, "compare")[-1], "what differs is on the screen above it"
    lab.inside("node101", ["systemctl", "start", "nginx"])
    error = one.again("probe")
    one.close()
    assert "./motd: FAILED" in str(vars(error)), "an active service does not hide it"
    assert "'state': 'ok'" in said(desk, "is-active")[-1]


def test_one_that_fails_does_not_keep_the_others_from_being_saved(desk: Desk, lab: Any) -> None:
    trap = lab.host_root("uh-01") / "vz/private/102/fail-backup"
    trap.touch()
    wish = given("backup", label="one-fails")
    assert stepped(desk, BOOK, **wish) is not None
    assert desk.record().state == "failed"
    assert [len(saved(lab, "uh-01", f"node10{n}")) for n in (1, 2, 3)] == [1, 0, 1]
    trap.unlink()
    assert stepped(desk, BOOK, **wish, follows=desk.record().intent["run"]) is None
    assert [len(saved(lab, "uh-01", f"node10{n}")) for n in (1, 2, 3)] == [1, 1, 1]
    assert [e["slots"]["uuid"] for e in desk.record().sent("change") if e["template"].startswith("prlctl")] == [
        sources(lab, "uh-01")["node102"]
    ]


def test_expired_chains_go_oldest_first_and_the_last_good_full_one_stays(desk: Desk, lab: Any) -> None:
    for words in ("101 -f", "101 -i", "101 -f", "102 -f"):
        lab.inside("uh-01", ["bash", "-c", f"prlctl backup {words}"])
    oldest, more, newer = saved(lab, "uh-01", "node101")
    (only,) = saved(lab, "uh-01", "node102")
    for archive, days in ((oldest, 41), (more, 40), (newer, 20), (only, 90)):
        aged(archive, days)
    chain, store = oldest.parent.parent.name, lab.host_root("uh-01") / STORE
    kept = {newer.parent.parent.name, only.parent.parent.name}
    (store / "digests").mkdir()
    for name in (chain, f"{chain}.2", *kept):
        (store / "digests" / name).write_text("x\n")
    assert stepped(desk, BOOK, **given("prune")) is None
    gone = [e["slots"]["backup"] for e in desk.record().sent("change")]
    assert gone == [f"{chain}.2", chain] * 2
    assert (saved(lab, "uh-01", "node101"), saved(lab, "uh-01", "node102")) == ([newer], [only])
    assert {p.name for p in (store / "digests").iterdir()} == kept


def test_old_archives_of_a_host_go_and_what_is_no_day_of_its_own_or_the_last_good_one_stays(
    desk: Desk, lab: Any
) -> None:
    folder = lab.host_root("uh-01") / STORE / "host-config"
    folder.mkdir()
    parts = ("packages", "cmdline", "disks", "tar.gz", "sha256")
    for name, days in {"uh-01-2026-01-01": 60, "uh-01-2026-02-02": 30, "uh-01-2026-03-03": 20, "uh-01-ticket-1": 60,
                       "uh-01-b-2026-01-01": 60, "ih-01-2026-01-01": 60}.items():  # fmt: skip
        for part in parts[:-1]:
            (folder / f"{name}.{part}").write_text(f"{name} {part}\n")
        sums = [
            f"{hashlib.sha256((folder / f'{name}.{p}').read_bytes()).hexdigest()}  {name}.{p}\n" for p in parts[:-1]
        ]
        (folder / f"{name}.sha256").write_text("".join(sums))
        for part in parts:
            os.utime(folder / f"{name}.{part}", (time.time() - days * 86400,) * 2)
    before = {p.name for p in folder.iterdir()}
    good, made = folder / "uh-01-2026-03-03.packages", (folder / "uh-01-2026-03-03.tar.gz").stat().st_mtime
    good.write_text("damaged\n")
    error = stepped(desk, BOOK, **given("prune"))
    assert error
    assert "sha256sum" in str(vars(error)), error
    assert {p.name for p in folder.iterdir()} == before, "the last one is not whole"
    good.write_text("uh-01-2026-03-03 packages\n")
    assert stepped(desk, BOOK, **given("prune")) is None
    gone = {f"uh-01-{day}.{part}" for day in ("2026-01-01", "2026-02-02") for part in parts}
    assert {p.name for p in folder.iterdir()} == before - gone
    assert (folder / "uh-01-2026-03-03.tar.gz").stat().st_mtime == made


def test_a_report_names_what_has_no_fresh_backup(desk: Desk, lab: Any) -> None:
    lab.inside("uh-01", ["bash", "-c", "for one in 101 103 win2019-1; do prlctl backup $one; done"])
    error = stepped(desk, BOOK, **given("report"))
    assert "each has a backup of the last 26 h" in str(error)
    judged = [e for e in desk.record().events("require") if not e["met"]]
    assert [e["inputs"] for e in judged] == [{"missing": "['node102']"}]
    assert not desk.record().sent("change")


def test_a_component_is_not_restored_in_place(desk: Desk, lab: Any) -> None:
    lab.inside("ih-01", ["prlctl", "backup", "305"])
    error = stepped(desk, BOOK, **given("restore", "ih-01", container="hcore1", confirm="hcore1"))
    assert "a component needs Jelastic Support" in str(error)
    assert not desk.record().sent("change", "look")
    scope = scopes.load("backup-and-restore")
    assert scope
    in_place = [e for e in scope.entries if e.verb == "change" and e.at == "host"]
    assert {e.kinds for e in in_place} == {("end-user-container",)}, "also a cell that was edited cannot"
    assert len(in_place) == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("store", "backups"), ("store", "/vz/../x"), ("label", "a b"), ("label", "--full"), ("label", "$(id)"),
        ("backup_id", "{a}"), ("container", "node101;id"), ("files", "etc"), ("service", "-x"), ("kind", "partial"),
        ("action", "delete"), ("keep_days", 0), ("room", 0.5), ("wait", "long"), ("confirm", "node102"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_and_says_which(name: str, value: Any) -> None:
    scope = scopes.load("backup-and-restore")
    assert scope
    wish = given("restore", container="node101", confirm="node101")
    with pytest.raises(InputError, match=name):
        scope.parameters.check({**wish, name: value})


def test_another_store_in_its_place_is_not_taken_for_it(desk: Desk, lab: Any) -> None:
    marker = lab.host_root("uh-01") / STORE / "backup-store"
    marker.rename(marker.with_name("elsewhere"))
    try:
        error = stepped(desk, BOOK, **given("backup", label="x"))
    finally:
        marker.with_name("elsewhere").rename(marker)
    assert "the store has its marker file" in str(error)
    assert not desk.record().sent("change")
