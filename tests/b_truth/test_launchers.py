"""Suite B through the launchers: signals, two at once, a full store, three ways with one record, the API in trouble."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from desk import REPOSITORY, Desk, Record, wait_for
from kernels import UNIT, Counter
from launchers import OURS, RUN, begin_change, gone, kernels_of, launcher, papermill, sealed

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_launcher_ended_in_the_change_leaves_one_known_change_and_no_kernel(
    desk, counter, tmp_path: Path, number
) -> None:
    process = begin_change(desk, counter, *launcher("opsguide run", tmp_path, settle="60 s"))
    kernels = kernels_of(process.pid)
    assert kernels
    process.send_signal(number)
    if number != signal.SIGINT:  # a kernel that is interrupted waits for the end of its change
        wait_for(lambda: all(gone(pid) for pid in kernels), what="the kernels are gone")
    counter.go()
    process.communicate(timeout=120)
    record = sealed(desk)
    assert (record.state, record.seal["exit"], counter.starts) == ("interrupted", 5, 1)
    sent = record.sent("change")[0]["command"]
    assert [a["state"] for a in record.events("answer") if a["command"] == sent] == ["ok"]
    wait_for(lambda: all(gone(pid) for pid in kernels), what="the kernels are gone")
    if number != signal.SIGKILL:
        assert process.returncode == 5


def fill(file: Path) -> None:
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)


def story(record: Record) -> list[tuple[str, ...]]:
    """What the record of a run that went well tells, without numbers and times; not met was a poll too early only."""
    told = []
    for event in record.events("step", "send", "answer", "end", "proof", "open", "closed"):
        if event.get("met") is False:
            continue
        keys = ("type", "step", "verb", "on", "template", "state", "met", "verdict", "applies")
        told.append(tuple(str(event[k]) for k in keys if k in event))
    return told


def once(told: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Without the repetitions of a poll, whose number is a matter of time."""
    return [told[i] for i in range(len(told)) if told[i] not in told[max(0, i - 2) : i]]


def test_three_ways_to_run_leave_three_equal_records(desk: Desk, hand, counter: Counter, tmp_path: Path) -> None:
    assert desk(*RUN).code == 0
    stock = desk.run(*papermill(tmp_path, mode="apply", reason="test", element="uh-01", service=UNIT, settle="1 s"))
    assert stock.code == 0, stock
    hand().up_to("finish")
    records = [Record(path) for path in desk.folders()]
    assert [r.intent["frontend"] for r in records][:2] == ["opsguide run", "papermill"]
    first, second, third = (once(story(r)) for r in records)
    assert first == second == third
    cells = [[(e["source"], e["known"]) for e in r.events("cell") if e["id"] != "parameters"] for r in records]
    assert cells[0] == cells[1] == cells[2]
    assert all(known for _, known in cells[0])
    assert counter.starts == 3
    verified = desk("verify", "--all")
    assert verified.code == 0, verified


def test_of_two_runs_at_once_one_is_refused_before_anything_is_sent(desk: Desk, counter: Counter) -> None:
    """The second is another runbook: the lock is the element's."""
    first = begin_change(desk, counter, *OURS)
    second = desk("run", "07", "--on", "uh-01", "-p", "path=/etc/motd", "-p", "settings=a = b", "--reason", "test")
    assert second.code == 7, second
    assert "locked" in second.out + second.err
    counter.go()
    first.communicate(timeout=120)
    assert (first.returncode, counter.starts) == (0, 1)
    states = sorted((Record(p).state, len(Record(p).sent())) for p in desk.folders())
    assert states[0] == ("refused", 0)
    assert states[1][0] == "succeeded"


def test_a_run_on_a_host_and_one_on_its_container_exclude_each_other(desk: Desk, counter: Counter) -> None:
    first = begin_change(desk, counter, *OURS)
    other = desk("run", "restarting-processes", "--on", "node101", "-p", "service=nginx", "--reason", "test")
    assert other.code == 7, other
    elsewhere = desk("plan", "restarting-processes", "--on", "node201", "-p", "service=nginx")
    assert elsewhere.code == 0, elsewhere
    counter.go()
    first.communicate(timeout=120)
    assert first.returncode == 0


@pytest.mark.parametrize("trouble", ["down", "hang"])
def test_a_host_is_served_while_the_platform_api_does_not_answer(desk: Desk, lab, counter, trouble: str) -> None:
    lab.api_fault(trouble)
    try:
        done = desk(*RUN)
    finally:
        lab.api_fault("")
    assert done.code == 0, done
    assert [e["api"] for e in desk.record().events("proof")] == ["silent"]
    assert counter.starts == 1


