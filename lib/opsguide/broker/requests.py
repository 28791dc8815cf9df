"""The request to Jelastic Operations: evidence, wanted change, acceptance test; left in the run's record."""

from __future__ import annotations

from typing import Any

from opsguide.broker.commands import Commands
from opsguide.broker.grounds import Grounds
from opsguide.guide import editions, unlisted
from opsguide.guide.decision import Decision
from opsguide.guide.kinds import SUPPORT
from opsguide.record import durable, handoffs, journal, packet
from opsguide.record.archive import RunFolder

QUESTIONS = (
    ("impact", "what it means for customers, and whether downtime is acceptable"),
    ("window", "from, to, and time zone"),
    ("contact", "who is on duty and reachable, with a phone number for severity 1 and 2"),
    ("versions", "of platform and region, as the admin panel shows them"),
    ("access", "what access you give, and to whom"),
    ("rollback", "what you wish to happen if it does not work"),
)


def write(folder: RunFolder, grounds: Grounds, cell: Decision, listed: list[dict[str, Any]]) -> str:
    """Write request.json and request.md into the record; the seal covers them. The number of the open hand-off."""
    body, intent = shape(folder, grounds, cell, listed), folder.intent
    named = {"platform": grounds.platform.name, "edition": intent["edition"]["digest"], "wanted": body["wanted"],
             "slug": intent["activity"]["slug"], "number": intent["activity"]["number"],
             "element": intent["element"]["name"], "parameters": body["parameters"]}  # fmt: skip
    chosen = packet.severity(body["parameters"].get("severity"))
    said = {"person": body["person"], "region": body["region"], **({"severity": chosen} if chosen else {})}
    number = handoffs.ask(folder.root, named, folder.run, **said)
    body["handoff"] = number
    durable.write_file(folder.path / "request.json", durable.json_file(body))
    durable.write_file(folder.path / "request.md", packet.markdown(body).encode("utf-8", "backslashreplace"))
    return number


def judge_rows(commands: Commands, grounds: Grounds) -> None:
    """Of maintenance that no row lists: whether a row lists one of its commands after all. It blocks nothing."""
    if grounds.scope.activity != editions.NOTES[0].slug:
        return
    edition = editions.load(grounds.platform.edition, grounds.platform.file.parent)
    found = unlisted.listed(edition, grounds.kind, str(grounds.parameters["commands"]))
    told = {line: f"{row.runbook}, {edition.party(row.slug, grounds.kind)}" for line, row in found.items()}
    words = "no planned command is one of a row of the table"
    fields = {"step": "", "met": not told, "words": words, "inputs": told, "judged": "in the broker"}
    commands.show(commands.write("require", **fields))


def shape(folder: RunFolder, grounds: Grounds, cell: Decision, listed: list[dict[str, Any]]) -> dict[str, Any]:
    """The request as data."""
    intent, events = folder.intent, journal.read(folder.path)
    wanted = [e for e in listed if e["verb"] in ("change", "edit")]
    return {
        "version": 1,
        "run": folder.run,
        "to": SUPPORT,
        "activity": intent["activity"]["title"],
        "cell": cell.words,
        "platform": grounds.platform.name,
        "domain": grounds.platform.domain,
        "region": grounds.platform.region_of(grounds.element),
        "element": intent["element"],
        "severity": packet.severity(intent["parameters"].get("severity")) or packet.PLANNED,
        "reason": intent["reason"],
        "person": intent["person"]["name"],
        "parameters": {k: v for k, v in intent["parameters"].items() if v not in ("", [], None)},
        "judged": [{k: e[k] for k in ("words", "met", "inputs")} for e in events if e["type"] == "require"],
        "evidence": _evidence(events),
        "wanted": [{"what": e["words"] or e["line"], "line": e["line"], "diff": e.get("diff", "")} for e in wanted],
        "acceptance": [
            {"check": e["line"] or f"{e['words']} on {e['on']}", "expect": e["expect_words"], "ask": e.get("ask")}
            for e in listed
            if e["verb"] == "prove"
        ],
        "to_fill_in": [
            {"field": f, "help": h} for f, h in QUESTIONS if not _answered(grounds, intent["parameters"], f)
        ],
    }


def _evidence(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each look with what it answered, or why it was not sent; `whole` is the file of a long answer."""
    sent = {e["command"]: e for e in events if e["type"] == "send" and e["verb"] == "look"}
    return [
        {
            "command": sent[e["command"]]["line"],
            "state": e["state"],
            "exit": e["exit"],
            "answer": e.get("out", e.get("words", "")),
            "whole": e.get("out_file") or "",
            **({"api": True} if sent[e["command"]]["kind_of"] == "api" else {}),
        }
        for e in events
        if e["type"] == "answer" and e["command"] in sent
    ]


def _answered(grounds: Grounds, given: dict[str, Any], field: str) -> bool:
    """Whether a parameter answers a question: one of its name that begins empty; another has a meaning of its own."""
    known = grounds.scope.parameters.known.get(field)
    return known is not None and known.default == "" and bool(given.get(field))
