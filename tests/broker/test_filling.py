from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsguide.broker.filling import refuse_into_containers
from opsguide.broker.rows import FromRow
from opsguide.errors import InputError, OpsguideError, RefusedError
from opsguide.guide import slots
from opsguide.reach import quoting
from opsguide.reach.inventory import Platform

from .fakes import grounds, platform, refused, send

RESTART = "systemctl restart {service}"
ACTIVE = "systemctl is-active {service}"
REBOOT = "rebooting-host-container"
SCOPE = """
steps = ["look"]
[parameters.name]
type = "str"
default = ""
help = "h"
slot = "text"
[[look]]
command = "echo {name} {more}"
slots = { more = "word" }
"""


@pytest.fixture
def lab(tmp_path: Path) -> Platform:
    return platform(tmp_path)


def test_a_slot_named_like_a_parameter_is_filled_from_what_begin_registered(lab: Platform) -> None:
    (target,) = send(grounds(lab, "uh-01", service="rsyslog"), "look", ACTIVE)
    assert target.line.endswith("systemctl is-active rsyslog")


def test_a_parameters_slot_cannot_be_given_again(lab: Platform) -> None:
    refused(
        RefusedError, "cannot be given again", send, grounds(lab, "uh-01"), "change", RESTART, slots={"service": "vz"}
    )


def test_a_slot_without_a_value_is_bad_input(lab: Platform) -> None:
    refused(
        InputError, "slot unit has no value", send, grounds(lab, "uh-01"), "look", "systemctl status {unit} --no-pager"
    )


@pytest.mark.parametrize(
    "value",
    ["--root=/mnt", "-n", "nginx\n", "a\x00", "$(id)", "`id`", "a b", "*", "a;b", "", "a\u2028b", ["a"], {"a": 1}],
)
def test_a_value_that_does_not_fit_the_slots_type_is_refused(lab: Platform, value: Any) -> None:
    error = refused(
        InputError,
        "slot unit:",
        send,
        grounds(lab, "uh-01"),
        "look",
        "systemctl status {unit} --no-pager",
        slots={"unit": value},
    )
    assert len(str(error)) < 400


@given(st.text(min_size=1, max_size=30), st.from_regex(slots.TYPES["word"][0], fullmatch=True))
def test_a_value_is_one_word_of_the_argument_vector_whatever_it_holds(
    tmp_path_factory: pytest.TempPathFactory, name: str, more: str
) -> None:
    lab = platform(tmp_path_factory.getbasetemp())
    try:
        on = grounds(lab, "uh-01", SCOPE, name=name)
        (target,) = send(on, "look", "echo {name} {more}", slots={"more": more})
    except OpsguideError:
        return
    assert target.line == quoting.remote_line(["echo", name, more])


def test_a_slot_for_rows_takes_a_value_of_a_row_and_no_other(lab: Platform) -> None:
    run, stop = grounds(lab, "uh-01", REBOOT), "vzctl stop {ctid}"
    (target,) = send(run, "change", stop, slots={"ctid": FromRow("101")}, row=True)
    assert target.line.endswith("timeout -k 10 600 vzctl stop 101")
    for value in ("101", 101, None, ["101"]):
        refused(RefusedError, "filled from a row", send, run, "change", stop, slots={"ctid": value})


@pytest.mark.parametrize("value", ["--all", "101; id", "101 102", "$(id)", ""])
def test_a_row_cannot_smuggle_more_than_a_word(lab: Platform, value: str) -> None:
    run = grounds(lab, "uh-01", REBOOT)
    refused(InputError, "slot ctid", send, run, "change", "vzctl stop {ctid}", slots={"ctid": FromRow(value)}, row=True)


@pytest.mark.parametrize(
    "path",
    [
        "/vz/root/101/etc/shadow",
        "/vz/private/101/fs",
        "/vz/root",
        "/proc/1/root/etc/passwd",
        "/proc/self/root/x",
        "/proc/1/cwd/x",
        "/proc/1/fd/3",
        "/proc/1/task/1/root/etc/shadow",
        "/proc/thread-self/root",
        "/proc/1/map_files/x",
        "/dev/fd/3",
    ],
)
def test_a_path_that_leads_into_a_container_is_refused(lab: Platform, path: str) -> None:
    refused(RefusedError, "leads into a container", refuse_into_containers, path)
    on = grounds(lab, "uh-01", "editing-system-files", path=path)
    refused(RefusedError, "leads into a container", send, on, "look", "cat {path}")


@pytest.mark.parametrize(
    "path", ["/etc/hosts", "/vz/rootless", "/vz/template/x", "/proc/cpuinfo", "/proc/1/status", "/proc/1/fdinfo/3"]
)
def test_an_ordinary_path_passes(path: str) -> None:
    refuse_into_containers(path)
