"""Importing papermill without its slowest import.

`jsonschema[format-nongpl]`, which jupyter-events asks for, brings `rfc3987_syntax`. It builds a grammar when it is
imported, which takes more than half of the time of `import papermill`, and serves to check the format of IRIs, which no
notebook has. A module that is None counts as missing, and jsonschema does without.
"""

from __future__ import annotations

import sys


def leave_out_slow_imports() -> None:
    """To be called before papermill, nbformat or jupyter_events is imported."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
