"""The edit of one file, and the rules of it.

- The file is the scope's: its real path matches a [[file]] row; a link leads nowhere else. A file of another activity
  is refused on every kind of element, with that activity's runbook and cell.
- It is a regular file of one name and at most 4 MiB: a longer one would be cut, another name would keep the old text.
- What is named is a parameter of the slot type path.
- The new text is made from the old one in the broker (amendments): no secret in the file passes through a notebook.
- What is staged has the old owner and mode; the file's own check sees it before it is swapped in.
- The old file is copied beside the run's id first; the swap is one move; the result's digest is compared.
- The staged file's name starts with a dot, so that no daemon reads it; it is removed when nothing is swapped.
- The file must still be what the difference was made from; otherwise nothing is changed.
- The swap is the change: only it can leave the file in an unknown state.
- A file that is absent is made only where its row says so (`create`: mode, owner and group), in a folder that is there.
  Its difference is against nothing. It is linked into its place, which replaces nothing: what appeared there meanwhile
  stays as it is. What takes it back removes the file only while it reads as it was made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from opsguide.broker.amendments import amended, difference
from opsguide.broker.commands import Commands
from opsguide.broker.grounds import Grounds
from opsguide.broker.paths import refuse_others, refuse_secret
from opsguide.broker.pump import TEXT_LIMIT
from opsguide.broker.targets import TIMEOUT_GRACE, Target, own
from opsguide.broker.transit import UNCLEAR, Command, Seen
from opsguide.errors import FailedError, InputError, RefusedError, UnknownError
from opsguide.guide import slots
from opsguide.reach import quoting

BACKUPS = "/root/ops-backup"
DEADLINE = 60.0


@dataclass
class Edit:
    """One edit: what is asked, and after `prepared` what it would do."""

    grounds: Grounds
    commands: Commands
    step: str
    request: dict[str, Any]
    asked: bool = False
    path: str = ""
    old: bytes = b""
    new: bytes = b""
    diff: str = ""
    makes: str = ""

    def prepared(self) -> Edit:
        """Read the file and make the difference. RefusedError for a path that is not this activity's."""
        self.path = self._named(str(self.request["what"].get("command", "")))
        refuse_others(self.grounds, self.path, self.asked)
        refuse_secret(self.grounds, self.path)
        real = self._run("look", ["readlink", "-e", self.path], judged=False)
        if real.state == "ok" and real.text.strip() == self.path:
            self._refuse_odd(self._run("look", ["stat", "-c", "%h %s %F", self.path]))
            self.old = self._read()
        elif not self._may_make(real):
            raise RefusedError(
                f"{self.path} is not a plain file of that path: {real.text.strip() or 'nothing that exists'}",
                where=self.grounds.element.name,
                next="edit the file that the link leads to, if this activity owns it",
            )
        self.new = amended(self.old, self.request.get("amend") or {}, self.path)
        self.diff = difference(self.old, self.new, self.path, "/dev/null" if self.makes else "")
        if not self.diff and (self.makes or self.old != self.new):
            self.diff = f"{self.path} {'is made, empty' if self.makes else 'differs in bytes that are not UTF-8 text'}"
        return self

    def _may_make(self, real: Seen) -> bool:
        """Whether nothing at all is there, in a folder that is, and the file's row says how it is made."""
        rule, folder = self.grounds.scope.file(self.path), self.path.rpartition("/")[0] or "/"
        if not rule or not rule.create or real.exit != 1:
            return False
        there = self._run("look", ["readlink", "-e", folder])
        if there.state != "ok" or there.text.strip() != folder:
            raise RefusedError(
                f"{folder} is not a plain folder: {there.text.strip() or 'it does not exist'}",
                where=self.grounds.element.name,
                next=f"an edit makes {self.path}, never its folder: see why the folder is not there",
            )
        if self._absent().state != "ok":
            return False
        self.makes = rule.create
        return True

    def _absent(self) -> Seen:
        return self._run("look", ["test", "!", "-e", self.path, "-a", "!", "-L", self.path])

    def planned(self) -> dict[str, Any]:
        """The fields of the `planned` event: the difference and both digests."""
        same = "" if self.diff else "the file already reads as wanted; nothing to change"
        made = f"it does not exist, and is made as {self.makes}, sha256 {_digest(self.new)[:12]}" if self.makes else ""
        words = same or made or f"sha256 {_digest(self.old)[:12]} becomes {_digest(self.new)[:12]}"
        return {
            "command": self.commands.number(),
            "step": self.step,
            "verb": "edit",
            "on": self.grounds.element.name,
            "line": "",
            "expect_words": "",
            "words": f"{self.path}: {words}",
            "diff": self.diff,
            "path": self.path,
            "key": self.key,
            "old": "" if self.makes else _digest(self.old),
            "new": _digest(self.new),
        }

    @property
    def key(self) -> str:
        """What makes two edits of a step the same edit."""
        return hashlib.sha256(f"edit {self.grounds.element.name} {self.path}".encode()).hexdigest()[:16]

    @property
    def target(self) -> Target:
        """The element as the target of the swap."""
        return self._target("change", ["true"])

    def apply(self, swapped: Callable[[str], None] = lambda undo: None) -> str:
        """Stage, check, back up, swap, compare; the command that takes it back, which `swapped` gets at once.

        FailedError, UnknownError.
        """
        folder, _, name = self.path.rpartition("/")
        staged = f"{folder}/.{name}.opsguide-new"
        backup = f"{BACKUPS}/{self.commands.run}{self.path}"
        if not self.makes:
            self._must(["mkdir", "-p", "-m", "700", backup.rpartition("/")[0]], "the backup folder")
            self._must(["cp", "-a", "--", self.path, backup], "the backup")
        try:
            self._must(self._staging(staged), "the staged file")
            self._must(["dd", f"of={staged}", "conv=fsync", "status=none"], "the staged text", stdin=self.new)
            self._check(staged)
            self._unchanged()
            self._swap(staged, backup)
        except FailedError:
            self._run("edit", ["rm", "-f", "--", staged], always=True)
            raise
        path = quoting.quoted(self.path)
        undo = f"cp -a {quoting.quoted(backup)} {path}"
        if self.makes:
            undo = f'test "$(sha256sum < {path})" = "{_digest(self.new)}  -" && rm -- {path}'
        swapped(undo)
        self._compare()
        return undo

    def _staging(self, staged: str) -> list[str]:
        if not self.makes:
            return ["cp", "-a", "--", self.path, staged]
        mode, owner, group = self.makes.split()
        return ["install", "-T", "-m", mode, "-o", owner, "-g", group, "/dev/null", staged]

    def _moving(self, staged: str) -> list[str]:
        if not self.makes:
            return ["mv", "-T", "--", staged, self.path]
        return ["sh", "-c", 'ln -T -- "$0" "$1" && rm -f -- "$0"', staged, self.path]

    def _swap(self, staged: str, backup: str) -> None:
        seen = self._run("edit", self._moving(staged), hold=True)
        if seen.state in UNCLEAR:
            look = "see whether it is there" if self.makes else f"compare it with {backup}"
            raise UnknownError(
                f"the swap of {self.path} ended {seen.state}",
                where=self.grounds.element.name,
                next=f"{look}, then: opsguide resume {self.commands.run} --found …",
            )
        if seen.state != "ok":
            raise FailedError(f"{self.path} could not be swapped: {seen.note}", where=self.grounds.element.name)

    def _refuse_odd(self, seen: Seen) -> None:
        names, size, kind = [*seen.text.strip().split(" ", 2), "", "", ""][:3]
        if seen.state == "ok" and kind.startswith("regular") and names == "1" and int(size) < TEXT_LIMIT:
            return
        why = f"a {kind} of {size} bytes and {names} names" if kind else "a file that cannot be examined"
        raise RefusedError(
            f"{self.path} is {why}: an edit takes a regular file of one name and less than 4 MiB",
            where=self.grounds.element.name,
        )

    def _named(self, template: str) -> str:
        known = self.grounds.scope.parameters.known
        name = template.removeprefix("{").removesuffix("}")
        if template != "{" + name + "}" or name not in known or known[name].slot != "path":
            raise InputError('edit takes the slot of a path: step.edit("{path}", …)')
        return str(self.grounds.parameters[name])

    def _check(self, staged: str) -> None:
        rule = self.grounds.scope.file(self.path)
        if rule and rule.check:
            words = [slots.fill(token, {"staged": staged}) for token in rule.check.split()]
            self._must(words, "the file's own check")

    def _unchanged(self) -> None:
        same = self._absent().state == "ok" if self.makes else self._read() == self.old
        if not same:
            raise FailedError(
                f"{self.path} has {'appeared' if self.makes else 'changed'} since the difference was made",
                where=self.grounds.element.name,
                next="run the step again to see the difference against the file as it is now",
            )

    def _compare(self) -> None:
        seen = self._run("prove", ["sha256sum", self.path], expect=f"{_digest(self.new)}", always=True)
        if seen.state != "ok":
            raise FailedError(
                f"{self.path} does not read as it was written: {seen.note}", where=self.grounds.element.name
            )

    def _must(self, argv: list[str], what: str, stdin: bytes = b"") -> Seen:
        seen = self._run("edit", argv, stdin=stdin)
        if seen.state != "ok":
            raise FailedError(
                f"{what} failed, nothing was swapped: {seen.note}",
                where=self.grounds.element.name,
                command=str(seen.sent.get("line", "")),
                answer=seen.last,
                next="the file is as it was; mend what the host answered, then run the step again",
            )
        return seen

    def _read(self) -> bytes:
        target = self._target("look", ["cat", self.path])
        seen = self.commands.send(Command(target, "look", self.step, DEADLINE, screen="failure"))
        if seen.state != "ok":
            raise FailedError(f"{self.path} cannot be read: {seen.note}", where=self.grounds.element.name)
        if len(seen.raw) >= TEXT_LIMIT:
            raise FailedError(f"{self.path} was not read whole", where=self.grounds.element.name)
        return seen.raw

    def _run(
        self,
        verb: str,
        argv: list[str],
        stdin: bytes = b"",
        hold: bool = False,
        expect: str = "",
        always: bool = False,
        judged: bool = True,
    ) -> Seen:
        wanted = {"name": "says", "args": [expect], "exit": 0} if expect else None
        target = self._target("change" if verb == "edit" else "look", argv)
        grace = TIMEOUT_GRACE if verb == "edit" else 0.0
        note = f"{len(stdin)} bytes on standard input, sha256 {_digest(stdin)[:12]}" if stdin else ""
        command = Command(target, verb, self.step, DEADLINE + grace, wanted, stdin, holds=hold, note=note)
        return self.commands.send(replace(command, always=always, judged=judged))

    def _target(self, verb: str, argv: list[str]) -> Target:
        deadline = DEADLINE if verb == "change" else None
        platform, element = self.grounds.platform, self.grounds.element
        look = own(platform, element, ["sha256sum", self.path]).shown
        return replace(own(platform, element, argv, deadline=deadline, settle="sha256sum {path}"), look=look)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
