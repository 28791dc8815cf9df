"""Runs a scene again and again in a child that dies at its n-th step on the disk, n = 1, 2, 3 … until it lives.

`python -m record.killer SCENE ROOT` prints how often the child died. A step is a call that changes the disk; the
child dies before it, half-way (writes), or right after it. What has "left" for the element is a file in ROOT/n.left.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from opsguide.record.archive import Archive
from opsguide.record.orphans import close_orphan
from opsguide.record.seal import seal
from record import sample

CALLS = ("write", "fsync", "fdatasync", "replace", "rename", "mkdir", "unlink", "ftruncate", "rmdir", "chmod")


def die_at(moment: int) -> None:
    steps = itertools.count(1)

    def dying(name: str, real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if next(steps) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            if name == "write" and next(steps) == moment:
                real(args[0], bytes(args[1])[: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            done = real(*args, **kwargs)
            if next(steps) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return call

    for name in CALLS:
        setattr(os, name, dying(name, getattr(os, name)))


def whole_run(root: Path, left: Path) -> None:
    run = sample.begin(root)
    run.journal.append("cell", cell=1, id="restart", source="…", known=True)
    sample.send(run, 1, "change")
    left.touch()
    sample.answer(run, 1)
    run.journal.append("cell-end", cell=1, state="ok", seconds=1)
    seal(run, "succeeded", 0, "done")


def closing(root: Path, left: Path) -> None:
    for ref in Archive(root).unfinished():
        close_orphan(ref.path, "killed")


def prepare(root: Path) -> None:
    """An orphan with an unanswered change and a torn line, for the scene `closing`."""
    run = sample.begin(root)
    sample.send(run, 1, "change")
    run.journal.close()
    with (run.path / "events.jsonl").open("ab") as stream:
        stream.write(b'{"seq": 2')


def main(scene: str, place: Path) -> None:
    for moment in itertools.count(1):
        root, left = place / str(moment), place / f"{moment}.left"
        if scene == "closing":
            prepare(root)
        child = os.fork()
        if not child:
            die_at(moment)
            (closing if scene == "closing" else whole_run)(root, left)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            print(moment - 1)
            return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
