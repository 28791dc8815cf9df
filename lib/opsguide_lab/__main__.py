"""`python -m opsguide_lab up|down|status|reset|fault HOST WORD|api-fault WORD|missing`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import opsguide_lab as door


def main(argv: list[str]) -> int:
    """Exit codes: 0 done, 1 the lab is not whole, 2 not possible on this machine or wrong words."""
    match argv:
        case ["up" | "reset" as verb]:
            if code := _possible():
                return code
            (door.up if verb == "up" else door.reset)(_say)
        case ["down"]:
            door.down(_say)
        case ["status", *rest]:
            return _status(as_json="--json" in rest)
        case ["missing"]:
            return _possible()
        case ["fault", host, *word]:
            door.fault(host, "".join(word))
        case ["api-fault", *word]:
            door.api_fault("".join(word))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


def _possible() -> int:
    lacking = door.missing()
    for words in lacking:
        print(f"the lab cannot run here: {words}", file=sys.stderr)
    return 2 if lacking else 0


def _status(*, as_json: bool) -> int:
    states = door.status()
    if as_json:
        print(json.dumps([asdict(s) for s in states], indent=2))
    else:
        for state in states:
            alive = sum(state.containers.values())
            word, count = "up" if state.up else "DOWN", f"{alive} of {len(state.containers)} containers"
            print(f"{state.name:8} {word:5} {state.address}:{state.port:<6} {count}  {state.detail}".rstrip())
    return 0 if all(s.whole for s in states) else 1


def _say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except door.LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        sys.exit(1)
