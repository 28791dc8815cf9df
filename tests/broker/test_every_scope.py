"""Each line of each scope: what it is for is allowed, and every way past it that a kernel could try is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from broker.fakes import LAB, platform
from opsguide.broker.grounds import Grounds
from opsguide.broker.rows import FromRow
from opsguide.broker.targets import targets
from opsguide.errors import InputError, OpsguideError, RefusedError
from opsguide.guide import editions, entries, scopes, slots
from opsguide.reach.inventory import Platform

SLUGS = [a.slug for a in (*editions.load("seed").activities, *editions.NOTES)]
WHOLE = (
    LAB.replace("127.0.64.4}", "127.0.64.4, id: 4}").replace("joining: user-host,", "joining: user-host, id: 9,")
)  # fmt: skip
FITS = {"unit": "nginx", "name": "uh-01", "count": "1", "flag": "true", "path": "/srv/x", "log": "/var/log/x",
        "run": "20261128T000000Z-a-b-00000000", "day": "2026-11-28", "end": "never", "account": "ana", "duration": "1 s"}  # fmt: skip
HOSTILE = ("--root=/", "-x", "a\nb", "a\x00", "a\u2028b", "")
BROKERS = ("@ctid", "@handed", "@made")
Sent = tuple[Grounds, dict[str, Any]]


def value(kind: str) -> str:
    return FITS.get(kind, "x1")


def parameters(scope: scopes.Scope) -> dict[str, Any]:
    kinds = {p.name: p.slot or "text" for p in scope.parameters.known.values()}
    return {n: next(filter(None, scope.parameters.known[n].choices), value(kind)) for n, kind in kinds.items()}


def request(entry: entries.Entry, on: str) -> dict[str, Any]:
    what = {"command": entry.template} if entry.args is None else {"api": entry.template, "args": dict(entry.args)}
    given = {n: FromRow("x1") if k == "@row" else value(k) for n, k in entry.slots.items() if k not in BROKERS}
    texts = [entry.template, *(v for v in (entry.args or {}).values() if isinstance(v, str))]
    used = {name for text in texts for name in slots.names(text)}
    return {"what": what, "on": [on], "slots": {n: v for n, v in given.items() if n in used}}


def allowed(here: Platform, scope: scopes.Scope, entry: entries.Entry) -> Sent | str:
    """A run on which the line may be sent, and the request for it; or why there is none."""
    why = "on no element"
    for element in here.elements.values():
        run = Grounds(here, scope, element, element.joining or element.kind, parameters(scope))
        for on in (element.name, *run.related()):
            try:
                targets(run, entry.verb, asked := request(entry, on))
            except OpsguideError as error:
                why = f"{on}: {error.words}" if "not in the scope" not in error.words else why
            else:
                return run, asked
    return why


def past(run: Grounds, entry: entries.Entry, good: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Requests that are no longer this line's, by what they try."""
    what, given = good["what"], good["slots"]
    key = "command" if entry.args is None else "api"
    found = {
        "a sign more": {**good, "what": {**what, key: entry.template + " "}},
        "a sign less": {**good, "what": {**what, key: entry.template[:-1]}},
        "another first letter": {**good, "what": {**what, key: chr(ord(entry.template[0]) ^ 1) + entry.template[1:]}},
        "a second command": {**good, "what": {**what, key: f"{entry.template}; id"}},
    }
    for other in set(run.platform.elements) - {run.element.name, *run.related()}:
        found[f"on {other}"] = {**good, "on": [other]}
    if entry.args is None:
        found["a slot that is not there"] = {**good, "slots": {**given, "none_such": "x"}}
    if entry.args is not None:
        found["an argument more"] = {**good, "what": {**what, "args": {**entry.args, "force": True}}}
        found |= {f"another {a}": {**good, "what": {**what, "args": {**entry.args, a: 666}}} for a in entry.args}
    texts = [entry.template, *(v for v in (entry.args or {}).values() if isinstance(v, str))]
    for name in {name for text in texts for name in slots.names(text)}:
        kind = entry.slots.get(name, "")
        if kind == "@row":
            found[f"{name} from no row"] = {**good, "slots": {**given, name: "x1"}}
        elif kind in slots.TYPES:
            found |= {f"{name}={bad!r}": {**good, "slots": {**given, name: bad}} for bad in HOSTILE}
        else:
            found[f"{name} given"] = {**good, "slots": {**given, name: "x1"}}
    return found


@pytest.mark.parametrize("slug", SLUGS)
def test_each_line_of_a_scope_is_allowed_and_every_way_past_it_is_refused(tmp_path: Path, slug: str) -> None:
    scope = scopes.load(slug)
    assert scope
    common, tried, here = entries.common_looks(), 0, platform(tmp_path, WHOLE)
    for entry in (e for e in scope.entries if e not in common):
        found = allowed(here, scope, entry)
        assert not isinstance(found, str), f"{entry.template}: {found}"
        run, good = found
        others = {e.template for e in scope.entries}
        for name, bad in past(run, entry, good).items():
            if (bad["what"].get("command") or bad["what"].get("api")) in others - {entry.template}:
                continue
            with pytest.raises((RefusedError, InputError)):
                targets(run, entry.verb, bad)
                pytest.fail(f"{entry.template}: {name} was let through")
            tried += 1
        other = "change" if entry.verb == "look" else "look"
        if not scope.find(entry.template, other, run.kind, entry.args):
            with pytest.raises(RefusedError):
                targets(run, other, good)
    assert tried
