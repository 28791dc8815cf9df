"""18 on the practice platform: owners, modes and ACLs seen in the roots of the elements, not by the runbook's proves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk import REPOSITORY, Desk

pytestmark = pytest.mark.lab
FILE = "/srv/opsguide-test/report"
RUN = ("run", "file-access-settings", "-p", f"path={FILE}", "-p", "user=zabbix", "--reason", "the agent reads it")
HOSTS = ("uh-01", "ih-01")


@pytest.fixture(autouse=True)
def as_built(lab) -> Iterator[None]:
    """On each host a file of 640 root root in a folder of its own."""
    for host in HOSTS:
        lab.inside(host, ["mkdir", "-p", "/srv/opsguide-test"])
        lab.inside(host, ["install", "-m", "640", "/dev/null", FILE])
    yield
    for host in HOSTS:
        shutil.rmtree(Path(lab.host_root(host)) / "srv/opsguide-test")
        shutil.rmtree(Path(lab.host_root(host)) / "home/audited", ignore_errors=True)


def seen(lab, host: str) -> str:
    """Mode and owner as the host's own stat says them."""
    return lab.inside(host, ["stat", "-c", "%a %U:%G", FILE]).stdout.strip()


def acl(lab, host: str) -> list[str]:
    return lab.inside(host, ["getfacl", "-c", "-p", FILE]).stdout.split()


def reads(lab, host: str, account: str) -> bool:
    return lab.inside(host, ["runuser", "-u", account, "--", "cat", FILE]).returncode == 0


@pytest.mark.parametrize("host", HOSTS)
def test_owner_and_mode_of_a_file_are_changed(desk: Desk, lab, host: str) -> None:
    assert not reads(lab, host, "zabbix")
    done = desk(*RUN, "--on", host, "-p", "owner=root:zabbix", "-p", "bits=440", "-p", "denied=r")
    assert done.code == 0, done
    assert seen(lab, host) == "440 root:zabbix"
    assert reads(lab, host, "zabbix")
    assert not reads(lab, host, "nobody")
    assert desk.record().state == "succeeded"
    again = desk(*RUN, "--on", host, "-p", "owner=root:zabbix", "-p", "bits=440", "-p", "denied=r")
    assert again.code == 0, again
    assert not desk.record().sent("change")


@pytest.mark.parametrize("host", HOSTS)
def test_an_acl_entry_lets_one_account_in_and_no_other(desk: Desk, lab, host: str) -> None:
    done = desk(*RUN, "--on", host, "-p", "acl_name=zabbix", "-p", "denied=r")
    assert done.code == 0, done
    assert "user:zabbix:r--" in acl(lab, host)
    assert reads(lab, host, "zabbix")
    assert not reads(lab, host, "nobody")
    assert not desk("run", "file-access-settings", "--on", host, "-p", f"path={FILE}", "-p", "user=zabbix", "-p",
                    "acl_name=zabbix", "--reason", "again").code  # fmt: skip
    assert not desk.record().sent("change")


def test_what_it_was_comes_back_by_the_command_that_a_failure_names(desk: Desk, lab) -> None:
    done = desk(*RUN, "--on", "uh-01", "-p", "owner=zabbix:root", "-p", "bits=644", "-p", "denied=r")
    assert done.code == 1, "nobody reads it: 644 is too wide"
    assert seen(lab, "uh-01") == "644 zabbix:root"
    undoes = [e["undo"] for e in desk.record().events("open")]
    assert undoes == [f"chown -h 0:0 {FILE}", f"chmod 640 {FILE}"]
    for undo in undoes:
        assert undo in done.out + done.err
        lab.inside("uh-01", undo.split())
    assert seen(lab, "uh-01") == "640 root:root"


def test_an_acl_entry_comes_back_by_the_command_that_a_failure_names(desk: Desk, lab) -> None:
    words = [word.replace("user=zabbix", "user=nobody") for word in RUN]
    done = desk(*words, "--on", "uh-01", "-p", "acl_name=zabbix", "-p", "stranger=zabbix")
    assert done.code == 1, done
    assert "user:zabbix:r--" in acl(lab, "uh-01")
    lab.inside("uh-01", desk.record().events("open")[-1]["undo"].split())
    assert not reads(lab, "uh-01", "zabbix")
    assert seen(lab, "uh-01") == "640 root:root"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/", "absolute path"),
        ("/etc", "not a file of"),
        ("/usr/bin/passwd", "not a file of"),
        ("/etc/ssh/sshd_config", "SSH Configuration"),
        ("/root/.ssh/authorized_keys", "SSH Configuration"),
        ("/etc/shadow", "Managing OS User Accounts"),
        ("/etc/sudoers.d/jelastic", "Managing OS User Accounts"),
        ("/vz/private/101", "leads into a container"),
        ("/home/zabbix/.ssh", "not a file of"),
        ("/srv/../etc/shadow", "part"),
    ],
)
def test_a_dangerous_target_is_refused_and_nothing_is_changed(desk: Desk, lab, path: str, says: str) -> None:
    before = lab.inside("uh-01", ["stat", "-c", "%a %U %G %Z", path]).stdout
    words = [word.replace(f"path={FILE}", f"path={path}") for word in RUN]
    done = desk(*words, "--on", "uh-01", "-p", "bits=600")
    assert done.code in (1, 2), done
    assert says in done.out + done.err
    assert lab.inside("uh-01", ["stat", "-c", "%a %U %G %Z", path]).stdout == before
    assert not desk.folders() or not desk.record().sent("change")


