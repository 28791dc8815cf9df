"""Stand-in for yum of the opsguide practice platform: NOT the real program.

usage: yum [-q] check-update [--exclude=PATTERN]...      exits 100 with updates, 0 without, 1 when it failed
       yum -y update [--exclude=PATTERN]... [NAME...] | clean metadata | repolist -v
       yum history list | history info ID | -y history undo ID
       yum --showduplicates list NAME | --assumeno install NAME

Its packages, its repository and what makes it fail stand in packages.py. Of what it installs
only the versions are kept.
"""

from __future__ import annotations

import sys
import time

from opsguide_lab.standin import packages as known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UPDATES, FAILED = 100, 1


def main(argv: list[str]) -> int:
    """Do one command; the exit code says how it went."""
    words = [w for w in argv if w not in ("-q", "-y")]
    if not words or words[0] in ("-h", "--help", "help"):
        print(__doc__)
        return 0 if words else FAILED
    quiet, leave = "-q" in argv, tuple(w[10:] for w in words if w.startswith("--exclude="))
    names = tuple(w for w in words[1:] if not w.startswith("--"))
    if words[0] == "update" and "-y" not in argv:
        print("Is this ok [y/d/N]: Exiting on user command")
        return FAILED
    match words[0], *names:
        case "check-update", *_:
            return _answers() or _check(leave)
        case "update", *_:
            return _answers() or _update(known.load(), leave, names)
        case "clean", *_:
            print("Cleaning repos: virtuozzo" if not quiet else "", end="" if quiet else "\n")
            return 0
        case "history", *rest:
            return _history(known.load(), rest)
        case "repolist" | "--showduplicates" | "--assumeno", *_:
            return _about(words)
    print(f"No such command: {words[0]}. Please use yum --help", file=sys.stderr)
    return FAILED


def _answers() -> int:
    """0 when the repository answers."""
    lines = known.text_of(known.REPOSITORY).splitlines()
    address = next((line.partition("=")[2].strip() for line in lines if line.startswith("baseurl")), "")
    host = address.partition("://")[2].split("/")[0]
    if host and not host.endswith(".invalid"):
        return 0
    print(f'{address or "virtuozzo"}: [Errno 14] curl#6 - "Could not resolve host: {host}"', file=sys.stderr)
    print("Cannot retrieve repository metadata (repomd.xml) for repository: virtuozzo", file=sys.stderr)
    return FAILED


def _check(leave: tuple[str, ...]) -> int:
    found = known.load().updates(leave)
    print(*(f"{name + '.x86_64':<40}{version:<36}virtuozzo" for name, version in found.items()), sep="\n")
    return UPDATES if found else 0


def _update(packages: known.Packages, leave: tuple[str, ...], names: tuple[str, ...]) -> int:
    wanted = packages.updates(leave, names)
    if not wanted:
        print("No packages marked for update")
        return 0
    limit = known.text_of(known.FAIL_AFTER).strip()
    row = _begun(packages, "update")
    for count, (name, version) in enumerate(wanted.items()):
        if limit.isdigit() and count >= int(limit):
            print("error: can't create transaction lock on /var/lib/rpm/.rpm.lock (Resource temporarily unavailable)")
            return FAILED
        row["altered"].append([name, packages.put(name, version), version])
        packages.save()
        print(f"  Updating   : {name}-{version}.x86_64   {count + 1}/{len(wanted)}", flush=True)
    row["failed"] = False
    packages.save()
    print("\nComplete!")
    return 0


def _begun(packages: known.Packages, command: str) -> dict[str, Any]:
    """A new line of the history, as one that has not ended well."""
    number = packages.history[-1]["id"] + 1
    row = {"id": number, "command": command, "when": int(time.time()), "altered": [], "failed": True}
    packages.history.append(row)
    packages.save()
    return row


def _history(packages: known.Packages, words: list[str]) -> int:
    if words[:1] in ([], ["list"]):
        print("ID     | Login user               | Date and time            | Action(s)      | Altered")
        for row in reversed(packages.history):
            marks = " **" if row["failed"] else ""
            when = known.day(row["when"])
            print(
                f"{row['id']:>6} | {'root <root>':<24} | {when} | {row['command']:<14} | {len(row['altered'])}{marks}"
            )
        return 0
    row = next((r for r in packages.history if [str(r["id"])] == words[1:2]), None)
    if row is None or words[0] not in ("info", "undo"):
        print(f"history {' '.join(words)}: no such transaction or sub-command", file=sys.stderr)
        return FAILED
    if words[0] == "info":
        print(f"Transaction ID : {row['id']}\nReturn-Code    : {'Failure' if row['failed'] else 'Success'}")
        print(*(f"    {name}-{old} -> {new}" for name, old, new in row["altered"]), sep="\n")
        return 0
    undone = _begun(packages, "undo")
    for name, old, new in row["altered"]:
        print(packages.take_back(name, old, new))
    undone["altered"], undone["failed"] = [[n, new, old] for n, old, new in row["altered"]], False
    packages.save()
    return 0


def _about(words: list[str]) -> int:
    name = words[-1]
    if words[0] == "repolist":
        print("Repo-id      : virtuozzo\nRepo-name    : practice platform\nRepo-status  : enabled\nrepolist: 1")
        return 0
    if words[0] == "--showduplicates":
        print(f"Available Packages\n{name}.x86_64    1.0-1    virtuozzo")
        return 0
    print(f"Dependencies Resolved\n\nInstalling:\n {name}    x86_64    1.0-1    virtuozzo    120 k\n")
    print("Transaction Summary\nInstall  1 Package\n\nExiting on user command")
    return FAILED
