"""Stand-in for prlctl of the opsguide practice platform: NOT the real program.

usage: prlctl list [-a] [-H] [-j] [-o COLUMN,...] [--vmtype ct|vm|all] | list -i -j [--vmtype ct|vm|all] [ID]
       prlctl start ID | stop ID [--kill] | restart ID | suspend ID | resume ID | snapshot-list ID
       prlctl status ID | exec ID COMMAND...   (the command is not given to a shell) | set ID [--memsize SIZE]
       [--swappages SIZE] [--memguarantee PERCENT|auto] [--cpus N] [--cpulimit PERCENT] [--cpuunits N] [--iolimit SIZE]
       [--iopslimit N] [--ioprio 0-7] [--device-set hdd0 --size SIZE]     a bare SIZE is in megabytes
       prlctl backup ID [-f|-i] [--description TEXT] | backup-list [ID] [-f] [--localvms]
       prlctl restore {ID | -t BACKUP} [-n NAME] | backup-delete {ID | -t BACKUP}     (see backups.py)
       prlctl mount ID -o ro | umount ID | delete ID     a container that is down
       columns: uuid status ip type name

A virtual machine is a file /vz/vmprivate/NAME/vm.json; what begins with a capital letter there is shown by
`list -i -j`. It is listed and does not run: nothing but `list` and `snapshot-list` knows it.
"""

# Imports are few for the reason that containers.py gives.
# ruff: noqa: PTH110, PTH112, PTH208

from __future__ import annotations

import os
import sys

from opsguide_lab.standin import containers as ct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COLUMNS = ("uuid", "status", "ip", "type", "name")
MACHINES = "/vz/vmprivate"
FAILED = 255


