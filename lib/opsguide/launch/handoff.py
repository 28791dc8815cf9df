"""`opsguide handoff`: what lies with Jelastic Operations, from the request to the acceptance test."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from opsguide.errors import FailedError, InputError, TamperedError
from opsguide.guide.editions import NOTES
from opsguide.launch import accepting, sending, standing
from opsguide.launch import given as giving
from opsguide.launch.columns import aligned
from opsguide.launch.complete import elements, numbers, questions, regions
from opsguide.launch.setting import (
    Group,
    Setting,
    account,
    json_option,
    pass_setting,
    print_error,
    print_json,
    print_lines,
    worded,
)
from opsguide.record import handoffs, packet
from opsguide.record.verify import request_of

SEVERITY = click.Choice(tuple(map(str, packet.SEVERITIES)))
TO_FILE = "Leave Markdown and JSON in DIR, or in the platform file's folder, for the support portal."
ANSWER = "Answer an open question of the request: impact, window, contact …"


@click.group("handoff", cls=Group)
def handoff_command() -> None:
    """What was asked of Jelastic Operations: list, show, send, confirm, withdraw."""


@handoff_command.command("list")
@click.option("--state", type=click.Choice(handoffs.STATES), help="Only those in this state.")
@click.option("--on", metavar="ELEMENT", shell_complete=elements, help="Only those of this element.")
@click.option("--severity", type=SEVERITY, help="Only those of this severity.")
@click.option("--region", metavar="NAME", shell_complete=regions, help="Only those of this region.")
@json_option
@pass_setting
@click.pass_context
def list_command(
    context: click.Context, setting: Setting, state: str | None, on: str | None, severity: str | None,
    region: str | None, as_json: bool,
) -> None:  # fmt: skip
    """All hand-offs, those that are not over first. Exit 8 when one was changed: it is named, the others shown."""
    found = [_told(path) for path in handoffs.folders(setting.records())]
    told = [t for t in found if isinstance(t, dict)]
    wanted = {"state": state, "element": on, "severity": severity, "region": region}
    told = [t for t in told if all(value in (None, str(t[key])) for key, value in wanted.items())]
    told.sort(key=lambda t: (t["state"] in handoffs.OVER, t["at"]))
    changed = [t for t in found if isinstance(t, TamperedError)]
    for error in changed:
        print_error(error)
    print_json(told) if as_json else print_lines(standing.listed(told))
    context.exit(TamperedError.exit_code if changed else 0)


def _told(path: Path) -> dict[str, Any] | TamperedError:
    try:
        return handoffs.tell(path)
    except TamperedError as error:
        return error


@handoff_command.command("show")
@click.argument("number", shell_complete=numbers)
@json_option
@pass_setting
def show_command(setting: Setting, number: str, as_json: bool) -> None:
    """The request as the support reads it, what has happened so far, and the next step."""
    told = handoffs.tell(handoffs.find(setting.records(), number))
    folder = request_of(setting.records(), told)
    body = packet.whole(json.loads((folder / "request.json").read_bytes()), told)
    if as_json:
        return print_json({**told, "request": body})
    then = f"next: {standing.next_step(told) or 'nothing'}"
    print_lines([*packet.markdown(body).split("\n"), "## So far", "", *standing.so_far(told), then])
    return None


@handoff_command.command("send")
@click.argument("number", shell_complete=numbers)
@click.option("--to-file", "place", metavar="[DIR]", is_flag=False, flag_value="", help=TO_FILE)
@click.option("--severity", type=SEVERITY, help="1 production is down … 4 next to nothing; 3 is for a planned change.")
@click.option("-p", "words", metavar="NAME=TEXT", multiple=True, shell_complete=questions, help=ANSWER)
@click.option("--again", is_flag=True, help="Although it was sent.")
@click.option("--found", type=click.Choice(("arrived", "not-arrived")), help="What you found; sends nothing.")
@click.option("--why", default="", metavar="TEXT", help="How you know; goes with --found.")
@json_option
@pass_setting
def send_command(
    setting: Setting, number: str, place: str | None, severity: str | None, words: tuple[str, ...], again: bool,
    found: str | None, why: str, as_json: bool,
) -> None:  # fmt: skip
    """Send the request to Jelastic Support: by mail where the platform file names a server, else as files.

    What was sent once is sent again only with --again. Where nobody knows whether it arrived, nothing is sent until you
    say with --found what you found; it is believed, and recorded under your name.
    """
    path = handoffs.find(setting.records(), number)
    with handoffs.deed(path):
        told = handoffs.tell(path)
        if found or why:
            done = _settled(setting, path, told, found, why)
        else:
            done = _sent(setting, path, told, place, severity, words, again)
    told = handoffs.tell(path)
    print_json(told) if as_json else print_lines([*done, f"next: {standing.next_step(told)}"])


def _sent(
    setting: Setting, path: Path, told: dict[str, Any], place: str | None, severity: str | None,
    words: tuple[str, ...], again: bool,
) -> list[str]:  # fmt: skip
    if told["state"] in handoffs.UNSETTLED:
        raise InputError(f"nobody knows whether {path.name} arrived", next=sending.unknown(told))
    if told["state"] in handoffs.OVER or (told["state"] == "sent" and not again):
        raise InputError(f"{path.name} is {told['state']}", next="--again sends it once more, where it is not over")
    folder = request_of(setting.records(), told)
    body = json.loads((folder / "request.json").read_bytes())
    if body["platform"] != setting.platform().name:
        hint = f"opsguide handoff send {path.name} --platform {body['platform']}"
        raise InputError(f"{path.name} is a request of the platform {body['platform']}", next=hint)
    answers, fields = giving.pairs(words), [q["field"] for q in body["to_fill_in"]]
    if wrong := next((name for name in answers if name not in fields), ""):
        raise InputError(
            f"{wrong} is no open question of this request", next=f"open are: {', '.join(fields) or 'none'}"
        )
    said = {name: word.partition("=")[2] for name, word in zip(answers, words, strict=True)}
    platform = setting.platform()
    where = sending.folder(platform.support, platform.file, place)
    done = sending.send(setting, path, body, where, {"severity": int(severity or 0), "answers": said})
    level = handoffs.tell(path)["severity"]
    return [f"SENT  {done}", f"severity {level}: {packet.SEVERITIES[level]}; another one: --again --severity"]


def _settled(setting: Setting, path: Path, told: dict[str, Any], found: str | None, why: str) -> list[str]:
    if not found or not why.strip():
        raise InputError("--found and --why go together", next="say what you found, and how you know")
    if told["state"] not in handoffs.UNSETTLED:
        then = standing.next_step(told) or f"opsguide handoff show {path.name}"
        raise InputError(f"{path.name} is {told['state']}; nothing is unknown of it", next=then)
    words = f"{found}: {sending.redactor(setting.platform()).text(why)}"
    kind = "sent" if found == "arrived" else "not-sent"
    handoffs.append(path, kind, how="found", person=account(), run=told["runs"][-1], words=words)
    return [f"{kind.upper()}  {words}"]


@handoff_command.command("confirm")
@click.argument("number", shell_complete=numbers)
@click.option("--ticket", required=True, callback=worded, help="Their ticket.")
@click.option("--what", default="", help="What they say that they did, or confirm.")
@click.option("--by", default="", help="Who of theirs says so; needed for maintenance that the table does not list.")
@click.option("--when", default="", help="When they said so, in their words; without it: now.")
@click.option("--hold-all", is_flag=True, help="Hold also what must hold for longer than a minute.")
@json_option
@pass_setting
@click.pass_context
def confirm_command(
    context: click.Context, setting: Setting, number: str, ticket: str, what: str, by: str, when: str, hold_all: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Ask the acceptance test of a hand-off, compare before and after, and close it or open it again.

    Of maintenance that the table does not list it keeps their confirmation, if the element still is what they judged;
    that opens nothing here.

    Only looks are sent. Exit 0 when all that was asked is met, 1 when something is not: then it stays open. A check
    that cannot be asked by itself is listed as NOT ASKED: look yourself. What must hold for a time is asked through it;
    for longer than a minute only with --hold-all, else it is listed as ASKED ONCE: confirm when that time is over.
    """
    path = handoffs.find(setting.records(), number)
    with handoffs.deed(path):
        theirs = {"ticket": ticket, "what": what, "by": by, "when": when}
        done = _confirmed(setting, path, theirs, hold_all, sys.stderr if as_json else sys.stdout)
    if as_json:
        print_json({**handoffs.tell(path), "acceptance": done})
    else:
        rows = [("NOT ASKED, look yourself", check) for check in done["not_asked"]]
        rows += [("ASKED ONCE", check) for check in done["asked_once"]]
        said = [f"{done['state'].upper()}  {done['words']}", f"record: {done['record']}"]
        then = f"next: {standing.next_step(handoffs.tell(path)) or 'nothing'}"
        print_lines([*accepting.differences(done["compared"]), *aligned(rows), *said, then])
    context.exit(int(done["exit"]))


