"""Where things are: the repository's folders, the platform file, the records root.

- `OPSGUIDE_PLATFORM` names a file in `parameters/platforms/` or is a path; the default is `lab`.
- `OPSGUIDE_RECORDS` is the records root; the default is `records/` in the repository.
- `OPSGUIDE_HOME` is the repository where the package is not installed from it.
"""

from __future__ import annotations

import os
from pathlib import Path

from opsguide.errors import InputError


def home() -> Path:
    """The repository: the folder that holds `runbooks/` and `parameters/`."""
    named = os.environ.get("OPSGUIDE_HOME")
    for path in [Path(named)] if named else [Path(__file__).resolve().parents[2], *_here()]:
        if (path / "runbooks").is_dir() and (path / "parameters").is_dir():
            return path
    raise InputError("no folder with runbooks/ and parameters/ found", next="set OPSGUIDE_HOME to your clone")


def _here() -> list[Path]:
    """The folder that we are in and those above it; none where it has been removed."""
    try:
        return [Path.cwd(), *Path.cwd().parents]
    except OSError:
        return []


def runbooks() -> Path:
    """The folder of the runbooks."""
    return home() / "runbooks"


def platform_file(name: str | None = None) -> Path:
    """The file of a platform, by name or path; InputError that lists what there is."""
    wanted = name or os.environ.get("OPSGUIDE_PLATFORM") or "lab"
    folder = home() / "parameters" / "platforms"
    for path in (folder / f"{wanted}.yml", Path(wanted)):
        if path.is_file():
            return path.resolve()
    known = ", ".join(sorted(p.stem for p in folder.glob("*.yml")))
    raise InputError(f"no platform {wanted!r}", where=str(folder), next=f"known: {known}; or give a path")


def records_root(name: str | None = None) -> Path:
    """The records root; it need not exist yet."""
    wanted = name or os.environ.get("OPSGUIDE_RECORDS")
    try:
        root = Path(wanted).expanduser().resolve() if wanted else home() / "records"
        if root.exists() and not root.is_dir():
            raise InputError(f"the records root {root} is no folder", next="name another: --records FOLDER")
        return root
    except (RuntimeError, OSError) as error:  # no such home, a folder that is gone, or one that we may not enter
        words = f"the records root {wanted} cannot be used: {getattr(error, 'strerror', None) or error}"
        raise InputError(words, next="name another, by its whole path: --records or OPSGUIDE_RECORDS") from None
