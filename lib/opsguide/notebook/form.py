"""The form of start-here: pick an activity and an element, fill the fields, get a filled copy or the command line.

- The form fills in and shows; it guards nothing. What may run is decided where commands leave.
- What it knows it asks of `opsguide … --json`, so a form and a terminal cannot tell different stories.
- It starts no run: it makes a copy of a runbook, or shows the line to copy.
"""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from opsguide import places
from opsguide.errors import InputError, OpsguideError

COMMON = ("element", "mode", "reason")
NOTES = (
    ("note 1 Unlisted Maintenance", "unlisted-maintenance"),
    ("note 2 Custom Configuration", "custom-configuration"),
)


def asked(*words: str) -> Any:
    """What `opsguide WORDS --json` answers; InputError with its own words where it refuses."""
    done = _opsguide(*words, "--json")
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise InputError(done.stderr.strip() or "opsguide said nothing", command=shlex.join(words)) from None
    if done.returncode and isinstance(told, dict) and "error" in told:
        raise OpsguideError.from_dict(told)
    return told


def _opsguide(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "opsguide.launch", *words]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def written(value: Any) -> str:
    """A value as `-p name=VALUE` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        plain = not any("," in one or one.startswith("[") or one != one.strip() for one in value)
        return ",".join(value) if plain else json.dumps(value, ensure_ascii=False)
    return str(value)


def parameter_words(known: list[dict[str, Any]], values: Mapping[str, Any]) -> list[str]:
    """`-p name=value` for every value that differs from its default."""
    own = [p for p in known if p["name"] not in COMMON and values.get(p["name"], p["default"]) != p["default"]]
    return [word for p in own for word in ("-p", f"{p['name']}={written(values[p['name']])}")]


def command_line(activity: str, known: list[dict[str, Any]], values: Mapping[str, Any]) -> str:
    """The line to copy into a terminal: `opsguide plan …`, or `opsguide run …` in mode apply."""
    verb = "run" if values.get("mode") == "apply" else "plan"
    reason = ["--reason", values["reason"]] if values.get("reason") else []
    on = ["--on", values["element"]] if values.get("element") else []
    return shlex.join(["opsguide", verb, activity, *on, *parameter_words(known, values), *reason])


def copied(activity: str, known: list[dict[str, Any]], values: Mapping[str, Any]) -> str:
    """Make a filled copy; its path. InputError with the words of `opsguide open`."""
    words = [f"{name}={values[name]}" for name in COMMON if values.get(name)]
    given = [word for pair in words for word in ("-p", pair)]
    done = _opsguide("open", activity, "--only-copy", *given, *parameter_words(known, values))
    if done.returncode:
        fields = dict(re.findall(r"^  (where|next): +(.*)$", done.stderr, re.MULTILINE))
        raise InputError(done.stderr.partition("\n")[0].removeprefix("InputError: "), **fields)
    return done.stdout.strip()


def form() -> Any:
    """The form as a widget."""
    return Form().box


class Form:
    """The widgets and what they show; `box` is the whole."""

    def __init__(self) -> None:
        import ipywidgets

        self._widgets: Any = ipywidgets
        widgets = self._widgets
        here = [a for a in asked("matrix")["activities"] if _is_here(a)]
        elements = [("", "")] + [(f"{e['name']} ({e['kind']})", e["name"]) for e in asked("elements")]
        self._activity = widgets.Dropdown(
            options=[*((f"{a['number']:02d} {a['title']}", a["slug"]) for a in here), *NOTES]
        )
        self._element = widgets.Dropdown(options=elements)
        self._fields = widgets.VBox()
        self._said, self._line = widgets.HTML(), widgets.Textarea(disabled=True, layout={"width": "60em"})
        self._copy = widgets.Button(description="Make a filled copy")
        self._made = widgets.Output()
        self._known: list[dict[str, Any]] = []
        self._inputs: dict[str, Any] = {}
        rows = [self._row("activity", self._activity, ""), self._row("element", self._element, "")]
        self.box = widgets.VBox([*rows, self._said, self._fields, self._line, self._copy, self._made])
        self._activity.observe(self._chosen, "value")
        self._element.observe(self._changed, "value")
        self._copy.on_click(self._on_copy)
        self._chosen(None)

    def values(self) -> dict[str, Any]:
        """What the form holds, by parameter."""
        typed = {p["name"]: self._typed(p) for p in self._known if p["name"] != "element"}
        return {"element": self._element.value, **typed}

    def _typed(self, known: dict[str, Any]) -> Any:
        value = self._inputs[known["name"]].value
        if known["type"] == "list[str]":
            return [line for line in value.splitlines() if line.strip()]
        return value

    def _chosen(self, change: Any) -> None:
        self._known = asked("show", self._activity.value)["parameters"]
        fields = {p["name"]: self._input(p) for p in self._known if p["name"] != "element"}
        self._inputs = fields
        helps = {p["name"]: p["help"] for p in self._known}
        self._fields.children = [self._row(name, field, helps[name]) for name, field in fields.items()]
        for field in fields.values():
            field.observe(self._changed, "value")
        self._changed(None)

    def _changed(self, change: Any) -> None:
        self._line.value = command_line(self._activity.value, self._known, self.values())
        self._said.value = self._verdict()

    def _verdict(self) -> str:
        if not self._element.value:
            return "pick an element"
        told = asked("may", self._activity.value, self._element.value)
        return html.escape(f"{told['words']}. Next: {told['next']}")

    def _on_copy(self, button: Any) -> None:
        try:
            path = Path(copied(self._activity.value, self._known, self.values()))
            link = f"open this copy: [{path.name}]({quote(os.path.relpath(path))})"
            self._show({"text/markdown": link, "text/plain": f"open this copy: {path}"})
        except InputError as error:
            self._show({"text/plain": "\n".join(error.lines())})

    def _show(self, data: dict[str, str]) -> None:
        """In the place below the button; JupyterLab follows a link in Markdown, and none in a widget's HTML."""
        self._made.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)

    def _input(self, known: dict[str, Any]) -> Any:
        widgets, default = self._widgets, known["default"]
        if known["choices"]:
            return widgets.Dropdown(options=known["choices"] if default else ["", *known["choices"]], value=default)
        if known["type"] == "bool":
            return widgets.Checkbox(value=default, indent=False)
        if known["type"] in ("int", "float"):
            return (widgets.IntText if known["type"] == "int" else widgets.FloatText)(value=default)
        if known["type"] == "list[str]":
            return widgets.Textarea(value="\n".join(default), placeholder="one a line")
        return (widgets.Textarea if known["lines"] else widgets.Text)(value=default)

    def _row(self, name: str, field: Any, help: str) -> Any:
        label = self._widgets.Label(name, layout={"flex": "0 0 9em"})
        field.layout.flex, field.layout.width = "0 0 auto", "22em"
        return self._widgets.HBox([label, field, self._widgets.HTML(html.escape(help))])


def _is_here(activity: dict[str, Any]) -> bool:
    return (places.runbooks() / f"{activity['number']:02d}-{activity['slug']}.ipynb").is_file()
