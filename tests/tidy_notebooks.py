"""Mend the form of notebooks: no outputs, no counts, one source line a list item, a stable layout. `make tidy`."""

import json
import sys
from pathlib import Path


def tidied(notebook: dict) -> dict:
    """The notebook in the form that the tests hold."""
    for cell in notebook["cells"]:
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        cell["source"] = "\n".join(line.rstrip() for line in source.strip("\n").split("\n")).splitlines(keepends=True)
        cell["metadata"] = {k: v for k, v in cell["metadata"].items() if k == "tags"}
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    notebook["metadata"] = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def text(notebook: dict) -> str:
    """The file's text."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path in (p for folder in sys.argv[1:] for p in sorted(Path(folder).glob("*.ipynb"))):
        path.write_text(text(tidied(json.loads(path.read_text("utf-8")))), "utf-8")
