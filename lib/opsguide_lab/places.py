"""Where the practice platform keeps things. Nothing of it lies in the repository or in the machine's own /etc.

`ROOT` is removed by nobody but `reset` and by hand; what a host writes lies on its own tmpfs and goes with it.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path("/var/lib/opsguide-lab")
CACHE = Path("/var/cache/opsguide-lab")
HERE = Path(__file__).resolve().parent

HOSTS = ROOT / "hosts"
LAYERS = ROOT / "layers"
KEYS = ROOT / "keys"
STATE = ROOT / "state"
RUN = ROOT / "run"
API = ROOT / "api"
KNOWN_HOSTS = ROOT / "known_hosts"
SSH_CONFIG = ROOT / "ssh_config"
CLIENT_KEY = KEYS / "id_ed25519"
API_TOKEN = KEYS / "api-token"
RELAY_SOCKET = RUN / "relay.sock"
API_SOCKET = RUN / "api.sock"
LOCK = ROOT / "lock"

# The cgroup below which every process of the lab lives; several labs on one machine need several.
GROUP_NAMED = "OPSGUIDE_LAB_GROUP"
GROUP = os.environ.get(GROUP_NAMED) or "opsguide-lab"


def host_folder(host: str) -> Path:
    """The folder of one host outside of it: its seed, its logs, the mount points of its disk and root."""
    return HOSTS / host


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a small text file whole, parents included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
