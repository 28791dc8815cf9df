"""A run as the broker writes it, for the tests of the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from opsguide.record.archive import Archive, RunFolder
from opsguide.record.seal import seal

LINE = "ssh -F /etc/opsguide/ssh_config uh-01 -- 'LC_ALL=C timeout -k 10 60 systemctl restart nginx'"


def intent(**fields: Any) -> dict[str, Any]:
    return {
        "platform": {"name": "lab", "practice": True, "digest": "a" * 64},
        "edition": {"name": "seed", "digest": "3fa94c81d2aa" + "b" * 52},
        "activity": {"slug": "restarting-processes", "number": 6, "title": "Restarting Processes"},
        "element": {"name": "uh-01", "kind": "user-host", "host": "uh-01", "ctid": None, "env": "", "node": 3},
        "cell": {"party": "Hosting Provider", "text": "Restarting Processes on user host = Hosting Provider"},
        "mode": "apply",
        "parameters": {"element": "uh-01", "service": "nginx", "mode": "apply"},
        "reason": "nginx leaks memory",
        "person": {"name": "Anna Berg", "uid": 1000, "user": "anna", "how": "socket peer"},
        "frontend": "opsguide run",
        "client": {"pid": 4242, "version": "0.1.0"},
        "runbook": {"name": "06-restarting-processes.ipynb", "sha256": "d" * 64},
        "broker": {"pid": 4243, "version": "0.1.0", "host": "ops-1"},
        **fields,
    }


def send(run: RunFolder, command: int, verb: str = "look", line: str = LINE, **fields: Any) -> dict[str, Any]:
    whole = {
        "command": command,
        "step": "restart",
        "verb": verb,
        "on": "uh-01",
        "kind_of": "ssh",
        "template": "systemctl {action} {service}",
        "slots": {"action": "restart", "service": "nginx"},
        "line": line,
        "deadline": 60,
        "expect": None,
        "expect_words": "",
        "undo": None,
        "note": "",
    }
    return run.journal.append("send", **{**whole, **fields})


def answer(run: RunFolder, command: int, out: str = "", err: str = "", **fields: Any) -> dict[str, Any]:
    whole = {
        "command": command,
        "state": "ok",
        "exit": 0,
        "seconds": 1.2,
        "out": out,
        "err": err,
        "out_file": "",
        "err_file": "",
        "out_bytes": len(out),
        "err_bytes": len(err),
        "met": None,
        "words": "",
        "tries": 1,
    }
    return run.journal.append("answer", **{**whole, **fields})


def begin(root: Path, **fields: Any) -> RunFolder:
    run = Archive(root).start(intent(**fields))
    evidence = [
        {"what": "machine-id", "value": "0123abcd", "agrees": True},
        {"what": "role marker", "value": "user-host", "agrees": True},
    ]
    proof = {"element": "uh-01", "verdict": "proven", "evidence": evidence, "api": "agrees", "words": "a user host"}
    run.journal.append("proof", **proof)
    return run


def work(run: RunFolder) -> None:
    """One cell with a look, a change and a prove."""
    source = 'step = run.step("restart")\nstep.change("systemctl {action} {service}")'
    run.journal.append("cell", cell=1, id="restart", source=source, known=True)
    run.journal.append("step", step="restart", attempt=1, applies=True, words="")
    send(run, 1, "look", "ssh uh-01 -- systemctl show -p MainPID --value nginx")
    answer(run, 1, "812\n", seconds=0.04)
    send(run, 2, "change")
    answer(run, 2, seconds=1.2)
    send(run, 3, "prove", "ssh uh-01 -- systemctl is-active nginx", expect_words="nginx is active")
    answer(run, 3, "active\n", seconds=0.05, met=True, words="nginx is active", tries=2)
    run.journal.append("cell-end", cell=1, state="ok", seconds=1.4)


def sealed(root: Path, **fields: Any) -> Path:
    run = begin(root, **fields)
    work(run)
    return seal(run, "succeeded", 0, "all steps are done")


def long_one(root: Path) -> Path:
    """A sealed run with a stream in a file of its own."""
    run = begin(root)
    send(run, 1)
    spool = run.journal.output(1, "out")
    for number in range(20_000):
        spool.write(f"line {number}\n")
    answer(run, 1, **spool.close())
    return seal(run, "succeeded", 0, "all steps are done")


def overwrite(path: Path, content: bytes) -> None:
    """What an intruder does: the write bit first."""
    path.chmod(0o640)
    path.write_bytes(content)
