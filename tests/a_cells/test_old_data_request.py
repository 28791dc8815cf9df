"""Suite A: 23 ends as a request that measures and never writes; its acceptance test sees what the vendor did, by rows.

The vendor is a test that purges, as root, a table of its own in the lab's real databases.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from desk import REPOSITORY, Desk, wait_for
from opsguide.errors import InputError
from opsguide.guide import scopes
from opsguide.launch import sheet
from opsguide.launch.setting import Setting
from stepping import stepped

SLUG = "outdated-data-removal-from-database"
BOOK = REPOSITORY / "runbooks/23-outdated-data-removal-from-database.ipynb"
FILE = REPOSITORY / "parameters/runs/23-jelastic-db1.yml"
MEMBERS = ("jelastic-db1", "jelastic-db2")
ACCOUNT = "/root/.opsguide.cnf"
TABLE = "hivext_jbilling.test_history"
WHICH = (("size", "innodb_sys_tablespaces"), ("old but not held", "AND NOT"), ("held", "{hold_value}"), ("sums", "SUM("),
         ("months", ">= DATE"), ("replica", "SHOW SLAVE STATUS"))  # fmt: skip
WRITES = re.compile(r"\b(delete|update|drop|insert|truncate|alter|replace|create|grant|optimize)\b", re.IGNORECASE)


def given(**more: Any) -> dict[str, Any]:
    return {**yaml.safe_load(FILE.read_text()), **more}


def checked(**more: Any) -> dict[str, Any]:
    scope = scopes.load(SLUG)
    assert scope
    return scope.parameters.check(given(**more))


def asked_of_a_database() -> list[str]:
    """Each command of any scope, and each cell of this runbook, that could reach a database."""
    slugs = [p.stem for p in (Path(scopes.__file__).parent / "scopes").glob("*.toml")]
    entries = [e for slug in slugs for e in scopes.load(slug).entries]  # type: ignore[union-attr]
    found = [e.template for e in entries if re.search(r"\b(mariadb|mysql)\b", e.template)]
    cells = [c for c in json.loads(BOOK.read_text())["cells"] if c["cell_type"] == "code"]
    return [*found, *("".join(c["source"]) for c in cells if c["id"] != "parameters")]


def test_no_scope_and_no_cell_holds_a_statement_that_writes() -> None:
    found = asked_of_a_database()
    assert len(found) > 30
    assert not [text for text in found if WRITES.search(text)]
    assert WRITES.search("mariadb -e 'Delete FROM t'")


def test_every_query_of_23_reads_only_and_ends_by_itself() -> None:
    scope = scopes.load(SLUG)
    assert scope
    asked = [e.template for e in scope.entries if e.template.startswith("mariadb")]
    session = "'SET tx_read_only=1, max_statement_time={seconds}, sql_mode=\"\"'"
    first = f"mariadb --defaults-file={{account}} --init-command={session} -"
    assert asked
    assert all(line.startswith(first) for line in asked)
    assert {e.verb for e in scope.entries} == {"look"}


@pytest.mark.parametrize("name", ["schema", "table", "date_column", "hold_column", "hold_value", "amount_column"])
@pytest.mark.parametrize("value", ["a`b", "a;b", "a b", "a'b", 'a"b', "--all", "$(id)", "a\\b", "a\nb", "x/*", "#"])
def test_a_hostile_name_is_bad_input(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"parameter {name}"):
        checked(**{name: value})


@pytest.mark.parametrize("name", ["keep_from", "counted_to"])
@pytest.mark.parametrize("value", ["2026-02-30", "2026-1-1", "yesterday", "2026-01-01'", "", "20260101"])
def test_what_is_no_day_is_bad_input(name: str, value: str) -> None:
    with pytest.raises(InputError, match=name):
        checked(**{name: value})


@pytest.mark.parametrize(
    "name", ["replication", "readers", "signed_by", "backup_proof", "what", "off_peak", "change_id"]
)
def test_a_request_that_could_not_be_decided_is_bad_input(name: str) -> None:
    with pytest.raises(InputError, match=name):
        checked(**{name: [] if name == "readers" else ""})


def test_a_sheet_with_a_row_for_each_table_is_the_retention_matrix() -> None:
    rows = sheet.rows(REPOSITORY / "parameters/batches/retention.csv")
    asked = [sheet.checked(Setting("lab"), row, None, None) for row in rows]
    assert [one.activity.slug for one in asked] == [SLUG, SLUG]
    assert [one.values["table"] for one in asked] == ["charge_history", "node_statistic"]


# In the lab


def sql(lab: Any, member: str, text: str) -> str:
    """What the vendor does, or a test that looks: as root, over the socket, not over ssh."""
    done = lab.inside(member, ["mariadb", "-N", "hivext_jbilling", "-e", text])
    assert done.returncode == 0, done
    return str(done.stdout).strip()


def replicates(lab: Any, member: str) -> bool:
    """Whether both threads of the replica run."""
    said = lab.inside(member, ["mariadb", "-e", "SHOW SLAVE STATUS\\G"]).stdout
    return "Slave_IO_Running: Yes" in said and "Slave_SQL_Running: Yes" in said


@pytest.fixture
def history(lab: Any) -> Iterator[str]:
    """A table of 6000 records, one each four hours from 2022 on, on both members; the test's own."""
    columns = (
        "id INT AUTO_INCREMENT PRIMARY KEY, account INT, charged DATETIME, amount INT, note CHAR(250), KEY (charged)"
    )
    rows = "SELECT 1 + seq % 20, '2022-01-01' + INTERVAL 4 * seq HOUR, seq % 97, REPEAT('x', 250) FROM seq_0_to_5999"
    for member in MEMBERS:
        sql(lab, member, f"DROP TABLE IF EXISTS {TABLE}; CREATE TABLE {TABLE} ({columns})")
        sql(lab, member, f"INSERT INTO {TABLE} (account, charged, amount, note) {rows}")
    yield TABLE
    for member in MEMBERS:
        sql(lab, member, f"DROP TABLE {TABLE}; START SLAVE")


