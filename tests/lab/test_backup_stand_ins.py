"""prlctl and prlsrvctl save and restore real archives, refuse what the manual says, and keep their state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

STORE = "/vz/vmprivate/backups"


@pytest.fixture
def sh(lab: Any) -> Iterator[Any]:
    def run(line: str) -> tuple[int, str]:
        done = lab.inside("uh-02", ["bash", "-c", line])
        return done.returncode, done.stdout + done.stderr

    yield run
    run(
        f"rm -rf {STORE}/*-*-*-* /tmp/elsewhere /etc/vz/backup.conf /vz/lock/201.lck; prlctl delete copy; prlctl start 201"
    )


def test_an_increment_holds_what_changed_and_a_chain_restores_what_was_deleted_and_what_was_not(sh: Any) -> None:
    assert sh("prlctl backup 201")[0] == 0
    fs = "/vz/private/201/fs/etc"
    sh("vzctl exec2 201 'echo one > /etc/one; rm /etc/issue'")
    assert sh("prlctl backup 201 -i --description x")[0] == 0
    sh("vzctl exec2 201 'rm /etc/one; echo two > /etc/two'")
    code, said = sh("prlctl restore 201")
    assert (code, "not stopped" in said) == (255, True)
    sh("vzctl stop 201")
    assert sh("prlctl restore 201")[0] == 0
    assert sh(f"cat {fs}/one; ls {fs}/two; vzlist -a -H -o status 201")[1].split()[0] == "one"
    assert sh(f"test -e {fs}/two")[0] == 1
    assert sh("prlctl start 201; vzctl exec2 201 'test ! -e /etc/issue'")[0] == 0
    rows = [line.split() for line in sh("prlctl backup-list 201")[1].splitlines()[1:]]
    assert [row[5] for row in rows] == ["f", "i"]
    assert rows[1][1] == rows[0][1] + ".2"
    assert sh(f"prlctl backup-delete -t {rows[0][1]}")[0] == 0
    assert sh("prlctl backup-list 201")[1].count("\n") == 1, "an increment does not outlive its full one"
    sh("vzctl exec2 201 'rm -f /etc/one'")


def test_a_copy_has_a_name_a_number_and_an_identifier_of_its_own_and_the_old_address(sh: Any) -> None:
    sh("prlctl backup 201; prlctl backup 202")
    assert sh("prlctl restore 201 -n copy")[0] == 0
    old, new = (sh(f"vzlist -a -H -o ctid,uuid,status,ip {key}")[1].split() for key in ("201", "copy"))
    assert (new[0], new[2], new[3]) == ("9001", "stopped", old[3])
    assert new[1] != old[1]
    assert sh("prlctl restore 201 -n copy")[0] == 255
    foreign = sh("prlctl backup-list 202 | tail -n 1")[1].split()[1]
    assert sh(f"prlctl restore 201 -t '{foreign}'")[0] == 255
    assert sh("prlctl mount copy -o ro; touch /vz/root/9001/x")[0] == 1
    assert sh("prlctl delete copy")[0] == 255, "it is mounted"
    assert sh("prlctl umount copy; prlctl delete copy; vzlist -a -H -o name | grep copy")[0] == 1


def test_a_locked_container_is_not_saved_and_the_host_saves_the_others(sh: Any) -> None:
    sh("touch /vz/lock/201.lck")
    assert sh("prlctl backup 201")[0] == 255
    code, said = sh("prlsrvctl backup -f")
    assert code == 255
    assert "Container already locked" in said
    assert len(sh("prlctl backup-list")[1].splitlines()) == 1 + 2


def test_the_backup_path_is_set_and_told(sh: Any) -> None:
    assert f"Backup path: {STORE}\n" in sh("prlsrvctl info")[1]
    assert sh("mkdir /tmp/elsewhere; prlsrvctl set --backup-path /tmp/elsewhere && prlctl backup 201")[0] == 0
    assert "Backup path: /tmp/elsewhere\n" in sh("prlsrvctl info")[1]
    assert sh("ls /tmp/elsewhere/*/*/base/ve.conf")[0] == 0
    assert sh(f"ls {STORE}")[1] == "backup-store\n"
    assert sh("rm -r /tmp/elsewhere; prlctl backup-list")[0] == 255
    assert sh("prlsrvctl set --backup-path relative")[0] == 255
    assert "storage" not in sh("prlsrvctl info")[1]
    assert sh("prlsrvctl set --backup-storage root@10.64.9.9; prlctl backup 201")[0] == 255
    assert "Default backup storage: root@10.64.9.9\nBackup path: /tmp/elsewhere\n" in sh("prlsrvctl info")[1]
    assert sh("prlsrvctl info --license")[1].startswith('License: state="ACTIVE"')
