"""Stand-in for vzctl of the opsguide practice platform: NOT the real program.

usage: vzctl start CTID | stop CTID [--fast] | restart CTID | status CTID
       vzctl exec CTID COMMAND...     joins COMMAND with spaces for bash -c inside; exits 8 when it fails
       vzctl exec2 CTID COMMAND...    the same; exits with the command's own code
       vzctl set CTID [--hostname NAME] [--onboot yes|no] [--ipdel all] [--save]
                  [--ram SIZE] [--swap SIZE] [--memguarantee PERCENT|auto] [--diskspace SIZE]    bare: MiB, MiB, %, KiB
                  [--cpus N] [--cpulimit PERCENT] [--cpuunits N] [--iolimit BYTES] [--iopslimit N] [--ioprio 0-7]
       vzctl suspend CTID     writes /vz/dump/Dump.CTID and takes the container down; it stays so over a reboot
       vzctl resume CTID      brings it up again; the lab keeps no memory, so its processes start anew
       vzctl create CTID --ostemplate TEMPLATE [--hostname NAME] | destroy CTID     (see newborn.py)
       vzctl list [vzlist options]

Exit codes are the manual page's: 5 not enough resources, 7 cannot start, 8 command failed, 9 locked,
14 no configuration, 16 cannot suspend, 17 cannot resume, 20 bad parameter, 31 not running, 32 already running,
33 cannot stop, 46 no disk space.
A file fail-start, fail-set or hang-stop in /vz/private/CTID makes a start or set fail, or a stop run into its timeout.
"""

# Imports are few for the reason that containers.py gives.
# ruff: noqa: PTH103, PTH123

from __future__ import annotations

import os
import sys

from opsguide_lab.standin import containers as ct
from opsguide_lab.standin import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND_FAILED = 8
LOGGED = ("start", "stop", "restart", "suspend", "resume")


def main(argv: list[str]) -> int:
    """Do one command; the exit code says how it went."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(__doc__)
        return 0 if argv else 2
    try:
        return _do(argv[0], argv[1:])
    except ct.Refusal as refusal:
        print(refusal, file=sys.stderr)
        if argv[0] in LOGGED:
            ct.log(f"CT {' '.join(argv[1:2])} : {argv[0]}: {refusal}")
        return refusal.code
    except (OSError, ValueError) as error:
        print(f"vzctl: {error}", file=sys.stderr)
        return 3


def _do(verb: str, words: list[str]) -> int:
    if verb == "list":
        from opsguide_lab.standin.vzlist import main as vzlist

        return vzlist(words)
    if verb == "lab-onboot":
        return _onboot()
    if verb == "lab-limits":
        limits.hold(ct.find(words[0]))
        return 0
    if verb == "lab-stop-all":
        return _all(ct.stop, [c for c in ct.all_containers() if c.running])
    if verb in ("create", "destroy") and words:
        from opsguide_lab.standin import newborn

        return (newborn.create if verb == "create" else newborn.destroy)(words[0], words[1:])
    if verb not in VERBS:
        raise ct.Refusal(ct.BAD_PARAMETER, f"Bad command: {verb}")
    if not words:
        raise ct.Refusal(ct.BAD_PARAMETER, "CTID is not specified")
    return VERBS[verb](words[0], words[1:])


def _onboot() -> int:
    code = _all(
        ct.start, [c for c in ct.all_containers() if c.settings.get("ONBOOT") == "yes" and c.status == "stopped"]
    )
    os.makedirs("/run/vz", exist_ok=True)
    with open("/run/vz/onboot", "w") as done:
        done.write(f"{code}\n")
    return 0  # a container that does not come up is in the log; the service has done its work


def _all(act: Callable[[ct.Container], None], many: list[ct.Container]) -> int:
    import threading

    failed: list[str] = []

    def one(container: ct.Container) -> None:
        try:
            act(container)
        except ct.Refusal as refusal:
            failed.append(f"{container.ctid}: {refusal}")
            ct.log(f"CT {container.ctid} : {refusal}")

    threads = [threading.Thread(target=one, args=(c,)) for c in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(*failed, sep="\n", file=sys.stderr, end="")
    return 1 if failed else 0


def _start(key: str, words: list[str]) -> int:
    one = ct.find(key)
    ct.refuse_locked(one)
    print("Starting container ...", flush=True)
    ct.start(one)
    ct.log(f"CT {one.ctid} : Container was successfully started")
    print("Container was successfully started")
    return 0


def _stop(key: str, words: list[str]) -> int:
    one = ct.find(key)
    ct.refuse_locked(one)
    print("Stopping container ...", flush=True)
    ct.stop(one, fast="--fast" in words)
    ct.log(f"CT {one.ctid} : Container was stopped")
    print("Container was stopped")
    return 0


def _restart(key: str, words: list[str]) -> int:
    one = ct.find(key)
    ct.refuse_locked(one)
    if one.running:
        _stop(key, words)
    return _start(key, [])


def _status(key: str, words: list[str]) -> int:
    try:
        one = ct.find(key)
    except ct.Refusal:
        print(f"CTID {key} deleted unmounted down")
        return 0
    mounted = "mounted" if os.path.ismount(one.root) else "unmounted"
    state = {"running": "running", "suspended": "down suspended", "stopped": "down"}[one.status]
    print(f"CTID {one.ctid} exist {mounted} {state}")
    return 0


def _exec(key: str, words: list[str]) -> int:
    return COMMAND_FAILED if _exec2(key, words) else 0


def _exec2(key: str, words: list[str]) -> int:
    if not words:
        raise ct.Refusal(ct.BAD_PARAMETER, "Command is not specified")
    return ct.run(ct.enter(ct.find(key), ["/bin/bash", "-c", " ".join(words)]))


def _set(key: str, words: list[str]) -> int:
    one = ct.find(key)
    ct.refuse_locked(one)
    for name, value in _pairs(words).items():
        if limits.known(name):
            limits.put(one, name, value, "vzctl")
        elif (name, value) == ("--ipdel", "all"):
            one.settings.pop("IP_ADDRESS", None)
            one.save()
            if one.running:
                ct.run(["/usr/lib/opsguide-lab/run-container", "--addresses", str(one.ctid)])
        elif name in ("--hostname", "--onboot", "--name"):
            one.settings[name[2:].upper()] = value
            one.save()
        else:
            raise ct.Refusal(ct.BAD_PARAMETER, f"Invalid option '{name}'")
    print("CT configuration saved" if "--save" in words else "The changes are applied")
    return 0


def _pairs(words: list[str]) -> dict[str, str]:
    rest = [w for w in words if w != "--save"]
    return dict(zip(rest[::2], rest[1::2], strict=False))


def _suspend(key: str, words: list[str]) -> int:
    one = ct.find(key)
    ct.refuse_locked(one)
    print("Setting up checkpoint...", flush=True)
    ct.suspend(one)
    ct.log(f"CT {one.ctid} : Checkpointing completed successfully")
    print("Checkpointing completed successfully")
    return 0


def _resume(key: str, words: list[str]) -> int:
    one = ct.find(key)
    ct.refuse_locked(one)
    print("Restoring container ...", flush=True)
    ct.resume(one)
    ct.log(f"CT {one.ctid} : Restore completed successfully")
    print("Restore completed successfully")
    return 0


VERBS: dict[str, Callable[[str, list[str]], int]] = {
    "start": _start, "stop": _stop, "restart": _restart, "status": _status, "exec": _exec, "exec2": _exec2,
    "set": _set, "suspend": _suspend, "resume": _resume,
}  # fmt: skip