@pytest.mark.parametrize("bits", ["777", "666", "646", "4755", "2755", "1777", "u+s"])
def test_a_mode_that_lets_all_write_or_sets_an_owner_is_bad_input(desk: Desk, lab, bits: str) -> None:
    done = desk(*RUN, "--on", "uh-01", "-p", f"bits={bits}")
    assert done.code == 2, done
    assert not desk.folders()
    assert seen(lab, "uh-01") == "640 root:root"


@pytest.mark.parametrize("name", ["path", "user"])
@pytest.mark.parametrize("element", ["uh-01", "hcore1"])
def test_a_change_without_path_or_user_is_bad_input(desk: Desk, name: str, element: str) -> None:
    other = {"path": "user=zabbix", "user": f"path={FILE}"}[name]
    for empty in ([], ["-p", f"{name}="]):
        given = ["-p", other, *empty, "-p", "bits=600", "--reason", "a slip"]
        done = desk("run", "18", "--on", element, *given)
        assert done.code == 2, done
        assert f"action change needs {name}" in done.err
        assert empty or f"give -p {name}=" in done.err
    assert not desk.folders()


def test_a_link_is_not_followed(desk: Desk, lab) -> None:
    lab.inside("uh-01", ["ln", "-s", "/etc/shadow", "/srv/opsguide-test/link"])
    before = lab.inside("uh-01", ["stat", "-c", "%a %U %G %Z", "/etc/shadow"]).stdout
    words = [word.replace(f"path={FILE}", "path=/srv/opsguide-test/link") for word in RUN]
    done = desk(*words, "--on", "uh-01", "-p", "bits=644")
    assert done.code == 1, done
    assert lab.inside("uh-01", ["stat", "-c", "%a %U %G %Z", "/etc/shadow"]).stdout == before
    assert not desk.record().sent("change")


@pytest.mark.parametrize(("name", "element"), [("18-hcore1-nginx", "hcore1"), ("18-node101-nginx", "node101")])
def test_a_file_in_a_container_becomes_a_request_and_nothing_changes(desk: Desk, lab, name: str, element: str) -> None:
    path = Path(lab.container_root(element)) / "var/log/nginx"
    before = path.stat()
    done = desk("run", "18", "-f", str(REPOSITORY / f"parameters/runs/{name}.yml"))
    assert done.code == 3, done
    after = path.stat()
    assert (after.st_mode, after.st_ctime_ns) == (before.st_mode, before.st_ctime_ns)
    record = desk.record()
    assert record.state == "requested"
    assert not record.sent("change", "edit")
    request = json.loads((record.path / "request.json").read_text())
    evidence = "\n".join(e["command"] for e in request["evidence"])
    for asked in ("stat -c", "getfacl -p", "namei -l", "id www-data", "ls -ldZ", "lsattr -d", "ps aux", "findmnt -T",
                  "exports"):  # fmt: skip
        assert asked in evidence, asked
    assert {"error", "wish"} <= set(request["parameters"])
    assert request["wanted"]
    assert any("runuser -u www-data -- test -" in a["check"] for a in request["acceptance"])


def test_an_audit_of_a_container_is_confirmed_when_what_it_found_is_gone(desk: Desk, lab, tmp_path: Path) -> None:
    found, like = (Path(lab.container_root("hcore1")) / f"srv/{name}" for name in ("open", "open2"))
    try:
        for file in (found, like):
            file.touch()
            file.chmod(0o666)
        known = "known=/usr/*,/etc/*,/root/*,/home/*,/var/*,/opt/*,/srv/open2"
        done = desk("run", "18", "--on", "hcore1", "-p", "action=audit", "-p", known, "--reason", "the quarter's audit")
        assert done.code == 3, done
        number = json.loads(desk("handoff", "list", "--json").out)[0]["handoff"]
        assert desk("handoff", "send", number, "--to-file", str(tmp_path / "out")).code == 0
        left = desk("handoff", "confirm", number, "--ticket", "T-1")
        assert left.code == 1, left
        assert ": 1 of " in left.out, left
        found.chmod(0o640)
        assert desk("handoff", "send", number, "--again", "--to-file", str(tmp_path / "again")).code == 0
        gone = desk("handoff", "confirm", number, "--ticket", "T-1")
        assert gone.code == 0, gone
    finally:
        found.unlink(missing_ok=True)
        like.unlink(missing_ok=True)


