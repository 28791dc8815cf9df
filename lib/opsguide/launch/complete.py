"""What the shell offers for an ACTIVITY, an ELEMENT, a parameter: never an error, at most nothing."""

from __future__ import annotations

import contextlib
import json

import click

from opsguide.errors import OpsguideError
from opsguide.guide.editions import NOTES, shipped
from opsguide.guide.parameters import COMMON
from opsguide.launch.setting import Setting

WRONG = (OpsguideError, OSError, ValueError, KeyError)


def activities(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The slugs of the platform's edition, and those of the notes."""
    with contextlib.suppress(*WRONG):
        found = (*context.ensure_object(Setting).edition().activities, *NOTES)
        return [a.slug for a in found if a.slug.startswith(incomplete)]
    return []


def elements(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The elements of the platform."""
    with contextlib.suppress(*WRONG):
        return [name for name in context.ensure_object(Setting).platform().elements if name.startswith(incomplete)]
    return []


def argument(context: click.Context, name: str) -> str:
    """The argument that stands on the line; while an option's value is typed click has it among what is left."""
    return str(context.params.get(name) or next(iter(context.args), ""))


def parameters(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """`name=` of the parameters of the activity that stands on the line; behind `name=` its choices."""
    from opsguide.guide import scopes

    with contextlib.suppress(*WRONG):
        setting = context.ensure_object(Setting)
        scope = scopes.load(setting.edition().activity(argument(context, "activity")).slug)
        known = {n: p for n, p in (scope.parameters.known if scope else {}).items() if p not in COMMON}
        name, given, _ = incomplete.partition("=")
        offered = sorted(f"{name}=" for name in known)
        if given:
            flags = ("true", "false") if known[name].type == "bool" else ()
            offered = [f"{name}={value}" for value in known[name].choices or flags]
        return [one for one in offered if one.startswith(incomplete)]
    return []


def edition_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The shipped editions."""
    return [name for name in shipped() if name.startswith(incomplete)]


def batches(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The newest batches on record."""
    from opsguide.record.batches import folders

    with contextlib.suppress(*WRONG):
        found = folders(context.ensure_object(Setting).records())
        return [path.name for path in reversed(found) if path.name.startswith(incomplete)][:50]
    return []


def runs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The newest runs on record."""
    from opsguide.record.archive import Archive

    with contextlib.suppress(*WRONG):
        found = Archive(context.ensure_object(Setting).records()).runs()
        return [ref.run for ref in reversed(found) if ref.run.startswith(incomplete)][:50]
    return []


def numbers(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The numbers of the hand-offs."""
    from opsguide.record import handoffs

    with contextlib.suppress(*WRONG):
        found = handoffs.folders(context.ensure_object(Setting).records())
        return [path.name for path in found if path.name.startswith(incomplete)]
    return []


def regions(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The regions of the platform's hosts."""
    with contextlib.suppress(*WRONG):
        found = {one.region for one in context.ensure_object(Setting).platform().elements.values()}
        return sorted(name for name in found if name and name.startswith(incomplete))
    return []


def questions(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """`name=` of the questions that are open in the request of the hand-off that stands on the line."""
    from opsguide.record import handoffs
    from opsguide.record.verify import request_of

    setting = context.ensure_object(Setting)
    with contextlib.suppress(*WRONG):
        told = handoffs.tell(handoffs.find(setting.records(), argument(context, "number")))
        request = json.loads((request_of(setting.records(), told) / "request.json").read_bytes())
        return [f"{q['field']}=" for q in request["to_fill_in"] if q["field"].startswith(incomplete)]
    return []
