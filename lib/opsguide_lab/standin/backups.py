"""Backups of what a host runs, as the stand-ins for prlctl and prlsrvctl make them: real archives of GNU tar.

Rules:
- `<backup path>/<uuid>/<backup>/base/` holds ve.conf, data.tar and info.json of a full backup, `…/<n>/` those of the
  increment n of its chain, from 2 on. The identifiers are `{<backup>}` and `{<backup>}.<n>`.
- An increment holds what changed since the one before it (tar --listed-incremental); the first backup is a full one.
- A container is locked while it is saved. It may run meanwhile.
- Restored is only what is stopped, from the latest backup unless -t names one, and whole or not at all. With -n it
  becomes a container with a number and an identifier of its own; address and ONBOOT are those of the old one.
- With a backup go the increments that build on it (--keep-chain is not known here).
- A file `fail-backup` in the private area makes its backup fail.
- Where a backup server is set, all goes there and nothing to the path. The lab has none: it does not answer.
"""

# Imports are few for the reason that containers.py gives.
# ruff: noqa: PTH103, PTH104, PTH106, PTH108, PTH110, PTH112, PTH123, PTH202, PTH208, PTH211

from __future__ import annotations

import json
import os
import shutil
import time
import uuid

from opsguide_lab.standin import containers as ct
from opsguide_lab.standin.sources import FAILED, Source, find, sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SETTINGS = "/etc/vz/backup.conf"
DEFAULT_PATH = "/vz/vmprivate/backups"
FIRST_NUMBER = 9000
TAR = ["/usr/bin/tar", "--xattrs", "--xattrs-include=*", "--numeric-owner"]
COLUMNS = (("ID", 38), ("Backup_ID", 41), ("Node", 18), ("Date", 19), ("Type", 4), ("Size", 0))


def settings() -> dict[str, str]:
    """What `prlsrvctl set` left: BACKUP_PATH, and BACKUP_STORAGE where a server is set."""
    lines = ct.text_of(SETTINGS).splitlines() if os.path.exists(SETTINGS) else []
    return {"BACKUP_PATH": DEFAULT_PATH, **{k: v.strip('"') for k, _, v in (line.partition("=") for line in lines)}}


def path() -> str:
    """The folder that backups go to; Refusal where they go to a server."""
    if server := settings().get("BACKUP_STORAGE"):
        raise ct.Refusal(FAILED, f"Failed to connect to the backup server {server}")
    return settings()["BACKUP_PATH"]


def listed() -> list[dict[str, Any]]:
    """All backups in the store, oldest first."""
    place, found = path(), []
    if not os.path.isdir(place):
        raise ct.Refusal(FAILED, f"Unable to open the backup directory {place}: No such file or directory")
    for folder, _, files in os.walk(place):
        if "info.json" in files:
            found.append({**json.loads(ct.text_of(f"{folder}/info.json")), "folder": folder})
    return sorted(found, key=lambda b: (b["at"], b["number"]))


def backup(words: list[str]) -> int:
    """`prlctl backup ID`: save one and print its backup's identifier."""
    given = _options(words, {"--description", "--backup-path"}, {"-f", "-i", "--full", "--incremental"})
    source = find(given["key"])
    made = _save(source, "-f" in given or "--full" in given, given.get("--description", ""))
    print(f"The {source.kind} has been successfully backed up with backup ID {made}.")
    return 0


def _save(source: Source, full: bool, description: str) -> str:
    if source.one:
        ct.refuse_locked(source.one)
    if os.path.exists(f"{source.home}/fail-backup"):
        raise ct.Refusal(FAILED, "Failed to back up: the file fail-backup tells it to fail")
    chain = [] if full else [b for b in listed() if b["uuid"] == source.uuid]
    last = chain[-1] if chain else None
    base, number = (last["backup"], last["number"] + 1) if last else (str(uuid.uuid4()), 1)
    print(f"Starting {'incremental' if last else 'full'} backup of the {source.kind} {source.name} ...", flush=True)
    place = f"{path()}/{source.uuid}/{base}/{'base' if number == 1 else number}"
    lock = f"{ct.LOCKS}/{source.one.ctid}.lck" if source.one else ""
    try:
        if lock:
            with open(lock, "w") as held:
                held.write(f"{os.getpid()} backing-up\n")
        _pack(source, place, last)
        _describe(source, place, base, number, description)
    except OSError as error:
        shutil.rmtree(place, ignore_errors=True)
        raise ct.Refusal(FAILED, f"Failed to back up: {error}") from None
    finally:
        if lock and os.path.exists(lock):
            os.unlink(lock)
    return _shown(base, number)


