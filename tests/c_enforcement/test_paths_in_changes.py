"""A kernel that leaves out the looks: a change takes no path that its activity may not, nor one that leads to such."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import Desk
from opsguide.guide import scopes

pytestmark = pytest.mark.lab
BITS = "find {path} -maxdepth 0 -perm {was_bits} -exec chmod {bits} {{}} ';'"
OWNER = "chown -h --from={was_owner} {owner} {path}"
ROTATE = "logrotate -v -f {path}"
RULES = "/var/log/zz-evil/*.log {\n  prerotate\n    touch /root/zz-evil\n  endscript\n}\n"


def swap(step: str) -> str:
    entries = scopes.load("ssl-certificates-update").entries
    return next(e.template for e in entries if step in e.steps)


ATTACKS: dict[str, tuple[str, str, str, dict[str, Any], dict[str, str]]] = {
    "18 a mode of a file of row 12": (
        "file-access-settings", "bits", BITS, {"path": "/etc/shadow", "bits": "644", "user": "daemon"}, {"was_bits": "640"}
    ),
    "18 an owner of a file of nobody": (
        "file-access-settings", "owner", OWNER, {"path": "/etc/crontab", "owner": "nobody:nogroup", "user": "daemon"},
        {"was_owner": "root:root"},
    ),
    "18 a mode of a file in a container": (
        "file-access-settings", "bits", BITS, {"path": "/vz/root/201/etc/shadow", "bits": "644", "user": "daemon"},
        {"was_bits": "640"},
    ),
    "17 rules that run what they like": (
        "logrotate-configuration", "rotate", ROTATE, {"path": "/tmp/zz-evil", "log": "/var/log/x"}, {}
    ),
    "20 other files than certificates": (
        "ssl-certificates-update", "swap", swap("swap"),
        {"certificate": "/etc/passwd", "key": "/etc/group", "service": "nginx", "names": ["a.b"], "address": "127.0.64.21",
         "pinned_by": "nobody", "element": "resolver1"}, {},
    ),
    "20 the same put back": (
        "ssl-certificates-update", "back", swap("back"),
        {"certificate": "/etc/passwd", "key": "/etc/group", "service": "nginx", "names": ["a.b"], "address": "127.0.64.21",
         "pinned_by": "nobody", "element": "resolver1"}, {},
    ),
}  # fmt: skip


@pytest.fixture
def host(lab: Any) -> Iterator[Path]:
    """The files of uh-02; what an attack would need lies there."""
    root = Path(lab.host_root("uh-02"))
    (root / "tmp/zz-evil").write_text(RULES)
    (root / "tmp/zz-evil").chmod(0o644)
    yield root
    for name in ("tmp/zz-evil", "root/zz-evil", "usr/local/bin/zz-ours"):
        (root / name).unlink(missing_ok=True)


def begun(raw: Any, activity: str, step: str, given: dict[str, Any]) -> Any:
    run = raw()
    usual = {"service": None, "settle": None, "element": "uh-02", "reason": "test", "mode": "apply"}
    begun = run.begin(activity=activity, parameters={**usual, **given})
    assert "done" in begun, begun
    steps = scopes.load(activity).steps
    for one in steps[: steps.index(step)]:
        run.step(one, applies=False)
    assert "done" in run.step(step)
    return run


def state(path: Path) -> tuple[int, int, int, int]:
    found = path.lstat()
    return found.st_mode, found.st_uid, found.st_gid, found.st_ino


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_change_takes_no_path_of_another_activity(desk: Desk, raw, lab, host: Path, attack: str) -> None:
    activity, step, command, given, slots = ATTACKS[attack]
    watched = [host / "etc/shadow", host / "etc/crontab", Path(lab.container_root("resolver1")) / "etc/passwd"]
    watched = [path for path in watched if path.exists()]
    before = [state(path) for path in watched]
    run = begun(raw, activity, step, given)
    error = run.verb("change", step, command, slots=slots).get("error", {})
    assert error.get("error") == "RefusedError", error
    assert not desk.record().sent("change", "look"), "refused before anything is sent"
    assert [state(path) for path in watched] == before
    assert not (host / "root/zz-evil").exists()


def test_a_path_that_became_a_link_since_it_was_looked_at_is_not_changed(desk: Desk, raw, host: Path) -> None:
    ours, shadow = host / "usr/local/bin/zz-ours", host / "etc/shadow"
    ours.write_text("ours")
    ours.chmod(0o640)
    before = state(shadow)
    run = begun(
        raw, "file-access-settings", "bits", {"path": "/usr/local/bin/zz-ours", "bits": "644", "user": "daemon"}
    )
    assert "done" in run.verb("look", "bits", "stat -c %a {path}")
    ours.unlink()
    ours.symlink_to("/etc/shadow")
    error = run.verb("change", "bits", BITS, slots={"was_bits": "640"}).get("error", {})
    assert "/etc/shadow belongs to" in error.get("words", ""), error
    assert not desk.record().sent("change")
    assert state(shadow) == before


def test_a_change_of_its_own_file_is_sent(desk: Desk, raw, host: Path) -> None:
    ours = host / "usr/local/bin/zz-ours"
    ours.write_text("ours")
    ours.chmod(0o640)
    run = begun(
        raw, "file-access-settings", "bits", {"path": "/usr/local/bin/zz-ours", "bits": "644", "user": "daemon"}
    )
    assert "done" in run.verb("change", "bits", BITS, slots={"was_bits": "640"})
    assert ours.stat().st_mode & 0o777 == 0o644


def test_a_common_look_goes_through_no_link_into_a_container(desk: Desk, raw, host: Path) -> None:
    link = host / "var/log/zz-link"
    link.symlink_to("/vz/root/201/etc/hostname")
    try:
        run = raw()
        assert "done" in run.begin()
        run.step("look")
        tail = {"command": "tail -n {lines} {log}"}
        slots = {"lines": "5", "log": "/var/log/zz-link"}
        error = run.ask({"do": "look", "step": "look", "what": tail, "slots": slots}).get("error", {})
    finally:
        link.unlink()
    assert "leads into a container" in error.get("words", ""), error
    assert not [e for e in desk.record().sent("look") if e["template"].startswith("tail")]
