"""What the methods of the platform API stand-in share: their shape, the codes that they answer, and who is meant.

Codes: 8202 permission denied and 5 not found are the platform's own; the others are the lab's choice.
"""

from __future__ import annotations

from collections.abc import Callable

from opsguide_lab.platform_state import Record, State

Arguments = dict[str, str]
Method = Callable[[State, Arguments], Record]

DENIED = 8202
NOT_FOUND = 5
BAD_PARAMETER = 3
RESTART_FAILED = 4182
NO_CONNECTION = 4183


class Failure(Exception):  # noqa: N818 - an answer of the API, not an error of the lab
    """An answer with a result other than 0."""

    def __init__(self, result: int, words: str) -> None:
        super().__init__(words)
        self.result = result


def host_of(state: State, arguments: Arguments, name: str = "hdnodeid") -> Record:
    """The record of the host that an argument names; Failure 5 when there is none."""
    number = arguments.get(name, "")
    if (found := state.host(number)) is None:
        raise Failure(NOT_FOUND, f"host {number!r} is not found")
    return found


def node_of(state: State, arguments: Arguments, name: str = "nodeid") -> Record:
    """The end-user node that an argument names, as it is kept; Failure 5 when there is none."""
    number = arguments.get(name, "")
    for node in state.nodes:
        if number and str(node.get("id")) == number:
            return node
    raise Failure(NOT_FOUND, f"node {number!r} is not found")


def yes(arguments: Arguments, name: str) -> bool:
    """Whether a true-or-false argument is true."""
    return arguments.get(name, "").lower() in ("true", "1", "yes")
