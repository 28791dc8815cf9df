"""The Operations Guide as runbooks that run; notebooks import from here and from nowhere else."""

__version__ = "0.1.0"

from opsguide.notebook.expect import (
    amend,
    api,
    at_least,
    at_most,
    differs_from,
    equals,
    exits,
    lacks,
    matches,
    nothing,
    says,
)
from opsguide.notebook.run import begin

__all__ = [
    "amend", "api", "at_least", "at_most", "begin", "differs_from", "equals", "exits", "lacks", "matches", "nothing",
    "says",
]  # fmt: skip
