"""`opsguide custom`: the register of custom settings (the guide's note 2): list it, check it on all elements.

- `list` asks nothing of any element. `check` is a run on each element that has settings, with a record of its own; one
  element that drifted or cannot be asked does not keep the others from being checked.
- An element that the inventory no longer has cannot be asked: `retire` takes its settings out.
- All else, to register, to agree again and to retire, is `opsguide run custom-configuration`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from opsguide.errors import InputError, InterruptedRunError, OpsguideError
from opsguide.guide import custom
from opsguide.launch import prove, sending
from opsguide.launch.columns import aligned
from opsguide.launch.complete import elements
from opsguide.launch.setting import (
    Group,
    Setting,
    account,
    json_option,
    pass_setting,
    print_error,
    print_json,
    print_lines,
    saying,
    worded,
)
from opsguide.record import register
from opsguide.record.journal import read

LOOK = {"what": {"register": True}, "expect": {"name": "as_agreed", "args": []}}
on_option = click.option("--on", metavar="ELEMENT", shell_complete=elements, help="Only this element.")


@click.group("custom", cls=Group)
def custom_command() -> None:
    """The register of custom settings: list, check, retire what has gone."""


@custom_command.command("list")
@on_option
@click.option("--state", type=click.Choice(["agreed", "drifted", "retired"]), help="Only those in this state.")
@json_option
@pass_setting
def list_command(setting: Setting, on: str | None, state: str | None, as_json: bool) -> None:
    """What is agreed: the file, its ticket, who agreed, and how the last check found it."""
    found = [s for s in _settings(setting, on) if state in (None, s.state)]
    if as_json:
        return print_json([_fields(one) for one in found])
    rows: list[tuple[object, ...]] = [("element", "path", "state", "ticket", "agreed with", "since", "drift")]
    rows += [(s.element, s.path, s.state, s.agreed["ticket"], s.agreed["agreed_with"], s.agreed["at"][:10], s.drift)
             for s in found]  # fmt: skip
    print_lines(aligned(rows) if found else ["no custom setting"])
    return None


def _settings(setting: Setting, on: str | None) -> list[register.Setting]:
    """The settings of the platform, or of one element; InputError for one that neither it nor the register has."""
    platform = setting.platform()
    found = register.settings(setting.records(), platform.name, on or "")
    if on and not found:
        platform.element(on)
    return found


def _fields(one: register.Setting) -> dict[str, Any]:
    kept = ("ticket", "agreed_with", "purpose", "person", "run", *register.AS_READ)
    return {"name": one.name, "element": one.element, "path": one.path, "state": one.state, "drift": one.drift,
            "at": one.agreed["at"], **{key: one.agreed[key] for key in kept}, "events": one.events}  # fmt: skip


@custom_command.command("check")
@on_option
@json_option
@pass_setting
@click.pass_context
def check_command(context: click.Context, setting: Setting, on: str | None, as_json: bool) -> None:
    """Read every registered file again, on all elements or one, and say what is not as agreed.

    Only looks are sent. Exit 0 when all is as agreed, 1 when something is not or an element cannot be asked.
    """
    known = [s for s in _settings(setting, on) if s.state != "retired"]
    if not known:
        raise InputError("no custom setting to check", next="opsguide run custom-configuration -p action=register …")
    out = sys.stderr if as_json else sys.stdout
    done = {name: _checked(setting, name, out) for name in dict.fromkeys(s.element for s in known)}
    told = [_verdict(one, done[one.element]) for one in known]
    if as_json:
        print_json({"runs": list(done.values()), "settings": told})
    else:
        print_lines(["", *aligned([tuple(t.values()) for t in told])])
    context.exit(max(int(d["exit"]) for d in done.values()))


def _verdict(one: register.Setting, run: dict[str, Any]) -> dict[str, str]:
    """What the run says of a setting: `OK`, `DRIFT`, or `NOT CHECKED` with what ended the run."""
    events = read(Path(run["record"])) if run.get("record") else []
    drift = next((e["drift"] for e in events if e["type"] == "note" and e.get("setting") == one.path), None)
    verdict = "NOT CHECKED" if drift is None else "DRIFT" if drift else "OK"
    return {"verdict": verdict, "element": one.element, "path": one.path,
            "words": run["words"] if drift is None else drift}  # fmt: skip


@custom_command.command("retire")
@click.argument("element")
@click.option("--ticket", required=True, callback=worded, help="The ticket in which the element went.")
@json_option
@pass_setting
def retire_command(setting: Setting, element: str, ticket: str, as_json: bool) -> None:
    """Retire all settings of an ELEMENT that the inventory no longer has; nothing is asked and nothing is sent.

    A setting of an element that is there: opsguide run custom-configuration -p action=retire …
    """
    platform = setting.platform()
    if element in platform.elements:
        then = f"opsguide run custom-configuration --on {element} -p action={custom.RETIRE} -p path=… -p ticket=…"
        raise InputError(f"{element} is in the inventory", next=then)
    found = [s for s in _settings(setting, element) if s.state != "retired"]
    words = sending.redactor(platform).text(ticket)
    for one in found:
        register.add(setting.records(), one, "retired", ticket=words, person=account(), run="")
    after = _settings(setting, element)
    print_json([_fields(one) for one in after]) if as_json else print_lines([f"RETIRED  {len(found)} of {element}"])


def _checked(setting: Setting, element: str, out: Any) -> dict[str, Any]:
    """The check of one element, in a run of its own; what kept it from beginning is told as its end."""
    intent = {"activity": {"slug": custom.SLUG}, "parameters": {"element": element, "action": custom.CHECK}}

    try:
        outcome = prove.looked(setting, intent, [LOOK], saying(out), "check of the register", "opsguide custom check")
    except InterruptedRunError:
        raise  # who stops it means all of it
    except OpsguideError as error:
        print_error(error)
        return {"element": element, "state": "not-run", "exit": error.exit_code, "words": error.words}
    return {"element": element, **outcome.as_dict()}
