"""The ways to break the platform API. One is in force at a time; setting it counts calls anew; the empty word mends it.

- `down`: nothing listens.
- `hang`: a call is counted and gets no answer while it lasts.
- `lose`: each call is done, then its connection breaks. `lose-at=N`: the same for the N-th call from now only.
- `fail:METHOD=CODE`: calls of that method do nothing and answer CODE.
- `fail-at=N` or `fail-at=N:CODE`: the N-th call from now does nothing and answers CODE (99), all others work.
- `contradict`: answers disagree with what the hosts are.
- `stall`: evacuations and migrations move nothing while it lasts; mended, they go on.
- `half`: an evacuation fails after its first container; a host's set-up breaks half-way while it joins.
"""

from __future__ import annotations

import re

FAULT = re.compile(
    r"|down|hang|lose|contradict|stall|half|fail:[A-Za-z.]+=\d+|fail-at=[1-9]\d*(:\d+)?|lose-at=[1-9]\d*"
)
FAILED = "99"


def known(word: str) -> bool:
    """Whether a fault of that name exists."""
    return FAULT.fullmatch(word) is not None


def for_call(word: str, count: int) -> str:
    """What the fault in force means for the `count`-th call since it was set: the same word, or nothing."""
    kind, _, rest = word.partition("=")
    if kind not in ("fail-at", "lose-at"):
        return word
    number, _, code = rest.partition(":")
    if count != int(number):
        return ""
    return "lose" if kind == "lose-at" else f"fail={code or FAILED}"


def code_for(word: str, method: str) -> int:
    """The code that a call of that method answers because of the fault, 0 when it is done as usual."""
    kind, _, code = word.partition("=")
    name = kind.removeprefix("fail:").lower()
    meant = kind == "fail" or (kind.startswith("fail:") and f".{method}".endswith(f".{name}"))
    return int(code) if meant else 0
