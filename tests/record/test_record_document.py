"""The recipes of docs/record.md run as they stand there."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from opsguide.record import batches
from opsguide.record.redaction import Redactor
from opsguide.record.seal import seal
from record import sample

TEXT = (Path(__file__).parents[2] / "docs/record.md").read_text()
RECIPES = re.findall(r"<!-- recipe -->\n```sh\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = sample.begin(tmp_path_factory.mktemp("records"))
    sample.work(folder)
    folder.journal.append("open", element="uh-01", words="nginx is drained", undo="bash enable_me.sh")
    sample.send(folder, 4, "change")
    folder.journal.append("hold", element="uh-01", command=4, words="nobody knows", settle="")
    return seal(folder, "unknown", 5, "the link was cut")


def said(recipe: str, run: Path) -> str:
    place = {"RECORDS": str(run.parents[2]), "RUN": str(run), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", recipe], env=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_recipe_says_what_its_heading_promises(run):
    folder = batches.start(run.parents[2], "agents", {"rows": []}, Redactor({}))
    folder.write("row-start", row=1)
    folder.write("row-end", row=1, run=run.name, state="unknown", exit=5, words="", record="")
    folder.journal.close()
    who, commands, changes, left, runs, rows, end = (said(recipe, run) for recipe in RECIPES)
    assert rows == f"1\tunknown\t5\t{run.name}\n"
    assert who.split("\t")[1:] == ["Anna Berg", "Restarting Processes", "uh-01", "apply", "nginx leaks memory\n"]
    assert f"change on uh-01\n$ {sample.LINE}\n" in commands
    assert "active\nok, exit 0, 0.05 s" in commands
    assert changes == "ok\tuh-01\tsystemctl {action} {service}\nunknown\tuh-01\tsystemctl {action} {service}\n"
    assert left == "uh-01: nginx is drained\nuh-01: nobody knows\n"
    assert runs.split("\t")[1:] == ["unknown", "5", f"{run.name}\n"]
    assert re.fullmatch(r"[0-9a-f]{64}  -\n", end)


def test_the_table_of_events_names_every_type_that_has_words():
    from opsguide.record.words import SPEAKERS

    table = TEXT.split("| type | fields |")[1].split("\n\n")[0]
    named = {
        name for row in table.splitlines() for name in re.findall(r"`([a-z-]+)`", row.split("|")[1] if row else "")
    }
    assert named == {*SPEAKERS, "answer"}


def test_the_fields_of_seal_and_ledger_are_all_described(run):
    section = TEXT.split("## seal.json and the ledger")[1].split("\n## ")[0]
    keys = set(json.loads((run / "seal.json").read_text()))
    keys |= set(json.loads((run.parents[2] / "ledger.jsonl").read_text().splitlines()[0]))
    assert {key for key in keys if f"`{key}`" not in section} == set()
