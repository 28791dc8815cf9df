"""What is asked: one activity, on one element, in one mode, with checked parameters. Checked before a kernel starts.

- `run` means apply and `plan` means plan. A file that says plan is not run; a plan of a file that says apply is a plan.
- What stands on the command line counts before what stands in a file; two answers on the command line are refused.
- Applying needs a reason.
- An allowed cell whose runbook is still to come is bad input. A cell that is N/A goes to the broker, for the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opsguide.errors import InputError, OpsguideError
from opsguide.guide import decision, scopes, services
from opsguide.guide.decision import Decision
from opsguide.guide.editions import Activity
from opsguide.guide.parameters import COMMON, Parameter, Parameters
from opsguide.launch.given import FILE_OF, Given, placed, text
from opsguide.launch.look_up import kind_for
from opsguide.launch.setting import Setting, edition_of
from opsguide.launch.table import is_here
from opsguide.reach.inventory import Element

OPTIONS = {"element": "--on ELEMENT", "reason": '--reason "…"'}


@dataclass(frozen=True)
class Asked:
    """One run to be; `values` holds what was given, of the declared types, element, mode and reason among it."""

    activity: Activity
    element: Element
    decision: Decision
    mode: str
    values: dict[str, Any]


def merged(
    mode: str, command: Mapping[str, Given], file: Mapping[str, Given], on: str | None = None, reason: str | None = None
) -> dict[str, Given]:
    """All that is given, by the rules of precedence; InputError where two answers stand side by side."""
    said = {"element": on, "reason": reason, "mode": mode}
    for name, value in said.items():
        if name in command and value is not None:
            option = {"element": "--on", "reason": "--reason", "mode": "the command, run or plan,"}[name]
            raise InputError(f"{option} says {name}; leave -p {name} out")
    if mode == "apply" and "mode" in file and file["mode"].checked(Parameters({"mode": COMMON[1]})) == "plan":
        words = "the file says mode: plan, and run means apply"
        raise placed(InputError(words, next="opsguide plan …, or take the line out"), file["mode"].where)
    options = {name: text(name, value) for name, value in said.items() if value is not None}
    return {**file, **command, **options}


def asked(setting: Setting, activity: str, given: Mapping[str, Given], file: str = "") -> Asked:
    """Everything checked; InputError for whatever does not fit. `file` is where one that is missing belongs."""
    try:
        return _asked(setting, activity, given)
    except InputError as error:
        if error.key in given or not error.key:
            raise placed(error, given[error.key].where if error.key else "") from None
        error.next = f"{_to_give(error.key, file)}; {error.next}"
        raise placed(error, file) from None


def _to_give(name: str, file: str) -> str:
    """How one that is missing is given: in the row of a sheet, in the file, or on the command line."""
    option = OPTIONS.get(name, f"-p {name}=…")
    if FILE_OF.search(file):
        return f"add {name} to the row"
    return f"add the line `{name}: …`, or give {option}" if file else f"give {option}"


def _asked(setting: Setting, activity: str, given: Mapping[str, Given]) -> Asked:
    platform = setting.platform()
    edition = edition_of(platform)
    row = edition.activity(activity)
    common = Parameters({p.name: p for p in COMMON})
    scope = scopes.load(row.slug) if is_here(row) else None
    for name, one in given.items():
        _known(scope, one).named(name)
    if "element" not in given:
        raise InputError("no element", next="`opsguide elements` lists them").of("element")
    element = _element(given["element"], common, platform.element)
    mode = str(given["mode"].checked(common))
    verdict = decision.decide(edition, row.slug, kind_for(row, element), mode)
    if scope is None and verdict.exit != 4:
        words = f"the runbook of {row.title} is still to come"
        raise InputError(words, next="`opsguide matrix` shows which are here")
    values = {name: one.checked(_known(scope, one)) for name, one in given.items()}
    if scope and verdict.exit != 4:
        _check_whole(scope, values, verdict.kind, element.component)
    elif mode == "apply":
        common.check({name: values[name] for name in common.known if name in values})
    return Asked(row, element, verdict, mode, values)


def _element(one: Given, common: Parameters, find: Any) -> Element:
    try:
        found = find(one.checked(common))
    except InputError as error:
        raise error.of("element") from None
    assert isinstance(found, Element)
    return found


def _known(scope: scopes.Scope | None, one: Given) -> Parameters:
    if scope:
        return scope.parameters
    return Parameters({one.name: Parameter(one.name, "str", "", ""), **{p.name: p for p in COMMON}})


def _check_whole(scope: scopes.Scope, values: dict[str, Any], kind: str, component: str) -> None:
    checked = scope.parameters.check(values)
    if scope.service:
        try:
            services.find(kind, component, checked[scope.service])
        except InputError:
            raise
        except OpsguideError:
            pass  # a denied service is the broker's to refuse
