"""`opsguide prove`: what a run proved is asked again, and nothing is changed.

- Of the proves that were met, the last one of each command on each element is sent once more, as a look, with the same
  expectation: what was proved on the way and was changed after that is not asked.
- It is a plan run of its own, with its own record; the run's own cell of the table decides about it again.
- It stops at the first expectation that no longer holds, and has then failed.
- A run that proved nothing has nothing to prove again; that is said, and is no failure.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import click

from opsguide.errors import InterruptedRunError, OpsguideError
from opsguide.guide import entries, scopes
from opsguide.launch.complete import runs
from opsguide.launch.outcome import Outcome, find, of, sealed
from opsguide.launch.setting import (
    Command,
    Setting,
    json_option,
    pass_setting,
    print_error,
    print_json,
    print_lines,
    saying,
)
from opsguide.launch.verdict import verdict
from opsguide.record.archive import Archive
from opsguide.record.journal import INTENT, read

Say = Callable[[list[str]], None]


@click.command("prove", cls=Command)
@click.argument("run", shell_complete=runs)
@json_option
@pass_setting
@click.pass_context
def prove_command(context: click.Context, setting: Setting, run: str, as_json: bool) -> None:
    """Prove again what RUN (its id, its end, or `last`) proved: is what it changed still healthy? Nothing is changed.

    Exit 0 when everything still holds, 1 when something does not.
    """
    out = sys.stderr if as_json else sys.stdout
    outcome = again(setting, run, saying(out))
    if as_json:
        print_json(outcome.as_dict())
    else:
        print_lines(verdict(outcome) if outcome.run else [outcome.words])
    context.exit(outcome.exit)


def again(setting: Setting, run: str, say: Say) -> Outcome:
    """Ask what `run` proved; the outcome is that of the new record."""
    ref = Archive(setting.records()).find(run)
    intent = json.loads((ref.path / INTENT).read_bytes())
    asks = proofs(intent, read(ref.path))
    if not asks:
        return Outcome(None, "not-run", 0, f"{ref.run} proved nothing that could be asked again")
    why = f"proves again what {intent['run']} proved"
    own = {"batch": os.environ.get("OPSGUIDE_BATCH", ""), "again": ref.run}
    outcome = looked(setting, intent, asks, say, why, "opsguide prove", **own)
    words = f"{len(asks)} of {len(asks)} proves of {ref.run} hold; nothing was changed"
    return outcome if outcome.exit else replace(outcome, words=words, mode="prove")


def looked(
    setting: Setting, intent: dict[str, Any], asks: list[dict[str, Any]], say: Say, why: str, by: str, **own: str
) -> Outcome:
    """Ask looks in a run of their own, with the parameters of the run of `intent`.

    `why` is its reason, `by` the frontend that asks, `own` are more fields of begin.

    What refuses or fails it is on the screen and in its record; without a record, or when somebody stops it, the error
    travels on.
    """
    from opsguide.wire import Client

    launch, since = secrets.token_hex(16), datetime.now(UTC)
    parameters = {**intent["parameters"], "mode": "plan", "reason": why, "follows": ""}
    begin = {"do": "begin", "activity": intent["activity"]["slug"], "parameters": parameters, "launch": launch, **own}
    client = Client(setting.platform_file(), setting.records(), by)
    try:
        _ask(client.ask, begin, asks, say)
    except InterruptedRunError:
        raise
    except OpsguideError as error:
        if find(setting.records(), launch, since) is None:
            raise
        print_error(error)
    finally:
        client.close()
    folder = find(setting.records(), launch, since)
    assert folder is not None
    return of(sealed(folder))


def _ask(ask: Any, begin: dict[str, Any], asks: list[dict[str, Any]], say: Say) -> None:
    ask(begin, say)
    first, *others = steps(begin["activity"])
    ask({"do": "step", "step": first, "applies": True}, say)
    for one in asks:
        ask({"do": "look", "step": first, **one}, say)
    for other in others:
        ask({"do": "step", "step": other, "applies": False})
    ask({"do": "finish"}, say)


def steps(slug: str) -> tuple[str, ...]:
    """The steps of an activity that was run."""
    scope = scopes.load(slug)
    assert scope is not None
    return tuple(scope.steps)


def proofs(intent: dict[str, Any], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last met prove of each command on each element, as looks to ask again, in their order."""
    met = {e.get("command") for e in events if e["type"] == "answer" and e.get("state") == "ok"}
    sent = [e for e in events if e["type"] == "send" and e["verb"] == "prove" and e.get("command") in met]
    last = {(e["on"], e["template"], json.dumps(e["slots"], sort_keys=True)): e["command"] for e in sent}
    return [look(intent["activity"]["slug"], e) for e in sent if e["command"] in last.values()]


def look(slug: str, event: dict[str, Any]) -> dict[str, Any]:
    """A sent prove or look as a request: parameters and a container's number are the broker's to fill, others given.

    What came from a row of that run is a row again: the broker knows it from the run's record.
    """
    template, filled, is_api = event["template"], event["slots"], event["kind_of"] == "api"
    entry = entry_of(slug, template, is_api)
    args = dict(entry.args or {}) if entry else {}
    what = {"api": template, "args": args} if is_api else {"command": template}
    named = {str(v)[1:-1]: filled.get(k) for k, v in args.items() if str(v).startswith("{")} if is_api else filled
    kinds = {name: entry.slots.get(name, "@ctid") if entry else "@ctid" for name in named}
    given = {name: value for name, value in named.items() if kinds[name] not in ("@ctid", "@row")}
    row = {name: value for name, value in named.items() if kinds[name] == "@row"}
    each = {"each": [row]} if row else {}
    return {"what": what, "on": [event["on"]], "expect": event["expect"], "slots": given, **each}


def entry_of(slug: str, template: str, is_api: bool) -> entries.Entry | None:
    """The look of a scope with this template; None where it has none (a common look, one of the service map)."""
    scope = scopes.load(slug)
    looks = [e for e in (scope.entries if scope else ()) if e.template == template and e.verb == "look"]
    return next((e for e in looks if (e.args is not None) == is_api), None)
