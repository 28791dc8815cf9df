"""The guide's two notes in the lab: what was seen and kept, and that nothing was changed, by other means than the runs'."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import REPOSITORY, Desk, wait_for
from opsguide.record import register
from opsguide.record.archive import Archive
from opsguide.record.seal import seal

pytestmark = pytest.mark.lab
RUNS = REPOSITORY / "parameters/runs"
TOKEN = Path("/var/lib/opsguide-lab/keys/api-token")
UPDATE = {"slug": "virtuozzo-software-and-kernel-update", "number": 3, "title": "Virtuozzo Software and Kernel Update"}
AN_UPDATE = {"activity": UPDATE, "element": {"name": "uh-01", "kind": "user-host"}, "mode": "apply",
             "edition": {"name": "seed-03-provider", "digest": "a" * 64}}  # fmt: skip
CANARY = "canary-7f3a91-in-the-file"


@pytest.fixture
def file(lab: Any) -> Iterator[Path]:
    """A setting of uh-01 that the guide does not describe, made and taken away by the test; no owner in owners.toml."""
    path = Path(lab.host_root("uh-01")) / "etc/ours.conf"
    path.write_text(f"{CANARY}\n")
    path.chmod(0o640)
    yield path
    path.unlink(missing_ok=True)


def state(path: Path) -> tuple[bytes, int, int, int]:
    found = path.stat()
    return path.read_bytes(), found.st_mode, found.st_mtime_ns, found.st_ctime_ns


def custom(desk: Desk, action: str, *words: str) -> Any:
    given = [f"action={action}", "path=/etc/ours.conf", *words]
    return desk("run", "custom-configuration", "--on", "uh-01", *(w for g in given for w in ("-p", g)), "--reason", "t")


def registered(desk: Desk) -> None:
    purpose = f"purpose=a setting of ours, token {TOKEN.read_text().strip()}"
    done = custom(desk, "register", purpose, "ticket=T-1", "agreed_with=A. Support")
    assert done.code == 0, done
    assert "kept in the register" in done.out


def checked(desk: Desk) -> tuple[int, dict[str, str]]:
    done = desk("custom", "check", "--json")
    (told,) = json.loads(done.out)["settings"]
    assert f"{told['path']}" in done.err
    return done.code, told


def listed(desk: Desk) -> list[dict[str, Any]]:
    return json.loads(desk("custom", "list", "--json").out)


def no_byte_of(desk: Desk, *secrets: bytes) -> None:
    places = [p for p in desk.records.rglob("*") if p.is_file()]
    assert places
    assert not [p for p in places for secret in secrets if secret in p.read_bytes()]


def test_a_custom_setting_is_kept_and_each_drift_of_it_is_told_until_it_is_mended(desk: Desk, lab, file: Path) -> None:
    before = state(file)
    registered(desk)
    (one,) = listed(desk)
    assert (one["sha256"], one["size"]) == (hashlib.sha256(before[0]).hexdigest(), len(before[0]))
    assert (one["mode"], one["owner"], one["ticket"], one["state"]) == ("640", "root:root", "T-1", "agreed")
    assert checked(desk) == (0, {"verdict": "OK", "element": "uh-01", "path": "/etc/ours.conf", "words": ""})
    assert state(file) == before
    no_byte_of(desk, CANARY.encode(), TOKEN.read_bytes().strip())

    file.write_text("overwritten\n")
    code, told = checked(desk)
    assert (code, told["verdict"]) == (1, "DRIFT")
    other = hashlib.sha256(b"overwritten\n").hexdigest()
    assert told["words"].startswith(f"sha256 {one['sha256'][:12]} -> {other[:12]}; size")
    assert listed(desk)[0]["state"] == "drifted"
    assert [e for e in desk.record().events("note") if "unlisted-maintenance.ipynb" in e["words"]], "no next step"
    file.write_bytes(before[0])
    file.chmod(0o644)
    assert checked(desk)[1]["words"] == "mode 640 -> 644"
    file.unlink()
    file.symlink_to("shadow")
    assert checked(desk)[1]["words"] == "it leads to /etc/shadow"
    assert [e["template"].split()[0] for e in desk.record().sent("look")] == ["readlink"], "a link was read through"
    file.unlink()
    assert checked(desk)[1]["words"] == "gone"
    file.write_bytes(before[0])
    file.chmod(0o640)
    assert checked(desk)[0] == 0
    found = [e for e in listed(desk)[0]["events"] if e["type"] == "found"]
    assert [bool(e["words"]) for e in found] == [True, True, True, True, False]
    no_byte_of(desk, CANARY.encode())
    assert desk("verify", "--all").code == 0


def test_what_drifted_after_row_03_is_told_so_and_is_agreed_again(desk: Desk, lab, file: Path) -> None:
    said = {"ticket": "T-1", "agreed_with": "A", "purpose": "ours", "run": "r", "person": "me"}
    before = {"sha256": "a" * 64, "size": 1, "mode": "640", "owner": "root:root"}
    register.agree(desk.records, "lab", "uh-01", "/etc/ours.conf", **said, **before)
    folder = Archive(desk.records).start(AN_UPDATE)
    seal(folder, "succeeded", 0, "updated")
    folder.journal.close()
    as_it_is = state(file)
    done = desk("run", "custom-configuration", "--on", "uh-01", "--reason", "after the update")
    assert done.code == 1, done
    assert f"row 03 ran since then ({folder.run})" in desk.record().events("end")[0]["words"]
    done = custom(desk, "agree-again", "ticket=T-2", "agreed_with=A. Support")
    assert done.code == 0, done
    (one,) = listed(desk)
    assert (one["state"], one["ticket"], [e["type"] for e in one["events"]]) == (
        "agreed",
        "T-2",
        ["agreed", "found", "agreed"],
    )
    assert one["sha256"] == hashlib.sha256(as_it_is[0]).hexdigest()
    assert checked(desk)[0] == 0
    assert state(file) == as_it_is


def test_maintenance_that_no_row_lists_is_asked_for_and_its_confirmation_is_kept_and_opens_nothing(
    desk: Desk, lab, tmp_path: Path
) -> None:
    root, table = Path(lab.container_root("hcore1")), desk("matrix", "--json").out
    before = {p: state(p) for p in (root / "etc").rglob("*") if p.is_file() and not p.is_symlink()}
    given = ("commands=ipmitool sdr type Fan\nsystemctl restart nginx", f"contact=duty {TOKEN.read_text().strip()}")
    words = [word for one in given for word in ("-p", one)]
    file = str(RUNS / "unlisted-maintenance-uh-01.yml")
    done = desk("run", "unlisted-maintenance", "--on", "hcore1", "-f", file, *words)
    assert done.code == 3, done
    record = desk.record()
    assert (record.state, record.intent["cell"]["party"]) == ("requested", "note 1")
    request = json.loads((record.path / "request.json").read_text())
    assert not record.sent("change", "edit", "prove")
    assert not request["wanted"]
    judged = {j["words"]: j for j in request["judged"]}["no planned command is one of a row of the table"]
    assert judged["inputs"] == {"systemctl restart nginx": "06-restarting-processes.ipynb, Hosting Provider"}
    assert "ipmitool sdr type Fan" in (record.path / "request.md").read_text()
    commands = " ".join(e["command"] for e in request["evidence"])
    for look in ("ps aux", "ss -l -t -n -p", "--failed", "df -h", "journalctl -b", "/etc/jelastic"):
        assert look in commands, look
    (hand,) = json.loads(desk("handoff", "list", "--json").out)
    number = hand["handoff"]
    assert desk("handoff", "send", number, "--to-file", str(tmp_path / "out")).code == 0
    assert desk("handoff", "confirm", number, "--ticket", "Z-1", "--what", "yes").code == 2, "by nobody"
    lab.inside("hcore1", ["systemd-run", "--unit=opsguide-note", "/bin/false"])
    failed = ["systemctl", "is-failed", "opsguide-note"]
    wait_for(lambda: lab.inside("hcore1", failed).returncode == 0, what="the unit has failed")
    try:
        failed = desk("handoff", "confirm", number, "--ticket", "Z-1", "--by", "A. Support", "--what", "yes")
        assert failed.code == 1, "it is not what they judged any more"
    finally:
        lab.inside("hcore1", ["systemctl", "reset-failed", "opsguide-note"])
    assert desk("handoff", "send", number, "--to-file", str(tmp_path / "out")).code == 0
    said = ("--by", "A. Support", "--when", "2026-11-30 10:00 UTC", "--what", f"yes, with {TOKEN.read_text().strip()}")
    done = desk("handoff", "confirm", number, "--ticket", "Z-1", *said)
    assert done.code == 0, done
    event = json.loads(desk("handoff", "show", number, "--json").out)["events"][-1]
    assert (event["type"], event["ticket"], event["by"], event["when"]) == ("confirmed", "Z-1", *said[1:4:2])
    assert event["what"].startswith("yes, with [hidden")
    assert desk("may", "unlisted-maintenance", "hcore1").code == 3
    assert desk("matrix", "--json").out == table
    assert {p: state(p) for p in before} == before
    no_byte_of(desk, TOKEN.read_bytes().strip())
    assert desk("verify", "--all").code == 0
