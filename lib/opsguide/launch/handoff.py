"""`opsguide handoff`: what lies with Jelastic Operations, from the request to the acceptance test."""

from __future__ import annotations

import getpass
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from opsguide.errors import FailedError, InputError
from opsguide.guide.editions import NOTES
from opsguide.launch import prove
from opsguide.launch.columns import aligned
from opsguide.launch.setting import Group, Setting, json_option, pass_setting, print_json
from opsguide.record import durable, handoffs, journal
from opsguide.record.archive import Archive
from opsguide.record.redaction import Redactor

NEXT = {"open": "opsguide handoff send {0}", "reopened": "opsguide handoff send {0} --again",
        "sent": "when they say it is done: opsguide handoff confirm {0} --ticket …"}  # fmt: skip
NEXT_OF_NOTE = NEXT | {
    "sent": "wait; when they confirm: opsguide handoff confirm {0} --ticket … --by … --what …",
    "confirmed": "do by hand what was confirmed, and nothing else, in its window",
}


def _next(told: dict[str, Any]) -> str:
    """The next step; empty where nothing is left to do."""
    steps = NEXT_OF_NOTE if told["slug"] == NOTES[0].slug else NEXT
    return steps.get(told["state"], "").format(told["handoff"])


@click.group("handoff", cls=Group)
def handoff_command() -> None:
    """What was asked of Jelastic Operations: list, show, send, confirm, withdraw."""


