"""Suite H in a real Chromium: from hostile output no script runs and nothing is fetched; and what an operator clicks."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from browser import BUTTON, CHROMIUM, PRESS, Chromium, Jupyter
from desk import REPOSITORY, wait_for
from launch.conftest import far_desk
from record.hostile import evil_run

BAD = '<meta http-equiv="Content-Security-Policy" content="img-src \'none\'"><script>console.log(1)</script>'
ACTIVE = "script, iframe, object, embed, form, link, [onerror], [onload], a[href^=javascript]"
IN_NOTEBOOK = ", ".join(f".jp-Notebook {one}" for one in (*ACTIVE.split(", "), "img:not([src^='data:'])"))
GREEN, TITLE = "rgb(211, 240, 220)", ".lm-DockPanel-tabBar .lm-TabBar-tab"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    if not CHROMIUM:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("chromium is not installed: make test does it")
    started = Chromium()
    started.watch()
    yield started
    started.close()


def show(chromium: Chromium, page: Path) -> None:
    chromium.events.clear()
    chromium.go(page.as_uri())
    there = json.dumps(page.as_uri())
    wait_for(lambda: chromium.script(f"location.href == {there} && document.readyState == 'complete'"), what=str(page))


def did(chromium: Chromium) -> dict[str, list[Any]]:
    """What a page did beyond being shown."""
    asked = [event["request"]["url"] for event in chromium.told("Network.requestWillBeSent")]
    return {
        "fetched": [url for url in asked[1:] if not url.startswith("data:")],
        "said": chromium.told("Runtime.consoleAPICalled") + chromium.told("Runtime.exceptionThrown"),
        "asked": chromium.told("Page.javascriptDialogOpening"),
        "refused": [e for e in chromium.told("Log.entryAdded") if e["entry"]["source"] in ("security", "violation")],
        "issues": [e for e in chromium.told("Audits.issueAdded") if "SecurityPolicy" in e["issue"]["code"]],
    }


def test_a_report_of_hostile_output_runs_no_script_fetches_nothing_and_needs_no_refusal(
    chromium: Chromium, tmp_path: Path
) -> None:
    show(chromium, evil_run(tmp_path) / "report.html")
    assert did(chromium) == {"fetched": [], "said": [], "asked": [], "refused": [], "issues": []}
    assert "<script>alert(1)</script>" in chromium.script("document.body.innerText"), "the report is shown"
    assert not chromium.script(f"document.body.querySelectorAll({json.dumps(ACTIVE)}).length")


def test_a_page_that_does_run_and_fetch_is_noticed(chromium: Chromium, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(f"<!doctype html>{BAD}<img src=x.png><link rel=stylesheet href=y.css>")
    show(chromium, page)
    wait_for(lambda: any(did(chromium)[name] for name in ("refused", "issues")), what="the picture was refused")
    found = did(chromium)
    assert found["said"]
    assert "y.css" in {Path(url).name for url in found["fetched"]}


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """JupyterLab on start-here, on a platform that nothing answers, in a home of its own."""
    home = tmp_path_factory.mktemp("home")
    for name in ("runbooks", "parameters"):
        shutil.copytree(REPOSITORY / name, home / name)
    (home / "work").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPSGUIDE_HOME", str(home))
        started = Jupyter(far_desk(home), home / "work", (), activity="start-here")  # type: ignore[arg-type]
    yield started
    started.close()


def go(chromium: Chromium, jupyter: Jupyter, where: str) -> str:
    """Show another notebook of the same JupyterLab; its own address."""
    found = urlsplit(jupyter.address)
    chromium.events.clear()
    chromium.go(f"{found.scheme}://{found.netloc}/lab/tree/{quote(where)}?{found.query}&reset")
    return f"{found.scheme}://{found.netloc}/"


def there(chromium: Chromium, selector: str, seconds: float = 120) -> Any:
    return wait_for(lambda: chromium.script(f"!!document.querySelector({json.dumps(selector)})"), seconds, selector)


def text(chromium: Chromium, selector: str) -> str:
    return chromium.script(f"document.querySelector({json.dumps(selector)})?.innerText || ''")


def press(chromium: Chromium, selector: str) -> None:
    there(chromium, selector)
    chromium.script(PRESS.format(json.dumps(selector)))


def follow(chromium: Chromium, link: str, where: str) -> None:
    """Click until the tab is there: JupyterLab shows a link before it listens to it."""
    for _ in range(20):
        press(chromium, link)
        with contextlib.suppress(AssertionError):
            return there(chromium, f"{TITLE}[title*={json.dumps(where)}]", 10)
    pytest.fail(f"{link} does not lead to {where}")


def test_a_record_of_hostile_output_in_jupyterlab_runs_nothing_and_asks_nobody_else(
    chromium: Chromium, jupyter: Jupyter
) -> None:
    home = jupyter.folder.parent
    record, before = evil_run(home / "records"), jupyter.kernels()
    own = go(chromium, jupyter, str((record / f"{record.name}.ipynb").relative_to(home)))
    there(chromium, ".jp-NotebookPanel .jp-MarkdownOutput h1")
    wait_for(lambda: "alert(1)" in text(chromium, ".jp-OutputArea"), what="the outputs are shown")
    assert text(chromium, ".jp-MarkdownOutput h1").startswith("FAILED: Restarting Processes on uh-01")
    asked = [event["request"]["url"] for event in chromium.told("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith((own, "data:", "blob:"))] == []
    assert did(chromium)["asked"] == []
    assert not chromium.script(f"document.querySelectorAll({json.dumps(IN_NOTEBOOK)}).length")
    there(chromium, ".jp-Dialog select")
    assert text(chromium, ".jp-Dialog option:checked") == "No Kernel"
    assert jupyter.kernels() == before, "a record starts no kernel"


def test_start_here_is_coloured_and_leads_from_a_row_and_from_the_form_to_the_runbook(
    chromium: Chromium, jupyter: Jupyter
) -> None:
    go(chromium, jupyter, "work/start-here.ipynb")
    cell = ".jp-MarkdownOutput td span"
    there(chromium, cell)
    assert chromium.script(f"getComputedStyle(document.querySelector({json.dumps(cell)})).backgroundColor") == GREEN
    follow(chromium, '.jp-MarkdownOutput a[href*="05-rebooting"]', "05-rebooting-host-container.ipynb")
    go(chromium, jupyter, "work/start-here.ipynb")
    there(chromium, ".jp-Notebook-ExecutionIndicator[data-status=idle]")
    press(chromium, BUTTON.format("notebook:restart-run-all"))
    press(chromium, ".jp-Dialog .jp-mod-accept")
    there(chromium, ".widget-button")
    press(chromium, ".widget-button")
    follow(chromium, '.jp-OutputArea a[href*="01-adding-new-host"]', "work/01-adding-new-host.ipynb")
