"""Runs notebooks in JupyterLab in a real browser, moves every slider and draws digits; `make browser` calls it:

python tools/browser.py [01 03 … book]      default: 01 03 06 09 and the web book; screenshots in build/screenshots/

The browser is Chromium: Debian's, or the one that CHROMIUM names. Everything happens on a copy in build/browser/.
Errors in the browser's console and requests to other machines count as problems.
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
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Iterator
from urllib.parse import urlsplit

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

try:
    from playwright.sync_api import Error, TimeoutError, sync_playwright

    from tools.notebooks import build, files_of_the_course, notebooks, read
except ModuleNotFoundError as missing:
    sys.exit(f"The package {missing.name} is missing: run  make browser , which installs what this test needs.")

COPY, SHOTS = ROOT / "build" / "browser", ROOT / "build" / "screenshots"
DEFAULT = ["01", "03", "06", "09", "book"]
MINUTES = 5                                  # for all cells of a notebook
TOLERATED: dict[str, str] = {}               # errors in the console: a pattern, and the reason why they do not matter
SETTINGS = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},        # render what is out of sight, too
            "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
            "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
ERROR = '.jp-RenderedText[data-mime-type="application/vnd.jupyter.stderr"]'            # tracebacks and warnings
FINISHED = """error => {
    const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(prompt => prompt.innerText);
    return !prompts.some(text => text.includes('*'))                        // none is waiting
        && (document.querySelector(error) || prompts.length && prompts.every(text => /\\d/.test(text)));
}"""
COUNTS = """cells => cells.map(cell => [...cell.querySelectorAll('.jp-OutputArea img')].filter(
    img => !img.closest('.jupyter-widgets') && img.complete && img.naturalWidth).length)"""
OUTPUT = "xpath=ancestor::*[contains(@class, 'jp-Cell-outputWrapper')]"
SEEN = """output => [...output.querySelectorAll('.jupyter-widgets img')].map(img => img.src).join()
    + [...output.querySelectorAll('.jp-RenderedText')].map(part => part.innerText).join()"""
SEVEN = [(.28, .25), (.72, .25), (.45, .8)]                     # strokes: shares of the pad's width and height
THREE = [(.3, .25), (.5, .18), (.66, .28), (.62, .42), (.46, .48), (.64, .54), (.69, .7), (.52, .82), (.3, .76)]
problems: list[str] = []


def problem(text: str) -> None:
    problems.append(text)
    print(f"    PROBLEM: {text}")


def chromium() -> str:
    """The browser's path; ends with a sentence where there is none."""
    own = os.environ.get("CHROMIUM")
    found = [path for path in map(shutil.which, [own] if own else ["chromium", "chromium-browser", "google-chrome"]) if path]
    return found[0] if found else sys.exit(f"There is no browser {own or 'chromium'} here: install it (Debian: apt install "
                                           "chromium), or name one: CHROMIUM=/path/to/chromium make browser")


# ---------------------------------------------------------------- JupyterLab, on a copy of the course

def copy_course() -> Path:
    """Copy the course, its notebooks without outputs, into build/browser/."""
    build("screenshots")
    course = build("browser") / "course"
    for name in files_of_the_course():
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, course / name)
    for path in course.glob("notebooks/*.ipynb"):
        notebook = read(path)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, path)
    return course


@contextmanager
def jupyterlab(course: Path) -> Iterator[dict]:
    """A JupyterLab that knows nothing of the user's settings: its `url` and `token`. Stopped at the end, come what may."""
    env = {name: value for name, value in os.environ.items() if not re.match("JUPYTER|DIGITS$|MNIST_ROOT$", name)}
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        env[name] = str(COPY / name)
    settings = COPY / "JUPYTER_CONFIG_DIR" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(SETTINGS))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port-retries=99",
               "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with open(COPY / "server.log", "w") as log:
        server = subprocess.Popen(command, cwd=course, env=env, stdout=log, stderr=log, start_new_session=True)
    info = COPY / "JUPYTER_RUNTIME_DIR" / f"jpserver-{server.pid}.json"
    try:
        end = time.time() + 120
        while not (info.exists() and info.read_text().endswith("}")):
            if server.poll() is not None or time.time() > end:
                sys.exit("JupyterLab did not start: build/browser/server.log says why.")
            time.sleep(.3)
        yield json.loads(info.read_text())
    finally:
        server.terminate()                                   # it stops its kernels, too
        server.wait()


