from __future__ import annotations

from typing import Any

from opsguide.broker.requests import _evidence
from opsguide.record import packet

BODY: dict[str, Any] = {
    "to": "Jelastic Support", "activity": "Container Firewall Configuration", "severity": 3, "platform": "lab",
    "element": {"name": "node101", "kind": "end-user-container", "host": "uh-01", "ctid": 101, "env": "shop", "node": 7},
    "domain": "lab.example", "cell": "x", "reason": "x", "person": "x", "run": "x", "to_fill_in": [], "parameters": {},
    "wanted": [], "acceptance": [], "judged": [],
}  # fmt: skip


def look(number: int, line: str, kind_of: str, **answer: Any) -> list[dict[str, Any]]:
    send = {"type": "send", "command": number, "verb": "look", "line": line, "kind_of": kind_of}
    return [send, {"type": "answer", "command": number, "exit": None, **answer}]


def test_a_look_that_could_not_be_sent_is_evidence_with_its_reason() -> None:
    events = [
        *look(1, "curl x", "api", state="not-run", words="the platform API cannot be reached"),
        *look(2, "curl y", "api", state="ok", exit=0, out='{"result": 0, "array": [{"id": 3}]}', words=""),
        *look(3, "ssh uh-01 -- hostname", "ssh", state="ok", exit=0, out="uh-01\n", words=""),
    ]
    found = _evidence(events)
    assert [e["answer"] for e in found][::2] == ["the platform API cannot be reached", "uh-01\n"]
    text = packet.markdown({**BODY, "evidence": found})
    assert "`curl x` (not sent)\n\n~~~~\nthe platform API cannot be reached\n" in text
    assert '`curl y` (result 0)\n\n~~~~\n"result": 0, "array": 1 in all\nid\n3\n' in text
    assert "`ssh uh-01 -- hostname` (exit 0)" in text
    assert "- Element: node101, end-user container 101 on uh-01, environment shop, number 7 in the platform\n" in text
