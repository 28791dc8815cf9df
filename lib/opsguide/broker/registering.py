"""The register of custom settings as a look, and what a run keeps in it when it finishes (the guide's note 2).

- Which files, and what was agreed, the register knows; a notebook names neither.
- Without an expectation the look tells what is agreed and sends nothing; it refuses an action that does not fit.
- With `as_agreed` each file is read again: where it leads, owner, mode, size and kind, digest. A file that leads
  elsewhere, or is no regular one, is not read. One that cannot be asked is not called drifted: the look fails.
- While a setting is being agreed it is held against what this run has read before.
- A check that sees another than the one before says so in the register, in any mode. All else is kept in apply, when
  the run finishes.
- After drift the next step is the runbook of the path's owner; an update of row 03 since then is named.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from opsguide.broker.order import Step
from opsguide.broker.targets import own
from opsguide.broker.transit import Command
from opsguide.broker.work import Work
from opsguide.errors import FailedError, InputError, RefusedError
from opsguide.guide import custom, editions, owners
from opsguide.record import register
from opsguide.record.archive import Archive
from opsguide.record.register import Setting

AT_ONCE, DEADLINE = 8, 60.0
STAT, SUM = "stat -c '%a %U:%G %s %F' {path}", "sha256sum {path}"
UPDATE = "virtuozzo-software-and-kernel-update"


def asked(request: dict[str, Any]) -> bool:
    """Whether a look is about the register."""
    what = request.get("what")
    return isinstance(what, dict) and what.get("register") is True


def look(work: Work, step: Step, request: dict[str, Any]) -> dict[str, Any]:
    """What is agreed, or with `as_agreed` whether it is still so: a line a setting, `path state`."""
    if work.grounds.scope.activity != custom.SLUG:
        raise InputError("the register is looked at in custom-configuration.ipynb")
    expect, path = request.get("expect"), str(work.grounds.parameters["path"])
    if expect is not None and (not isinstance(expect, dict) or expect.get("name") != "as_agreed"):
        raise InputError("the register takes no expectation but as_agreed")
    known = [s for s in _known(work) if s.state != "retired"]
    if path:
        custom.refuse(path)
        _refuse_misfit(work, {s.path for s in known}, path)
    if expect is None:
        return _told(work, known)
    step.owed.pop(("look", "register"), None)
    return _compared(work, step, [s for s in known if path in ("", s.path)])


def _known(work: Work) -> list[Setting]:
    grounds = work.grounds
    return register.settings(work.commands.records, grounds.platform.name, grounds.element.name)


def _refuse_misfit(work: Work, paths: set[str], path: str) -> None:
    """RefusedError where the action does not fit what the register holds."""
    action = work.grounds.parameters["action"]
    if action == custom.REGISTER and path in paths:
        raise RefusedError(f"{path} is in the register", next=f"action={custom.AGAIN} keeps it as it is now")
    if action != custom.REGISTER and path not in paths:
        on = work.grounds.element.name
        raise RefusedError(f"{path} is not in the register", next=f"opsguide custom list --on {on} has what is")


def _told(work: Work, known: list[Setting]) -> dict[str, Any]:
    name = work.grounds.element.name
    work.note(f"register: {len(known)} custom setting{'' if len(known) == 1 else 's'} of {name}")
    for one in known:
        by = f"{one.agreed['ticket']}, agreed with {one.agreed['agreed_with']}, {one.agreed['at'][:10]}"
        work.note(f"  {one.path}  {one.state}  {by}" + (f"  {one.drift}" if one.drift else ""))
    return _answer(work, [(one.path, one.state) for one in known])


def _answer(work: Work, rows: list[tuple[str, str]]) -> dict[str, Any]:
    text = "".join(f"{path} {state}\n" for path, state in rows)
    return {"answers": [{"on": work.grounds.element.name, "text": text, "exit": 0, "state": "ok"}]}


def _compared(work: Work, step: Step, known: list[Setting]) -> dict[str, Any]:
    checking = work.grounds.parameters["action"] == custom.CHECK
    wanted = known if checking else [_as_read(work, known)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seen = list(pool.map(lambda one: _read(work, step, one.path), wanted))
    rows, bad = [], []
    for one, now in zip(wanted, seen, strict=True):
        drift = one.differs(now)
        rows.append((one.path, "drifted" if drift else "agreed"))
        if checking and drift != one.drift:
            register.add(work.commands.records, one, "found", run=work.commands.run, words=drift)
        bad += [(one, drift)] if drift else []
        words = f"DRIFT  {one.path}: {drift}" if drift else f"OK  {one.path} is as agreed"
        work.commands.show(work.commands.write("note", words=words, setting=one.path, drift=drift))
    if bad:
        work.steps.fail("look", ("look", "register"), "the register")
        raise _drifted(work, bad, len(wanted)) if checking else _moved(work, bad[0][1])
    work.kept = len(wanted)
    return _answer(work, rows)


def _read(work: Work, step: Step, path: str) -> dict[str, Any]:
    """Digest, size, mode and owner of a file; or the `trouble` that there is no such file. FailedError if not asked."""
    real = _ask(work, step, ["readlink", "-e", path])
    if real is None:
        return {"trouble": "gone"}
    if real != path:
        return {"trouble": f"it leads to {real}"}
    found, kind = _of_stat(_ask(work, step, ["stat", "-c", "%a %U:%G %s %F", path]) or "")
    if not kind.startswith("regular"):
        return {"trouble": f"it is a {kind}" if kind else "gone"}
    return {"sha256": _digest(_ask(work, step, ["sha256sum", path]) or ""), **found}


def _of_stat(text: str) -> tuple[dict[str, Any], str]:
    """Size, mode and owner in an answer of stat, and the kind of file; nothing in another text."""
    found = re.fullmatch(r"(\d+) (\S+) (\d+) (.+)", text.strip())
    return ({"size": int(found[3]), "mode": found[1], "owner": found[2]}, found[4]) if found else ({}, "")


def _ask(work: Work, step: Step, argv: list[str]) -> str | None:
    """The answer without its line end; None for exit 1, which all three say of what is not there."""
    target = own(work.grounds.platform, work.grounds.element, argv)
    seen = work.commands.send(Command(target, "look", step.slug, DEADLINE, screen="nothing", judged=False))
    if seen.exit not in (0, 1):
        raise work.failed("look", target, replace(seen, state="failed" if seen.exit else seen.state), {})
    return seen.text.rstrip("\n") if seen.exit == 0 else None


def _digest(text: str) -> str:
    """The digest in an answer of sha256sum, which puts a backslash before it where it escapes the path."""
    found = re.match(r"\\?([0-9a-f]{64}) ", text)
    return found[1] if found else "unread"


def _as_read(work: Work, known: list[Setting]) -> Setting:
    """The setting that is being agreed, as this run has read it; RefusedError where it was not read."""
    path, name = str(work.grounds.parameters["path"]), work.grounds.element.name
    found, kind = _of_stat(work.seen.get(STAT, ""))
    digest = _digest(work.seen.get(SUM, ""))
    if not kind.startswith("regular") or digest == "unread":
        raise RefusedError(f"{path} was not read in this run, or is no regular file", next="run step read again")
    agreed = {"sha256": digest, **found}
    before = next((s for s in known if s.path == path), None)
    made = Setting("", work.grounds.platform.name, name, path, agreed, "agreed", "", [])
    return replace(before, agreed=agreed) if before else made


def _moved(work: Work, drift: str) -> FailedError:
    path, name = work.grounds.parameters["path"], work.grounds.element.name
    words = f"{path} changed while it was being registered: {drift}"
    return FailedError(words, where=name, next="begin a new run once nobody writes to it; nothing is kept of this one")


def _drifted(work: Work, bad: list[tuple[Setting, str]], count: int) -> FailedError:
    first, drift = bad[0]
    for one, _ in bad:
        work.note(f"next for {one.path}: {_mend(work, one.path)}")
    words = f"{len(bad)} of {count} custom settings are not as agreed: {first.path}: {drift}"
    since = min((str(one.agreed.get("at", "")) for one, _ in bad), default="")
    if update := _update(work, since):
        words += f"; row 03 ran since then ({update}): the update may have overwritten it"
        work.note(f"row 03, Virtuozzo Software and Kernel Update, ran since then: {update}")
    return FailedError(words, where=work.grounds.element.name, next=_mend(work, first.path))


def _mend(work: Work, path: str) -> str:
    """What puts a file back: the runbook of its owner, else note 1; or agree on what it is now."""
    platform, element = work.grounds.platform, work.grounds.element
    edition, owner = editions.load(platform.edition, platform.file.parent), owners.owner_of(path)
    there = [a for a in edition.activities if a.slug == owner]
    back = f"{there[0].runbook} (opsguide may {owner} {element.name})" if there else editions.NOTES[0].runbook
    return f"put it back with {back}; or agree on it as it is now: action={custom.AGAIN}"


def _update(work: Work, since: str) -> str:
    """The newest run of row 03 on the element's host that changed or confirmed something since then; or empty."""
    archive, host = Archive(work.commands.records), work.grounds.element.host or work.grounds.element.name
    begun = datetime.fromisoformat(since).strftime("%Y%m%dT%H%M%SZ") if since else ""
    for ref in reversed(archive.runs()):
        if ref.run < begun:
            break
        if ref.sealed and ref.run[17:-9] == f"{UPDATE}-{host}" and _carried_out(ref.path):
            return ref.run
    return ""


