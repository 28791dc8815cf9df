"""What the platform API stand-in tells of limits: its settings by name, and processes killed for want of memory.

Names of fields and of the argument `keys` are the stand-in's own; the methods are the platform's. Settings without a
name in `keys` are not answered: among all of them are passwords. Kills are read from `oom-killed.json` in the API's
folder, so that a test can plant one.
"""

from __future__ import annotations

import json

from opsguide_lab import places
from opsguide_lab.platform_answers import Arguments
from opsguide_lab.platform_state import Record, State

SETTINGS = {
    "jelastic.max_upload_size": "150",
    "jelastic.hcore.max_threads": "200",
    "jelastic.db.max_connections": "151",
    "jelastic.db.password": "never shown unless it is asked for",
}


def get_config_keys(state: State, arguments: Arguments) -> Record:
    """The settings that are named in `key`, by commas; all of them without it."""
    wanted = [name.strip() for name in arguments.get("key", "").split(",") if name.strip()] or list(SETTINGS)
    return {"array": [{"name": n, "value": SETTINGS[n]} for n in wanted if n in SETTINGS]}


def get_oom_killed_processes(state: State, arguments: Arguments) -> Record:
    """Processes that the kernels of the hosts have killed for want of memory."""
    planted = places.API / "oom-killed.json"
    return {"array": json.loads(planted.read_text()) if planted.exists() else []}