def test_an_end_user_container_can_be_served_from_inside_while_the_api_is_down(desk: Desk, lab) -> None:
    before = lab.inside("node101", ["pgrep", "-o", "-x", "nginx"]).stdout
    lab.api_fault("down")
    try:
        failed = desk("run", "restarting-processes", "--on", "node101", "-p", "service=nginx", "--reason", "test")
        assert failed.code == 1, failed
        assert lab.inside("node101", ["pgrep", "-o", "-x", "nginx"]).stdout == before
        done = desk("run", "restarting-processes", "--on", "node101", "-p", "service=nginx", "-p", "through=container",
                    "--reason", "test")  # fmt: skip
    finally:
        lab.api_fault("")
    assert done.code == 0, done
    assert lab.inside("node101", ["pgrep", "-o", "-x", "nginx"]).stdout != before


def test_a_restart_that_failed_fails_the_run_although_jem_exits_0(desk: Desk, lab) -> None:
    lab.inside("node101", ["sh", "-c", "cp -a /etc/nginx/nginx.conf /root/kept; echo broken >> /etc/nginx/nginx.conf"])
    try:
        done = desk("run", "restarting-processes", "--on", "node101", "-p", "service=nginx", "-p", "through=container",
                    "--reason", "test")  # fmt: skip
    finally:
        lab.inside("node101", ["sh", "-c", "mv -T /root/kept /etc/nginx/nginx.conf; systemctl restart nginx"])
    assert done.code == 1, done
    [restart] = desk.record().sent("change")
    assert desk.record().answer(restart["command"])["state"] == "failed"
    assert '"result": "4182"' in done.out


def test_an_api_that_contradicts_the_inventory_refuses_the_run(desk: Desk, lab, counter: Counter) -> None:
    lab.api_fault("contradict")
    try:
        done = desk(*RUN)
    finally:
        lab.api_fault("")
    assert done.code == 1, done
    assert desk.record().state == "refused"
    assert counter.starts == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('nodeId="@element"', 'nodeId="1002"'),
        ('nodeId="@element"', "nodeId=1002"),
        ('envName="@env"', 'envName="blog"'),
        ('nodeId="@element")', 'nodeId="@element", force=True)'),
        ("RestartServices", "StopEnv"),
        ('service {service} status"', 'service {service} stop"'),
        ("@element", "{service}"),
    ],
)
def test_a_call_bound_to_a_neighbour_is_refused_and_nothing_is_asked(desk, lab, hand, old: str, new: str) -> None:
    run = hand(element="node101", service="nginx")
    run.up_to("reload")
    asked, sessions = len(lab.api_requests()), len(desk.record().sent())
    source = run.sources["restart-through-platform"]
    lines = source.replace(old, new).splitlines()
    if old.startswith("service"):
        lines = [line for line in lines if "step.change" not in line]
    error = run.cell("\n".join(lines))
    assert "RefusedError" in error, error
    assert len(lab.api_requests()) == asked
    assert len(desk.record().sent()) == sessions


@pytest.mark.parametrize("rebound", ["run.element", "run.mode", "service"])
def test_a_rebound_kernel_variable_changes_nothing_of_what_is_sent(desk, lab, hand, counter, rebound: str) -> None:
    run = hand()
    run.up_to("drain")
    value = {
        "run.element": "type(run.element)('uh-02', 'user-host', 'uh-02')",
        "run.mode": "'plan'",
        "service": "'ssh'",
    }
    assert not run.cell(f"{rebound} = {value[rebound]}")
    run.after("drain")
    sent = sealed(desk).sent("change")
    assert [(e["on"], e["slots"]) for e in sent] == [("uh-01", {"service": UNIT})]
    assert counter.starts == 1


def starting(way: str, desk: Desk, hand: Any, folder: Path) -> Callable[[], str]:
    """Start 06 one way or another; what gives its error once it has ended."""
    if way == "by hand":
        run = hand()
        run.up_to("drain")
        message = run.send("restart")

        def by_hand() -> str:
            rest = run.order[run.order.index("restart") + 1 :]
            error = run.wait(message) or next(filter(None, map(run.cell, rest)), "")
            run.kill()  # while its kernel lives the element stays locked
            return error

        return by_hand
    process = desk.start(*launcher(way, folder))

    def by_launcher() -> str:
        said = "".join(process.communicate(timeout=240))
        return said if process.returncode else ""

    return by_launcher


