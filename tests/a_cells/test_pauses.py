"""A runbook that is paused between two cells while the world moves on: what its safety rests on is seen again right
before the change, so nothing is changed, and screen and record say why."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from a_cells import test_adding_new_host as adding
from a_cells import test_backup as backup
from a_cells import test_certificates as tls
from a_cells import test_container_resources as resources
from a_cells import test_jca_accounts as jca
from a_cells import test_os_accounts as accounts
from a_cells import test_virtuozzo_update as update
from desk import REPOSITORY, Desk, wait_for
from seen import boot_ids, running
from stepping import Stepped

pytestmark = pytest.mark.lab
BOOKS = {path.name[:2]: path.name for path in (REPOSITORY / "runbooks").glob("[0-9]*.ipynb")}


@dataclass
class Paused:
    """A run between two cells; a cell that is refused is run again by the next `goes_on`."""

    desk: Desk
    one: Stepped
    failed: str = ""

    def _run(self, cell: str) -> Exception | None:
        error = self.one.again(self.failed) if self.failed else None
        if error is None and cell != self.failed:
            error = self.one.run(cell)
        self.failed = cell if error else ""
        return error

    def goes_on(self, cell: str) -> None:
        """The cells up to this one are run, and well."""
        error = self._run(cell)
        assert error is None, f"{cell}: {error}"

    def refused(self, cell: str, said: str, kept: str = "") -> None:
        """The cell sends no change; the screen says why, and so does the record, in words of its own where `kept`."""
        before, record = len(self.desk.record().sent("change", "edit")), self.desk.record()
        error = self._run(cell)
        assert error is not None, f"{cell} went on"
        assert said in str(error)
        told = json.dumps(record.events("answer", "require", "refused", "note"), ensure_ascii=False)
        assert (kept or said) in told
        assert len(record.sent("change", "edit")) == before


@contextlib.contextmanager
def paused(desk: Desk, number: str, after: str, given: dict[str, Any]) -> Iterator[Paused]:
    """A run whose cells up to `after` have been run."""
    run = Paused(desk, Stepped(desk, BOOKS[number], {"mode": "apply", "reason": "test", **given}))
    try:
        run.goes_on(after)
        yield run
    finally:
        run.one.close()


@contextlib.contextmanager
def stopped(lab: Any, element: str, unit: str) -> Iterator[None]:
    lab.inside(element, ["systemctl", "stop", unit])
    try:
        yield
    finally:
        lab.inside(element, ["systemctl", "start", unit])
        if unit == "nginx":
            wait_for(lambda: lab.inside(element, ["pgrep", "-x", "nginx"]).stdout, what="nginx runs again")


def test_a_peer_that_falls_ill_meanwhile_keeps_its_member_in_service_and_running(desk: Desk, lab: Any) -> None:
    before, fell_ill = boot_ids(lab, "hcore1"), ("not healthy: nginx on hcore2", "nginx is NOT healthy")
    try:
        with paused(desk, "05", "stop-placement", {"element": "hcore1", "confirm": "hcore1"}) as run:
            with stopped(lab, "hcore2", "nginx"):
                run.refused("drain", *fell_ill)
                assert not drained(lab)
            run.goes_on("reboot-fast")
            assert drained(lab)
            with stopped(lab, "hcore2", "nginx"):
                run.refused("restart-container", *fell_ill)
    finally:
        lab.inside("hcore1", ["bash", "/root/scripts/enable_me.sh"])
    assert boot_ids(lab, "hcore1") == before


def drained(lab: Any) -> bool:
    return bool(lab.inside("hcore1", ["test", "-e", "/var/lib/jelastic/drained"]).returncode == 0)


def test_a_host_is_not_stopped_with_a_container_that_came_nor_rebooted_in_an_update(desk: Desk, lab: Any) -> None:
    before = boot_ids(lab, "uh-02")
    lab.inside("uh-02", ["vzctl", "stop", "202"])
    given = {"element": "uh-02", "confirm": "uh-02", "placement": "leave", "stop_batch": 3}
    try:
        with paused(desk, "05", "drain", given) as run:
            lab.inside("uh-02", ["vzctl", "start", "202"])
            run.refused("stop-containers", "a row that the plan did not see")
            assert running(lab, "uh-02") == {"201", "202", "203"}
            lab.inside("uh-02", ["vzctl", "stop", "202"])
            with yum(lab, "uh-02"):
                run.refused("stop-containers", "yum -y update")
                assert running(lab, "uh-02") == {"201", "203"}
            run.goes_on("stop-components")
            with yum(lab, "uh-02"):
                run.refused("reboot", "yum -y update 3600; rebooting uh-02 would cut it off")
    finally:
        for ctid in ("201", "202", "203"):
            lab.inside("uh-02", ["vzctl", "start", ctid])
    assert boot_ids(lab, "uh-02") == before


def test_nothing_is_drained_for_an_update_beside_a_peer_that_fell_ill(desk: Desk, lab: Any) -> None:
    desk.env["OPSGUIDE_PLATFORM"] = str(REPOSITORY / "parameters/platforms/lab-provider-updates.yml")
    with paused(desk, "03", "evacuate", update.given("ih-01", mode="apply")) as run:
        with stopped(lab, "hcore2", "nginx"):
            run.refused("drain", "not healthy: nginx on hcore2", "nginx is NOT healthy")
        assert not drained(lab)


@contextlib.contextmanager
def yum(lab: Any, host: str) -> Iterator[None]:
    """What looks like an update, as long as this lasts."""
    line = "exec -a 'yum -y update' sleep 3600 > /dev/null 2>&1 & echo $!"
    number = lab.inside(host, ["bash", "-c", line]).stdout.strip()
    wait_for(lambda: lab.inside(host, ["pgrep", "-f", "^yum -y update 3600"]).stdout, what="it has its name")
    try:
        yield
    finally:
        lab.inside(host, ["kill", number])


def test_a_service_is_not_restarted_into_a_file_that_somebody_broke_nor_enabled_when_it_is_down(
    desk: Desk, lab: Any
) -> None:
    conf = Path(lab.container_root("hcore1")) / "etc/nginx/nginx.conf"
    sound = conf.read_text()
    master = lab.inside("hcore1", ["pgrep", "-o", "-x", "nginx"]).stdout
    try:
        with paused(desk, "06", "drain", {"element": "hcore1", "service": "nginx", "settle": "1 s"}) as run:
            conf.write_text(sound + "nonsense;\n")
            run.refused("restart", "nginx.conf test failed")
            assert lab.inside("hcore1", ["pgrep", "-o", "-x", "nginx"]).stdout == master
            conf.write_text(sound)
            run.goes_on("restart-in-container")
            with stopped(lab, "hcore1", "nginx"):
                run.refused("enable", "inactive")
                assert drained(lab)
            run.goes_on("settle")
            assert not drained(lab)
    finally:
        conf.write_text(sound)
        lab.inside("hcore1", ["sh", "-c", "systemctl start nginx; bash /root/scripts/enable_me.sh"])


@contextlib.contextmanager
def filled(lab: Any, host: str, folder: str) -> Iterator[None]:
    """Some KiB are left on that disk, as long as this lasts."""
    line = 'fallocate -l $(($(df -k --output=avail "$0" | tail -n 1) - 16))K "$0/filled"'
    assert lab.inside(host, ["sh", "-c", line, folder]).returncode == 0
    try:
        yield
    finally:
        lab.inside(host, ["rm", f"{folder}/filled"])


def test_memory_is_not_set_over_a_colleagues_value_nor_beyond_what_the_host_has_by_now(desk: Desk, lab: Any) -> None:
    conf = "/vz/private/{}/ve.conf"
    try:
        with paused(desk, "09", "fits", resources.given("ram", "600M")) as run:
            lab.inside("ih-01", ["vzctl", "set", "305", "--ram", "900M", "--save"])
            run.refused("memory", "305.conf")
            assert resources.held(lab, "memory.max") == str(900 << 20)
            lab.inside("ih-01", ["vzctl", "set", "305", "--ram", "512M", "--save"])
            other = lab.inside("ih-01", ["cat", conf.format(306)]).stdout
            lab.inside("ih-01", ["sed", "-i", 's/^PHYSPAGES=.*/PHYSPAGES="999999999:999999999"/', conf.format(306)])
            run.refused("memory", "the host still has the memory")
            lab.inside("ih-01", ["sh", "-c", f"cat > {conf.format(306)}"], stdin=other)
            assert resources.held(lab, "memory.max") == str(512 << 20)
            run.goes_on("memory")
            assert resources.held(lab, "memory.max") == str(600 << 20)
        with paused(desk, "09", "property", resources.given("disk", "200M")) as run:
            with filled(lab, "ih-01", "/vz"):
                run.refused("disk", "expected at least 225280")
            assert resources.kept(lab, "DISKSPACE") == "131072:131072"
    finally:
        lab.inside("ih-01", ["bash", "-c", resources.RESTORE])


def test_who_became_admin_or_left_meanwhile_is_seen_before_the_panel_is_asked_for_or_the_platform_told(
    desk: Desk, lab: Any
) -> None:
    calls = len(lab.api_requests())
    try:
        with paused(desk, "11", "exact", jca.given("two-factor-on", trusted=jca.GLASS)) as run:
            lab.panel("change-role", jca.GLASS, "view")
            run.refused("two-factor-on", "a break-glass admin is exempt")
        lab.panel("change-role", jca.GLASS, "admin")
        with paused(desk, "11", "trust", jca.given("distrust", jca.GLASS)) as run:
            lab.panel("remove", jca.GLASS)
            run.refused("distrust", "the account has two-factor auth")
        lab.panel("add", jca.GLASS, "admin")
        with paused(desk, "11", "distrust", jca.given("offboard", jca.LENA)) as run:
            lab.panel("add", jca.LENA, "view")
            run.refused("disable", "expected matches")
        assert jca.of(jca.LENA, "status") == "ACTIVE"
        lab.panel("change-role", jca.LENA, "admin")
        with paused(desk, "11", "token-before", jca.given("remove", jca.LENA, panel_wait="1 s")) as run:
            for login in (jca.GLASS, jca.ANNA):
                lab.panel("change-role", login, "view")
            run.refused("panel", "enough admins are still left beside opsguide")
        assert jca.written(lab, calls) == []
    finally:
        lab.restore()


def test_an_account_is_not_locked_once_it_is_the_last_administrators_or_another_persons(desk: Desk, lab: Any) -> None:
    config = Path(lab.host_root("uh-01")) / "etc/ssh/sshd_config"
    sound = config.read_text()
    add = "useradd -m -u 2101 -p '*' anna; useradd -m -u 2102 -p '*' berta; cp -a /root/.ssh /home/berta"
    rule = "echo 'berta ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/50-profiles"
    lab.inside("uh-01", ["sh", "-c", f"{accounts.GONE}; {add}; {rule}"])
    try:
        config.write_text("PermitRootLogin no\n" + sound)  # said, and not yet in force: so the run still comes in
        with paused(desk, "12", "revoke", {"element": "uh-01", "action": "lock", "user": "anna"}) as run:
            lab.inside("uh-01", ["rm", "-r", "/home/berta/.ssh"])
            run.refused("lock", "expected matches")
            config.write_text(sound)
            lab.inside("uh-01", ["sh", "-c", "userdel -r anna; useradd -m -u 2103 -p '*' anna"])
            run.refused("lock", "anna:x:2101:")
        assert accounts.line_of(lab, "uh-01", "shadow")[7] == "", "it has no end"
    finally:
        config.write_text(sound)
        lab.inside("uh-01", ["sh", "-c", accounts.GONE])


def test_a_container_that_came_to_a_blank_host_is_not_destroyed_by_the_join(
    desk: Desk, lab: Any, as_built: None
) -> None:
    calls = len(lab.api_requests())
    with paused(desk, "01", "platform-ready", adding.APPLY) as run:
        lab.inside("new-01", ["vzctl", "create", "991", "--ostemplate", adding.APPLY["test_template"]])
        run.refused("join-as-user-host", "nothing")
        assert lab.inside("new-01", ["vzlist", "-a", "-H", "-o", "ctid"]).stdout.split() == ["991"]
        lab.inside("new-01", ["vzctl", "destroy", "991"])
    assert not [r for r in lab.api_requests()[calls:] if r["method"].endswith(adding.HANDED)]


def test_a_container_that_came_to_an_emptied_host_is_not_stopped_with_it(desk: Desk, lab: Any, as_built: None) -> None:
    made = ["sh", "-ec", f"vzctl create 991 --ostemplate {adding.APPLY['test_template']} --hostname x; vzctl start 991"]
    with paused(desk, "02", "empty", {"element": "uh-02", "confirm": "uh-02"}) as run:
        for cell, undone in (("remove", ["sh", "-c", "vzctl stop 991; vzctl destroy 991"]), ("switch-off", ["true"])):
            assert lab.inside("uh-02", made).returncode == 0
            run.refused(cell, "nothing")
            assert "991" in running(lab, "uh-02")
            lab.inside("uh-02", undone)
            if cell == "remove":
                run.goes_on("remove")
        lab.inside("uh-02", ["sh", "-c", "vzctl stop 991; vzctl destroy 991"])


def test_a_path_that_became_a_link_or_got_a_mask_is_left_alone(desk: Desk, lab: Any) -> None:
    folder = Path(lab.host_root("uh-01")) / "srv/paused"
    given = {"element": "uh-01", "path": "/srv/paused/report", "user": "zabbix"}
    try:
        lab.inside(
            "uh-01", ["sh", "-ec", "mkdir /srv/paused; cd /srv/paused; touch report other; chmod 777 report other"]
        )
        with paused(desk, "18", "owner", {**given, "bits": "640"}) as run:
            lab.inside("uh-01", ["ln", "-sf", "other", "/srv/paused/report"])
            run.refused("bits", "/srv/paused/other")
            assert (folder / "other").stat().st_mode & 0o777 == 0o777
        lab.inside("uh-01", ["sh", "-ec", "cd /srv/paused; rm report; touch report; chmod 640 report"])
        with paused(desk, "18", "bits", {**given, "acl_name": "zabbix"}) as run:
            lab.inside("uh-01", ["setfacl", "-m", "u:nobody:rwx,m::r", "/srv/paused/report"])
            run.refused("acl", "#effective")
            assert "zabbix" not in lab.inside("uh-01", ["getfacl", "-p", "/srv/paused/report"]).stdout
    finally:
        lab.inside("uh-01", ["rm", "-rf", "/srv/paused"])


def test_another_pair_that_was_laid_beside_is_not_swapped_in_and_nothing_is_read_beside_a_dead_peer(
    desk: Desk, lab: Any
) -> None:
    given = tls.given("resolver1")
    old = tls.asked(tls.OLD, "-serial")
    tls.lay(lab, "resolver1", tls.NEW)
    try:
        before = tls.files(lab, "resolver1")
        with paused(desk, "20", "peer", given) as run:
            tls.lay(lab, "resolver1", tls.OLD)
            run.refused("swap", "Fingerprint")
            tls.lay(lab, "resolver1", tls.NEW)
            assert tls.files(lab, "resolver1") == before
            run.goes_on("back")
            with stopped(lab, "resolver2", "nginx"):
                run.refused("reload", "on resolver2", "NOT healthy")
            assert tls.served(lab)[tls.BOTH["resolver1"]] == old
            run.goes_on("both")
        wanted = tls.asked(tls.NEW, "-fingerprint")
        with paused(desk, "20", "reload", tls.given("resolver1", remove="old", fingerprint=wanted)) as run:
            place = f"/{tls.FOLDER}/platform"
            lab.inside("resolver1", ["cp", "-a", f"{place}.crt.old", f"{place}.crt"])
            run.refused("spare", "Fingerprint")
            assert {"platform.crt.old", "platform.key.old"} <= set(tls.files(lab, "resolver1"))
    finally:
        for element in tls.BOTH:
            lab.restore_certificates(element)


def test_nothing_is_saved_beside_the_store_nor_deleted_or_put_back_without_what_was_to_stay(
    desk: Desk, lab: Any
) -> None:
    mount = "vz-vmprivate-backups.mount"
    try:
        with paused(desk, "24", "fresh", backup.given("backup", label="paused")) as run:
            with stopped(lab, "uh-01", mount):
                run.refused("host-config", "backup-store")
                assert not list((Path(lab.host_root("uh-01")) / backup.STORE).iterdir())
            run.goes_on("host-config")
            with stopped(lab, "uh-01", mount):
                run.refused("save", "backup-store")
            with filled(lab, "uh-01", "/vz/vmprivate/backups"):
                run.refused("save", "expected at least")
            assert backup.saved(lab, "uh-01", "node101") == []
        lab.inside("uh-01", ["prlctl", "backup", "101", "-f"])
        lab.inside("uh-01", ["prlctl", "backup", "101", "-f"])
        first, second = backup.saved(lab, "uh-01", "node101")
        backup.aged(first, 41)
        with paused(desk, "24", "digests", backup.given("prune")) as run:
            lab.inside("uh-01", ["prlctl", "backup-delete", "-t", second.parent.parent.name])
            run.refused("expire", "the backups that stay are still there")
            assert backup.saved(lab, "uh-01", "node101") == [first]
        wish = {"container": "node101", "confirm": "node101", "backup_id": first.parent.parent.name}
        inside = Path(lab.container_root("node101")) / backup.MOTD
        inside.write_text("of now\n")
        with paused(desk, "24", "stop", backup.given("restore", **wish)) as run:
            safety = backup.saved(lab, "uh-01", "node101")[-1]
            lab.inside("uh-01", ["prlctl", "backup-delete", "-t", safety.parent.parent.name])
            run.refused("put-back", "expected matches")
            assert (backup.on_disk(lab, 101) / backup.MOTD).read_text() == "of now\n"
    finally:
        lab.inside("uh-01", ["prlctl", "start", "101"])
        lab.inside("uh-01", ["bash", "-c", backup.CLEAN])
