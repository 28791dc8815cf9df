"""Stand-in for rpm of the opsguide practice platform: NOT the real program.

usage: rpm -qa [--last] | -q [--last] NAME... | -V NAME...

The packages of Virtuozzo are those of packages.py; all others are what dpkg has. -V knows only whether
a package is there.
"""

from __future__ import annotations

import sys

from opsguide_lab.standin import containers as ct
from opsguide_lab.standin import packages as known

FORMAT = "${Package}-${Version}.${Architecture}"


def main(argv: list[str]) -> int:
    """Do one query; 1 when a package is not there."""
    last, words = "--last" in argv, [w for w in argv if w != "--last"]
    if words[:1] not in (["-qa"], ["-q"], ["-V"]):
        asked = words[:1] in ([], ["--help"])
        print(__doc__ if asked else f"rpm: {words[0]}: unknown option", file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 1
    installed = known.load().installed
    if words[0] == "-qa":
        _say([f"{n}-{v}.x86_64" for n, versions in installed.items() for v in versions], last, known.changed_at())
        sys.stdout.flush()
        more = "   " + known.day(known.born_at()) if last else ""
        return ct.run(["/usr/bin/dpkg-query", "-W", "-f", f"{FORMAT}{more}\n"])
    return max((_one(name, installed, last, quiet=words[0] == "-V") for name in words[1:]), default=1)


def _one(name: str, installed: dict[str, list[str]], last: bool, *, quiet: bool) -> int:
    if name in installed:
        _say([] if quiet else [f"{name}-{v}.x86_64" for v in installed[name]], last, known.changed_at())
        return 0
    sys.stdout.flush()
    line = ["/usr/bin/dpkg-query", "-W", "-f", "" if quiet else f"{FORMAT}\n", name]
    if code := ct.run(line, quiet=True):
        print(f"package {name} is not installed")
    return code


def _say(names: list[str], last: bool, at: float) -> None:
    for name in names:
        print(f"{name:<60}{known.day(at)}" if last else name)
