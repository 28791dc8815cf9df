"""06 to the last row of the service map: each service that may be restarted is, and each one that is denied is not.

A unit that the lab does not have is a stand-in there: a process that waits, so that a new one can be told from it. A
component that the lab does not have is played by another container, in a platform file of the test's own.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import Desk
from opsguide import places
from opsguide.guide import services
from stepping import stepped

pytestmark = pytest.mark.lab
WHERE = {
    "user-host": "uh-01", "infrastructure-host": "ih-01", "infrastructure-container": "zookeeper1", "hcore": "hcore1",
    "jelcore": "jelcore1", "resolver": "resolver1", "gate": "gate1", "jelastic-db": "jelastic-db1",
    "memcached-infra": "memcached-infra1", "end-user-container": "node101",
}  # fmt: skip
PLAYED = (
    {"jrouter": "uploader1", "msa": "memcached-infra1", "db-backup": "zookeeper1"},
    {"auth": "uploader1", "kafka": "memcached-infra1"},
)
ROWS = [(table, name) for table, rows in services.load().items() for name, row in rows.items() if not row.denied]
DENIED = [(table, name) for table, rows in services.load().items() for name, row in rows.items() if row.denied]
UNIT = "[Unit]\nDescription=stand-in of {name}, it waits\n[Service]\nExecStart=/usr/bin/sleep infinity\n"


def place(table: str) -> str:
    """The element that stands for a table of the map."""
    return {**WHERE, **PLAYED[0], **PLAYED[1]}[table]


@pytest.fixture(scope="module", autouse=True)
def units(lab: Any) -> Iterator[None]:
    """A unit for every row, and away again what the lab did not have before."""
    wanted: dict[str, list[str]] = {}
    for table, name in ROWS:
        wanted.setdefault(place(table), []).append(name)
    made = {element: _made(lab, element, names) for element, names in wanted.items()}
    yield
    for element, names in made.items():
        paths = shlex.join(f"/etc/systemd/system/{_file(name)}" for name in names)
        lab.inside(element, ["sh", "-c", f"systemctl stop {shlex.join(names)}; rm -f {paths}; systemctl daemon-reload"])


def _made(lab: Any, element: str, names: list[str]) -> list[str]:
    has = lab.inside(element, ["systemctl", "list-unit-files", "--no-legend", "--plain"]).stdout
    there = {line.split()[0] for line in has.splitlines() if line.split()[1] != "masked"}
    lacks = [name for name in dict.fromkeys(names) if _file(name) not in there]
    files = {_file(name): UNIT.format(name=name) for name in lacks}
    write = [f"printf %s {shlex.quote(text)} > /etc/systemd/system/{file}" for file, text in files.items()]
    then = [f"rm -f /etc/systemd/system/{f}.wants; systemctl unmask -q {f} || :" for f in files]
    start = [f"systemctl start {shlex.join(names)}"]
    done = lab.inside(element, ["sh", "-e", "-c", "; ".join([*then, *write, "systemctl daemon-reload", *start])])
    assert done.returncode == 0, (element, done.stderr)
    return lacks


def _file(name: str) -> str:
    return f"{name}.service"


def alive(lab: Any, element: str, unit: str) -> list[str]:
    """What tells a start of a unit from the one before: its process, or the moment when it came to be active."""
    words = ["systemctl", "show", "-p", "MainPID,ActiveEnterTimestampMonotonic", "--value", unit]
    return lab.inside(element, words).stdout.split()


@pytest.fixture(scope="module")
def cast_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each component that the lab does not have, the platform file in which another container plays it."""
    folder = tmp_path_factory.mktemp("played")
    return {component: file for cast in PLAYED for file in [_platform(folder, cast)] for component in cast}


def _platform(folder: Path, cast: dict[str, str]) -> Path:
    lines = places.platform_file("lab").read_text().splitlines()
    for component, element in cast.items():
        at = next(i for i, line in enumerate(lines) if line.startswith(f"  {element}:"))
        lines[at] = lines[at].replace(f"component: {element[:-1]}", f"component: {component}")
        assert component in lines[at]
    file = folder / f"{'-'.join(cast)}.yml"
    file.write_text("\n".join(lines) + "\n")
    return file


def on_the_platform(desk: Desk, cast_files: dict[str, Path], table: str) -> str:
    """The element for a table of the map; the desk is on the platform where it is one."""
    if table in cast_files:
        desk.env["OPSGUIDE_PLATFORM"] = str(cast_files[table])
    return place(table)


@pytest.mark.parametrize(("table", "service"), ROWS)
def test_a_service_of_the_map_is_started_anew_once(
    desk: Desk, lab: Any, cast_files: dict[str, Path], table: str, service: str
) -> None:
    element = on_the_platform(desk, cast_files, table)
    before = alive(lab, element, service)
    error = stepped(desk, "06-restarting-processes.ipynb", element=element, service=service, mode="apply", settle="0.2 s",
                    through="container", reason="test")  # fmt: skip
    assert error is None, error
    after = alive(lab, element, service)
    assert after[-1] not in ("0", before[-1]), "it did not start again"
    record = desk.record()
    assert record.state == "succeeded"
    drained = [e["template"] for e in record.sent("change") if e["template"].startswith("bash ")]
    has_peer = services.load()[table][service].drained
    assert len(drained) == (2 if has_peer else 0)


@pytest.mark.parametrize(("table", "service"), DENIED)
def test_a_service_that_the_map_denies_is_not_touched(
    desk: Desk, cast_files: dict[str, Path], table: str, service: str
) -> None:
    element = on_the_platform(desk, cast_files, table)
    error = stepped(desk, "06-restarting-processes.ipynb", element=element, service=service, mode="apply", settle="0.2 s",
                    reason="test")  # fmt: skip
    assert services.load()[table][service].denied in str(error)
    assert not any(desk.record(n).sent("change") for n in range(len(desk.folders())))