def numbers(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The numbers that a shell offers."""
    return [p.name for p in handoffs.folders(context.ensure_object(Setting).records()) if p.name.startswith(incomplete)]


@handoff_command.command("list")
@click.option("--state", help="Only those in this state: open, sent, reopened, confirmed, withdrawn.")
@click.option("--on", metavar="ELEMENT", help="Only those of this element.")
@json_option
@pass_setting
def list_command(setting: Setting, state: str | None, on: str | None, as_json: bool) -> None:
    """All hand-offs, those that are not over first."""
    told = [handoffs.tell(path) for path in handoffs.folders(setting.records())]
    told = [t for t in told if state in (None, t["state"]) and on in (None, t["element"])]
    told.sort(key=lambda t: (t["state"] in handoffs.OVER, t["at"]))
    if as_json:
        return print_json(told)
    rows: list[tuple[object, ...]] = [
        ("hand-off", "state", "age", "in whose court", "with the vendor", "element", "activity")
    ]
    rows += [(t["handoff"], t["state"], _age(t["at"]), t["court"], _words(t["vendor_seconds"]), t["element"], t["slug"])
             for t in told]  # fmt: skip
    click.echo("\n".join(aligned(rows)) if told else "no hand-off")
    return None


def _age(at: str) -> str:
    return _words((datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds())


def _words(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:.1f} d" if hours >= 48 else f"{hours:.1f} h" if hours >= 1 else f"{seconds / 60:.0f} min"


def request_of(setting: Setting, told: dict[str, Any]) -> Path:
    """The newest run of a hand-off; InputError where its record is gone, TamperedError where it was changed."""
    from opsguide.errors import TamperedError
    from opsguide.record.verify import verify

    bad = next(
        (f for one in (told["handoff"], told["runs"][-1]) for f in verify(setting.records(), one) if f.bad), None
    )
    if bad:
        raise TamperedError(f"{bad.first_bad}: {bad.words}", where=bad.run, next="opsguide verify --all")
    return Archive(setting.records()).find(told["runs"][-1]).path


@handoff_command.command("show")
@click.argument("number", shell_complete=numbers)
@json_option
@pass_setting
def show_command(setting: Setting, number: str, as_json: bool) -> None:
    """The request as the support reads it, what has happened so far, and the next step."""
    told = handoffs.tell(handoffs.find(setting.records(), number))
    folder = request_of(setting, told)
    if as_json:
        return print_json({**told, "request": json.loads((folder / "request.json").read_bytes())})
    said = [_event(event) for event in told["events"]]
    then = _next(told) or "nothing"
    with_vendor = f"with the vendor: {_words(told['vendor_seconds'])}"
    click.echo(
        "\n".join([(folder / "request.md").read_text("utf-8"), "## So far", "", *said, with_vendor, f"next: {then}"])
    )
    return None


def _event(event: dict[str, Any]) -> str:
    theirs = [f"{name}: {event[name]}" for name in ("ticket", "by", "when", "what") if event.get(name)]
    what = "; ".join([event.get("words") or event.get("run", ""), *theirs])
    return f"{event['at']}  {event['type']}  {event.get('person', '')}  {what}"


@handoff_command.command("send")
@click.argument("number", shell_complete=numbers)
@click.option("--to-file", "place", metavar="DIR", type=click.Path(path_type=Path), required=True,
              help="Leave Markdown and JSON here, for the support portal.")  # fmt: skip
@click.option("--again", is_flag=True, help="Although it was sent.")
@json_option
@pass_setting
def send_command(setting: Setting, number: str, place: Path, again: bool, as_json: bool) -> None:
    """Leave the request as files for Jelastic Support; what was sent once is sent again only with --again."""
    path = handoffs.find(setting.records(), number)
    told = handoffs.tell(path)
    if told["state"] in handoffs.OVER or (told["state"] == "sent" and not again):
        raise InputError(f"{path.name} is {told['state']}", next="--again sends it once more, where it is not over")
    folder = request_of(setting, told)
    files = [place / f"{path.name}.{end}" for end in ("md", "json")]
    with durable.storing(place):
        place.mkdir(parents=True, exist_ok=True)
    for file, name in zip(files, ("request.md", "request.json"), strict=True):
        durable.write_file(file, (folder / name).read_bytes())
    words = f"left as {files[0]} and {files[1].name}"
    handoffs.append(path, "sent", how="file", person=getpass.getuser(), run=folder.name, words=words)
    print_json(handoffs.tell(path)) if as_json else click.echo(f"SENT  {words}\nnext: {_next(handoffs.tell(path))}")


@handoff_command.command("confirm")
@click.argument("number", shell_complete=numbers)
@click.option("--ticket", required=True, help="Their ticket.")
@click.option("--what", default="", help="What they say that they did, or confirm.")
@click.option("--by", default="", help="Who of theirs says so; needed for maintenance that the table does not list.")
@click.option("--when", default="", help="When they said so, in their words; without it: now.")
@json_option
@pass_setting
@click.pass_context
def confirm_command(
    context: click.Context, setting: Setting, number: str, ticket: str, what: str, by: str, when: str, as_json: bool
) -> None:
    """Ask the acceptance test of a hand-off, compare before and after, and close it or open it again.

    Of maintenance that the table does not list it keeps their confirmation, if the element still is what they judged;
    that opens nothing here.

    Only looks are sent. Exit 0 when all that was asked is met, 1 when something is not: then it stays open. A check
    that cannot be asked by itself is listed as NOT ASKED: look yourself.
    """
    path = handoffs.find(setting.records(), number)
    told = handoffs.tell(path)
    if told["state"] != "sent":
        raise InputError(f"{path.name} is {told['state']}", next=_next(told))
    if told["slug"] == NOTES[0].slug and not (by.strip() and what.strip()):
        words = "a confirmation names who of theirs confirms, and what"
        raise InputError(words, where=path.name, next='--by "their name" --what "their words"')
    done = _accepted(setting, path, told, sys.stderr if as_json else sys.stdout)
    if done["exit"] not in (0, 1):
        words = f"the acceptance test was not carried out: {done['words']}"
        raise FailedError(words, where=path.name, next=f"it is still with them; {_next(told)}")
    state = "failed" if done["exit"] else "confirmed"
    person, hide = done.pop("person"), Redactor(_secrets(setting)).text
    said = {"ticket": hide(ticket), "what": hide(what), "words": done["words"]}
    said |= {name: hide(value) for name, value in (("by", by), ("when", when)) if value}
    said |= {key: done[key] for key in ("compared", "not_asked")}
    handoffs.append(path, state, person=person, run=done["run"], **said)
    if as_json:
        print_json({**handoffs.tell(path), "acceptance": done})
    else:
        rows = [("same" if c["same"] else "DIFFERS", c["command"]) for c in done["compared"]]
        rows += [("NOT ASKED, look yourself", check) for check in done["not_asked"]]
        then = f"next: {_next(handoffs.tell(path)) or 'nothing'}"
        click.echo("\n".join([*aligned(rows), f"{state.upper()}  {done['words']}", f"record: {done['record']}", then]))
    context.exit(int(done["exit"]))


@handoff_command.command("withdraw")
@click.argument("number", shell_complete=numbers)
@click.option("--why", required=True, help="Why it is not wanted any more; tell Jelastic Support, too.")
@json_option
@pass_setting
def withdraw_command(setting: Setting, number: str, why: str, as_json: bool) -> None:
    """Close a hand-off that is not wanted any more: nothing is asked and nothing is sent."""
    path = handoffs.find(setting.records(), number)
    told = handoffs.tell(path)
    if told["state"] in handoffs.OVER:
        raise InputError(f"{path.name} is {told['state']}", next=f"opsguide handoff show {path.name}")
    words = Redactor(_secrets(setting)).text(why)
    handoffs.append(path, "withdrawn", person=getpass.getuser(), run=told["runs"][-1], words=words)
    print_json(handoffs.tell(path)) if as_json else click.echo(f"WITHDRAWN  {path.name}: {words}")


def _secrets(setting: Setting) -> dict[str, str]:
    from opsguide.reach import secrets as references

    api = setting.platform().api
    return {"platform API token": references.resolve(api.token)} if api else {}


def _accepted(setting: Setting, path: Path, told: dict[str, Any], out: Any) -> dict[str, Any]:
    """Run the acceptance test: proves of the newest request as looks, then its evidence once more."""
    folder, slug = request_of(setting, told), told["slug"]
    intent, request = (json.loads((folder / n).read_bytes()) for n in ("intent.json", "request.json"))
    before = journal.read(folder)
    tests = [a["ask"] | {"acceptance": True} for a in request["acceptance"] if a.get("ask")]
    if not tests:
        raise InputError("the request has no acceptance test that can be asked", where=folder.name)
    sent = [e for e in before if e["type"] == "send" and e["verb"] == "look"]
    looks = [prove.look(slug, e) | {"expect": None} for e in sent
             if prove.entry_of(slug, e["template"], e["kind_of"] == "api")]  # fmt: skip
    why = f"acceptance test of hand-off {path.name}"

    def say(lines: list[str]) -> None:
        print("\n".join(lines), file=out, flush=True)

    outcome = prove.looked(setting, intent, [*tests, *looks], say, why, "opsguide handoff confirm", confirms=path.name)
    record = Path(outcome.record)
    return {"run": outcome.run, "exit": outcome.exit, "words": outcome.words, "record": outcome.record,
            "person": json.loads((record / "intent.json").read_bytes())["person"]["name"],
            "compared": _compared(before, journal.read(record)),
            "not_asked": [a["check"] for a in request["acceptance"] if not a.get("ask")]}  # fmt: skip


def _compared(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each command of the evidence: its answer before and after; one that was asked twice counts with its last."""
    old, new = _answers(before), _answers(after)
    return [{"command": line, "same": old[line] == new[line], "before": old[line], "after": new[line]}
            for line in old if line in new]  # fmt: skip


def _answers(events: list[dict[str, Any]]) -> dict[str, str]:
    sent = {e["command"]: e["line"] for e in events if e["type"] == "send" and e["verb"] == "look"}
    return {sent[e["command"]]: e["out"] for e in events if e["type"] == "answer" and e["command"] in sent}