# ---------------------------------------------------------------- a notebook

def open_page(browser, name: str):
    """A page that reports errors in the console and requests to other machines; what kernels send is in `page.said`."""
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.said = []

    def error(text: str) -> None:
        if not any(re.search(pattern, text) for pattern in TOLERATED):
            problem(f"{name}: the console shows an error: {text[:300]}")

    def request(url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).hostname != "127.0.0.1":
            problem(f"{name}: a request to another machine: {url[:200]}")

    def websocket(socket) -> None:
        request(socket.url)
        socket.on("framereceived", lambda frame: page.said.append(frame if isinstance(frame, bytes) else frame.encode()))

    page.on("console", lambda line: line.type == "error" and error(f"{line.text} {line.location['url']}"))
    page.on("pageerror", lambda thrown: error(str(thrown)))
    page.on("request", lambda asked: request(asked.url))
    page.on("websocket", websocket)
    return page


def idle(page) -> None:
    """Wait until the kernel is there and has nothing to do."""
    page.locator("#jp-main-statusbar", has_text=re.compile(r"\| Idle")).wait_for(timeout=120_000)


def look_at_notebook(browser, server: dict, path: Path) -> None:
    """Run all cells of a notebook; compare its pictures with the committed ones; move its sliders, draw on its pad."""
    name, start = path.stem, time.time()
    print(name)
    page = open_page(browser, name)
    try:
        page.goto(f"{server['url']}lab/tree/notebooks/{path.name}?reset&token={server['token']}", timeout=120_000)
        idle(page)                                           # before that, the menu does nothing
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_function(FINISHED, arg=ERROR, timeout=MINUTES * 60_000, polling=500)
        idle(page)
        print(f"    all cells are done, after {time.time() - start:.0f} s")
        page.screenshot(path=SHOTS / f"{name}.png")
        if not page.locator(".jp-CodeCell .jp-InputPrompt").filter(has_text=re.compile(r"\[ ?\]")).count():     # all ran
            compare_pictures(page, name, [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"])
            for k, slider in enumerate(page.locator(".jp-CodeCell .widget-slider").all(), 1):
                move(page, name, slider, k)
            for pad in page.locator(".jp-CodeCell .drawpad").all():
                draw(page, name, pad)
        for text in page.locator(ERROR).all_inner_texts():
            problem(f"{name}: an output is an error: {text.strip().splitlines()[-1][:200]}")
    except Error as error:                                   # also where something did not come in time
        problem(f"{name}: {error.message.strip()}")
        page.screenshot(path=SHOTS / f"{name}_problem.png")
    authorised = {"Authorization": f"token {server['token']}"}
    for kernel in page.request.get(f"{server['url']}api/kernels").json():
        page.request.delete(f"{server['url']}api/kernels/{kernel['id']}", headers=authorised)
    page.close()


def compare_pictures(page, name: str, cells: list) -> None:
    """Each code cell must show as many pictures as its committed outputs hold, sliders' not counted."""
    shown = page.locator(".jp-Notebook .jp-CodeCell").evaluate_all(COUNTS)
    expected = [sum("image/png" in output.get("data", {}) for output in cell.outputs) for cell in cells]
    for k, pair in enumerate(zip_longest(shown, expected), 1):
        if pair[0] != pair[1]:
            problem(f"{name}: code cell {k} shows {pair[0]} pictures instead of {pair[1]}")
    print(f"    {len(shown)} code cells, {sum(shown)} pictures")


def changes(page, output, act) -> bool:
    """Do something, and wait until an output shows something else, and not nothing."""
    before = output.evaluate(SEEN)
    act()
    try:
        page.wait_for_function(f"([output, before]) => ![before, ''].includes(({SEEN})(output))",
                               arg=[output.element_handle(), before], timeout=20_000)
    except TimeoutError:
        return False
    idle(page)
    return True


def move(page, name: str, slider, k: int) -> None:
    """Move a slider by keyboard to one end, to somewhere between and to the other; each time its picture must change."""
    output, label, handle = slider.locator(OUTPUT), slider.locator(".widget-label"), slider.locator(".noUi-handle")
    title, values = label.inner_text().strip(), []
    if not title or label.evaluate("label => label.scrollWidth > label.clientWidth"):
        problem(f"{name}: the description of slider {k} cannot be read: {title!r}")
    handle.focus()
    now, low = (float(handle.get_attribute(f"aria-value{part}")) for part in ("now", "min"))
    for keys in ("End", "ArrowLeft ArrowLeft", "Home") if now == low else ("Home", "ArrowRight ArrowRight", "End"):
        if not changes(page, output, lambda: [page.keyboard.press(key) for key in keys.split()]):
            problem(f"{name}: the slider {title!r} does not change its picture (key {keys.split()[0]})")
        values.append(slider.locator(".widget-readout").inner_text())
    output.screenshot(path=SHOTS / f"{name}_slider_{k}.png")
    print(f"    slider {title}: {', '.join(values)}")


def draw(page, name: str, pad) -> None:
    """On the pad: a 7 by mouse, then nothing, a 3 by mouse, a picture of the 7, and a file that is no picture."""
    output, canvas, chooser = pad.locator(OUTPUT), pad.locator("canvas"), pad.locator("input[type=file]")
    canvas.scroll_into_view_if_needed()

    def stroke(points: list[tuple[float, float]]) -> None:
        box = canvas.bounding_box()
        places = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in points]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=5)
        page.mouse.up()

    def after(what: str, act, expected: str) -> None:
        page.said.clear()
        if not changes(page, output, act):
            problem(f"{name}: {what} on the pad changes nothing")
        # The answers stand in the picture, so they are read in its text, which JupyterLab gets but does not show.
        texts = re.findall(rb'"text(?:/plain)?": ?"((?:[^"\\]|\\.)*)"', b"".join(page.said))
        answer = texts[-1].decode() if texts else ""
        print(f"    {what}: {answer}")
        digits = re.findall(r"\b[37]\b", answer)             # most models should be right
        if not (2 * digits.count(expected) > len(digits) if expected in "37" else expected in answer.lower()):
            problem(f"{name}: {what} on the pad gives the answer {answer!r}")
        output.screenshot(path=SHOTS / f"{name}_{what.replace(' ', '_')}.png")

    after("a drawn 7", lambda: stroke(SEVEN), "7")
    seven = {"name": "seven.png", "mimeType": "image/png", "buffer": canvas.screenshot()}
    after("an empty pad", pad.get_by_role("button", name="Clear").click, "draw")
    after("a drawn 3", lambda: stroke(THREE), "3")
    after("a picture of a 7", lambda: chooser.set_input_files(seven), "7")
    chooser.set_input_files({"name": "text.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    pad.get_by_role("status").filter(has_text="no picture").wait_for()


# ---------------------------------------------------------------- all of it

def look_at_book(browser) -> None:
    """Build the web book and visit its pages."""
    print("book")
    if subprocess.run([sys.executable, ROOT / "tools" / "book.py"]).returncode:
        problem("book: it has problems, see above")
    from tools.book import check_book
    for text in check_book(browser, ROOT / "build" / "book"):
        problem(f"book: {text}")
    print("    all pages are visited")


def main(wanted: list[str]) -> None:
    program, numbers = chromium(), [word for word in wanted if word != "book"]
    paths = notebooks(*numbers) if numbers else []
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))
    course = copy_course()
    with jupyterlab(course) as server, sync_playwright() as player:
        # Without Chromium's sandbox, which does not work for root and in containers: it sees none but our own pages.
        browser = player.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for path in paths:
            look_at_notebook(browser, server, path)
        if "book" in wanted:
            look_at_book(browser)
        browser.close()
    if problems:
        sys.exit("\n".join(["", f"Problems: {len(problems)}", *problems]))
    print("No problems. The screenshots are in build/screenshots/.")


if __name__ == "__main__":
    try:
        main(sys.argv[1:] or DEFAULT)
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
