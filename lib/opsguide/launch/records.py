"""Commands on records: records, verify, resume."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import click

from opsguide.errors import InputError, OpsguideError
from opsguide.harmless import one_line
from opsguide.launch import given as giving
from opsguide.launch import holding
from opsguide.launch.asked import Asked
from opsguide.launch.columns import aligned
from opsguide.launch.complete import activities, elements, runs
from opsguide.launch.run import running_options
from opsguide.launch.setting import Command, Setting, json_option, pass_setting, print_json, print_lines, saying
from opsguide.record import batch_orphans, batches, handoffs, summary
from opsguide.record.archive import BATCHES, Archive, RunRef
from opsguide.record.checks import OK, UNFINISHED, Finding
from opsguide.record.redaction import Redactor

SHOWN = 20
RUNNING = "RUNNING"


@click.command("records", cls=Command)
@click.argument("named", metavar="[RUN] [RUN]", nargs=-1, shell_complete=runs)
@click.option("--on", metavar="ELEMENT|KIND", shell_complete=elements, help="Only on this element, or this kind.")
@click.option("--activity", metavar="ACTIVITY", shell_complete=activities, help="Only of this activity.")
@click.option(
    "--state",
    type=click.Choice(summary.STATES),
    metavar="STATE",
    help=f"Only those that ended so: {', '.join(summary.STATES)}.",
)
@click.option("--last", type=click.IntRange(1), metavar="N", help=f"The newest N [default: {SHOWN}; with --json all].")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@json_option
@pass_setting
def records_command(
    setting: Setting, named: tuple[str, ...], on: str | None, activity: str | None, state: str | None,
    last: int | None, everything: bool, as_json: bool,
) -> None:  # fmt: skip
    """The runs on record, newest first: how each ended, what, where, who, when.

    With RUN: that run from beginning to end, as text. With two: what the second has otherwise than the first.
    """
    from opsguide.launch import telling

    if named:
        if on or activity or state or last or everything:
            raise InputError("what is asked of named runs has no choice in it", next="opsguide records RUN, or RUN RUN")
        lines = telling.told(Archive(setting.records()), named)
        return print_json(lines) if as_json else print_lines(lines)
    slug = setting.edition().activity(activity).slug if activity else ""
    found = list(reversed(Archive(setting.records()).runs()))
    count = last or (len(found) if everything or as_json else SHOWN)
    asked = handoffs.of_runs(setting.records())
    fitting = telling.fitting(found, on or "", slug, state or "")
    told = [one | _handoff(asked.get(one["run"])) for one in islice(fitting, count)]
    if as_json:
        return print_json(told)
    rows: list[tuple[str, ...]] = [("when", "state", "activity", "element", "mode", "who", "run", "hand-off")]
    rows += [
        (
            *(str(t[k] or "") for k in ("at", "state", "activity", "element", "mode", "person", "run")),
            f"{t['handoff']} {t['handoff_state']}".strip(),
        )
        for t in told
    ]
    narrowed = bool(on or activity or state)
    left = sum(1 for _ in fitting) if narrowed else len(found) - len(told)
    more = [f"… {left} older: --all"] if left else []
    such = " such" if narrowed else ""
    never = f"; none at all on {on}" if on and not any(telling.fitting(found, on, "", "")) else ""
    print_lines([*aligned(rows), *more] if told else [f"no{such} record in {setting.records()}{never}"])
    return None


def _handoff(found: tuple[str, str] | None) -> dict[str, str]:
    """The hand-off that a run asked for, gave evidence for or confirmed, and its state now."""
    return dict(zip(("handoff", "handoff_state"), found or ("", ""), strict=True))


@click.command("verify", cls=Command)
@click.argument("run", required=False, shell_complete=runs)
@click.option("--all", "everything", is_flag=True, help="All runs; the default.")
@json_option
@pass_setting
@click.pass_context
def verify_command(context: click.Context, setting: Setting, run: str | None, everything: bool, as_json: bool) -> None:
    """Check RUN (its id, its end, or `last`; or the id of a batch), or all: chain, seal, files, ledger.

    Exit 8 when something was changed, 5 when a run was left unfinished and nobody is writing it, 2 when there is no
    record. Runs that a crash left behind are closed with the truth first, where the broker can be asked.
    """
    from opsguide.record.verify import verify

    if run and everything:
        raise InputError("give a run, or --all", next="opsguide verify RUN, or opsguide verify --all")
    records = setting.records()
    if any(not ref.sealed and not is_written(ref.path) for ref in Archive(records).unfinished()):
        close_orphans(setting)
    close_left_batches(setting)
    found = [(one, _verdict(one, records)) for one in verify(records, run, None if as_json else _progress)]
    if as_json:
        print_json([{"run": f.run, "verdict": v, "first_bad": f.first_bad, "words": f.words} for f, v in found])
    else:
        print_lines(_lines(found, run))
    verdicts = [v for _, v in found]
    context.exit(8 if any(f.bad for f, _ in found) else 5 if UNFINISHED in verdicts else 0)


def _verdict(one: Finding, records: Path) -> str:
    if one.verdict == UNFINISHED:
        refs = [ref for ref in Archive(records).unfinished() if ref.run == one.run]
        if is_written(refs[0].path if refs else records / BATCHES / one.run):
            return RUNNING
    return one.verdict


def _lines(found: Iterable[tuple[Finding, str]], run: str | None) -> list[str]:
    every = list(found)
    said = [(v, f.run, f.first_bad, f.words) for f, v in every if v != OK or run]
    counts = {v: sum(1 for _, one in every if one == v) for v in dict.fromkeys(v for _, v in every)}
    return [*aligned(said), ", ".join(f"{n} {v}" for v, n in counts.items())]


def _progress(done: int, whole: int) -> None:
    if done:
        print(f"verified {done} of {whole} …", file=sys.stderr, flush=True)


def is_written(folder: Path) -> bool:
    """Whether a process writes the run in this folder now: its journal is locked."""
    try:
        with (folder / "events.jsonl").open("rb") as journal:
            fcntl.flock(journal, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def close_left_batches(setting: Setting) -> None:
    """Close the batches that a crash left behind, with the truth; those of which something still goes on are left."""
    records = setting.records()
    if all(batches.ended(path) for path in batches.folders(records)):
        return
    if any(not is_written(ref.path) for ref in Archive(records).unfinished()):
        close_orphans(setting)
    for batch in batch_orphans.close_all(records, Redactor({})):
        print(f"note: {batch} still goes on", file=sys.stderr)


def close_orphans(setting: Setting) -> None:
    """A broker that is greeted closes what a crash left behind; where there is none, the records stay as they are."""
    from opsguide.wire import Client

    try:
        Client(setting.platform_file(), setting.records(), "opsguide verify").close()
    except OpsguideError as error:
        print(f"note: runs that were left unfinished are not closed: {one_line(error.words)}", file=sys.stderr)


@click.command("resume", cls=Command)
@click.argument("run", shell_complete=runs)
@click.option("--found", type=click.Choice(("done", "not-done")), help="What you found on the element.")
@click.option("--why", metavar="TEXT", help="How you know; goes with --found.")
@click.option("--reason", metavar="TEXT", help="Why it goes on [default: the run's own reason].")
@click.option("-p", "words", metavar="NAME=VALUE", multiple=True, help="A confirmation that the activity asks for.")
@running_options
@click.pass_context
def resume_command(
    context: click.Context, /, run: str, found: str | None, why: str | None, reason: str | None, **options: Any
) -> None:
    """Go on from RUN, which did not end well; or settle what nobody knows of it.

    What RUN has done is proved again and not sent again; the rest is done. RUN is its id, the end of it, or `last`. The
    new run has a record of its own that names RUN. Changed parameters need a new plan.

    Where a change of RUN is unknown, its element is held. Without --found: what to look at (exit 5). Look for yourself
    first; what you then say with --found is believed, recorded under your name, and frees the element. Nothing is sent.
    """
    setting = context.ensure_object(Setting)
    close_orphans(setting)
    whole = _whole_id(setting, run)
    if why is not None and not found:
        raise InputError("--found and --why go together", next='--found done|not-done --why "…"; to go on: --reason')
    if found:
        return _settle(setting, whole, found, why or "", bool(options["as_json"]))
    if any(h.run == whole for h in holding.holds(setting.platform().state).values()):
        return _what_is_held(context, setting, whole, bool(options["as_json"]))
    context.exit(_go_on(setting, whole, reason, options))


def _go_on(setting: Setting, run: str, reason: str | None, options: dict[str, Any]) -> int:
    from opsguide.launch import follow
    from opsguide.launch import run as running

    def whole() -> Asked:
        past = follow.earlier(setting, run)
        return follow.asked_of(setting, past, giving.pairs(options["words"]), reason)

    return running.told(setting, whole, options)


def _settle(setting: Setting, run: str, found: str, why: str, as_json: bool) -> None:
    from opsguide.wire import Client

    client = Client(setting.platform_file(), setting.records(), "opsguide resume")
    say = saying(None if as_json else sys.stdout)
    try:
        done: dict[str, Any] = client.ask({"do": "resume", "run": run, "found": found, "why": why}, say)
    finally:
        client.close()
    if as_json:
        return print_json(done)
    print_lines([f"free: {', '.join(done['released'])}", f"record: {done['run']}", f"go on: opsguide resume {run}"])
    return None


def _what_is_held(context: click.Context, setting: Setting, run: str, as_json: bool) -> None:
    state = setting.platform().state
    held = [h for h in holding.holds(state).values() if h.run == run]
    still = [o for every in holding.opened(state).values() for o in every if o.run == run]
    if as_json:
        print_json([{"element": h.element, "since": h.since, "line": h.line, "settle": h.settle, "look": h.look,
                     "next": h.next} for h in held])  # fmt: skip
    else:
        told = [line for lines in [*(h.lines() for h in held), *(o.lines() for o in still)] for line in lines]
        print_lines(told)
    context.exit(5)


def _whole_id(setting: Setting, text: str) -> str:
    """The run's whole id, of these records or of a hold of another root; the text itself where neither has it."""
    try:
        found: RunRef = Archive(setting.records()).find(text)
        return found.run
    except InputError:
        fits = {h.run for h in holding.holds(setting.platform().state).values() if text and h.run.endswith(text)}
        return fits.pop() if len(fits) == 1 else text
