"""Runs notebooks in JupyterLab in a real browser, moves every slider and draws a digit; `make browser` calls it:

python tools/browser.py [01 03 … book]      default: 01 03 06 09 and the web book; screenshots in build/screenshots/

The browser is Chromium: Debian's, or the one that CHROMIUM names. Everything happens on a copy in build/browser/, and
a request that would leave this machine is a failure, as is an error in the browser's console.
"""
from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import nbformat

ROOT = Path(__file__).resolve().parent.parent
COPY, SHOTS = ROOT / "build" / "browser", ROOT / "build" / "screenshots"
DEFAULT = ["01", "03", "06", "09", "book"]
MINUTES = 5                                  # for running one notebook
TOLERATED: dict[str, str] = {}               # errors in the console: pattern -> the reason why it does not matter
SETTINGS = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},        # render what is out of sight, too
            "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
            "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"}}
FINISHED = """() => {
    const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(prompt => prompt.innerText);
    const failed = document.querySelector('.jp-RenderedText[data-mime-type="application/vnd.jupyter.error"]');
    return !prompts.some(text => text.includes('*')) && (failed || prompts.every(text => /\\d/.test(text)));
}"""
problems: list[str] = []


def say(text: str) -> None:
    print(text, flush=True)


def problem(text: str) -> None:
    problems.append(text)
    say(f"    PROBLEM: {text}")


def chromium() -> str:
    """The browser's path; ends with a sentence where there is none."""
    names = [os.environ.get("CHROMIUM", "")] if os.environ.get("CHROMIUM") else ["chromium", "chromium-browser", "google-chrome"]
    for name in names:
        if shutil.which(name):
            return shutil.which(name)
    sys.exit(f"There is no {' or '.join(names)} here: install it (Debian: apt install chromium), or name the browser: "
             "CHROMIUM=/path/to/chromium make browser.")


# ---------------------------------------------------------------- JupyterLab on a copy

def copy_course() -> Path:
    """Copy the course, without outputs, to build/browser/course."""
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.rmtree(SHOTS, ignore_errors=True)
    SHOTS.mkdir(parents=True)
    course = COPY / "course"
    shutil.copytree(ROOT, course, ignore=lambda folder, names: [
        name for name in names if name in ("build", "full", "__pycache__") or name.startswith(".")])
    for path in course.glob("notebooks/*.ipynb"):
        book = nbformat.read(path, as_version=4)
        for cell in book.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(book, path)
    return course


