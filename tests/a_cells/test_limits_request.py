"""Suite A: 21 ends as a request with the dossier's evidence of both members, and changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import limits_evidence
from desk import REPOSITORY, Desk
from opsguide.guide import scopes
from stepping import stepped

pytestmark = pytest.mark.lab
BOOK = "21-infrastructure-container-limits-configuration.ipynb"
FILE = REPOSITORY / "parameters/runs/21-hcore1.yml"
PLANTED = ("vz/private/305/failcnt-numfile", "vz/private/305/failcnt-numproc")


def given(**more: Any) -> dict[str, Any]:
    return {**yaml.safe_load(FILE.read_text()), **more}


def request_of(desk: Desk) -> dict[str, Any]:
    return json.loads((desk.record().path / "request.json").read_text())


@pytest.fixture(autouse=True)
def as_it_was(lab: Any) -> Iterator[None]:
    yield
    for path in PLANTED:
        (Path(lab.host_root("ih-01")) / path).unlink(missing_ok=True)
    lab.inside("hcore1", ["rm", "-f", "/var/log/opsguide-test.log"])
    Path("/var/lib/opsguide-lab/api/oom-killed.json").unlink(missing_ok=True)


def test_each_item_of_evidence_is_taken_of_both_members_and_what_is_shared_of_both_hosts(desk: Desk, lab: Any) -> None:
    assert stepped(desk, BOOK, **given()) is None
    assert desk.record().state == "requested"
    commands = [e["command"] for e in request_of(desk)["evidence"]]
    for words in limits_evidence.ITEMS.values():
        found = [c for c in commands if words in c]
        if not any("/1.0/" in c for c in found) and words != "date -u":
            assert any("ih-01 -- " in c for c in found), words
            assert any("ih-02 -- " in c for c in found), words


def test_the_fail_counters_of_now_are_what_the_acceptance_test_compares_with(desk: Desk, lab: Any) -> None:
    root = Path(lab.host_root("ih-01"))
    (root / PLANTED[0]).write_text("41\n")
    (root / PLANTED[1]).write_text("7\n")
    assert stepped(desk, BOOK, **given()) is None
    asked = request_of(desk)
    counted = next(e for e in asked["evidence"] if "numproc.f,numfile.f,physpages.f" in e["command"])
    assert counted["answer"].split()[:2] == ["7", "41"]
    tests = [a for a in asked["acceptance"] if "numproc.f,numfile.f,physpages.f" in a["check"]]
    assert len(tests) == 2, "one for each member"
    assert "7" in tests[0]["expect"]
    assert "41" in tests[0]["expect"]
    assert "for 24 h" in tests[0]["expect"]


@pytest.mark.parametrize(
    ("where", "limit", "wanted", "check", "expect"),
    [
        ("unit", "TasksMax", "2048", "systemctl show nginx", "TasksMax=2048"),
        ("configuration", "NUMPROC", "4000", "cat /etc/vz/conf/305.conf", "NUMPROC"),
        ("component", "worker_connections", "4096", "grep -r -h -s", "worker_connections[ =]+4096"),
    ],
)
def test_the_new_value_is_read_back_of_both_members_where_it_stands(
    desk: Desk, lab: Any, where: str, limit: str, wanted: str, check: str, expect: str
) -> None:
    asked = "jelastic.hcore.max_threads, jelastic.no_such"
    assert stepped(desk, BOOK, **given(where=where, limit=limit, wanted=wanted, config_keys=asked)) is None
    told = next(j for j in request_of(desk)["judged"] if "config_keys" in j["words"])
    assert (told["met"], told["inputs"]) == (False, {"missing": "['jelastic.no_such']"})
    tests = [a for a in request_of(desk)["acceptance"] if check in a["check"] and expect in a["expect"]]
    assert [("ih-01 -- " in t["check"], "ih-02 -- " in t["check"]) for t in tests] == [(True, False), (False, True)]


def test_the_components_own_configuration_can_be_read_back_where_the_limit_stands(desk: Desk, lab: Any) -> None:
    entries = scopes.load("infrastructure-container-limits-configuration").entries  # type: ignore[union-attr]
    line = next(e.template for e in entries if e.template.startswith("grep -r -h -s"))
    said = lab.inside("hcore1", ["bash", "-c", line])
    assert said.returncode == 0, said
    assert re.search("worker_connections[ =]+[0-9]+", said.stdout)


@pytest.mark.parametrize("name", ["considered", "why", "current", "wanted", "failcnt", "peak", "change_id"])
def test_a_line_of_the_table_that_is_left_out_is_bad_input(desk: Desk, lab: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "run.yml").write_text(yaml.safe_dump(given(**{name: ""})))
    before = lab.sshd_sessions("ih-01")
    done = desk("run", "infrastructure-container-limits-configuration", "--on", "hcore1", "-f",
                str(tmp_path / "run.yml"))  # fmt: skip
    assert done.code == 2, done
    assert name in done.out + done.err
    assert lab.sshd_sessions("ih-01") == before


def test_what_is_a_resource_of_09_and_what_does_not_differ_stand_in_the_record_as_not_met(desk: Desk, lab: Any) -> None:
    wish = given(where="configuration", limit="PHYSPAGES", wanted="1024", config_keys="")
    assert stepped(desk, BOOK, **wish) is None, "no setting of the platform is asked for"
    unmet = [e["words"] for e in desk.record().events("require") if not e["met"]]
    assert "it is no resource of activity 09" in unmet
    assert "wanted differs from current" in unmet


def test_a_symptom_in_a_log_and_a_killed_process_stand_in_the_request_and_no_password_does(
    desk: Desk, lab: Any
) -> None:
    canary = "Kanarie-2108-zz"
    line = f"accept4() failed: Too many open files, db_password={canary}"
    lab.inside("hcore1", ["bash", "-c", "cat > /var/log/opsguide-test.log"], stdin=f"{line}\n")
    killed = [{"ctid": 305, "process": "java", "commandLine": f"java -Ddb.password={canary}"}]
    Path("/var/lib/opsguide-lab/api/oom-killed.json").write_text(json.dumps(killed))
    assert stepped(desk, BOOK, **given()) is None
    page = (desk.record().path / "request.md").read_text()
    assert "Too many open files" in page
    assert '"ctid": 305' in page or '"ctid":305' in page
    assert "never shown unless" not in page
    assert not [p for p in desk.records.rglob("*") if p.is_file() and canary.encode() in p.read_bytes()]


@pytest.mark.parametrize("value", ["--root=/", "$(reboot)", "a b", "x\ny", "*"])
def test_an_odd_name_is_bad_input_and_nothing_is_sent(desk: Desk, lab: Any, tmp_path: Path, value: str) -> None:
    for name in ("unit", "limit", "wanted"):
        (tmp_path / "run.yml").write_text(yaml.safe_dump(given(**{name: value})))
        done = desk("run", "infrastructure-container-limits-configuration", "--on", "hcore1", "-f",
                    str(tmp_path / "run.yml"))  # fmt: skip
        assert done.code == 2, done
    assert not desk.folders()


def raised(lab: Any, member: str) -> None:
    """What the vendor does in one member."""
    drop = "mkdir -p /etc/systemd/system/nginx.service.d; printf '[Service]\\nLimitNOFILE=4096\\n' > $0; "
    path = "/etc/systemd/system/nginx.service.d/90-limit.conf"
    lab.inside(member, ["bash", "-c", drop + "systemctl daemon-reload", path])


def test_the_hand_off_is_confirmed_when_both_members_have_the_limit_and_no_counter_grew(
    desk: Desk, lab: Any, tmp_path: Path
) -> None:
    try:
        slug, counter = "infrastructure-container-limits-configuration", Path(lab.host_root("ih-01")) / PLANTED[1]
        assert desk("run", slug, "--on", "hcore1", "-f", str(FILE)).code == 3
        number = json.loads(desk("handoff", "list", "--json").out)[0]["handoff"]
        assert desk("handoff", "send", number, "--to-file", str(tmp_path / "out")).code == 0
        raised(lab, "hcore1")
        half = desk("handoff", "confirm", number, "--ticket", "T-1")
        assert half.code == 1, half
        assert ": 1 of " in half.out, half
        raised(lab, "hcore2")
        again = ("handoff", "send", number, "--again", "--to-file")
        assert desk(*again, str(tmp_path / "again")).code == 0
        counter.write_text("5\n")
        grown = desk("handoff", "confirm", number, "--ticket", "T-1")
        assert grown.code == 1, grown
        assert ": 1 of " in grown.out, grown
        counter.unlink()
        assert desk(*again, str(tmp_path / "third")).code == 0
        whole = desk("handoff", "confirm", number, "--ticket", "T-1")
        assert whole.code == 0, whole
        assert any(e["verb"] == "look" and "getversion" in e["line"] for e in desk.record().sent())
    finally:
        for member in ("hcore1", "hcore2"):
            lab.inside(member, ["bash", "-c", "rm -rf /etc/systemd/system/nginx.service.d; systemctl daemon-reload"])


def test_the_service_map_of_both_members_is_part_of_the_acceptance_test(desk: Desk, lab: Any) -> None:
    assert stepped(desk, BOOK, **given()) is None
    tests = [a for a in request_of(desk)["acceptance"] if a["check"].startswith("service map: ")]
    assert [t["check"].rpartition(" on ")[2] for t in tests] == ["hcore1", "hcore2"]
    assert all("nginx" in t["check"] and "healthy" in t["expect"] for t in tests)
