"""Regular expressions that cannot hang anybody.

- A pattern has at most 500 characters and must compile.
- A plain one, without repetition, choice or group, is searched here.
- Any other is searched by a child process that is stopped after 2 s of the processor's time, and after a minute at the
  latest: Python's own engine can neither be bounded nor interrupted in a thread, and nothing else runs beside it.
- What is stopped counts as not found; that the machine is busy stops nothing.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

from opsguide.errors import InputError

LONGEST, PROCESSOR, PATIENCE = 500, 2, 60.0
_PLAIN = re.compile(r"(?:[^*+?{|(\\]|\\.)*")
_CHILD = """
import json, re, resource, sys
pattern, text, seconds = json.load(sys.stdin)
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
sys.exit(0 if re.search(pattern, text, re.MULTILINE) else 1)
"""


def check(pattern: str) -> None:
    """InputError for what is not a regular expression of this length."""
    if len(pattern) > LONGEST:
        raise InputError(f"matches: a pattern of {len(pattern)} characters; {LONGEST} are the most")
    try:
        re.compile(pattern, re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        raise InputError(f"matches: {pattern[:80]!r} is not a regular expression: {error}") from None


def found(pattern: str, text: str) -> bool:
    """Whether some line of the text matches; False also when that took too long to find out."""
    if _PLAIN.fullmatch(pattern):
        return re.search(pattern, text, re.MULTILINE) is not None
    child = [sys.executable, "-I", "-S", "-c", _CHILD]
    try:
        asked = json.dumps([pattern, text, PROCESSOR]).encode()
        return subprocess.run(child, input=asked, capture_output=True, timeout=PATIENCE, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False
