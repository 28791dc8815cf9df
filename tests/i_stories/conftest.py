"""The unit whose starts the host counts, for the stories of operators."""

from __future__ import annotations

import pytest

from kernels import counted

counter = pytest.fixture(counted)
