from __future__ import annotations

import os

from hypothesis import settings

# No deadline an example: the machine is shared. Nothing kept on disk; the same examples each time in CI.
settings.register_profile(
    "steady", deadline=None, max_examples=50, database=None, derandomize=os.environ.get("CI") == "true"
)
settings.load_profile("steady")