def told_apart(desk: Desk) -> set[str]:
    """What the acceptance test of the last record found not so: which member, and which check of WHICH."""
    record, request = desk.record(), json.loads((desk.record(0).path / "request.json").read_text())
    tests = len([a for a in request["acceptance"] if a["ask"] and "command" in a["ask"]["what"]])
    bad = [e for e in record.sent()[:tests] if record.answer(e["command"])["state"] != "ok"]
    return {f"{e['on']} {next((name for name, words in WHICH if words in e['template']), e['template'])}" for e in bad}


@pytest.mark.lab
def test_a_hand_off_is_confirmed_when_the_old_is_gone_the_rest_is_whole_and_the_replicas_run(
    desk: Desk, lab: Any, history: str, tmp_path: Path
) -> None:
    case = tmp_path / "case.yml"
    case.write_text(yaml.safe_dump(given(table=history.rpartition(".")[2])))
    assert desk("run", SLUG, "--on", MEMBERS[0], "-f", str(case)).code == 3
    request = json.loads((desk.record().path / "request.json").read_text())
    assert not [j for j in request["judged"] if not j["met"]]
    number = request["handoff"]

    def confirmed() -> int:
        assert desk("handoff", "send", number, "--again", "--to-file", str(tmp_path / "out")).code == 0
        return desk("handoff", "confirm", number, "--ticket", "T-1").code

    old = "charged < '2024-01-01' AND account"
    sql(lab, MEMBERS[0], "STOP SLAVE SQL_THREAD")
    sql(lab, MEMBERS[1], f"DELETE FROM {history} WHERE {old} <> 7; OPTIMIZE TABLE {history}")
    sql(lab, MEMBERS[1], f"DELETE FROM {history} WHERE {old} = 7 LIMIT 1; DELETE FROM {history} WHERE id = 5000")
    assert confirmed() == 1
    assert told_apart(desk) == {
        *(f"{MEMBERS[0]} {what}" for what in ("size", "old but not held", "replica")),
        *(f"{MEMBERS[1]} {what}" for what in ("held", "months", "sums")),
    }
    sql(lab, MEMBERS[0], f"DELETE FROM {history} WHERE {old} <> 7; OPTIMIZE TABLE {history}; START SLAVE")
    again = "VALUES (7, '2023-06-01', 1), (1, '2022-01-01' + INTERVAL 4 * 4999 HOUR, 4999 % 97)"
    sql(lab, MEMBERS[1], f"INSERT INTO {history} (account, charged, amount) {again}")
    wait_for(lambda: replicates(lab, MEMBERS[0]), what="the replica runs again")
    assert confirmed() == 0
    password = lab.inside(MEMBERS[0], ["cat", ACCOUNT]).stdout.split("password=")[1].strip()
    kept = [p for root in (desk.records, tmp_path / "out") for p in root.rglob("*") if p.is_file()]
    assert len(password) == 32
    assert kept
    assert not [p for p in kept if password.encode() in p.read_bytes()]