@pytest.mark.parametrize("host", HOSTS)
def test_the_shipped_parameters_change_a_folder_of_the_host(desk: Desk, lab, host: str) -> None:
    folder = "/var/log/zabbix-agent"
    before = lab.inside(host, ["stat", "-c", "%a", folder]).stdout.strip()
    done = desk("run", "18", "-f", str(REPOSITORY / f"parameters/runs/18-{host}-zabbix-agent.yml"))
    assert done.code == 0, done
    assert lab.inside(host, ["stat", "-c", "%a", folder]).stdout.strip() == "750"
    lab.inside(host, ["chmod", before, folder])


def test_an_acl_entry_is_removed_and_the_whole_old_acl_comes_back(desk: Desk, lab) -> None:
    """The mask cuts what the group may: it must stay, or the group would get in with the removal."""
    lab.inside("uh-01", ["setfacl", "--set", "u::rw-,u:zabbix:r--,u:nobody:r--,g::rw-,m::r--,o::---", FILE])
    before = acl(lab, "uh-01")
    words = [word.replace("user=zabbix", "user=nobody") for word in RUN]
    given = ("-p", "acl_name=zabbix", "-p", "acl_change=remove", "-p", "stranger=zabbix", "-p", "denied=r")
    done = desk(*words, "--on", "uh-01", *given)
    assert done.code == 0, done
    assert not reads(lab, "uh-01", "zabbix")
    assert reads(lab, "uh-01", "nobody")
    assert [line for line in before if not line.startswith("user:zabbix")] == acl(lab, "uh-01")
    (sent,) = desk.record().sent("change")
    lab.inside("uh-01", sent["undo"].split())
    assert acl(lab, "uh-01") == before


def test_a_default_entry_of_a_folder_counts_for_what_is_made_in_it(desk: Desk, lab) -> None:
    folder = FILE.rpartition("/")[0]
    words = [word.replace(f"path={FILE}", f"path={folder}") for word in RUN]
    done = desk(*words, "--on", "uh-01", "-p", "acl_kind=default:user", "-p", "acl_name=zabbix")
    assert done.code == 0, done
    lab.inside("uh-01", ["touch", f"{folder}/later"])
    assert "user:zabbix:r--" in lab.inside("uh-01", ["getfacl", "-c", "-p", f"{folder}/later"]).stdout.split()
    assert "user:zabbix:r--" not in acl(lab, "uh-01"), "what is there stays as it is"
    (sent,) = desk.record().sent("change")
    lab.inside("uh-01", sent["undo"].split())
    assert "default" not in lab.inside("uh-01", ["getfacl", "-c", "-p", folder]).stdout


def test_an_entry_is_not_added_where_the_mask_cuts_another_one(desk: Desk, lab) -> None:
    lab.inside("uh-01", ["setfacl", "--set", "u::rw-,u:nobody:rw-,g::r--,m::r--,o::---", FILE])
    before = acl(lab, "uh-01")
    done = desk(*RUN, "--on", "uh-01", "-p", "acl_name=zabbix", "-p", "acl_perms=rw-")
    assert done.code == 1, done
    assert "#effective" in done.out + done.err
    assert acl(lab, "uh-01") == before


def test_an_audit_names_what_lets_too_many_in_and_changes_nothing(desk: Desk, lab) -> None:
    folder = FILE.rpartition("/")[0]
    planted = {
        "anybody writes": f"{folder}/open",
        "without owner": f"{folder}/gone",
        "setuid or setgid": f"{folder}/shell",
        "key that others read": f"{folder}/site.key",
        "login or backup open": "/home/audited/.ssh",
    }
    script = """cd $0; mkdir open; chmod 777 open; touch gone "$(printf 'a\\033[2Jb')"; chmod 666 a*; touch gone site.key shell; chown 4242 gone; chmod 644 site.key
    chmod 4755 shell; mkdir sticky; chmod 1777 sticky; mkdir -p /home/audited/.ssh; chmod 775 /home/audited/.ssh"""
    lab.inside("uh-01", ["sh", "-c", script, folder])
    audit = ("run", "18", "--on", "uh-01", "-p", "action=audit", "--reason", "the quarter's audit")
    found = desk(*audit)
    assert found.code == 1, found
    rows = [line for line in found.out.splitlines() if any(line.startswith(f"{name} ") for name in planted)]
    for name, path in planted.items():
        assert [row for row in rows if row.startswith(name) and row.endswith(f" {path}") and " new " in row], (
            name,
            path,
        )
    assert "sticky" not in "".join(rows)
    assert f"{folder}/a␛[2Jb" in "".join(rows)
    assert "\x1b[2J" not in found.out + found.err, "the name of a file does not act on a terminal"
    assert not desk.record().sent("change", "edit")
    known = json.dumps([row.split()[-1] for row in rows if "opsguide-test" not in row])
    lab.inside("uh-01", ["sh", "-c", f"rm -r /home/audited {folder}/*"])
    assert desk(*audit, "-p", f"known={known}").code == 0
