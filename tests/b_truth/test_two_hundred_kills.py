"""Two hundred runs whose broker is killed at a random moment: the record says what the host has counted.

Each change appends a line on the host. `ok` is exactly one line, `unknown` none or one, never two; what was not sent
is none. What is unknown holds the element until somebody settles it; nothing else does. The seed is printed:
OPSGUIDE_SEED=… repeats the moments, OPSGUIDE_KILLS=… takes another number of them.
"""

from __future__ import annotations

import collections
import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from desk import Desk, Record, wait_for
from kernels import UNIT, Counter
from raw import Raw, gone

pytestmark = pytest.mark.lab
KILLS = int(os.environ.get("OPSGUIDE_KILLS", "200"))
HOLD = Path("/var/lib/opsguide-lab/state/holds/uh-01.json")
RESTART = "systemctl restart {service}"
BEFORE, AFTER = ("look", "drain"), ("reload", "restart-through-platform", "restart-in-container", "enable", "probe")


class Life:
    """One run over the wire; `part` is where its broker is killed, `delay` how many seconds after that was asked for."""

    def __init__(self, raw: Raw, part: str = "", delay: float = 0.0) -> None:
        self.raw, self.took = raw, dict[str, float]()
        self._part = part
        self.end = threading.Timer(delay, os.kill, (raw.facts["pid"], signal.SIGKILL))

    def lived(self) -> bool:
        """Whether the broker lived until all of it was answered."""
        return all("done" in self._told(name, *words) for name, *words in self._whole())

    def _whole(self) -> list[tuple[Any, ...]]:
        pid = ("verb", "look", "look", "systemctl show -p MainPID --value {service}")
        begin = [("begin", "begin", "uh-01"), ("look", "step", "look"), ("look", *pid), ("drain", "step", "drain")]
        steps = [(slug, "step", slug) for slug in (*AFTER, "settle")]
        change = [("restart", "step", "restart"), ("change", "verb", "change", "restart", RESTART)]
        prove = [("prove", "verb", "prove", "restart", "systemctl is-active {service}")]
        return [*begin, *change, *prove, *steps, ("finish", "ask", {"do": "finish"})]

    def _told(self, name: str, deed: str, *words: Any) -> dict[str, Any]:
        start = time.monotonic()
        if name == self._part and self.end.ident is None:
            self.end.start()
        try:
            answer = getattr(self.raw, deed)(*words)
        except OSError:
            return {"eof": True}
        assert "error" not in answer, f"nobody had killed it: {answer}"
        if "done" in answer:
            self.took[name] = time.monotonic() - start
        return answer


def killed(raw: Raw, took: dict[str, float], part: str, delay: float) -> bool:
    """A run whose broker is killed; whether it had ended by then. `took` learns how long its whole parts took now."""
    life = Life(raw, part, delay)
    lived = life.lived()
    life.end.join()
    raw.close()
    gone(raw.facts["pid"])
    took |= life.took
    return lived


def measured(records: Path) -> dict[str, float]:
    """How long each part of a life takes that nobody disturbs, on a broker that has just started; it is killed, too."""
    raw = Raw(records)
    life = Life(raw)
    assert life.lived(), life.took
    raw.close()
    os.kill(raw.facts["pid"], signal.SIGKILL)
    gone(raw.facts["pid"])
    return life.took


def moment(dice: random.Random, took: dict[str, float]) -> tuple[str, float]:
    """In which part of the life, and how long after it began: as often in the change as before it and after it."""
    part = dice.choice(["begin", "look", "drain", "restart", *["change"] * 4, "prove", "reload", "settle", "finish"])
    return part, dice.uniform(0.0, took[part] * 1.2)


def quiet(counter: Counter) -> bool:
    """Whether nothing restarts the unit on the host any more."""
    busy = counter.lab.inside("uh-01", ["pgrep", "-f", f"sshd.*@notty|systemctl restart {UNIT}"]).stdout
    return not busy and not counter.lab.inside("uh-01", ["systemctl", "list-jobs", "--no-legend"]).stdout


def told(record: Record) -> str:
    """What the record says of its one change: not-sent, ok or unknown."""
    sent = record.sent("change")
    assert len(sent) <= 1
    if not sent:
        return "not-sent"
    answers = [e["state"] for e in record.events("answer") if e["command"] == sent[0]["command"]]
    return answers[0] if answers else "unknown"


def judged(desk: Desk, raw: Raw, counter: Counter, lived: bool, begun: bool) -> str:
    """What the record says, compared with the host: a word for the tally."""
    if not begun:
        assert (counter.starts, HOLD.exists()) == (0, False)
        return "no record"
    record, said = desk.record(), told(desk.record())
    states = {"not-sent": "interrupted", "ok": "succeeded" if lived else "interrupted", "unknown": "unknown"}
    assert record.state == states[said] or (said == "ok" and record.state == "succeeded")
    assert counter.starts in {"not-sent": (0,), "ok": (1,), "unknown": (0, 1)}[said], (said, counter.starts)
    assert HOLD.exists() == (said == "unknown"), said
    if said == "unknown":
        settled(raw, record, counter)
        return f"unknown, {counter.starts} on the host"
    return "ended" if lived else said


def settled(raw: Raw, record: Record, counter: Counter) -> None:
    """The hold refuses another run and stays; a person who looked takes it away."""
    before = counter.starts
    assert raw.begin("uh-01")["error"]["error"] == "HeldError"
    assert (counter.starts, HOLD.exists()) == (before, True)
    found = "done" if before else "not-done"
    answer = raw.ask({"do": "resume", "run": record.intent["run"], "found": found, "why": "counted on the host"})
    assert answer["done"]["released"] == ["uh-01"]
    assert not HOLD.exists()


def test_two_hundred_runs_with_the_broker_killed_at_random_moments_tell_the_truth(
    desk: Desk, counter: Counter, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("OPSGUIDE_SEED") or random.SystemRandom().getrandbits(32))
    dice, tally, begun = random.Random(seed), collections.Counter[str](), time.monotonic()
    counter.slow(0.1)
    took = measured(desk.records)
    wait_for(lambda: quiet(counter), what="the host is quiet")
    for _ in range(KILLS):
        counter.marks.unlink(missing_ok=True)
        before = len(desk.folders())
        lived = killed(Raw(desk.records), took, *moment(dice, took))
        wait_for(lambda: quiet(counter), what="the host is quiet")
        after = Raw(desk.records)
        word = judged(desk, after, counter, lived, len(desk.folders()) > before)
        tally[word] += 1
        after.close()
    with capsys.disabled():
        whole = time.monotonic() - begun
        print(
            f"\nsuite B: {KILLS} kills, seed {seed}, {whole:.0f} s: {dict(tally)}; a life takes {sum(took.values()):.2f} s"
        )
    unknown = sum(count for word, count in tally.items() if word.startswith("unknown"))
    assert min(tally["ok"], unknown, tally["not-sent"]) >= KILLS // 40, tally
    verified = desk("verify", "--all")
    assert verified.code == 0, verified
