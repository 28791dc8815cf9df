from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from opsguide.broker import targets as module
from opsguide.broker.grounds import Grounds
from opsguide.broker.rows import FromRow
from opsguide.broker.targets import targets
from opsguide.errors import InputError, RefusedError
from opsguide.reach import quoting
from opsguide.reach.inventory import Platform

from .fakes import LAB, grounds, platform, refused, send

RESTART = "systemctl restart {service}"
ACTIVE = "systemctl is-active {service}"
API = "environment.control.RestartServices"
BOUND = {"envName": "@env", "nodeId": "@element"}


@pytest.fixture
def lab(tmp_path: Path) -> Platform:
    return platform(tmp_path)


def call(run: Grounds, verb: str, method: str, args: Any, /, **more: Any) -> list[module.Target]:
    return targets(run, verb, {"what": {"api": method, "args": args}, **more})


# The template


def test_a_template_of_the_scope_becomes_one_line_for_the_host(lab: Platform) -> None:
    (target,) = send(grounds(lab, "uh-01", service="crond"), "change", RESTART)
    assert target.line == "LC_ALL=C PATH=$PATH:/usr/sbin:/sbin timeout -k 10 90 systemctl restart crond"
    assert (target.element.name, target.host.name, target.filled) == ("uh-01", "uh-01", {"service": "crond"})
    assert target.shown.startswith(f"ssh -F {lab.ssh.config} uh-01 -- ")


def test_work_in_a_container_is_sent_to_its_host_for_that_container(lab: Platform) -> None:
    (target,) = send(grounds(lab, "hcore1"), "look", ACTIVE)
    assert target.host.name == "ih-01"
    assert "vzctl exec2 305 " in target.line
    assert "timeout" not in target.line, "a look has no deadline on the element"


@pytest.mark.parametrize(
    "template",
    [
        "systemctl restart nginx",
        "systemctl  restart {service}",
        "systemctl stop {service}",
        "systemctl restart {service};id",
        "systemctl restart {service} {service}",
        "bash",
        "",
    ],
)
def test_a_template_that_is_not_in_the_scope_is_refused(lab: Platform, template: str) -> None:
    error = refused(
        RefusedError,
        "not in the scope of restarting-processes as a change",
        send,
        grounds(lab, "uh-01"),
        "change",
        template,
    )
    assert error.next
    assert error.command == template


def test_a_refused_template_names_the_one_that_was_meant(lab: Platform) -> None:
    error = refused(RefusedError, "not in the scope", send, grounds(lab, "uh-01"), "change", "systemctl restart nginx")
    assert error.next == f"the scope has: {RESTART}"


def test_a_look_of_the_scope_is_no_change_and_a_change_no_look(lab: Platform) -> None:
    refused(RefusedError, "as a change", send, grounds(lab, "uh-01"), "change", ACTIVE)
    for verb in ("look", "prove"):
        refused(RefusedError, "as a look", send, grounds(lab, "uh-01"), verb, RESTART)


def test_a_template_of_another_kind_is_refused(lab: Platform) -> None:
    refused(RefusedError, "on end-user container", send, grounds(lab, "node101"), "change", RESTART)
    refused(RefusedError, "on user host", call, grounds(lab, "uh-01"), "change", API, BOUND)


@pytest.mark.parametrize("what", [None, "systemctl", [], {}, {"sql": "x"}])
def test_a_verb_without_a_command_is_bad_input(lab: Platform, what: Any) -> None:
    refused(InputError, "takes a command", targets, grounds(lab, "uh-01"), "look", {"what": what})


@pytest.mark.parametrize(("field", "value"), [("on", "uh-01"), ("on", {"uh-01": 1}), ("slots", ["a"]), ("slots", "a")])
def test_a_request_of_another_shape_is_bad_input(lab: Platform, field: str, value: Any) -> None:
    refused(InputError, "takes", targets, grounds(lab, "uh-01"), "look", {"what": {"command": "df -h"}, field: value})
    refused(InputError, "takes", call, grounds(lab, "node101"), "change", API, ["a"])


# The element


