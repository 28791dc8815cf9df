"""The Operations Guide as runbooks that run; notebooks import from here and from nowhere else."""

from __future__ import annotations

__version__ = "0.1.0"

from typing import TYPE_CHECKING, Any

from opsguide.notebook.access import findings
from opsguide.notebook.accounts import days_until, jca_accounts, panel_steps
from opsguide.notebook.addresses import container_addresses, pool_counts
from opsguide.notebook.backups import coverage, expired, latest, newest, outdated
from opsguide.notebook.expect import (
    amend,
    api,
    as_agreed,
    at_least,
    at_most,
    differs_from,
    equals,
    exits,
    healthy,
    lacks,
    matches,
    nothing,
    register,
    says,
    services,
)
from opsguide.notebook.readings import only
from opsguide.notebook.resources import memory_given, resource_value
from opsguide.notebook.sysctl import kernel_settings

if TYPE_CHECKING:
    from opsguide.notebook.run import Run

__all__ = [
    "amend", "api", "as_agreed", "at_least", "at_most", "begin", "container_addresses", "coverage", "days_until",
    "differs_from", "equals", "exits", "expired", "findings", "healthy", "jca_accounts", "kernel_settings", "lacks",
    "latest", "matches", "memory_given", "newest", "nothing", "only", "outdated", "panel_steps", "pool_counts",
    "register", "resource_value", "says", "services",
]  # fmt: skip


def begin(activity: str, variables: dict[str, Any]) -> Run:
    """Start a run of this activity with the parameters that stand in `variables`: pass `globals()`.

    InputError for parameters that are unknown, mistyped or missing; RefusedError where the table says no.
    """
    from opsguide.notebook.run import begin as start  # the command line reads this module too, and needs no notebook

    return start(activity, variables)