def main(argv: list[str]) -> int:
    """Do one command; prlctl answers 255 where vzctl has a code of its own."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(__doc__)
        return 0 if argv else 2
    try:
        return _list(argv[1:]) if argv[0] == "list" else _act(argv[0], argv[1:])
    except ct.Refusal as refusal:
        print(f"Failed: {refusal}", file=sys.stderr)
        return FAILED


def _list(words: list[str]) -> int:
    everything = any(w.startswith("-") and not w.startswith("--") and "a" in w for w in words) or "--all" in words
    kind = words[words.index("--vmtype") + 1].upper() if "--vmtype" in words else "ALL"
    if "-i" in words or "--info" in words:
        return _info([w for w in words if not w.startswith("-") and w.upper() != kind], kind)
    found = [_row(c) for c in ct.all_containers()] + [{c: str(m[c]) for c in COLUMNS} for m in _machines()]
    rows = [r for r in found if (everything or r["status"] == "running") and kind in ("ALL", r["type"])]
    columns = words[words.index("-o") + 1].split(",") if "-o" in words else list(COLUMNS)
    if unknown := [c for c in columns if c not in COLUMNS]:
        raise ct.Refusal(FAILED, f"unknown field {unknown[0]}")
    if "-j" in words or "--json" in words:
        import json

        print(json.dumps(rows, indent=4))
        return 0
    if "-H" not in words:
        print(*(_fit(c.upper(), c) for c in columns))
    for row in rows:
        print(" ".join(_fit(row[c], c) for c in columns).rstrip())
    return 0


def _machines() -> list[dict[str, Any]]:
    """The virtual machines of this host."""
    import json

    names = sorted(os.listdir(MACHINES)) if os.path.isdir(MACHINES) else []
    texts = [ct.text_of(f"{MACHINES}/{name}/vm.json") for name in names if os.path.exists(f"{MACHINES}/{name}/vm.json")]
    return [{**json.loads(text), "Home": f"{MACHINES}/{json.loads(text)['name']}/"} for text in texts]


def _any(key: str) -> ct.Container:
    try:
        return ct.find(key)
    except ct.Refusal:
        words = f"Failed to get VM config: The virtual machine could not be found: {key}"
        raise ct.Refusal(FAILED, words) from None


def _info(keys: list[str], kind: str) -> int:
    import json

    machines = [] if kind == "CT" else _machines()
    found = [_shown(m) for m in machines if not keys or keys[-1] in _names(m)]
    if kind != "VM" and not (keys and found):
        found += _details(list(map(_any, keys)) or ct.all_containers())
    print(json.dumps(found, indent=4))
    return 0


def _names(machine: dict[str, Any]) -> tuple[str, str, str]:
    return machine["name"], machine["uuid"], machine["uuid"].strip("{}")


def _shown(machine: dict[str, Any]) -> dict[str, Any]:
    """A virtual machine as `list -i -j` has it: without its snapshots, which `snapshot-list` tells."""
    own = {key: value for key, value in machine.items() if key[0].isupper() and key != "Snapshots"}
    return {"ID": machine["uuid"], "Name": machine["name"], "Type": "VM", "State": machine["status"], **own}


def _snapshots(key: str) -> int:
    print("PARENT_SNAPSHOT_ID                      SNAPSHOT_ID")
    for snapshot in next((m["Snapshots"] for m in _machines() if key in _names(m)), []):
        print(f"{'':38} *{snapshot['id']}")
    return 0


def _details(rows: list[ct.Container]) -> list[dict[str, object]]:
    from opsguide_lab.standin import limits

    return [
        {
            "ID": c.settings.get("UUID", ""), "EnvID": str(c.ctid), "Name": c.settings.get("NAME", ""), "Type": "CT",
            "State": c.status, "Home": f"/vz/private/{c.ctid}", "Hardware": limits.hardware(c),
        }
        for c in rows
    ]  # fmt: skip


def _set(one: ct.Container, words: list[str]) -> int:
    """Set properties; 255 where one is refused."""
    from opsguide_lab.standin import limits

    try:
        ct.refuse_locked(one)
        disk = words[:3] == ["--device-set", "hdd0", "--size"]
        pairs = [("--disk", words[3])] if disk and len(words) == 4 else list(zip(words[::2], words[1::2], strict=True))
        for option, value in pairs:
            if not limits.known(option):
                raise ct.Refusal(ct.BAD_PARAMETER, f"Unrecognized option '{option}'")
            limits.put(one, option, value, "prlctl")
    except ct.Refusal as refusal:
        print(f"Failed to configure the CT: {refusal}", file=sys.stderr)
        return FAILED
    except (OSError, ValueError) as error:
        print(f"Failed to configure the CT: {error}", file=sys.stderr)
        return FAILED
    print("The CT has been successfully configured.")
    return 0


def _fit(text: str, column: str) -> str:
    return text.ljust({"uuid": 38, "status": 12, "ip": 15, "type": 4}.get(column, 0))


def _row(one: ct.Container) -> dict[str, str]:
    return {
        "uuid": f"{{{one.settings.get('UUID', '')}}}", "status": one.status,
        "ip": one.settings.get("IP_ADDRESS", "-").split("/")[0], "type": "CT", "name": one.settings.get("NAME", ""),
    }  # fmt: skip


def _act(verb: str, words: list[str]) -> int:
    if verb in ("backup", "backup-list", "restore", "backup-delete"):
        from opsguide_lab.standin import backups

        does = {"backup": backups.backup, "backup-list": backups.show, "restore": backups.restore}
        return does.get(verb, backups.delete)(words)
    if not words:
        raise ct.Refusal(FAILED, "the identifier is missing")
    if verb == "snapshot-list":
        return _snapshots(words[0])
    one = ct.find(words[0])
    if verb == "status":
        print(f"CT {one.settings.get('NAME')} exist {_row(one)['status']}")
        return 0
    if verb == "exec":
        return ct.run(ct.enter(one, words[1:]))
    if verb == "set":
        return _set(one, words[1:])
    ct.refuse_locked(one)
    if verb in ("mount", "umount", "delete"):
        return _at_rest(verb, one, words[1:])
    if verb in ("suspend", "resume"):
        (ct.suspend if verb == "suspend" else ct.resume)(one)
        print(f"The CT has been successfully {verb.rstrip('e')}ed.")
        return 0
    if verb not in ("start", "stop", "restart"):
        raise ct.Refusal(FAILED, f"Unrecognized command '{verb}'")
    if verb == "stop" or (verb == "restart" and one.running):
        ct.stop(one, fast="--kill" in words)
    if verb != "stop":
        ct.start(one)
    done = {"start": "started", "stop": "stopped", "restart": "restarted"}[verb]
    print(f"The CT has been successfully {done}.")
    return 0


def _at_rest(verb: str, one: ct.Container, words: list[str]) -> int:
    """What is done with the files of a container that is down."""
    from opsguide_lab.standin import mounts, newborn

    if verb == "mount" and words != ["-o", "ro"]:
        raise ct.Refusal(FAILED, "the stand-in mounts with -o ro only")
    if verb == "delete":
        newborn.destroy(str(one.ctid), [])
    else:
        (mounts.mount if verb == "mount" else mounts.unmount)(one)
    done = {"mount": "mounted", "umount": "unmounted", "delete": "removed"}[verb]
    print(f"The CT has been successfully {done}.")
    return 0
