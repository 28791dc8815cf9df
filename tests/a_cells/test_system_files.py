"""07 on the practice platform: files and the kernel's values seen by entering the hosts, not by the runbook's proves.

The keys are of a network namespace, so each host of the lab has its own values of them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk import Desk, Outcome, wait_for
from opsguide.guide import scopes, slots
from stepping import Stepped

pytestmark = pytest.mark.lab
BOOK = "07-editing-system-files.ipynb"
CRON, SYSCTL = "/etc/cron.d/opsguide-test", "/etc/sysctl.d/90-opsguide-test.conf"
LINE = "17 3 * * * root /bin/true\n"
ALIVE, ROOM = "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_rmem"
REFUSED = "net.ipv4.tcp_congestion_control = nonesuch"
BACK = f"""systemctl stop sysctl-rollback.timer; systemctl reset-failed 'sysctl-rollback*'; rm -f {CRON} {SYSCTL}
rm -rf /root/ops-backup/sysctl-rollback; cp -a /run/hosts-as-built /etc/hosts; sysctl -p /run/values-as-built"""


@pytest.fixture
def as_built(lab) -> Iterator[None]:
    """The files go, and the values of the kernel come back."""
    saved = f"cp -a /etc/hosts /run/hosts-as-built; sysctl {ALIVE} {ROOM} > /run/values-as-built"
    lab.inside("uh-01", ["sh", "-c", saved])
    yield
    lab.inside("uh-01", ["sh", "-c", BACK])


def asked(desk: Desk, path: str, *given: str, verb: str = "run") -> Outcome:
    words = [word for one in given for word in ("-p", one)]
    reason = ["--reason", "agreed, CHG-7"] if verb == "run" else []
    return desk(verb, "07", "--on", "uh-01", "-p", f"path={path}", *words, *reason)


def value(lab, key: str) -> str:
    return lab.inside("uh-01", ["sysctl", "-n", key]).stdout.strip()


def armed(lab) -> bool:
    return lab.inside("uh-01", ["systemctl", "is-active", "sysctl-rollback.timer"]).returncode == 0


def fire(lab) -> None:
    """What the timer does when its time is over, on a host whose systemd has read its units again meanwhile."""
    assert armed(lab), "the timer was not stopped"
    lab.inside("uh-01", ["systemctl", "daemon-reload"])
    lab.inside("uh-01", ["systemctl", "start", "sysctl-rollback.service"])
    over = ["systemctl", "is-active", "sysctl-rollback.service"]
    wait_for(lambda: lab.inside("uh-01", over).stdout.strip() != "active", what="the rollback has run")


def test_a_new_file_is_shown_by_its_plan_and_made_by_its_run(desk: Desk, lab, as_built) -> None:
    path = lab.host_root("uh-01") / CRON[1:]
    plan = asked(desk, CRON, f"content={LINE.strip()}", verb="plan")  # cron passes over a last line without its end
    assert plan.code == 0, plan
    assert "--- /dev/null" in plan.out
    assert f"+{LINE.strip()}" in plan.out
    assert not path.exists()
    done = desk("run", "--plan", "last", "--reason", "agreed, CHG-7")
    assert done.code == 0, done
    assert path.read_text() == LINE
    assert lab.inside("uh-01", ["stat", "-c", "%a %U %G", CRON]).stdout == "644 root root\n"


def test_kernel_settings_are_loaded_kept_and_not_loaded_again(desk: Desk, lab, as_built) -> None:
    before = {key: value(lab, key).split() for key in (ALIVE, ROOM)}
    text = f"# ours\n{ALIVE} = 611\n{ROOM} = 4096 131072 4194304\n"
    done = asked(desk, SYSCTL, f"content={text}")
    assert done.code == 0, done
    assert value(lab, ALIVE) == "611"
    assert value(lab, ROOM).split() == ["4096", "131072", "4194304"]
    assert (lab.host_root("uh-01") / SYSCTL[1:]).read_text() == text
    assert not armed(lab)
    assert not list(Path("/var/lib/opsguide-lab/state/open").glob("uh-01.*")), "nothing is open"
    (load,) = (e for e in desk.record().sent("change") if e["step"] == "load")
    again = asked(desk, SYSCTL, f"settings={ALIVE} = 611")
    assert again.code == 0, again
    assert not desk.record().sent("change", "edit"), "what is so already is not loaded again"
    lab.inside("uh-01", ["sh", "-c", load["undo"]])
    assert {key: value(lab, key).split() for key in (ALIVE, ROOM)} == before


@pytest.mark.parametrize("old", ["", f"# as it was\n{ROOM} = 4096 131072 5000000\n"], ids=["new", "old"])
def test_a_load_that_fails_half_way_is_taken_back_by_the_host_itself(desk: Desk, lab, as_built, old: str) -> None:
    path, before = lab.host_root("uh-01") / SYSCTL[1:], value(lab, ALIVE)
    if old:
        lab.inside("uh-01", ["sh", "-c", f"cat > {SYSCTL}; chmod 640 {SYSCTL}"], stdin=old)
    done = asked(desk, SYSCTL, f"content={ALIVE} = 612\n{REFUSED}\n")
    assert done.code == 1, done
    assert value(lab, ALIVE) == "612", "the first key was set"
    assert path.read_text() != old
    assert "armed at" in done.out + done.err
    assert "systemctl stop sysctl-rollback.timer" in done.out + done.err
    next_one = asked(desk, SYSCTL, f"settings={ROOM} = 4096 131072 4194304", verb="plan") if old else None
    assert next_one is None or (next_one.code, "is-active sysctl-rollback.timer" in next_one.out) == (1, True)
    fire(lab)
    assert value(lab, ALIVE) == before
    assert (path.read_text() if path.exists() else "") == old
    assert path.exists() == bool(old)
    assert not old or path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(("last", "refused"), [("arm", "edit"), ("edit", "load")])
def test_after_a_pause_in_which_the_timer_has_fired_nothing_is_changed(
    desk: Desk, lab, as_built, last: str, refused: str
) -> None:
    path, before = lab.host_root("uh-01") / SYSCTL[1:], value(lab, ALIVE)
    one = Stepped(desk, BOOK, {"element": "uh-01", "path": SYSCTL, "settings": [f"{ALIVE} = 613"], "mode": "apply",
                               "reason": "agreed, CHG-7"})  # fmt: skip
    try:
        assert one.run(last) is None
        lab.inside("uh-01", ["systemctl", "stop", "sysctl-rollback.timer"])
        text = path.read_text() if path.exists() else ""
        assert "exit 3" in str(one.run(refused))
    finally:
        one.close()
    assert desk.record().state == "failed"
    assert (path.read_text() if path.exists() else "") == text
    assert value(lab, ALIVE) == before != "613"


def test_a_key_that_the_vendors_file_sets_is_refused_in_the_plan(desk: Desk, lab) -> None:
    plan = asked(desk, SYSCTL, "content=net.ipv4.tcp_fin_timeout = 30", verb="plan")
    assert plan.code == 1, plan
    assert "/etc/sysctl.d/99-vzctl.conf:net.ipv4.tcp_fin_timeout = 60" in plan.out


def test_a_name_is_found_afterwards(desk: Desk, lab, as_built) -> None:
    patch = "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+192.0.2.7 mirror.example\n"
    done = asked(desk, "/etc/hosts", f"patch={patch}", "name=mirror.example")
    assert done.code == 0, done
    assert "192.0.2.7" in lab.inside("uh-01", ["getent", "hosts", "mirror.example"]).stdout
    assert [e for e in desk.record().sent("prove") if e["template"] == "getent hosts {name}"]


@pytest.mark.parametrize(
    ("path", "good", "odd"),
    [
        ("/etc/hosts", "# a\n\n127.0.0.1 localhost\nfe80::1%eth0\thost\n::1 localhost # here\n", "owner = me"),
        ("/etc/hosts", "127.0.0.1 localhost\n", "192.0.2.1"),
        (CRON, "# a\n\nMAILTO=ops\n*/5 0-3 * jan mon-fri root /bin/a -x\n@daily root /bin/b\n", "17 3 * * * /bin/true"),
        (CRON, LINE, "17 3 * * root /bin/true"),
        ("/etc/resolv.conf", "# a\n\nsearch a.example\nnameserver ::1\noptions rotate\n; b\n", "nameserver=::1"),
        (SYSCTL, "# a\n\nvm.swappiness=10\nnet.ipv4.conf.eth0/100.mtu = 1\n; b\n", "vm.swappiness"),
        (SYSCTL, "vm.swappiness = 10\n", "net.ipv4.conf.*.rp_filter = 1"),
        (SYSCTL, "vm.swappiness = 10\n", "-vm.swappiness = 1"),
    ],
)
def test_the_check_of_a_file_finds_the_line_that_is_not_of_its_form(
    tmp_path: Path, path: str, good: str, odd: str
) -> None:
    rule = scopes.load("editing-system-files").file(path)  # type: ignore[union-attr]
    for text, answer in ((good, ""), (f"{good}{odd}\n{good}", f"{odd}\n")):
        (tmp_path / "staged").write_text(text)
        words = [slots.fill(word, {"staged": str(tmp_path / "staged")}) for word in rule.check.split()]  # type: ignore[union-attr]
        seen = subprocess.run(words, capture_output=True, text=True)
        assert (seen.stdout, seen.returncode) == (answer, 1 if answer else 0)
