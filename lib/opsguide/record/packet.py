"""What Jelastic Support gets: the request of a run, with what the hand-off says beyond it, as data and as Markdown.

- Severity is chosen by whoever asks. Where nobody has chosen it is 3, for a planned change (a default of opsguide's).
- Answers that the hand-off has stand in the packet, and what is still open stands there as open.
- No character acts: what does not print is shown, so no value of a run can pass for a line, a header or a control code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsguide import harmless
from opsguide.harmless import one_line
from opsguide.record import facts, tables

SEVERITIES = {
    1: "production is down; an answer within 2 h, your staff stays reachable",
    2: "serious and no way around it; an answer within 6 h",
    3: "minor, or there is a way around it; an answer within 12 h",
    4: "next to nothing; no time is promised",
}
PLANNED = 3
COMMON = ("element", "mode", "follows", "reason", "severity")


def severity(said: Any) -> int:
    """1 to 4 as somebody chose it; 0 where nobody did."""
    return int(said) if str(said) in map(str, SEVERITIES) else 0


def whole(body: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """The request of a run with severity and answers of its hand-off."""
    answers = told["answers"]
    still = [q for q in body["to_fill_in"] if q["field"] not in answers]
    return {**body, "severity": told["severity"], "answers": answers, "to_fill_in": still}


def markdown(body: dict[str, Any]) -> str:
    """The request as text; the same data gives the same text."""
    element = body["element"]
    lines = [f"# Request to {body['to']}: {body['activity']} on {element['name']}", ""]
    said = [
        ("Severity", f"{body['severity']}, {SEVERITIES[body['severity']]}"),
        ("Platform", f"{body['platform']} ({body['domain']})"),
        ("Region", body.get("region") or "not named"),
        ("Element", _element(element)),
        ("Table", body["cell"]),
        ("Reason", body["reason"]),
        ("Asked by", body["person"]),
        ("Run", body["run"]),
        ("Hand-off", body.get("handoff", "")),
    ]
    lines += [f"- {name}: {_said(value)}" for name, value in [*said, *body.get("answers", {}).items()]]
    if body["to_fill_in"]:
        lines += ["", "## Not answered yet", ""]
        lines += [f"- {q['field']} ({q['help']}):" for q in body["to_fill_in"]]
    lines += ["", "## Wanted change", ""]
    lines += [f"- {name}: {_said(value)}" for name, value in body["parameters"].items() if name not in COMMON]
    for item in body["wanted"]:
        lines += _wanted(item)
    lines += ["", "## Acceptance test", ""]
    lines += [f"- {_code(a['check'])}: {one_line(a['expect'])}" for a in body["acceptance"]] or [
        "- the evidence below, taken again"
    ]
    if body["judged"]:
        lines += ["", "## Judged by the runbook", ""]
        lines += [line for j in body["judged"] for line in _judged(j)]
    lines += ["", "## Evidence (read only, secrets hidden)", ""]
    for item in body["evidence"]:
        word, answer = ("result", tables.laid_out(item["answer"])) if item.get("api") else ("exit", item["answer"])
        state = one_line(item["state"]).replace("not-run", "not sent")
        ended = state if item["exit"] is None else f"{word} {item['exit']}"
        lines += [f"{_code(item['command'])} ({ended})", *_fenced(answer)]
    return harmless.lines("\n".join(lines) + "\n")


def _element(element: Mapping[str, Any]) -> str:
    """`node101, end-user container 101 on uh-01, environment shop, number 1001 in the platform`."""
    number = element.get("node")
    return facts.where(element) + (f", number {one_line(number)} in the platform" if number else "")


def _code(line: str) -> str:
    """A line as Markdown shows it to the letter, also one that has backticks of its own."""
    text = one_line(line)
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _judged(item: dict[str, Any]) -> list[str]:
    """What held; what did not, with what it was judged on, a line each."""
    inputs = [] if item["met"] else [f"  - {one_line(k)}: {one_line(v)}" for k, v in item["inputs"].items()]
    return [f"- {'yes' if item['met'] else 'NO'}: {one_line(item['words'])}", *inputs]


def _wanted(item: dict[str, Any]) -> list[str]:
    """One change: its line and what is said of it, or the file and its difference."""
    sent, what = one_line(item["line"]), one_line(item["what"])
    line = f"- {_code(sent)}" if sent else f"- {what}"
    said = f"; {what}" if sent and what != sent else ""
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
