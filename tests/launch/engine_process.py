"""Runs one notebook through papermill and our engine, as the launcher does: NOTEBOOK OUT [NAME=VALUE]."""

import sys

from opsguide.launch import quick

quick.leave_out_slow_imports()
from papermill.execute import execute_notebook  # noqa: E402


def main(notebook: str, out: str, *words: str) -> None:
    values = dict(word.split("=", 1) for word in words)
    timeout = values.pop("timeout", None)
    execute_notebook(
        notebook, f"opsguide://{out}", parameters=values or None, engine_name="opsguide", progress_bar=False,
        stdout_file=sys.stdout, stderr_file=sys.stderr, execution_timeout=int(timeout) if timeout else None,
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
