"""`opsguide doctor` on machines where something is missing: exactly what, what mends it, and what works all the same."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from opsguide import places, wire
from opsguide.errors import InputError
from opsguide.launch import checks
from opsguide.launch.check import NOTE, OK, WRONG, Check
from opsguide.launch.platform_checks import LAB
from opsguide.launch.setting import Setting

from .conftest import FarDesk

HOSTS = ("ih-01", "[127.0.0.2]:1", "uh-01", "uh-02", "new-01")


@pytest.fixture(autouse=True)
def without_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the lab can run here is asked by trying, which is not what these tests are about."""
    monkeypatch.setattr(checks, "_lab", lambda: iter(()))


def told(far: FarDesk, records: Path | None = None) -> dict[str, Check]:
    """The doctor's checks by name; of two of one name the one that is not ok."""
    found: dict[str, Check] = {}
    for check in checks.everything(Setting(str(far.platform), str(records or far.records))):
        if check.name not in found or check.state != OK:
            found[check.name] = check
    return found


def wrong(found: dict[str, Check]) -> set[str]:
    return {name for name, check in found.items() if check.state == WRONG}


def known(far: FarDesk, *names: str) -> None:
    public = (far.folder / "key.pub").read_text()
    far.write("known_hosts", "".join(f"{name} {public}" for name in names))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with parameters of its own."""
    made = tmp_path / "clone"
    (made / "parameters").mkdir(parents=True)
    (made / "runbooks").symlink_to(places.runbooks())
    monkeypatch.setenv("OPSGUIDE_HOME", str(made))
    return made


def test_nothing_is_wrong_where_nothing_is_missing(far: FarDesk) -> None:
    known(far, *HOSTS)
    found = told(far)
    assert wrong(found) == set()
    assert (found["host keys"].words, found["host keys"].next) == ("all hosts", "")
    assert found["platform"].words.startswith("far (PRACTICE), 8 elements")
    assert {n: found[n].state for n in ("platform API", "support", "prevented", "discouraged")} == dict.fromkeys(
        ("platform API", "support", "prevented", "discouraged"), NOTE
    )
    assert found["platform API"].words.startswith("none configured")
    assert "--to-file" in found["support"].words
    assert "you can use ssh beside it" in found["discouraged"].words
    assert "works" not in found


def test_hosts_without_a_key_on_file_are_named_and_nothing_works_where_none_has_one(far: FarDesk) -> None:
    known(far, "ih-01", "uh-01", "uh-02")
    found = told(far)["host keys"]
    assert found.state == NOTE
    assert "no key on file for ih-02, new-01:" in found.words
    assert found.next.startswith("ssh-keyscan HOST; compare its fingerprint")
    known(far)
    assert wrong(told(far)) == {"host keys"}


def test_of_many_hosts_without_a_key_five_are_named_and_the_rest_counted(far: FarDesk) -> None:
    rows = "".join(f"  uh-1{n}: {{kind: user-host, address: 127.0.1.{n}}}\n" for n in range(7))
    far.platform.write_text(far.platform.read_text().replace("hosts:\n", f"hosts:\n{rows}", 1))
    known(far, "ih-01")
    assert "no key on file for uh-10, uh-11, uh-12, uh-13, uh-14 and 6 more: nothing" in told(far)["host keys"].words


@pytest.mark.parametrize(("name", "check"), [("ssh_config", "ssh configuration"), ("known_hosts", "known_hosts")])
def test_a_file_of_ssh_that_is_not_there_is_named_with_its_key(far: FarDesk, name: str, check: str) -> None:
    known(far, *HOSTS)
    (far.folder / name).unlink()
    found = told(far)
    assert wrong(found) == {check}
    assert found[check].words == f"{far.folder}/{name} cannot be read"
    assert f"correct ssh.{name.removeprefix('ssh_')} in far.yml; {LAB}" in found[check].next


def test_a_package_that_is_missing_is_named_and_so_is_what_works_all_the_same(far: FarDesk, monkeypatch) -> None:
    wanted = ["click>=8", "no-such-package[x]>=1", "another-one; extra == 'test'"]
    monkeypatch.setattr(checks, "requires", lambda name: wanted)
    found = told(far)
    assert (found["packages"].words, found["packages"].next) == ("missing: no-such-package[x]>=1", "make install")
    assert "elements" not in found["works"].words


def test_a_map_of_the_guide_that_is_broken_is_named(far: FarDesk, monkeypatch) -> None:
    def broken() -> None:
        raise InputError("mends.toml: mend 1: key activity is missing")

    monkeypatch.setattr(checks.mends, "load", broken)
    found = told(far)
    assert (found["guide"].state, found["guide"].words) == (WRONG, "mends.toml: mend 1: key activity is missing")
    assert "elements" not in found["works"].words


def test_mail_to_the_support_is_told_and_a_missing_authority_named(far: FarDesk) -> None:
    mail = f"{{to: s@v.example, from: o@p.example, smtp: {{host: localhost, security: tls, ca: {far.folder}/ca.pem}}}}"
    far.platform.write_text(f"{far.platform.read_text()}support: {mail}\n")
    found = told(far)["support"]
    assert (found.state, found.words) == (WRONG, f"the CA file {far.folder}/ca.pem cannot be read")
    far.write("ca.pem", "")
    found = told(far)["support"]
    assert (found.state, found.words) == (OK, "mail to s@v.example by localhost port 465, tls")


def test_known_hosts_that_others_can_change_are_named(far: FarDesk) -> None:
    known(far, *HOSTS)
    (far.folder / "known_hosts").chmod(0o666)
    found = told(far)["known_hosts"]
    assert (found.state, found.next) == (NOTE, f"chmod go-w {far.folder}/known_hosts")


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda key: key.unlink(), "cannot be opened"),
    (lambda key: key.chmod(0o644), "is open to others (mode 644)"),
    (lambda key: key.write_bytes(key.with_suffix(".pub").read_bytes()), "holds no private key"),
    (lambda key: subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(key)], check=True), "passphrase"),
], ids=["gone", "open", "public", "locked"])  # fmt: skip
def test_a_key_that_no_run_could_use_is_named(far: FarDesk, spoil, words) -> None:
    known(far, *HOSTS)
    spoil(far.folder / "key")
    found = told(far)
    assert wrong(found) == {"ssh key"}
    assert words in found["ssh key"].words
    assert "opsguide lab up" in found["ssh key"].next, "it is a practice platform"


def test_what_the_doctor_says_works_without_a_key_does(far: FarDesk) -> None:
    (far.folder / "key").unlink()
    assert "matrix, may, show, elements, handoff list and show, custom list, batches" in told(far)["works"].words
    for line in ("may 06 uh-01", "elements", "custom list", "handoff list", "records", "batches"):
        assert far(*line.split()).code == 0, line


def test_a_broken_platform_file_leaves_the_records_to_be_read(far: FarDesk) -> None:
    far.write("far.yml", "platform: far\n")
    found = told(far)
    assert "far.yml:1: the key ssh is missing" in found["platform"].words
    assert "elements" not in found["works"].words
    assert far("records").code == 0


def test_a_component_that_no_map_knows_is_named(far: FarDesk) -> None:
    assert "component" not in told(far)
    far.platform.write_text(far.platform.read_text().replace("component: hcore", "component: hcor"))
    found = told(far)["component"]
    assert found.words == "hcore2: neither services.toml nor alive.toml knows hcor: no checks, no drain"
    assert "did you mean hcore" in found.next


def test_an_edition_that_cannot_be_read_is_named(far: FarDesk) -> None:
    far.platform.write_text(far.platform.read_text().replace("edition: seed", "edition: ours.csv"))
    assert "no edition 'ours.csv'" in told(far)["edition"].words


def test_each_password_of_the_platform_file_is_asked_for_and_not_shown(far: FarDesk) -> None:
    text = far.platform.read_text().replace("port: 1}", 'port: 1, become: {sudo: true, password: "file:sudo"}}')
    far.platform.write_text(text)
    assert "cannot be opened" in told(far)["sudo password of ih-01"].words
    far.write("sudo", "geheimnis\n").chmod(0o600)
    found = told(far)["sudo password of ih-01"]
    assert found.state == OK
    assert "geheimnis" not in found.words


@pytest.mark.parametrize(("name", "text", "words"), [
    ("people", "people:\n  root: 5\n", "people.yml:2: people.root: expected text"),
    ("policy", "idel: 5 min\n", "policy.yml:1: idel: unknown key; did you mean idle?"),
])  # fmt: skip
def test_people_and_policy_are_read_and_a_run_says_the_same_as_the_doctor(far, home: Path, name, text, words) -> None:
    known(far, *HOSTS)
    (home / "parameters" / f"{name}.yml").write_text(text)
    found = told(far)
    assert wrong(found) == {name}
    assert words in found[name].words
    run = far("run", "06", "--on", "uh-01", "-p", "service=sshd", "--reason", "try")
    assert run.code == 2
    assert words in run.out
    assert far.folders() == []


def test_the_doctor_says_by_which_name_records_know_me(far: FarDesk, home: Path) -> None:
    assert "not in people.yml" in told(far)["people"].words
    user = told(far)["people"].words.partition("(")[2].partition(":")[0]
    (home / "parameters" / "people.yml").write_text(f"people: {{{user}: Anna Berg}}\n")
    assert told(far)["people"].words.startswith("records name you Anna Berg (")


def test_a_folder_for_requests_that_cannot_be_made_is_named(far: FarDesk) -> None:
    far.platform.write_text(f"{far.platform.read_text()}support: {{folder: {far.folder}/key/requests}}\n")
    found = told(far)["support"]
    assert (found.state, found.words) == (WRONG, f"{far.folder}/key cannot be written")


def test_a_socket_that_a_killed_broker_left_behind_is_not_called_running(far: FarDesk) -> None:
    path = wire.socket_path(far.platform)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert told(far)["broker"].words.startswith("not running")
    path.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_full_disk_is_named(far: FarDesk, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "full", str(full)], check=True)
    try:
        found = told(far, full / "records")["records"]
    finally:
        subprocess.run(["umount", str(full)], check=True)
    assert found.state == WRONG
    assert "without a record no command" in found.words
