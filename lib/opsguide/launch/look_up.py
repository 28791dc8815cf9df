"""Commands that answer from the guide and the inventory alone: matrix, may, show, elements."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from opsguide.guide import decision, editions
from opsguide.guide.editions import Activity
from opsguide.guide.kinds import KINDS
from opsguide.launch import table
from opsguide.launch.columns import aligned
from opsguide.launch.complete import activities, edition_names, elements
from opsguide.launch.setting import Command, Setting, edition_of, json_option, pass_setting, print_json, print_lines
from opsguide.reach.inventory import Element

if TYPE_CHECKING:
    from opsguide.launch.holding import Held, Open


def kind_for(activity: Activity, element: Element) -> str:
    """The kind that counts: a joining host is added as what it will be."""
    return element.joining if element.joining and activity.slug == "adding-new-host" else element.kind


@click.command("matrix", cls=Command)
@click.option(
    "--edition",
    metavar="NAME",
    shell_complete=edition_names,
    help="Another edition: a shipped one by name, or a CSV file.",
)
@click.option(
    "--diff", nargs=2, metavar="OLD NEW", shell_complete=edition_names, help="What moves from one edition to another."
)
@click.option("--markdown", is_flag=True, help="As README and start-here hold it.")
@click.option("--links", default="runbooks/", help="Where the markdown's links lead.", show_default=True)
@json_option
@pass_setting
def matrix_command(
    setting: Setting, edition: str | None, diff: tuple[str, str] | None, markdown: bool, links: str, as_json: bool
) -> None:
    """The table: 24 activities by 4 kinds of element; who may do what."""
    if diff:
        return _diff(diff, as_json)
    found = setting.edition(edition)
    if as_json:
        return print_json(table.as_json(found))
    lines = table.as_markdown(found, links) if markdown else table.as_text(found)
    print_lines(lines)
    return None


def _diff(names: tuple[str, str], as_json: bool) -> None:
    old, new = (editions.load(name) for name in names)
    rows = table.differences(old, new)
    if as_json:
        return print_json({"old": old.name, "new": new.name, "moved": rows})
    shown = [("activity", "kind", old.name, new.name), *((r["slug"], r["kind"], r["old"], r["new"]) for r in rows)]
    print_lines(aligned(shown) if rows else [f"{old.name} and {new.name} say the same"])
    return None


@click.command("may", cls=Command)
@click.argument("activity", shell_complete=activities)
@click.argument("element", shell_complete=elements)
@json_option
@pass_setting
@click.pass_context
def may_command(context: click.Context, setting: Setting, activity: str, element: str, as_json: bool) -> None:
    """May the hosting provider do ACTIVITY on ELEMENT? Exit 0 yes, 3 Jelastic Operations, 4 not applicable.

    The answer comes from the table and the inventory; nothing is connected. What the element really is, is proven
    when a run begins.
    """
    platform = setting.platform()
    edition = edition_of(platform)
    row, found = edition.activity(activity), platform.element(element)
    verdict = decision.decide(edition, row.slug, kind_for(row, found))
    here = table.is_here(row)
    step = verdict.next
    if not step and here:
        step = _line(row.slug, found.name)
    if verdict.exit != 4 and not here:
        step = "its runbook is still to come: `opsguide matrix` marks those that are here"
    if as_json:
        print_json({
            "activity": row.slug, "element": found.name, "kind": verdict.kind, "party": verdict.party,
            "edition": edition.name, "mode": verdict.mode, "exit": verdict.exit, "who_may": verdict.who_may,
            "words": verdict.words, "next": step, "runbook": here,
        })  # fmt: skip
    else:
        said = {0: "yes", 3: "not yourself", 4: "no"}[verdict.exit]
        facts = [("may act:", verdict.who_may), ("next:", step)]
        print_lines([f"{found.name}: {said}. {verdict.words}", *aligned(facts, "  ")])
    context.exit(verdict.exit)


def _line(activity: str, element: str) -> str:
    """The command line of a run, with a place for every parameter that it needs."""
    from opsguide.guide import scopes

    scope = scopes.load(activity)
    known = scope.parameters.known if scope else {}
    defaults = {name: one.default for name, one in known.items()}
    needed = [f"-p {name}=…" for name, one in known.items() if one.needed(defaults) and name != "element"]
    return " ".join(["opsguide run", activity, "--on", element, *needed, '--reason "…"'])


@click.command("show", cls=Command)
@click.argument("activity", shell_complete=activities)
@json_option
@pass_setting
def show_command(setting: Setting, activity: str, as_json: bool) -> None:
    """ACTIVITY by name, number or notebook: its row of the table, parameters, services, steps, commands, files."""
    from opsguide.launch import described

    edition = setting.edition()
    found = described.described(edition, edition.activity(activity))
    if as_json:
        return print_json(found)
    print_lines(described.lines(found))
    return None


@click.command("elements", cls=Command)
@click.option("--kind", type=click.Choice(KINDS), help="Only elements of this kind.")
@json_option
@pass_setting
def elements_command(setting: Setting, kind: str | None, as_json: bool) -> None:
    """The hosts and containers of the platform, and who has which: runs that go on, changes unknown or open.

    Below the list: for a held element the line that was sent, the look that may settle it, and the command that does;
    for one that is out, or has another change in force, what takes it back and which run does.
    """
    from opsguide.launch import holding

    platform = setting.platform()
    held, locked, opened = holding.holds(platform.state), holding.locks(platform.state), holding.opened(platform.state)
    found = [e for e in platform.elements.values() if kind in (None, e.kind)]
    if as_json:
        return print_json([_element(e, held.get(e.name), locked.get(e.name), opened.get(e.name, [])) for e in found])
    rows = [("name", "kind", "host", "ctid", "peer", "state")]
    for e in found:
        said = [h.words for h in (held.get(e.name), locked.get(e.name)) if h]
        said += [o.phrase for o in opened.get(e.name, [])]
        where = e.host if e.is_container else ""
        rows.append((e.name, e.kind, where, str(e.ctid or ""), e.peer, "; ".join(said) or _note(e)))
    print_lines([f"{platform.name} ({'PRACTICE' if platform.practice else 'REAL'})", *aligned(rows)])
    for e in found:
        told = [held[e.name].lines()] if e.name in held else []
        for lines in [*told, *(one.lines() for one in opened.get(e.name, []))]:
            print_lines(["", *lines])
    return None


def _note(element: Element) -> str:
    return f"joins as {element.joining}" if element.joining else ""


def _element(element: Element, held: Held | None, locked: Held | None, opened: list[Open]) -> dict[str, object]:
    return {
        "name": element.name, "kind": element.kind, "host": element.host, "ctid": element.ctid, "peer": element.peer,
        "component": element.component, "env": element.env, "node": element.node, "joining": element.joining,
        "held": {**asdict(held), "next": held.next} if held else None, "locked": asdict(locked) if locked else None,
        "open": [{**asdict(one), "next": one.next, "anew": one.anew} for one in opened],
    }  # fmt: skip