@pytest.mark.parametrize(
    "other", ["uh-02", "ih-01", "node101", "node102", "hcore1", "new-01", "nobody", "", "uh-01 ", "UH-01", "*"]
)
def test_another_element_is_not_part_of_the_run(lab: Platform, other: str) -> None:
    error = refused(RefusedError, "is not part of this run", send, grounds(lab, "uh-01"), "look", ACTIVE, on=[other])
    assert "no other element" in error.next


@pytest.mark.parametrize("verb", ["look", "prove"])
def test_the_peer_may_be_looked_at_where_the_entry_says_so(lab: Platform, verb: str) -> None:
    (target,) = send(grounds(lab, "hcore1"), verb, ACTIVE, on=["hcore2"])
    assert (target.element.name, target.host.name) == ("hcore2", "ih-02")


@pytest.mark.parametrize("template", [RESTART, "bash /root/scripts/disable_me.sh", "bash /root/scripts/enable_me.sh"])
def test_the_peer_is_never_changed(lab: Platform, template: str) -> None:
    refused(
        RefusedError,
        "does not allow this change on hcore2",
        send,
        grounds(lab, "hcore1"),
        "change",
        template,
        on=["hcore2"],
    )
    refused(RefusedError, "hcore2", send, grounds(lab, "hcore1"), "change", template, on=["hcore1", "hcore2"])


def test_the_peer_is_not_looked_at_by_an_entry_for_the_element_alone(lab: Platform) -> None:
    refused(
        RefusedError,
        "does not allow this look",
        send,
        grounds(lab, "hcore1"),
        "look",
        "df --output=pcent /var",
        on=["hcore2"],
    )


def test_the_services_own_probe_is_for_the_element_alone(lab: Platform) -> None:
    on = grounds(lab, "hcore1")
    assert on.service
    send(on, "look", on.service.config_test)
    send(on, "prove", on.service.probe)
    refused(RefusedError, "does not allow", send, on, "look", on.service.probe, on=["hcore2"])
    refused(RefusedError, "as a change", send, on, "change", on.service.config_test)


def test_the_probe_of_a_service_that_the_run_did_not_name_is_refused(lab: Platform) -> None:
    refused(RefusedError, "not in the scope", send, grounds(lab, "uh-01", service="crond"), "look", "sshd -t")


def test_common_looks_may_be_sent_to_the_element_and_to_related_ones_only(lab: Platform) -> None:
    assert [t.element.name for t in send(grounds(lab, "hcore1"), "look", "df -h", on=["hcore1", "hcore2"])] == [
        "hcore1",
        "hcore2",
    ]
    refused(RefusedError, "not part of this run", send, grounds(lab, "hcore1"), "look", "df -h", on=["gate1"])
    refused(RefusedError, "not part of this run", send, grounds(lab, "hcore1"), "look", "df -h", on=["ih-01"])


SCOPE = """
steps = ["look"]
[related]
user-host = ["containers", "user-host"]
[parameters.online]
type = "bool"
default = true
help = "h"
slot = "flag"
[parameters.name]
type = "str"
default = "a b"
help = "h"
slot = "text"
[[look]]
command = "only peers"
on = ["peer"]
[[look]]
command = "on hosts"
on = ["element", "user-host"]
[[look]]
command = "awk '{{print $1}}' /x | wc -l"
shell = "counts"
[[look]]
command = "awk '{{print $1}}' {name}"
[[change]]
step = "look"
api = "a.b.Move"
args = { id = "@element", online = "{online}", force = false, n = 3 }
deadline = "1 s"
[[change]]
step = "look"
api = "a.b.Each"
args = { node = "{node}" }
slots = { node = "count" }
deadline = "1 s"
[[look]]
api = "a.b.Bad"
args = { to = "@nobody" }
"""


def test_an_entry_for_related_elements_only_is_not_for_the_element_itself(lab: Platform) -> None:
    refused(RefusedError, "does not allow this look on uh-01", send, grounds(lab, "uh-01", SCOPE), "look", "only peers")


def test_a_related_element_of_a_kind_that_the_entry_does_not_name_is_refused(lab: Platform) -> None:
    on = grounds(lab, "uh-01", SCOPE)
    assert send(on, "look", "on hosts", on=["uh-02"])[0].host.name == "uh-02"
    refused(RefusedError, "does not allow this look on node101", send, on, "look", "on hosts", on=["node101"])