@contextmanager
def jupyterlab(course: Path) -> Iterator[dict]:
    """A JupyterLab that knows nothing of the user's set-up: its `url` and `token`. Stopped at the end, whatever happens."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "DIGITS", "MNIST_ROOT"))}
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        env[name] = str(COPY / name.lower())
    settings = COPY / "jupyter_config_dir" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(SETTINGS))
    with open(COPY / "server.log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port-retries=99",
             "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"],
            cwd=course, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)      # Ctrl-C is for us
    info = COPY / "jupyter_runtime_dir" / f"jpserver-{server.pid}.json"
    try:
        for _ in range(240):
            if info.exists() and info.read_text().endswith("}"):
                break
            if server.poll() is not None:
                break
            time.sleep(.5)
        else:
            raise RuntimeError
        yield json.loads(info.read_text())
    except (FileNotFoundError, RuntimeError):
        sys.exit("JupyterLab did not start: build/browser/server.log says why.")
    finally:
        server.terminate()                                   # it shuts its kernels down
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


# ---------------------------------------------------------------- what is looked at

def watch(page, name: str) -> None:
    """Report errors in the console, and requests to anywhere but this machine."""
    def console(text: str) -> None:
        if not any(re.search(pattern, text) for pattern in TOLERATED):
            problem(f"{name}: an error in the console: {text[:300]}")

    def request(url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            problem(f"{name}: a request leaves this machine: {url[:200]}")

    page.on("console", lambda message: message.type == "error" and console(f"{message.text} ({message.location.get('url')})"))
    page.on("pageerror", lambda error: console(str(error)))
    page.on("request", lambda each: request(each.url))
    page.on("websocket", lambda each: request(each.url))


def run_notebook(browser, server: dict, path: Path) -> None:
    """Open a notebook, run all cells, and look at the outputs, the sliders and the drawing pad."""
    name, start = path.stem, time.time()
    say(f"{name}")
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    watch(page, name)
    page.goto(f"{server['url']}lab/tree/notebooks/{path.name}?reset&token={server['token']}", timeout=120_000)
    page.locator("#jp-main-statusbar", has_text=re.compile(r"\| Idle")).wait_for(timeout=120_000)     # a kernel is there
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(FINISHED, timeout=MINUTES * 60_000, polling=500)
    idle(page)
    say(f"    all cells ran, {time.time() - start:.0f} s")
    check_outputs(page, name, nbformat.read(path, as_version=4))
    page.screenshot(path=SHOTS / f"{name}.png")
    for k, slider in enumerate(page.locator(".jp-CodeCell .widget-slider").all(), 1):
        move(page, name, slider, k)
    check_no_errors(page, name)
    for kernel in page.request.get(f"{server['url']}api/kernels").json():
        page.request.delete(f"{server['url']}api/kernels/{kernel['id']}", headers={"Authorization": f"token {server['token']}"})
    page.close()


def idle(page) -> None:
    page.locator("#jp-main-statusbar", has_text=re.compile(r"\| Idle")).wait_for(timeout=60_000)


def check_no_errors(page, name: str) -> None:
    for kind in ("stderr", "error"):
        for text in page.locator(f'.jp-RenderedText[data-mime-type="application/vnd.jupyter.{kind}"]').all_inner_texts():
            problem(f"{name}: an output is an error: {text.strip().splitlines()[-1][:200]}")


def check_outputs(page, name: str, committed: nbformat.NotebookNode) -> None:
    """Every code cell ran and shows as many pictures as its committed outputs do."""
    check_no_errors(page, name)
    cells = [cell for cell in committed.cells if cell.cell_type == "code"]
    shown = page.locator(".jp-Notebook .jp-CodeCell").evaluate_all("""cells => cells.map(cell =>
        [...cell.querySelectorAll('.jp-OutputArea img')].filter(img => !img.closest('.jupyter-widgets')
                                                                       && img.complete && img.naturalWidth).length)""")
    expected = [sum("image/png" in output.get("data", {}) for output in cell.outputs) for cell in cells]
    if len(shown) != len(expected):
        problem(f"{name}: {len(shown)} code cells are on the page, the notebook has {len(expected)}")
    for k, (have, want) in enumerate(zip(shown, expected), 1):
        if have != want:
            problem(f"{name}: code cell {k} shows {have} pictures instead of {want}")
    say(f"    {len(shown)} code cells, {sum(shown)} pictures")


def move(page, name: str, slider, k: int) -> None:
    """Move a slider by keyboard to both ends and to somewhere between; its picture must change each time."""
    cell = slider.locator("xpath=ancestor::*[contains(@class, 'jp-CodeCell')]")
    label, handle = slider.locator(".widget-label"), slider.locator(".noUi-handle")
    title = label.inner_text().strip()
    if not title or label.evaluate("label => label.scrollWidth > label.clientWidth"):
        problem(f"{name}: the description of slider {k} cannot be read: {title!r}")
    handle.scroll_into_view_if_needed()
    handle.focus()
    now, low = (float(handle.get_attribute(f"aria-value{part}")) for part in ("now", "min"))
    picture = "cell => [...cell.querySelectorAll('.jupyter-widgets img')].map(img => img.src).join()"
    values = []
    for key in ["End", "ArrowLeft", "Home"] if now == low else ["Home", "ArrowRight", "End"]:
        before = cell.evaluate(picture)
        page.keyboard.press(key)
        try:
            page.wait_for_function(f"([cell, before]) => ![before, ''].includes(({picture})(cell))",
                                   arg=[cell.element_handle(), before], timeout=20_000)
        except Exception:                                        # TimeoutError, or the page is gone
            problem(f"{name}: slider {title!r} does not change its picture (key {key})")
        idle(page)
        values.append(slider.locator(".widget-readout").inner_text())
    cell.screenshot(path=SHOTS / f"{name}_slider_{k}.png")
    say(f"    slider {title!r}: {', '.join(values)}")


# ---------------------------------------------------------------- all of it

def main(wanted: list[str]) -> None:
    numbers = [word for word in wanted or DEFAULT if word != "book"]
    paths = [path for path in sorted(ROOT.glob("notebooks/*.ipynb")) if path.stem.startswith(tuple(numbers))]
    program = chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sys.exit("The package playwright is missing: make browser installs it.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))
    course = copy_course()
    with sync_playwright() as player, jupyterlab(course) as server:
        # Without its sandbox, which does not work for root and in containers; it sees nothing but our own pages.
        browser = player.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for path in paths:
            run_notebook(browser, server, path)
        browser.close()
    if problems:
        sys.exit("\n".join(["", f"{len(problems)} problems:", *problems]))
    say("No problems. The screenshots are in build/screenshots/.")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
