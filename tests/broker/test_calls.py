"""Arguments that name elements, and whole records; pure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from broker.fakes import LAB, platform
from opsguide.broker import calls
from opsguide.errors import FailedError, InputError
from opsguide.guide.entries import WholeRecord

RULE = WholeRecord("hdnode", "administration.cluster.GetHosts", ("soapPort", "tcpPort"))
RECORD = {"id": 3, "hostname": "uh-01", "status": "ACTIVE", "soapPort": 4646, "tcpPort": 4545, "sshLogin": "root"}
WANTED = {"hdnode": 3, "status": "MAINTENANCE"}


def bound(folder: Path, value: Any, row: int = 0, names: tuple[str, ...] = ("uh-02", "uh-03")) -> Any:
    text = LAB.replace("127.0.64.4}", "127.0.64.4, id: 4}").replace(
        "  new-01:", "  uh-03: {kind: user-host, address: 127.0.64.6, id: 6}\n  new-01:"
    )
    lab = platform(folder, text)
    binding = calls.Binding(lab, lab.element("uh-01"), [lab.element(n) for n in names], row)
    return calls.argument(binding, value, lambda name: f"<{name}>")


def test_related_hosts_are_named_by_their_numbers(tmp_path: Path) -> None:
    assert bound(tmp_path, "@related") == "4,6"


def test_rows_take_the_related_hosts_in_turn(tmp_path: Path) -> None:
    assert [bound(tmp_path, "@one-related", row) for row in range(4)] == [4, 6, 4, 6]


def test_without_a_related_host_nothing_is_bound(tmp_path: Path) -> None:
    for word in ("@related", "@one-related"):
        with pytest.raises(InputError, match="no other element can stand in for uh-01"):
            bound(tmp_path, word, names=())


@pytest.mark.parametrize("word", ["@elements", "@Element", "@", "@ctid", "@handed"])
def test_a_word_that_nobody_binds_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(InputError, match="is not bound"):
        bound(tmp_path, word)


@pytest.mark.parametrize(
    ("element", "word", "lacks"), [("uh-02", "@element", "platform id"), ("ih-01", "@env", "environment")]
)
def test_what_the_inventory_does_not_tell_is_not_sent_as_nothing(
    tmp_path: Path, element: str, word: str, lacks: str
) -> None:
    lab = platform(tmp_path)
    with pytest.raises(InputError, match=f"gives no {lacks} for {element}"):
        calls.argument(calls.Binding(lab, lab.element(element), []), word, str)


def answer(*records: dict[str, Any]) -> str:
    return json.dumps({"result": 0, "array": list(records)})


def test_a_whole_record_is_sent_with_only_the_wanted_field_changed() -> None:
    found = calls.whole(RULE, WANTED, answer({**RECORD, "id": 4}, RECORD))
    assert set(found.args) == {"hdnode"}
    assert json.loads(found.args["hdnode"]) == {**RECORD, "status": "MAINTENANCE"}


@pytest.mark.parametrize("lost", ["soapPort", "tcpPort"])
@pytest.mark.parametrize("how", [{}, {"value": 0}, {"value": None}])
def test_a_record_without_its_ports_is_not_sent(lost: str, how: dict[str, Any]) -> None:
    record = {k: v for k, v in RECORD.items() if k != lost} | ({lost: how["value"]} if how else {})
    with pytest.raises(FailedError, match=lost):
        calls.whole(RULE, WANTED, answer(record))


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"result": 0}', answer({**RECORD, "id": 33})])
def test_a_record_that_is_not_there_is_not_sent(text: str) -> None:
    with pytest.raises(FailedError, match="has no record of 3"):
        calls.whole(RULE, WANTED, text)


def test_the_pin_of_a_record_leaves_out_what_is_changed_in_it() -> None:
    one, same, other = (
        calls.whole(RULE, WANTED, answer({**RECORD, **more})).digest
        for more in ({}, {"status": "EVACUATED"}, {"sshLogin": "admin"})
    )
    assert one == same != other