def _carried_out(folder: Path) -> bool:
    intent, seal = (json.loads((folder / name).read_bytes()) for name in ("intent.json", "seal.json"))
    done = intent.get("mode") == "apply" or intent.get("confirms")
    return bool(done) and seal.get("state") == "succeeded"


def finished(work: Work) -> str:
    """What a run of this activity says at its end; in apply the register keeps it first. Empty for another activity."""
    if work.grounds.scope.activity != custom.SLUG:
        return ""
    given, name = work.grounds.parameters, work.grounds.element.name
    if given["action"] == custom.CHECK and not work.kept:
        return f"no custom setting of {name} is in the register: nothing was checked"
    if given["action"] == custom.CHECK:
        return f"{work.kept} custom setting{'' if work.kept == 1 else 's'} of {name}, all as agreed"
    words = f"{given['action']} {given['path']} on {name}, ticket {given['ticket']}"
    if work.mode != "apply":
        return f"planned: {words}; the register is as it was"
    _keep(work)
    return f"{words}: kept in the register"


def _keep(work: Work) -> None:
    given, commands = work.grounds.parameters, work.commands
    path, known = str(given["path"]), [s for s in _known(work) if s.state != "retired"]
    _refuse_misfit(work, {s.path for s in known}, path)
    said = {key: commands.hidden(str(given[key])) for key in ("ticket", "agreed_with", "purpose")}
    said |= {"run": commands.run, "person": commands.person}
    if given["action"] == custom.RETIRE:
        one = next(s for s in known if s.path == path)
        return register.add(commands.records, one, "retired", **said)
    if commands.hidden(path) != path:
        raise InputError("the path holds a secret", next="a path in the register is read by everybody")
    agreed = _as_read(work, known)
    return register.agree(commands.records, agreed.platform, agreed.element, path, **said, **agreed.agreed)
