"""The four kinds of element and the three answers of the table, in the guide's own words."""

from __future__ import annotations

KINDS = ("user-host", "infrastructure-host", "infrastructure-container", "end-user-container")
HOST_KINDS = KINDS[:2]
CONTAINER_KINDS = KINDS[2:]

PROVIDER = "Hosting Provider"
OPERATIONS = "Jelastic Operations"
NOT_APPLICABLE = "N/A"
PARTIES = (PROVIDER, OPERATIONS, NOT_APPLICABLE)

NOTE_1 = (
    "Maintenance that the table does not list: ask Jelastic Support first and wait until they confirm that it is safe "
    "(unlisted-maintenance.ipynb)."
)
NOTE_2 = (
    "A custom setting that the guide does not describe: agree it with the Jelastic Operations team, "
    "or the next platform upgrade may overwrite it (custom-configuration.ipynb)."
)
SUPPORT = "Jelastic Support"


def words(kind: str) -> str:
    """`user-host` as it reads in a sentence: `user host`."""
    return kind.replace("end-user", "end_user").replace("-", " ").replace("_", "-")
