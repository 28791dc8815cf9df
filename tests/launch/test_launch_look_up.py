"""What is answered from the guide and the inventory alone."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from opsguide import places
from opsguide.guide import editions
from opsguide.launch import table

from .conftest import FarDesk

ROWS = list(csv.DictReader((files("opsguide.guide") / "editions" / "seed.csv").read_text("utf-8").splitlines()))
HEAVY = ("IPython", "ipykernel", "jupyter_client", "jupyter_core", "zmq", "papermill", "nbclient", "nbformat",
         "paramiko", "pandas", "httpx", "traitlets", "opsguide.broker")  # fmt: skip


def test_matrix_json_is_the_contract(far: FarDesk) -> None:
    said = far("matrix", "--json")
    assert said.code == 0
    assert list(said.json) == ["edition", "digest", "activities"]
    assert said.json["edition"] == "seed"
    assert [a["title"] for a in said.json["activities"]] == [row["activity"] for row in ROWS]
    for activity, row in zip(said.json["activities"], ROWS, strict=True):
        assert list(activity) == ["number", "slug", "title", "cells"]
        assert activity["cells"] == {kind: row[kind] for kind in row if kind != "activity"}


def test_the_text_of_the_table_marks_what_is_here_and_counts_the_cells(far: FarDesk) -> None:
    lines = far("matrix").out.splitlines()
    assert len([line for line in lines if line[:2].isdigit()]) == 24
    here = [a.runbook[:-6] for a in editions.load("seed").activities if (places.runbooks() / a.runbook).is_file()]
    assert [f"{line[:2]}-{line.split()[2]}" for line in lines if line[4:5] == "*"] == here
    assert "31 Hosting Provider, 28 Jelastic Operations, 37 N/A" in "\n".join(lines)


def test_the_markdown_holds_every_cell(far: FarDesk) -> None:
    lines = far("matrix", "--markdown", "--links", "").out.splitlines()
    assert len(lines) == 26
    for line, row in zip(lines[2:], ROWS, strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert row["activity"] in cells[1]
        assert cells[2:] == [row[kind] for kind in row if kind != "activity"]


def test_a_difference_of_editions_says_what_moves(far: FarDesk) -> None:
    old = (files("opsguide.guide") / "editions" / "seed.csv").read_text("utf-8")
    path = far.write(
        "new.csv", old.replace("Backup and Restore,Hosting Provider", "Backup and Restore,Jelastic Operations")
    )
    moved = far("matrix", "--diff", "seed", str(path), "--json").json["moved"]
    assert moved == [{"slug": "backup-and-restore", "kind": "user-host", "old": "Hosting Provider",
                      "new": "Jelastic Operations"}]  # fmt: skip
    assert "backup-and-restore" in far("matrix", "--diff", "seed", str(path)).out
    assert far("matrix", "--edition", str(path), "--json").json["edition"] == "new"
    assert far("matrix", "--diff", "seed", "seed").out.strip() == "seed and seed say the same"


@pytest.mark.parametrize(("activity", "element", "code"), [
    ("restarting-processes", "uh-01", 0), ("06", "hcore1", 0), ("Editing System Files", "hcore1", 3),
    ("uploader-configuration", "uh-01", 4), ("nonsense", "uh-01", 2), ("06", "nonsense", 2),
    ("adding-new-host", "new-01", 0), ("backup-and-restore", "node101", 4),
])  # fmt: skip
def test_may_answers_by_its_exit_code(far: FarDesk, activity: str, element: str, code: int) -> None:
    said = far("may", activity, element)
    assert said.code == code
    assert ("next:" in said.out) or ("next:" in said.err)


def test_may_says_who_and_what_next(far: FarDesk) -> None:
    told = far("may", "07", "hcore1", "--json").json
    assert told["exit"] == 3
    assert told["who_may"] == "the Jelastic Operations team"
    assert "Jelastic Support" in told["next"]
    line = 'opsguide run restarting-processes --on uh-01 -p service=… --reason "…"'
    assert far("may", "06", "uh-01", "--json").json["next"] == line


def test_show_tells_parameters_services_and_commands(far: FarDesk) -> None:
    told = far("show", "06", "--json").json
    assert {p["name"] for p in told["parameters"]} >= {"element", "mode", "reason", "service", "action"}
    assert "zabbix-agent" in told["services"]["user-host"]["allowed"]
    assert any(row["template"] == "systemctl restart {service}" for row in told["commands"]["user-host"])
    text = far("show", "06").out
    assert told["invariants"][0] == "never both members of a pair out"
    assert far("show", "07", "--json").json["invariants"] == []
    for words in (
        "never both members of a pair out",
        "Parameters",
        "restart | reload",
        "systemctl restart {service}",
        "infrastructure container: peer",
    ):
        assert words in text
    assert "/etc/motd" in far("show", "07").out


def test_elements_are_listed_with_what_they_are(far: FarDesk) -> None:
    told = far("elements", "--json").json
    assert [e["name"] for e in told][:2] == ["ih-01", "ih-02"]
    hcore = next(e for e in told if e["name"] == "hcore1")
    assert (hcore["kind"], hcore["host"], hcore["ctid"], hcore["peer"]) == (
        "infrastructure-container",
        "ih-01",
        305,
        "hcore2",
    )
    assert [e["name"] for e in far("elements", "--kind", "user-host", "--json").json] == ["uh-01", "uh-02"]
    assert far("elements").out.startswith("far (PRACTICE)\n")


def test_a_broken_inventory_is_named_with_its_line(far: FarDesk) -> None:
    far.platform.write_text(far.platform.read_text().replace("kind: user-host", "kind: uzer-host", 1))
    said = far("elements")
    assert said.code == 2
    assert "far.yml:" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("words", [["matrix"], ["may", "06", "uh-01"], ["--help"], ["elements"], ["show", "06"]])
def test_a_listing_imports_nothing_heavy(far: FarDesk, words: list[str]) -> None:
    code = (
        "import sys\nfrom opsguide.launch.cli import cli\n"
        f"try: cli({words!r})\nexcept SystemExit: pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=far.environment(), capture_output=True, text=True, check=True
    )
    assert done.stderr.strip().endswith("[]"), done.stderr


@pytest.mark.parametrize("words", [["-h"], ["run", "--help"], ["plan", "-h"], ["batch", "--help"], ["lab", "-h"],
                                   ["lab", "up", "--help"], ["verify", "--help"], ["--version"]])  # fmt: skip
def test_help_is_there_for_every_command(far: FarDesk, words: list[str]) -> None:
    assert far(*words).code == 0


def test_platform_and_records_may_stand_before_or_after_the_command(far: FarDesk, tmp_path: Path) -> None:
    other = far.write("other.yml", far.platform.read_text().replace("platform: far", "platform: other"))
    assert far("--platform", str(other), "elements").out.startswith("other")
    assert far("elements", "--platform", str(other)).out.startswith("other")
    assert far("elements", "--platform", "none-such").code == 2


def test_completion_offers_activities_and_elements(far: FarDesk) -> None:
    env = {
        **far.environment(),
        "_OPSGUIDE_COMPLETE": "bash_complete",
        "COMP_WORDS": "opsguide may rest",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [sys.executable, "-m", "opsguide.launch"], env=env, capture_output=True, text=True, check=False
    )
    assert "restarting-processes" in done.stdout
    assert "_OPSGUIDE_COMPLETE" in far("completion", "bash").out


def test_completion_offers_platforms_editions_batches_and_the_choices_of_a_parameter(far: FarDesk) -> None:
    from click.shell_completion import ShellComplete

    from opsguide.launch.cli import cli

    (far.records / "batches" / "20261128T000000Z-agents-00000000").mkdir(parents=True)
    options = ["--records", str(far.records), "--platform", far.environment()["OPSGUIDE_PLATFORM"]]
    offers = ShellComplete(cli, {}, "opsguide", "_OPSGUIDE_COMPLETE").get_completions

    def words(*before: str, begun: str = "") -> list[str]:
        return [one.value for one in offers([*options, *before], begun)]

    assert "lab" in words("elements", "--platform")
    assert words("matrix", "--edition") == words("matrix", "--diff") == editions.shipped()
    assert words("batches") == words("batch", "--retry") == ["20261128T000000Z-agents-00000000"]
    assert words("run", "06", "-p", begun="action=") == ["action=restart", "action=reload"]
    assert words("run", "06", "-p", begun="gone=") == []


def test_every_activity_that_is_here_has_a_scope() -> None:
    from opsguide.guide import scopes

    here = [a for a in editions.load("seed").activities if table.is_here(a)]
    assert here
    assert all(scopes.load(a.slug) for a in here)
    assert json.dumps(table.as_json(editions.load("seed")))
