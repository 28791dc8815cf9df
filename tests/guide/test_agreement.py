"""environment.yml, pyproject.toml and requirements.lock name the same packages, with versions that fit."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from opsguide import __version__

HOME = Path(__file__).resolve().parents[2]
ENVIRONMENT = HOME / "environment.yml"
FORM = re.compile(r"([A-Za-z0-9._-]+)\s*(?:>=\s*([0-9][0-9.]*))?")
NOT_OURS = {"pip", "python"}

pytestmark = pytest.mark.skipif(not ENVIRONMENT.is_file(), reason="environment.yml is still to come")


def least(lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        match = FORM.fullmatch(line.strip())
        assert match, f"{line}: a name and at most >= one version"
        found[re.sub(r"[._-]+", "-", match[1]).lower()] = match[2] or ""
    return found


def environment() -> tuple[list[str], list[str]]:
    """The conda lines and the pip lines of environment.yml."""
    lines: list[Any] = yaml.safe_load(ENVIRONMENT.read_text("utf-8"))["dependencies"]
    pip = [line for part in lines if isinstance(part, dict) for line in part["pip"]]
    return [line for line in lines if isinstance(line, str)], pip


def packages() -> dict[str, str]:
    conda, pip = environment()
    named = [line for line in conda if FORM.match(line)[1] not in NOT_OURS]  # type: ignore[index]
    return least([*named, *(line for line in pip if not line.startswith(("-e", "--editable", ".")))])


def project() -> Any:
    return tomllib.loads((HOME / "pyproject.toml").read_text("utf-8"))["project"]


def test_every_dependency_of_the_project_stands_in_the_environment_with_the_same_least_version() -> None:
    wanted, there = least(project()["dependencies"]), packages()
    assert {name: there.get(name) for name in wanted} == wanted


def test_the_environment_names_nothing_that_the_project_does_not() -> None:
    known = least(
        [*project()["dependencies"], *(p for extra in project()["optional-dependencies"].values() for p in extra)]
    )
    assert {name: known.get(name) for name in packages()} == packages()


def test_both_want_the_same_python() -> None:
    python = next(line for line in environment()[0] if line.startswith("python"))
    assert least([python])["python"] == least(["python" + project()["requires-python"]])["python"]


def test_the_lock_holds_every_dependency_in_a_version_that_fits_and_names_no_registry() -> None:
    text = (HOME / "requirements.lock").read_text("utf-8")
    locked = {
        re.sub(r"[._-]+", "-", n).lower(): v for n, v in re.findall(r"^([A-Za-z0-9._-]+)==([0-9][^ ;]*)", text, re.M)
    }
    wanted = least([*project()["dependencies"], *project()["optional-dependencies"]["test"]])
    assert {name for name in wanted if name not in locked} == set()
    assert [name for name, version in wanted.items() if numbers(locked[name]) < numbers(version)] == []
    assert "://" not in text


def test_the_project_and_the_command_line_say_the_same_version() -> None:
    assert project()["version"] == __version__


def numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"[0-9]+", version)]