def _pack(source: Source, place: str, last: dict[str, Any] | None) -> None:
    os.makedirs(place)
    state = f"{place}/state"
    if last:
        shutil.copy(f"{last['folder']}/state", state)
    print("The backup operation is in progress: 0 %", flush=True)
    line = [*TAR, "-c", f"--listed-incremental={state}", "-f", f"{place}/data.tar", "-C", source.home, source.content]
    code = ct.run(line, quiet=True)
    if code not in (0, 1):  # 1: a file changed while it was read
        raise OSError(f"tar exits {code}")
    print("The backup operation is in progress: 100 %", flush=True)


def _describe(source: Source, place: str, base: str, number: int, description: str) -> None:
    if source.one:
        shutil.copy(os.path.realpath(source.one.file), f"{place}/ve.conf")
    told = {
        "uuid": source.uuid, "name": source.name, "backup": base, "number": number, "description": description,
        "node": os.uname().nodename,
        "at": time.time(), "date": time.strftime("%m/%d/%Y %H:%M:%S"), "size": os.path.getsize(f"{place}/data.tar"),
    }  # fmt: skip
    with open(f"{place}/info.json", "w") as file:
        json.dump(told, file)


def _shown(base: str, number: int) -> str:
    return f"{{{base}}}" if number == 1 else f"{{{base}}}.{number}"


def show(words: list[str]) -> int:
    """`prlctl backup-list [ID]`: with -f the description too, with --localvms only what is on this host."""
    given = _options(words, {"--vmtype"}, {"-f", "--full", "--localvms"}, key=False)
    here = {s.uuid for s in sources()}
    wanted = find(given["key"]).uuid if given["key"] else ""
    print(" ".join(head.ljust(width) for head, width in COLUMNS).rstrip())
    for one in listed():
        if wanted in ("", one["uuid"]) and ("--localvms" not in given or one["uuid"] in here):
            kind = "f" if one["number"] == 1 else "i"
            cells = [f"{{{one['uuid']}}}", _shown(one["backup"], one["number"]), one["node"], one["date"], kind]
            row = " ".join(cell.ljust(width) for cell, (_, width) in zip(cells, COLUMNS, strict=False))
            print(f"{row} {one['size']}" + (f" {one['description']}" if "-f" in given else ""))
    return 0


def _named(key: str) -> dict[str, Any]:
    for one in listed():
        if _shown(one["backup"], one["number"]).replace("{", "").replace("}", "") == key.strip("{}").replace("}", ""):
            return one
    raise ct.Refusal(FAILED, f"The backup with ID {key} could not be found")


def restore(words: list[str]) -> int:
    """`prlctl restore {ID | -t BACKUP} [-n NAME]`."""
    given = _options(words, {"-t", "-n", "--dst"}, set(), key=False)
    found = [b for b in listed() if given["key"] and b["uuid"] == find(given["key"]).uuid]
    if "-t" not in given and not found:
        raise ct.Refusal(FAILED, f"There are no backups of {given['key']}")
    chosen = _named(given["-t"]) if "-t" in given else found[-1]
    if given["key"] and chosen not in found:
        raise ct.Refusal(FAILED, f"The backup {given['-t']} is not one of {given['key']}")
    print(f"Restoring the backup {_shown(chosen['backup'], chosen['number'])} ...", flush=True)
    chain = [b for b in listed() if b["backup"] == chosen["backup"] and b["number"] <= chosen["number"]]
    if "-n" in given:
        _restore_beside(chain, given["-n"])
    else:
        _restore_in_place(chain)
    print("The virtual environment has been successfully restored.")
    return 0


