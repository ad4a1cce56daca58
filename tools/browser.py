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

try:
    from playwright.sync_api import Error, TimeoutError, sync_playwright
except ModuleNotFoundError:
    sys.exit("The package playwright is missing: run  make browser , which installs what this test needs.")

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
OUTPUT = "xpath=ancestor::*[contains(@class, 'jp-Cell-outputWrapper')]"
PICTURES = "output => [...output.querySelectorAll('.jupyter-widgets img')].map(img => img.src).join()"
ANSWER = "output => [...output.querySelectorAll('.jp-RenderedText, .widget-label')].map(part => part.innerText).join(' ').trim()"
SEVEN = [(.28, .25), (.72, .25), (.45, .8)]                                         # shares of the pad's width and height
THREE = [(.3, .25), (.5, .18), (.66, .28), (.62, .42), (.46, .48), (.64, .54), (.69, .7), (.52, .82), (.3, .76)]
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
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
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
    if page.locator(".drawpad").count():
        draw(page, name)
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
    output = slider.locator(OUTPUT)
    label, handle = slider.locator(".widget-label"), slider.locator(".noUi-handle")
    title = label.inner_text().strip()
    if not title or label.evaluate("label => label.scrollWidth > label.clientWidth"):
        problem(f"{name}: the description of slider {k} cannot be read: {title!r}")
    handle.scroll_into_view_if_needed()
    handle.focus()
    now, low = (float(handle.get_attribute(f"aria-value{part}")) for part in ("now", "min"))
    first, back, last = ("End", "ArrowLeft", "Home") if now == low else ("Home", "ArrowRight", "End")
    values = []
    for keys in ([first], [back, back], [last]):
        before = output.evaluate(PICTURES)
        for key in keys:
            page.keyboard.press(key)
        if not changed(page, output, PICTURES, before):
            problem(f"{name}: slider {title!r} does not change its picture (key {key})")
        idle(page)
        values.append(slider.locator(".widget-readout").inner_text())
    output.screenshot(path=SHOTS / f"{name}_slider_{k}.png")
    say(f"    slider {title!r}: {', '.join(values)}")


def changed(page, output, what: str, before: str) -> bool:
    """Wait until something in an output is neither what it was nor empty."""
    try:
        page.wait_for_function(f"([output, before]) => ![before, ''].includes(({what})(output))",
                               arg=[output.element_handle(), before], timeout=20_000)
    except TimeoutError:
        return False
    return True


def draw(page, name: str) -> None:
    """Draw a 7 and a 3 with the mouse, clear the pad, and give it a picture of the 7 and a file that is none."""
    pad, output = page.locator(".drawpad"), page.locator(".drawpad").locator(OUTPUT)
    pad.scroll_into_view_if_needed()
    box, picture = pad.locator("canvas").bounding_box(), SHOTS / f"{name}_pad.png"

    def after(what: str, act, expected: str) -> None:
        before = output.evaluate(ANSWER)
        act()
        changed(page, output, ANSWER, before)
        idle(page)
        answer = output.evaluate(ANSWER)
        say(f"    {what}: {answer!r}")
        if not re.search(expected, answer, re.I):
            problem(f"{name}: {what} gives the answer {answer!r}, which has no {expected!r} in it")
        output.screenshot(path=SHOTS / f"{name}_{re.sub(r'[^a-z0-9]+', '_', what)}.png")

    def stroke(*points: tuple[float, float]) -> None:
        places = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in points]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=5)
        page.mouse.up()

    def upload(content: bytes, kind: str) -> None:
        pad.locator("input[type=file]").set_input_files({"name": "digit", "mimeType": kind, "buffer": content})

    after("a drawn 7", lambda: stroke(*SEVEN), "7")
    picture.write_bytes(pad.locator("canvas").screenshot())
    after("an empty pad", pad.get_by_role("button", name="Clear").click, "draw")
    after("a drawn 3", lambda: stroke(*THREE), "3")
    after("a picture of the 7", lambda: upload(picture.read_bytes(), "image/png"), "7")
    upload(b"no picture", "text/plain")
    page.locator(".drawpad [role=status]", has_text="no picture").wait_for()


# ---------------------------------------------------------------- all of it

def look_at_book(browser) -> None:
    """Build the web book and visit its pages."""
    say("book")
    if subprocess.run([sys.executable, ROOT / "tools" / "book.py"]).returncode:
        problem("make book fails")
        return
    sys.path.insert(0, str(ROOT))
    from tools.book import check_book
    for text in check_book(browser, ROOT / "build" / "book"):
        problem(f"book: {text}")
    say("    visited")


def main(wanted: list[str]) -> None:
    paths = [path for path in sorted(ROOT.glob("notebooks/*.ipynb")) if path.stem.startswith(tuple(wanted))]
    program = chromium()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))
    course = copy_course()
    with sync_playwright() as player, jupyterlab(course) as server:
        # Without its sandbox, which does not work for root and in containers; it sees nothing but our own pages.
        browser = player.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for path in paths:
            try:
                run_notebook(browser, server, path)
            except Error as error:                           # also where something did not come in time
                problem(f"{path.stem}: {error.message.strip()}")
        if "book" in wanted:
            look_at_book(browser)
        browser.close()
    if problems:
        sys.exit("\n".join(["", f"{len(problems)} problems:", *problems]))
    say("No problems. The screenshots are in build/screenshots/.")


if __name__ == "__main__":
    try:
        main(sys.argv[1:] or DEFAULT)
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
