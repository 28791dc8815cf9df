"""`begin` and the run: what a notebook holds of an execution. It carries no credentials and decides nothing."""

from __future__ import annotations

import ast
import os
import re
import sys
from dataclasses import dataclass
from typing import Any

from opsguide import places
from opsguide.errors import NOTHING, InputError
from opsguide.notebook import screen
from opsguide.notebook.cells import Cells
from opsguide.notebook.step import Step
from opsguide.wire import Client


@dataclass(frozen=True)
class Element:
    """The element of the run, or a related one: its name, kind, host and environment."""

    name: str
    kind: str
    host: str
    env: str = ""
    ctid: int | None = None
    peer: str = ""
    drained: bool = False

    is_user_host = property(lambda self: self.kind == "user-host")
    is_infrastructure_host = property(lambda self: self.kind == "infrastructure-host")
    is_infrastructure_container = property(lambda self: self.kind == "infrastructure-container")
    is_end_user_container = property(lambda self: self.kind == "end-user-container")
    is_host = property(lambda self: self.kind.endswith("-host"))
    is_container = property(lambda self: self.kind.endswith("-container"))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Service:
    """A row of the service map for the run's element; empty commands are None, so that verbs pass over them."""

    name: str
    config_test: str | None
    probe: str | None
    healthy: dict[str, Any] | None
    peer: Element | None

    has_peer = property(lambda self: self.peer is not None)
    has_probe = property(lambda self: self.probe is not None)


class Run:
    """One execution of one runbook on one element."""

    def __init__(self, client: Client, facts: dict[str, Any], cells: Cells | None) -> None:
        self._client, self._facts, self._cells = client, facts, cells
        self.id: str = facts["run"]
        self.mode: str = facts["mode"]
        self.element = Element(**facts["element"])

    def related(self, kind: str, named: list[str] | None = None) -> list[Element]:
        """The elements that this run may look at or change: the named ones, or all.

        Of a kind; or `containers`, those on the host in the order in which they stop; or `peers`, of the element and of
        its containers.
        """
        found = self._ask({"do": "related", "kind": kind, "named": named or []})
        return [Element(**fields) for fields in found]

    def service(self, name: str) -> Service:
        """The service map's row of a service on this element."""
        fields = self._ask({"do": "service", "name": name})
        return Service(**{**fields, "peer": Element(**fields["peer"]) if fields["peer"] else None})

    def step(self, slug: str, applies: bool = True) -> Step:
        """Start a step; refused until the earlier ones are complete."""
        self._ask({"do": "step", "step": slug, "applies": bool(applies)})
        return Step(slug, bool(applies), self._ask)

    def finish(self) -> None:
        """End the run; returns when the record is sealed."""
        self._ask({"do": "finish"})
        if self._cells:
            self._cells.close()
        self._client.close()

    def _ask(self, request: dict[str, Any]) -> Any:
        return self._client.ask(request, screen.say)

    def __repr__(self) -> str:
        return f"<run {self.id} {self.mode} on {self.element}>"


def begin(activity: str, variables: dict[str, Any]) -> Run:
    """Register the parameters that stand in `variables`, prove the element, read the table's cell.

    InputError for parameters that are unknown, mistyped or missing; RefusedError where the table says no.
    """
    sources = [str(source) for source in variables.get("In", [])][1:]
    client = Client(places.platform_file(), places.records_root(), _frontend(sources))
    shell = _shell()
    cells = Cells(client.tell, shell) if shell else None
    try:
        given = _parameters(activity, variables, sources, client)
        request = {"do": "begin", "activity": activity, "parameters": given, "cells": sources}
        started = {name: os.environ.get(f"OPSGUIDE_{name.upper()}", "") for name in ("launch", "batch")}
        facts = client.ask({**request, **started}, screen.say)
        if cells:
            cells.begun(len(sources))
    except BaseException as error:
        if cells:
            cells.close()
        client.close()
        if isinstance(error, InputError):
            error.where, error.sent = error.where or _place(sources, error.key), error.sent or NOTHING
        raise
    return Run(client, facts, cells)


def _parameters(activity: str, variables: dict[str, Any], sources: list[str], client: Client) -> dict[str, Any]:
    known = client.ask({"do": "parameters", "activity": activity})
    given = [name for source in _last_filled(sources) for name in assigned(source)]
    unknown = [name for name in given if name not in known]
    values = {name: variables[name] for name in [*known, *unknown] if name in variables}
    for name, value in values.items():
        if not isinstance(value, str | int | float | bool | list | tuple):
            raise InputError(f"parameter {name} must be text, number, true or false, or a list of text").of(name)
    return values


def _last_filled(sources: list[str]) -> list[str]:
    """From the last cell that declares `element` on: a name misspelt and corrected since does not count."""
    starts = [i for i, source in enumerate(sources) if "element" in assigned(source)]
    return sources[starts[-1] :] if starts and not _injected(sources[starts[-1]]) else sources


def _injected(source: str) -> bool:
    return source.lstrip().startswith("# Parameters")


def assigned(source: str) -> list[str]:
    """The names that a parameters cell sets: annotated ones, and all of papermill's injected cell."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    named = [node.target.id for node in body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
    if _injected(source):
        targets = [t for node in body if isinstance(node, ast.Assign) for t in node.targets]
        named += [t.id for t in targets if isinstance(t, ast.Name)]
    return named


def _place(sources: list[str], key: str) -> str:
    """Where a parameter was set last, in words; empty where no cell does."""
    for number, source in reversed(list(enumerate(sources, 1))):
        if key and key in assigned(source):
            line = next((n for n, text in enumerate(source.splitlines(), 1) if re.match(rf"{key}\b", text)), 1)
            by = ", which papermill filled in from -p or -f" if _injected(source) else ""
            return f"cell [{number}], line {line}{by}: {key}"
    return ""


def _frontend(sources: list[str]) -> str:
    if os.environ.get("OPSGUIDE_FRONTEND"):
        return os.environ["OPSGUIDE_FRONTEND"]
    if any(_injected(source) for source in sources):
        return "papermill"
    return "jupyter" if os.environ.get("JPY_SESSION_NAME") else "kernel" if _shell() else "python"


def _shell() -> Any:
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
