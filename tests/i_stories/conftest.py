"""The unit whose starts the host counts, for the stories of operators."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kernels import UNIT, Counter


@pytest.fixture
def counter(lab) -> Iterator[Counter]:
    root = Path(lab.host_root("uh-01"))
    made = Counter(lab, root / "root/starts", root / f"etc/systemd/system/{UNIT}.service.d/counted.conf")
    made.marks.unlink(missing_ok=True)
    made.slow(0)
    made.marks.unlink(missing_ok=True)
    yield made
    made.dropin.unlink(missing_ok=True)
    lab.inside("uh-01", ["systemctl", "daemon-reload"])
    lab.inside("uh-01", ["systemctl", "restart", UNIT])
