"""Kernel settings in a file: one test for each rule."""

from __future__ import annotations

import pytest

from opsguide.errors import InputError
from opsguide.notebook.sysctl import KernelSettings, kernel_settings

FILE = "# ours\n\nnet.ipv4.tcp_rmem = 4096\t131072  4194304\n; net.ipv4.tcp_sack = 0\nvm.swappiness=10\n"
BEFORE = ["net.ipv4.tcp_rmem = 4096 131072 6291456", "vm.swappiness = 60"]
PATH = "/etc/sysctl.d/90-ours.conf"


def test_the_lines_of_a_file_are_read_with_the_settings_that_replace_them() -> None:
    found = kernel_settings(FILE, ["vm.swappiness = 30"], "")
    assert found.values == {"net.ipv4.tcp_rmem": "4096 131072 4194304", "vm.swappiness": "30"}
    assert kernel_settings("vm.swappiness = 1", [], FILE) == kernel_settings(FILE, [], "")
    assert kernel_settings("", [], "") == KernelSettings({})


@pytest.mark.parametrize(
    "line",
    ["-net.ipv4.tcp_sack = 0", "net.ipv4.conf.*.rp_filter = 1", "net/ipv4/tcp_sack = 0", "vm.swappiness", "vm.swappiness =",
     "swappiness = 1", "$(reboot).a = 1", "vm.swappiness 1; a.b = 2"],
)  # fmt: skip
def test_a_line_that_is_neither_comment_nor_key_and_value_is_refused(line: str) -> None:
    with pytest.raises(InputError, match="not of the form key = value"):
        kernel_settings(f"vm.swappiness = 10\n{line}\n", [], "")


def test_the_pattern_is_of_exactly_the_keys() -> None:
    assert kernel_settings(FILE, [], "").pattern == "^(net[.]ipv4[.]tcp_rmem|vm[.]swappiness)$"


def test_what_the_kernel_says_then_is_what_it_said_with_the_new_values_in_its_order() -> None:
    found = kernel_settings("vm.swappiness = 10\nnet.ipv4.tcp_rmem = 1 2 3", [], "")
    assert found.then(BEFORE) == "net.ipv4.tcp_rmem = 1 2 3\nvm.swappiness = 10"


def test_a_key_that_the_kernel_does_not_have_is_named() -> None:
    found = kernel_settings("vm.swappines = 10\nvm.swappiness = 10", [], "")
    assert found.unknown(BEFORE) == ["vm.swappines"]
    assert found.unknown([]) == ["vm.swappines", "vm.swappiness"]


def test_keys_that_are_left_alone_are_named_by_pattern() -> None:
    found = kernel_settings(
        "net.ipv4.conf.eth0/100.forwarding = 1\nkernel.panic_on_oops = 1\nvm.swappiness = 1", [], ""
    )
    assert found.among(["net.*.forwarding", "kernel.panic*"]) == list(found.values)[:2]


@pytest.mark.parametrize(
    ("line", "wins"),
    [("/etc/sysctl.d/99-vzctl.conf:vm.swappiness = 1", True), ("/usr/lib/sysctl.d/95-a.conf:-vm.swappiness=1", True),
     ("/etc/sysctl.conf:vm.swappiness = 1", True), ("/run/sysctl.d/99-a.conf:vm.* = 1", True), (f"{PATH}:vm.swappiness = 1", False),
     ("/usr/lib/sysctl.d/50-default.conf:vm.swappiness = 1", False), ("/etc/sysctl.d/99-vzctl.conf:vm.swappines = 1", False)],
)  # fmt: skip
def test_a_file_that_is_read_later_and_sets_a_key_wins(line: str, wins: bool) -> None:
    assert kernel_settings("vm.swappiness = 10", [], "").overruled(PATH, [line]) == [line] * wins