@pytest.mark.lab
def test_what_cannot_be_decided_stands_in_the_request_as_not_so(desk: Desk, lab: Any) -> None:
    wrong = {
        "replication": "this member",
        "tax_years": 50,
        "counted_to": "2099-01-01",
        "hold_value": "",
        "severity": "2",
    }
    lab.inside(MEMBERS[0], ["chmod", "644", ACCOUNT])
    try:
        assert stepped(desk, BOOK.name, "ask", **given(**wrong, goal_mb=5000, backups="/var/backups/none")) is None
    finally:
        lab.inside(MEMBERS[0], ["chmod", "600", ACCOUNT])
    assert [e["words"] for e in desk.record().events("require") if not e["met"]] == [
        "its file is root's alone", "the goal is less than the table", "the replicas are those that you name",
        "there is a dump of the last days", "the days are in order", "what law and contract want stays",
        "the hold is whole", "the severity is that of the disk",
    ]  # fmt: skip


@pytest.mark.lab
def test_a_table_without_an_indexed_date_is_refused_and_nothing_of_it_is_counted(desk: Desk, lab: Any) -> None:
    done = desk("run", SLUG, "--on", MEMBERS[0], "-f", str(FILE), "-p", "table=account", "-p", "date_column=uid")
    assert done.code not in (0, 3), done
    assert "no look of this run returned the row" in done.out + done.err
    record = desk.record()
    assert not (record.path / "request.json").exists()
    assert not [e for e in record.sent() if "COUNT(*)" in e["template"] and "information_schema" not in e["template"]]


@pytest.mark.lab
def test_the_account_cannot_write_the_session_cannot_write_and_a_long_query_ends(lab: Any) -> None:
    alone, session = [f"--defaults-file={ACCOUNT}"], ["--init-command=SET tx_read_only=1, max_statement_time=1"]
    before = sql(lab, MEMBERS[0], "SELECT COUNT(*) FROM hivext_jbilling.account")
    for options, words in ((alone, "denied"), (session, "READ ONLY")):
        done = lab.inside(MEMBERS[0], ["mariadb", *options, "-e", "DELETE FROM hivext_jbilling.account"])
        assert done.returncode != 0
        assert words in done.stderr
    assert sql(lab, MEMBERS[0], "SELECT COUNT(*) FROM hivext_jbilling.account") == before == "200"
    slow = lab.inside(
        MEMBERS[0],
        [
            "mariadb",
            *alone,
            *session,
            "-e",
            "SELECT COUNT(*) FROM hivext_jbilling.account a, hivext_jbilling.account b, hivext_jbilling.account c, hivext_jbilling.account d",
        ],
    )
    assert "max_statement_time exceeded" in slow.stderr, slow
    assert lab.inside(MEMBERS[0], ["mariadb", *alone, "-e", "SELECT * FROM mysql.global_priv"]).returncode != 0


@pytest.mark.lab
def test_an_options_file_that_the_client_does_not_take_shows_no_password(desk: Desk, lab: Any) -> None:
    canary = "Kanarie-2308-zz"
    lab.inside(MEMBERS[0], ["bash", "-c", "cat > /root/typo.cnf"], stdin=f"[client]\nuser=opsguide\npasswd={canary}\n")
    try:
        stepped(desk, BOOK.name, "look", **given(account="/root/typo.cnf"))
    finally:
        lab.inside(MEMBERS[0], ["rm", "/root/typo.cnf"])
    files = [p for p in desk.records.rglob("*") if p.is_file()]
    assert any(b"unknown variable" in p.read_bytes() for p in files)
    assert not [p for p in files if canary.encode() in p.read_bytes()]
