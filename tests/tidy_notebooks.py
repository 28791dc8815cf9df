"""Mend the form of notebooks: no outputs, no counts, one source line a list item, a stable layout; and the table of the
edition where README and start-here hold it, with a link to each runbook that is here. `make tidy`."""

import json
import sys
from pathlib import Path

from opsguide.guide import editions
from opsguide.launch import table

README = Path(__file__).resolve().parents[1] / "README.md"


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


def with_table(text: str, lines: list[str]) -> str:
    """The text with these lines between its marks."""
    head, mark, rest = text.partition("<!-- table -->")
    end = rest.partition("<!-- /table -->")[2]
    return f"{head}{mark}\n" + "\n".join(lines) + f"\n<!-- /table -->{end}" if mark else text


if __name__ == "__main__":
    seed = editions.load("seed")
    for path in (p for folder in sys.argv[1:] for p in sorted(Path(folder).glob("*.ipynb"))):
        book = json.loads(path.read_text("utf-8"))
        for cell in book["cells"]:
            if cell["id"] == "table":
                cell["source"] = with_table("".join(cell["source"]), table.coloured(table.as_markdown(seed, "")))
        path.write_text(text(tidied(book)), "utf-8")
    README.write_text(with_table(README.read_text("utf-8"), table.as_markdown(seed, "runbooks/")), "utf-8")