# The words of a line


def test_a_slot_that_the_template_does_not_have_is_refused(lab: Platform) -> None:
    refused(InputError, "no slot extra", send, grounds(lab, "uh-01"), "change", RESTART, slots={"extra": "x"})


def test_doubled_braces_are_single_ones_on_the_line(lab: Platform) -> None:
    on = grounds(lab, "uh-01", SCOPE)
    assert shlex.split(send(on, "look", "awk '{{print $1}}' {name}")[0].line)[2:] == ["awk", "{print $1}", "a b"]
    assert send(on, "look", "awk '{{print $1}}' /x | wc -l")[0].line == quoting.raw_line("awk '{print $1}' /x | wc -l")


# The platform API


def test_arguments_that_name_an_element_are_bound_here(lab: Platform) -> None:
    (target,) = call(grounds(lab, "node101"), "change", API, BOUND)
    assert target.args == {"envName": "shop", "nodeId": 1001}
    assert target.line == ""
    assert "nodeId=1001" in target.shown


@pytest.mark.parametrize(
    "args",
    [
        {**BOUND, "nodeId": 1002},
        {**BOUND, "nodeId": 1001},
        {**BOUND, "nodeId": "1001"},
        {**BOUND, "envName": "shop2"},
        {**BOUND, "envName": "shop"},
        {**BOUND, "nodeId": "@node102"},
        {"nodeId": "@element"},
        {**BOUND, "nodeGroup": "cp"},
        {},
    ],
)
def test_a_literal_or_a_neighbour_in_place_of_the_element_is_not_in_the_scope(lab: Platform, args: Any) -> None:
    refused(RefusedError, "not in the scope", call, grounds(lab, "node101"), "change", API, args)


@pytest.mark.parametrize("other", ["node102", "node201", "uh-01"])
def test_a_call_for_a_neighbour_is_not_part_of_the_run(lab: Platform, other: str) -> None:
    refused(RefusedError, "not part of this run", call, grounds(lab, "node101"), "change", API, BOUND, on=[other])


@pytest.mark.parametrize(
    "method", ["administration.cluster.ExecHostCmd", "environment.control.StopEnv", API.lower(), API + " ", ""]
)
def test_another_method_is_not_in_the_scope(lab: Platform, method: str) -> None:
    refused(RefusedError, "not in the scope", call, grounds(lab, "node101"), "change", method, BOUND)


def test_an_arguments_slot_is_the_runs_parameter_and_literals_are_kept(lab: Platform) -> None:
    args = {"id": "@element", "online": "{online}", "force": False, "n": 3}
    (target,) = call(grounds(lab, "uh-01", SCOPE, online=False), "change", "a.b.Move", args)
    assert target.args == {"id": 3, "online": "false", "force": False, "n": 3}
    assert "force=false" in target.shown
    for other in ({**args, "force": 0}, {**args, "n": 3.0}, {**args, "n": True}, {**args, "online": False}):
        refused(RefusedError, "not in the scope", call, grounds(lab, "uh-01", SCOPE), "change", "a.b.Move", other)


def test_an_arguments_slot_that_no_parameter_fills_takes_what_the_entry_types(lab: Platform) -> None:
    on = grounds(lab, "uh-01", SCOPE)
    (target,) = call(on, "change", "a.b.Each", {"node": "{node}"}, slots={"node": 1001})
    assert target.args == {"node": "1001"}
    for value in ("1 ", "--all", "x", "", "1001\n"):
        refused(InputError, "slot node", call, on, "change", "a.b.Each", {"node": "{node}"}, slots={"node": value})


def test_an_element_without_a_number_of_the_platform_cannot_be_bound(lab: Platform) -> None:
    args = {"id": "@element", "online": "{online}", "force": False, "n": 3}
    refused(InputError, "no platform id for uh-02", call, grounds(lab, "uh-02", SCOPE), "change", "a.b.Move", args)


