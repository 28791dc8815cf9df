"""A sealed run in which everything that comes from elsewhere is hostile."""

from __future__ import annotations

import base64
from pathlib import Path

from opsguide.record.seal import seal
from record import sample

EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> ![p](http://evil.example/p.png) [l](javascript:alert(1)) "
    '"><svg onload=alert(1)> {{ 7*7 }} </pre></style> `x` $x$ | a \x1b[31mred\x1b[0m \u202e http://evil.example/x'
)
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode()


def evil_run(root: Path) -> Path:
    """Its folder."""
    run = sample.begin(
        root,
        reason=EVIL,
        parameters={EVIL: EVIL},
        person={"name": EVIL, "uid": EVIL, "user": EVIL, "how": EVIL},
        cell={"party": EVIL, "text": EVIL},
        runbook={"name": EVIL, "sha256": EVIL},
    )
    write = run.journal.append
    write("proof", element=EVIL, verdict=EVIL, evidence=[{"what": EVIL, "value": EVIL}], api=EVIL, words=EVIL)
    write("cell", cell=1, id=EVIL, source=EVIL + "\n" + EVIL, known=False)
    write("step", step=EVIL, attempt=1, applies=True, words=EVIL)
    sample.send(run, 1, "change", EVIL, on=EVIL, note=EVIL, step=EVIL)
    sample.answer(run, 1, EVIL, EVIL, state="failed", met=False, words=EVIL)
    write("output", cell=1, kind="display", name="", text=EVIL, html="<script>alert(2)</script>", png=PNG)
    write("output", cell=1, kind="display", name="", text="", html="<iframe src=http://evil.example>", png=EVIL)
    write("output", cell=1, kind="error", name=EVIL, text=EVIL)
    write("output", cell=1, kind="stream", name="stdout", text=EVIL)
    write("planned", step=EVIL, verb="edit", on=EVIL, line=EVIL, expect_words=EVIL, words=EVIL, diff=EVIL)
    write("refused", words=EVIL, rule=EVIL, cell={"text": EVIL}, who_may=EVIL, next=EVIL, exit=3)
    write("open", element=EVIL, words=EVIL, undo=EVIL)
    write("hold", element=EVIL, command=1, words=EVIL, settle=EVIL)
    write("note", words=EVIL)
    return seal(run, "failed", 1, EVIL)
