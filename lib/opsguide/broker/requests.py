"""The request to Jelastic Operations: evidence, wanted change, acceptance test; left in the run's record."""

from __future__ import annotations

import json
from typing import Any

from opsguide.broker.targets import Grounds
from opsguide.guide.decision import Decision
from opsguide.guide.kinds import SUPPORT
from opsguide.record import durable, handoffs, journal
from opsguide.record.archive import RunFolder

QUESTIONS = (
    ("severity", "3 or 4 for a planned change; 1 or 2 only when production is hit"),
    ("impact", "what it means for customers, and whether downtime is acceptable"),
    ("window", "from, to, and time zone"),
    ("contact", "who is on duty and reachable, with a phone number for severity 1 and 2"),
    ("platform and region version", "as the admin panel shows them"),
    ("access", "what access you give, and to whom"),
    ("rollback", "what you wish to happen if it does not work"),
)
COMMON = ("element", "mode", "follows", "reason")


def write(folder: RunFolder, grounds: Grounds, cell: Decision, listed: list[dict[str, Any]]) -> str:
    """Write request.json and request.md into the record; the seal covers them. The number of the open hand-off."""
    body, intent = shape(folder, grounds, cell, listed), folder.intent
    named = {"platform": grounds.platform.name, "edition": intent["edition"]["digest"], "wanted": body["wanted"],
             "slug": intent["activity"]["slug"], "number": intent["activity"]["number"],
             "element": intent["element"]["name"], "parameters": body["parameters"]}  # fmt: skip
    number = handoffs.ask(folder.root, named, folder.run, body["person"])
    body["handoff"] = number
    durable.write_file(folder.path / "request.json", durable.json_file(body))
    durable.write_file(folder.path / "request.md", _markdown(body).encode("utf-8", "backslashreplace"))
    return number


def shape(folder: RunFolder, grounds: Grounds, cell: Decision, listed: list[dict[str, Any]]) -> dict[str, Any]:
    """The request as data."""
    intent, events = folder.intent, journal.read(folder.path)
    sends = {e["command"]: e for e in events if e["type"] == "send" and e["verb"] == "look"}
    answers = [e for e in events if e["type"] == "answer" and e["command"] in sends]
    evidence = [
        {
            "command": sends[a["command"]]["line"],
            "state": a["state"],
            "exit": a["exit"],
            "answer": a["out"],
            "whole": a.get("out_file") or "",
        }
        for a in answers
    ]
    wanted = [e for e in listed if e["verb"] in ("change", "edit")]
    return {
        "version": 1,
        "run": folder.run,
        "to": SUPPORT,
        "activity": intent["activity"]["title"],
        "cell": cell.words,
        "platform": grounds.platform.name,
        "domain": grounds.platform.domain,
        "element": intent["element"],
        "reason": intent["reason"],
        "person": intent["person"]["name"],
        "parameters": {k: v for k, v in intent["parameters"].items() if v not in ("", [], None)},
        "judged": [{k: e[k] for k in ("words", "met", "inputs")} for e in events if e["type"] == "require"],
        "evidence": evidence,
        "wanted": [{"what": e["words"] or e["line"], "line": e["line"], "diff": e.get("diff", "")} for e in wanted],
        "acceptance": [
            {"check": e["line"] or f"{e['words']} on {e['on']}", "expect": e["expect_words"], "ask": e.get("ask")}
            for e in listed
            if e["verb"] == "prove"
        ],
        "to_fill_in": [{"field": f, "help": h} for f, h in QUESTIONS if not intent["parameters"].get(f)],
    }


def _markdown(body: dict[str, Any]) -> str:
    element = body["element"]
    lines = [f"# Request to {body['to']}: {body['activity']} on {element['name']}", ""]
    facts = [
        ("Platform", f"{body['platform']} ({body['domain']})"),
        ("Element", json.dumps(element)),
        ("Table", body["cell"]),
        ("Reason", body["reason"]),
        ("Asked by", body["person"]),
        ("Run", body["run"]),
        ("Hand-off", body.get("handoff", "")),
    ]
    lines += [f"- {name}: {value}" for name, value in facts] + ["", "## Please fill in", ""]
    lines += [f"- {q['field']} ({q['help']}):" for q in body["to_fill_in"]] + ["", "## Wanted change", ""]
    lines += [f"- {name}: {_said(value)}" for name, value in body["parameters"].items() if name not in COMMON]
    for item in body["wanted"]:
        lines += _wanted(item)
    lines += ["", "## Acceptance test", ""]
    tests = [f"- {_code(a['check'])}: {a['expect']}" for a in body["acceptance"]]
    lines += tests or ["- the evidence below, taken again"]
    if body["judged"]:
        lines += ["", "## Judged by the runbook", ""]
        lines += [f"- {'yes' if j['met'] else 'NO'}: {j['words']}" for j in body["judged"]]
    lines += ["", "## Evidence (read only, secrets hidden)", ""]
    for item in body["evidence"]:
        lines += [f"{_code(item['command'])} (exit {item['exit']})", *_fenced(item["answer"])]
    return "\n".join(lines) + "\n"


def _code(line: str) -> str:
    """A line as Markdown shows it to the letter, also one that has backticks of its own."""
    return f"`` {line} ``" if "`" in line else f"`{line}`"


def _wanted(item: dict[str, Any]) -> list[str]:
    """One change: its line and what is said of it, or the file and its difference."""
    line = f"- {_code(item['line'])}" if item["line"] else f"- {item['what']}"
    said = f"; {item['what']}" if item["line"] and item["what"] != item["line"] else ""
    return [line + said, *_fenced(item["diff"])]


def _said(value: Any) -> str:
    """A value of one line as it is, of several as an indented block, a list with commas."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value).strip("\n")
    return text if "\n" not in text else "\n\n" + "\n".join(f"      {line}" for line in text.split("\n")) + "\n"


def _fenced(text: str) -> list[str]:
    if not text:
        return []
    longest = max((len(run) for run in text.replace("\n", " ").split() if set(run) == {"~"}), default=0)
    fence = "~" * max(4, longest + 1)
    return ["", fence, text.rstrip("\n"), fence, ""]