def _restore_beside(chain: list[dict[str, Any]], name: str) -> None:
    if any(name in (s.name, s.uuid) for s in sources()):
        raise ct.Refusal(FAILED, f"{name} already exists")
    number = max([FIRST_NUMBER, *(c.ctid for c in ct.all_containers())]) + 1
    home = f"/vz/private/{number}"
    os.makedirs(home)
    _unpack(chain, home, "fs")
    settings = _settings(chain)
    settings |= {"NAME": name, "UUID": str(uuid.uuid4()), "VE_ROOT": f"/vz/root/{number}", "VE_PRIVATE": home}
    os.symlink(f"{home}/ve.conf", f"{ct.CONFIGURATION}/{number}.conf")
    ct.Container(number, settings).save()


def _restore_in_place(chain: list[dict[str, Any]]) -> None:
    source = find(chain[-1]["uuid"])
    if source.one:
        ct.refuse_locked(source.one)
    if source.runs:
        raise ct.Refusal(FAILED, f"The {source.kind} {source.name} is not stopped")
    _unpack(chain, source.home, source.content)
    if source.one:
        shutil.rmtree(f"{source.home}/work", ignore_errors=True)
        ct.Container(source.one.ctid, _settings(chain)).save()


def _settings(chain: list[dict[str, Any]]) -> dict[str, str]:
    lines = ct.text_of(f"{chain[-1]['folder']}/ve.conf").splitlines()
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}


def _unpack(chain: list[dict[str, Any]], home: str, content: str) -> None:
    """All of the chain, one on the other, beside what is there; swapped in when it is whole."""
    draft = f"{home}/restoring"
    shutil.rmtree(draft, ignore_errors=True)
    os.makedirs(draft)
    for one in chain:
        line = [*TAR, "-x", "-p", "--listed-incremental=/dev/null", "-f", f"{one['folder']}/data.tar", "-C", draft]
        if code := ct.run(line):
            shutil.rmtree(draft, ignore_errors=True)
            raise ct.Refusal(FAILED, f"Failed to restore: tar exits {code}; nothing was changed")
    old = f"{home}/{content}"
    if os.path.isdir(old):
        shutil.rmtree(old)
    os.rename(f"{draft}/{content}", old)
    os.rmdir(draft)


def delete(words: list[str]) -> int:
    """`prlctl backup-delete {ID | -t BACKUP}`."""
    given = _options(words, {"-t"}, set(), key=False)
    if "-t" in given:
        first = _named(given["-t"])
        gone = [b for b in listed() if b["backup"] == first["backup"] and b["number"] >= first["number"]]
    else:
        gone = [b for b in listed() if b["uuid"] == find(given["key"]).uuid]
    for one in gone:
        shutil.rmtree(one["folder"])
        for parent in (f"{path()}/{one['uuid']}/{one['backup']}", f"{path()}/{one['uuid']}"):
            if os.path.isdir(parent) and not os.listdir(parent):
                os.rmdir(parent)
    print("The backup has been successfully deleted.")
    return 0


def save_all(words: list[str]) -> int:
    """`prlsrvctl backup [-f|-i]`: one after another; fails in the end when one failed."""
    worst = 0
    for source in sources():
        try:
            print(f"{source.name}: {_save(source, '-f' in words, '')}")
        except ct.Refusal as refusal:
            print(f"{source.name}: {refusal}")
            worst = FAILED
    return worst


def _options(words: list[str], valued: set[str], flags: set[str], *, key: bool = True) -> dict[str, str]:
    """The options that were given and, under `key`, the one word beside them."""
    given, rest = {"key": ""}, list(words)
    while rest:
        word = rest.pop(0)
        if word in valued and rest:
            given[word] = rest.pop(0)
        elif word in flags:
            given[word] = ""
        elif word.startswith("-") or given["key"]:
            raise ct.Refusal(FAILED, f"Unrecognized option '{word}'")
        else:
            given["key"] = word
    if key and not given["key"]:
        raise ct.Refusal(FAILED, "the identifier is missing")
    return given