def _confirmed(setting: Setting, path: Path, theirs: dict[str, str], hold_all: bool, out: Any) -> dict[str, Any]:
    told = handoffs.tell(path)
    if told["state"] != "sent":
        then = standing.next_step(told) or f"opsguide handoff show {path.name}"
        raise InputError(f"{path.name} is {told['state']}", next=then)
    if told["slug"] == NOTES[0].slug and not (theirs["by"].strip() and theirs["what"].strip()):
        words = "a confirmation names who of theirs confirms, and what"
        raise InputError(words, where=path.name, next='--by "their name" --what "their words"')
    done = accepting.accepted(setting, path, told, hold_all, out)
    if done["exit"] not in (0, 1):
        words = f"the acceptance test was not carried out: {done['words']}"
        raise FailedError(words, where=path.name, next=f"it is still with them; {standing.next_step(told)}")
    state = "failed" if done["exit"] else "confirmed"
    person, hide = done.pop("person"), sending.redactor(setting.platform()).text
    said = {name: hide(text) for name, text in theirs.items() if text or name in ("ticket", "what")}
    said |= {"words": done["words"]}
    said |= {key: done[key] for key in ("compared", "not_asked", "asked_once")}
    handoffs.append(path, state, person=person, run=done["run"], **said)
    return {**done, "state": state}


@handoff_command.command("withdraw")
@click.argument("number", shell_complete=numbers)
@click.option("--why", required=True, callback=worded, help="Why it is no longer wanted; tell Jelastic Support, too.")
@json_option
@pass_setting
def withdraw_command(setting: Setting, number: str, why: str, as_json: bool) -> None:
    """Close a hand-off that is not wanted any more: nothing is asked and nothing is sent."""
    path = handoffs.find(setting.records(), number)
    with handoffs.deed(path):
        told = handoffs.tell(path)
        if told["state"] in handoffs.OVER:
            raise InputError(f"{path.name} is {told['state']}", next=f"opsguide handoff show {path.name}")
        words = sending.redactor(setting.platform()).text(why)
        handoffs.append(path, "withdrawn", person=account(), run=told["runs"][-1], words=words)
    print_json(handoffs.tell(path)) if as_json else print_lines([f"WITHDRAWN  {path.name}: {words}"])
