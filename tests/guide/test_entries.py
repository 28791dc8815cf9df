from __future__ import annotations

import pytest

from opsguide.guide import entries
from opsguide.guide.kinds import KINDS

from .broken import CHANGE, parsed, refusal

UH = KINDS[0]


def test_a_slot_of_unknown_type_is_refused() -> None:
    assert "slot x has no type" in refusal('[[look]]\ncommand = "cat {x}"\n')
    assert "slot x has no type" in refusal('[[look]]\ncommand = "cat {x}"\nslots = { x = "anything" }\n')
    assert "slot reason has no type" in refusal('[[look]]\ncommand = "cat {reason}"\n')


def test_a_slot_of_an_api_argument_is_typed_like_any_other() -> None:
    call = '[[change]]\nstep = "look"\napi = "a.b.C"\nargs = { nodeid = "{node}" }\ndeadline = "1 s"\n'
    assert "slot node has no type" in refusal(call)
    assert parsed(call + 'slots = { node = "count" }\n').find("a.b.C", "change", UH, {"nodeid": "{node}"})


def test_a_slot_is_typed_by_its_entry_or_by_the_parameter_never_by_both() -> None:
    assert "is the parameter" in refusal('[[look]]\ncommand = "cat {element}"\nslots = { element = "text" }\n')
    assert parsed('[[look]]\ncommand = "cat {element}"\n').find("cat {element}", "look", UH)


@pytest.mark.parametrize("template", ["cat {}", "cat {0}", "cat {element!r}", "cat {element", "cat {element.name}"])
def test_braces_that_hold_more_than_a_slots_name_are_refused(template: str) -> None:
    refusal(f'[[look]]\ncommand = "{template}"\n')


def test_fresh_is_for_looks_at_a_line_only() -> None:
    found = parsed('[[look]]\ncommand = "true"\nfresh = true\n').find("true", "look", UH)
    assert found
    assert found.fresh
    assert "fresh" in refusal('[[change]]\ncommand = "true"\nfresh = true\nstep = "look"\ndeadline = "1 s"\n')
    assert "fresh" in refusal('[[look]]\napi = "a.b.C"\nfresh = true\n')


def test_shell_is_for_looks_without_slots_only_and_says_why() -> None:
    assert parsed('[[look]]\ncommand = "a | b"\nshell = "counts lines"\n').find("a | b", "look", UH)
    assert "shell" in refusal('[[look]]\ncommand = "cat {element} | b"\nshell = "counts lines"\n')
    assert "shell" in refusal('[[change]]\ncommand = "a | b"\nshell = "because"\ndeadline = "1 s"\n')
    assert "says why" in refusal('[[look]]\ncommand = "a | b"\nshell = true\n')


def test_a_change_names_its_deadline() -> None:
    assert "names its deadline" in refusal('[[change]]\ncommand = "a"\n')
    assert "duration" in refusal('[[change]]\ncommand = "a"\ndeadline = "5"\n')


def test_an_effect_is_of_a_change_and_one_that_the_invariants_know() -> None:
    assert "effect" in refusal(CHANGE + 'step = "look"\neffect = "breaks"\n')
    assert "effect" in refusal('[[look]]\ncommand = "a"\neffect = "reboots"\n')
    assert "at is" in refusal(CHANGE + 'step = "look"\nat = "peer"\n')


def test_a_whole_record_names_its_argument_how_it_is_read_and_what_it_must_hold() -> None:
    record = 'record = { arg = "hdnode", read = "a.b.Get", must = ["soapPort"] }\n'
    found = parsed('[[change]]\nstep = "look"\napi = "a.b.Edit"\ndeadline = "1 s"\n' + record).entries[0].record
    assert found == entries.WholeRecord("hdnode", "a.b.Get", ("soapPort",))
    assert "broken scope" in refusal(CHANGE + 'step = "look"\nrecord = { arg = "hdnode", write = "x" }\n')


def test_what_says_already_and_independent_rows_are_of_a_change() -> None:
    change = '[[change]]\nstep = "look"\ncommand = "a"\ndeadline = "1 s"\nalready = [31]\nindependent = true\n'
    found = parsed(change).entries[0]
    assert (found.already, found.independent) == ((31,), True)
    assert "of a change" in refusal('[[look]]\ncommand = "a"\nalready = [31]\n')
    assert "of a change" in refusal('[[look]]\ncommand = "a"\nindependent = true\n')


def test_what_reboots_names_the_look_that_sees_it() -> None:
    change = '[[change]]\nstep = "look"\ncommand = "a"\ndeadline = "1 s"\neffect = "reboots"\n'
    assert "names the look" in refusal(change)
    boot = 'settle = "cat /proc/sys/kernel/random/boot_id"\n'
    assert parsed(change + boot).entries[0].effect == "reboots"


READERS = (
    "systemctl",
    "journalctl",
    "tail",
    "ss",
    "df",
    "free",
    "dmesg",
    "ps",
    "uptime",
    "date",
    "hostname",
    "uname",
    "ip",
    "cat",
    "vzlist",
)


@pytest.mark.parametrize("entry", entries.common_looks(), ids=lambda e: e.template)
def test_a_common_look_only_reads(entry: entries.Entry) -> None:
    words = entry.tokens()
    assert words[0] in READERS
    assert not entry.shell
    if words[0] == "systemctl":
        assert words[1] in ("status", "--failed", "list-units")
    if words[0] == "ip":
        assert words[1:] in (["-brief", "address"], ["route"])
