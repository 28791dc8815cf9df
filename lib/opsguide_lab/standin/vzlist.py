"""Stand-in for vzlist of the opsguide practice platform: NOT the real program.

usage: vzlist [-a|-S] [-H] [-1] [-j] [-o COLUMN,...] [-s COLUMN] [-h PATTERN] [-N PATTERN] [CTID...]
       -S only those that do not run; -h by host name, -N by name, with the wildcards of a shell
       columns: ctid status hostname name ip uuid onboot layout private root ostemplate
                numproc numfile numtcpsock numiptent physpages swappages (in pages of 4 KiB), each as it is: in use,
                .m the most held, .b barrier, .l limit, .f how often the limit was met
                diskspace (in use by the private area), diskspace.s .h (limits), in blocks of 1 KiB
                cpus cpulimit cpuunits ioprio iolimit (bytes a second) iopslimit
"""

from __future__ import annotations

import sys

from opsguide_lab.standin import containers as ct
from opsguide_lab.standin import counters
from opsguide_lab.standin import usage as use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = {"cpus": "-", "cpulimit": "0", "cpuunits": "1000", "ioprio": "4", "iolimit": "0", "iopslimit": "0"}


def _counted(name: str, suffix: str) -> Callable[[ct.Container], str]:
    return lambda one: counters.field(one, name, suffix)


def _kept(key: str, without: str) -> Callable[[ct.Container], str]:
    return lambda one: one.settings.get(key, without)


COLUMNS: dict[str, tuple[int, Callable[[ct.Container], str]]] = {
    "ctid": (10, lambda c: str(c.ctid)),
    "veid": (10, lambda c: str(c.ctid)),
    "uuid": (36, lambda c: c.settings.get("UUID", "-")),
    "status": (-9, lambda c: c.status),
    "ip": (-15, lambda c: c.settings.get("IP_ADDRESS", "-").split("/")[0]),
    "hostname": (-32, lambda c: c.settings.get("HOSTNAME", "-")),
    "name": (-32, lambda c: c.settings.get("NAME", "-")),
    "onboot": (6, lambda c: c.settings.get("ONBOOT", "no")),
    "diskspace": (10, lambda c: str(use.blocks(c))),
    "diskspace.s": (10, lambda c: c.settings.get("DISKSPACE", "-").split(":")[0]),
    "diskspace.h": (10, lambda c: c.settings.get("DISKSPACE", "-").split(":")[-1]),
    "private": (-32, lambda c: f"/vz/private/{c.ctid}"),
    "root": (-32, lambda c: str(c.root)),
    "ostemplate": (-16, lambda c: c.settings.get("OSTEMPLATE", "-")),
    "layout": (6, lambda c: "simfs"),
    **{f"{name}{'.' * bool(suffix)}{suffix}": (10, _counted(name, suffix))
       for name in counters.KEYS for suffix in ("", "m", "b", "l", "f")},
    **{name: (10, _kept(name.upper(), without)) for name, without in KEPT.items()},
}  # fmt: skip
LONG = {
    "--all": "-a", "--no-header": "-H", "--stopped": "-S", "--json": "-j", "--output": "-o", "--sort": "-s",
    "--hostname": "-h", "--name_filter": "-N",
}  # fmt: skip
HEADS = {
    "ip": "IP_ADDR",
    "numproc": "NPROC",
    **{f"physpages{s}": f"PHYSP{s.upper()}" for s in ("", ".m", ".b", ".l", ".f")},
}
FILTERS = {"h": "hostname", "N": "name"}


def main(argv: list[str]) -> int:
    """Print the containers; without -a only those that run."""
    if "--help" in argv:
        print(__doc__)
        return 0
    try:
        return _print(argv)
    except ct.Refusal as refusal:
        print(refusal, file=sys.stderr)
        return refusal.code


def _print(argv: list[str]) -> int:
    flags, columns, order, keys, patterns = _read(argv)
    rows = [ct.find(k) for k in keys] if keys else ct.all_containers()
    rows = [c for c in rows if keys or "a" in flags or c.running != ("S" in flags)]
    rows = [c for c in rows if _matches(c, patterns)]
    rows.sort(key=lambda c: c.ctid if order in ("ctid", "veid") else COLUMNS[order][1](c))
    if "j" in flags:
        import json

        print(json.dumps([_row(c) for c in rows], indent=2))
        return 0
    if "1" in flags:
        columns, flags = ["ctid"], flags | {"H"}
    widths = [COLUMNS[name][0] for name in columns]
    if "H" not in flags:
        print(*(_fit(HEADS.get(n, n.upper()), w) for n, w in zip(columns, widths, strict=True)))
    for one in rows:
        print(" ".join(_fit(COLUMNS[n][1](one), w) for n, w in zip(columns, widths, strict=True)).rstrip())
    return 0


def _read(argv: list[str]) -> tuple[set[str], list[str], str, list[str], dict[str, str]]:
    flags: set[str] = set()
    patterns: dict[str, str] = {}
    columns, order, keys, words = ["ctid", "numproc", "status", "ip", "hostname"], "ctid", [], list(argv)
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            keys.append(word)
            continue
        word = LONG.get(word, word)
        for at, letter in enumerate(word[1:], 2):
            if letter in "oshN":
                value = word[at:] or (words.pop(0) if words else "")
                if letter in FILTERS:
                    patterns[FILTERS[letter]] = value
                else:
                    columns, order = (value.split(","), order) if letter == "o" else (columns, value.lstrip("-"))
                break
            if letter not in "aHS1jn":
                raise ct.Refusal(ct.BAD_PARAMETER, f"vzlist: invalid option -- '{letter}'")
            flags.add(letter)
    for name in [*columns, order]:
        if name not in COLUMNS:
            raise ct.Refusal(1, f"Unknown field: {name}")
    return flags, columns, order, keys, patterns


def _matches(one: ct.Container, patterns: dict[str, str]) -> bool:
    from fnmatch import fnmatchcase

    return all(fnmatchcase(COLUMNS[field][1](one), pattern) for field, pattern in patterns.items())


def _row(one: ct.Container) -> dict[str, object]:
    return {
        "ctid": one.ctid, "uuid": COLUMNS["uuid"][1](one), "hostname": COLUMNS["hostname"][1](one),
        "name": COLUMNS["name"][1](one), "status": COLUMNS["status"][1](one), "ip": [COLUMNS["ip"][1](one)],
        "private": f"/vz/private/{one.ctid}", "root": str(one.root), "onboot": one.settings.get("ONBOOT") == "yes",
    }  # fmt: skip


def _fit(text: str, width: int) -> str:
    return text.rjust(width) if width > 0 else text.ljust(-width)