@pytest.mark.parametrize("way", ["papermill", "opsguide run", "by hand"])
def test_a_store_that_fills_in_mid_run_stops_it_and_keeps_what_was_written(
    desk: Desk, counter: Counter, hand: Any, tmp_path: Path, way: str
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(small)], check=True)
    try:
        desk.records = small / "records"
        counter.slow()
        ended = starting(way, desk, hand, tmp_path)
        wait_for(lambda: counter.starts, what="the change reached the host")
        fill(small / "filler")
        counter.go()
        said = ended()
        assert "cannot be written" in said or "No space" in said, said or "it ended well"
        assert counter.starts == 1
        hold = Path("/var/lib/opsguide-lab/state/holds/uh-01.json")
        number = desk.record(0).sent("change")[0]["command"]
        answered = [e for e in desk.record(0).events("answer") if e["command"] == number]
        assert hold.exists() != bool(answered), "what nobody wrote down is held, what is known is not"
        (small / "filler").unlink()
        counter.slow(0)
        assert desk(*RUN).code == (0 if answered else 5)
        first = desk.record(0)
        assert (first.sealed, first.state) == (True, "interrupted" if answered else "unknown")
        assert counter.starts == (2 if answered else 1)
        assert desk("verify", first.path.name).code == 0
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-p", "servce=zabbix-agent"), "service"),
        (("-p", "service=zabbix-agent; reboot"), "service"),
        (("-p", "service=--root=/"), "service"),
        (("-p", "service=nonsense"), "zabbix-agent"),
        (("-p", f"service={UNIT}", "-p", "action=stop"), "action"),
        (("-p", "x=1;import os;y=1"), "unknown parameter"),
        ((), "service"),
    ],
)
def test_bad_parameters_are_refused_before_a_kernel_and_leave_no_record(desk, counter, words, says: str) -> None:
    done = desk("run", "restarting-processes", "--on", "uh-01", *words, "--reason", "test")
    assert done.code == 2, done
    assert says in done.err + done.out
    assert not desk.folders()
    assert counter.starts == 0


def test_an_empty_reason_and_an_unknown_element_are_bad_input(desk: Desk) -> None:
    assert desk("run", "restarting-processes", "--on", "uh-01", "-p", f"service={UNIT}", "--reason", " ").code == 2
    done = desk("run", "restarting-processes", "--on", "uh-10", "-p", f"service={UNIT}", "--reason", "x")
    assert done.code == 2
    assert "uh-01" in done.err
    assert not desk.folders()


def test_stock_papermill_with_a_misspelt_parameter_fails_in_begin_and_leaves_no_record(desk, counter, tmp_path) -> None:
    done = desk.run(*papermill(tmp_path, mode="apply", reason="t", element="uh-01", service=UNIT, setle="1 s"))
    assert done.code == 1
    assert "did you mean settle?" in done.err
    assert re.search(r"where: +cell \[2\], line \d, which papermill filled in", done.err)
    assert "sent:    nothing to any element" in done.err
    assert not desk.folders()
    assert counter.starts == 0


def test_a_broken_inventory_names_file_line_and_key(desk: Desk, tmp_path: Path) -> None:
    text = (REPOSITORY / "parameters/platforms/lab.yml").read_text()
    broken = tmp_path / "broken.yml"
    broken.write_text(text.replace("kind: user-host", "kind: user-hots", 1))
    done = desk("--platform", str(broken), *RUN)
    assert done.code == 2
    assert "broken.yml:" in done.err
    assert "kind" in done.err
    assert not desk.folders()


def test_nothing_of_python_is_left_running_after_a_run(desk: Desk) -> None:
    assert desk("plan", *RUN[1:-2]).code == 0
    broker = desk.record().intent["broker"]["pid"]
    children = subprocess.run(["pgrep", "-P", str(broker)], capture_output=True, text=True, check=False).stdout.split()
    assert not children
    assert Path(f"/proc/{broker}").exists()


def test_a_command_and_its_answer_are_on_the_screen_while_the_run_goes_on(desk: Desk, counter: Counter) -> None:
    process = begin_change(desk, counter, *OURS)
    assert process.stdout
    assert any("systemctl restart" in line for line in process.stdout)
    (sent,) = desk.record().sent("change")
    assert desk.record().answer(sent["command"])["state"] == "unknown", "the line came only with its answer"
    counter.go()
    assert [mark for line in process.stdout for mark in ("== settle", "SUCCEEDED") if mark in line]
    process.communicate(timeout=120)
    assert sent["line"].startswith("ssh -F ")