def test_a_binding_that_nobody_knows_is_never_sent_as_text(lab: Platform) -> None:
    refused(
        InputError, "@nobody is not bound", call, grounds(lab, "uh-01", SCOPE), "look", "a.b.Bad", {"to": "@nobody"}
    )


def test_a_platform_without_an_api_says_where_to_set_it(tmp_path: Path) -> None:
    lab = platform(tmp_path, "\n".join(line for line in LAB.splitlines() if not line.startswith("api:")))
    refused(InputError, "has no API", call, grounds(lab, "node101"), "change", API, BOUND)


def test_the_shown_call_holds_no_token(lab: Platform) -> None:
    (lab.file.parent / "token").write_text("s3cr3t-token")
    (target,) = call(grounds(lab, "node101"), "change", API, BOUND)
    assert "s3cr3t-token" not in target.shown
    assert f"session@{lab.file.parent}/token" in target.shown


def test_two_changes_are_the_same_when_element_template_and_values_are(lab: Platform) -> None:
    one, same, other = (
        send(grounds(lab, "uh-01", service=s), "change", RESTART)[0] for s in ("crond", "crond", "rsyslog")
    )
    assert one.key == same.key != other.key


# Lists of elements, deadlines

REBOOT = "rebooting-host-container"


def test_the_containers_of_an_infrastructure_host_are_stopped_on_it_by_their_own_number(lab: Platform) -> None:
    run = grounds(lab, "ih-01", REBOOT)
    (target,) = send(run, "change", "vzctl stop {ctid}", on=["hcore1"])
    assert (target.element.name, target.host.name) == ("hcore1", "ih-01")
    assert target.line.endswith(" timeout -k 10 300 vzctl stop 305")
    refused(RefusedError, "hcore2 is not part|does not allow", send, grounds(lab, "uh-01", REBOOT), "change",
            "vzctl stop {ctid}", on=["hcore2"])  # fmt: skip


def test_a_run_on_a_host_changes_its_containers_and_never_their_peers(lab: Platform) -> None:
    run = grounds(lab, "ih-01", REBOOT)
    for change in ("bash /root/scripts/disable_me.sh", "vzctl stop {ctid}", "vzctl start {ctid}"):
        assert send(run, "change", change, on=["hcore1"])
        refused(RefusedError, "does not allow this change on hcore2", send, run, "change", change, on=["hcore2"])
    refused(RefusedError, "does not allow", send, grounds(lab, "hcore1", REBOOT), "change",
            "bash /root/scripts/disable_me.sh", on=["hcore2"])  # fmt: skip


def test_no_element_is_nobody_and_not_the_own_one(lab: Platform) -> None:
    run = grounds(lab, "uh-01", REBOOT)
    assert send(run, "change", "systemctl reboot", on=[]) == []
    assert len(send(run, "change", "systemctl reboot")) == 1


def test_a_shorter_timeout_counts_on_the_element_too_and_a_longer_one_does_not(lab: Platform) -> None:
    run, row = grounds(lab, "uh-01", REBOOT), {"slots": {"ctid": FromRow("101")}, "row": True}
    assert " -k 10 60 vzctl" in send(run, "change", "vzctl stop {ctid}", timeout="60 s", **row)[0].line
    assert " -k 10 600 vzctl" in send(run, "change", "vzctl stop {ctid}", timeout="2 h", **row)[0].line


@pytest.mark.parametrize(("name", "host"), [("uh-01", "uh-01"), ("hcore1", "ih-01")])
def test_where_the_account_becomes_root_the_shown_line_says_how(tmp_path: Path, name: str, host: str) -> None:
    lab = platform(tmp_path, LAB.replace("port: 2222}", "port: 2222, become: {sudo: true}}"))
    for target in (
        send(grounds(lab, name, service="nginx"), "look", ACTIVE)[0],
        module.own(lab, lab.element(name), ["cat", "/etc/machine-id"]),
    ):
        shown = shlex.split(target.shown)
        assert shown[:5] == ["ssh", "-F", str(tmp_path / "ssh_config"), host, "--"]
        assert target.shown == quoting.shown_line(shown[2], host, quoting.as_root(target.line))
        assert shown[5].startswith("sudo -n -- sh -c ")
