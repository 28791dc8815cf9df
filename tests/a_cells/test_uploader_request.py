"""Suite A: 10 ends as a request; nothing is stored, and the hand-off is confirmed when storage and limit are as wanted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from desk import REPOSITORY, Desk
from opsguide.errors import InputError
from opsguide.guide import scopes
from stepping import stepped

pytestmark = pytest.mark.lab
BOOK, SLUG = "10-uploader-configuration.ipynb", "uploader-configuration"
FILE = REPOSITORY / "parameters/runs/10-uploader1.yml"
SAMPLE = "/vap-platform/upload/shop.zip"
CONF = "etc/nginx/nginx.conf"
RELOAD = """old=$(pgrep -P $(pgrep -o -x nginx)); nginx -s reload
for worker in $old; do for i in $(seq 1200); do test -e /proc/$worker || break; sleep 0.05; done; done"""


def given(**more: Any) -> dict[str, Any]:
    return {**yaml.safe_load(FILE.read_text()), "way": ["resolver1"], **more}


def inside(lab: Any, line: str) -> str:
    done = lab.inside("uploader1", ["bash", "-c", line])
    assert done.returncode == 0, done
    return done.stdout


def request_of(desk: Desk) -> dict[str, Any]:
    return json.loads((desk.record().path / "request.json").read_text())


@pytest.fixture(autouse=True)
def as_it_was(lab: Any) -> Iterator[None]:
    inside(lab, f"mkdir -p /vap-platform/upload; echo an archive > {SAMPLE}; touch -d '100 days ago' {SAMPLE}")
    before = inside(lab, f"cat /{CONF}")
    yield
    undo = (
        "mount -o remount,size=100g /vap-platform; rm -rf /vap-platform/upload /srv/nginx /var/log/opsguide-test.log; "
        + RELOAD
    )
    lab.inside("uploader1", ["bash", "-c", f"cat > /{CONF}; {undo}"], stdin=before)


def test_the_request_holds_limit_sample_and_ages_and_nothing_is_stored(desk: Desk, lab: Any) -> None:
    canary = "Kanarie-1010-zz"
    inside(lab, f"echo 'IOException: No space left on device, s3_secret_key={canary}' > /var/log/opsguide-test.log")
    files = inside(lab, "find /vap-platform -printf '%p %s %T@ %i\n' | sort")
    assert stepped(desk, BOOK, **given(symptoms=f"HTTP 413\npassword={canary}")) is None
    assert desk.record().state == "requested"
    assert inside(lab, "find /vap-platform -printf '%p %s %T@ %i\n' | sort") == files
    evidence = {e["command"]: e["answer"] for e in request_of(desk)["evidence"]}
    door = [answer.strip() for command, answer in evidence.items() if "opsguide-asks" in command]
    assert door == ["HTTP/1.1 100 Continue", "HTTP/1.1 413 Request Entity Too Large"]
    assert [a for a in evidence.values() if a.startswith("1 files 11 bytes; older than 30, 90, 180 days: 1 1 0")]
    assert [a for c, a in evidence.items() if "sha256sum" in c and SAMPLE in a]
    assert {"150m", "200m"} <= {w.strip(";") for a in evidence.values() for w in a.split() if w.endswith("m;")}
    assert "No space left" in (desk.record().path / "request.md").read_text()
    assert not [p for p in desk.records.rglob("*") if p.is_file() and canary.encode() in p.read_bytes()]
    assert all(judged["met"] for judged in request_of(desk)["judged"])


def test_files_are_counted_only_where_that_was_allowed_and_what_cannot_be_decided_is_said(desk: Desk, lab: Any) -> None:
    inside(lab, "mkdir /srv/nginx; echo 'client_max_body_size 77m;' > /srv/nginx/own.conf")
    wish = given(measure=False, size="99G", wanted_mb=150, exports="", probe="", sample="", public_name="")
    wish |= {"config_keys": "jelastic.max_upload_size, jelastic.upload_max,", "nginx": ["/srv/none", "/srv/nginx"]}
    assert stepped(desk, BOOK, **wish) is None
    asked = request_of(desk)
    found = [e["answer"] for e in asked["evidence"] if "client_max_body_size" in e["command"]]
    assert sorted(found) == ["", "/srv/nginx/own.conf:client_max_body_size 77m;\n"], "in these folders, and no others"
    left_out = next(j for j in asked["judged"] if "config_keys" in j["words"])["inputs"]
    assert left_out == {"missing": "['jelastic.upload_max']"}, "the one that is answered is not missing"
    named = "- NO: the platform tells every setting of config_keys\n  - missing: ['jelastic.upload_max']\n"
    assert named in (desk.record().path / "request.md").read_text()
    assert not [
        e
        for e in asked["evidence"]
        for words in ("du -x", "older than", "sha256sum", "openssl")
        if words in e["command"]
    ]
    assert {j["words"] for j in asked["judged"] if not j["met"]} == {
        "the size is within what the installer takes", "the server's side is here", "an upload was timed",
        "the platform tells every setting of config_keys",
    }  # fmt: skip


def test_the_hand_off_is_confirmed_when_storage_and_limit_are_as_wanted(desk: Desk, lab: Any, tmp_path: Path) -> None:
    short = given(public_name="", way=["hcore1"], storage="local", nfs_server="", measure=False)
    assert stepped(desk, BOOK, **short) is None
    number = json.loads(desk("handoff", "list", "--json").out)[0]["handoff"]
    assert desk("handoff", "send", number, "--to-file", str(tmp_path / "out")).code == 0
    inside(lab, f"sed -i s/150m/400m/ /{CONF}; {RELOAD}")
    half = desk("handoff", "confirm", number, "--ticket", "T-1")
    assert half.code == 1, half
    assert re.search(": 2 of [0-9]+ not met", half.out), half
    inside(lab, f"mount -o remount,size=300g /vap-platform; sed -i s/400m/500m/ /{CONF}; {RELOAD}")
    assert desk("handoff", "send", number, "--again", "--to-file", str(tmp_path / "again")).code == 0
    whole = desk("handoff", "confirm", number, "--ticket", "T-1")
    assert whole.code == 0, whole
    assert "opsguide-asks" not in inside(lab, "find /vap-platform")


@pytest.mark.parametrize(
    ("name", "value"),
    [("storage", "tape"), ("size", ""), ("content", "vap"), ("content", "/vap/../etc"), ("content", "/vap*"),
     ("options", "--all"), ("nginx", ["etc/nginx"]), ("nginx", ["/etc/ngin*"]), ("nginx", []), ("mount_source", "-a"), ("nfs_server", "a b"), ("nfs_server", "$(reboot)"),
     ("public_name", "-x"), ("service_user", "root;id"), ("upload_method", "DELETE"), ("upload_path", "/up load\n"),
     ("upload_port", 70000), ("wanted_mb", -1), ("way", []), ("change_id", ""), ("backup", ""), ("symptoms", "")],
)  # fmt: skip
def test_a_parameter_that_does_not_fit_is_refused_by_its_name(name: str, value: Any) -> None:
    scope = scopes.load(SLUG)
    assert scope is not None
    assert scope.parameters.check(given())
    with pytest.raises(InputError, match=name):
        scope.parameters.check({**given(), name: value})
