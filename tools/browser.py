"""Runs notebooks in JupyterLab in a real browser, moves every slider, draws digits, and visits the web book: `make browser`.

    python -m tools.browser [pixels relu_net … book]      default: four notebooks and the web book

The browser is Chromium: Debian's, or the one that CHROMIUM names. Everything happens on a copy in build/browser/, with a
fresh profile. Errors in the browser's console and requests to other machines count as problems. Screenshots go to
build/screenshots/.
"""
import functools
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator
from urllib.parse import urlsplit

try:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Error, TimeoutError, sync_playwright

    from tools.book import pages_in
    from tools.break_it import copy_of_the_course
    from tools.notebooks import ROOT, build, notebooks, read, slug, write
except ModuleNotFoundError as missing:
    sys.exit(f"The package {missing.name} is missing: run  make browser , which installs what this test needs.")

COPY, SHOTS = ROOT / "build" / "browser", ROOT / "build" / "screenshots"
DEFAULT = ["pixels", "gradient_descent", "relu_net", "where_it_fails", "book"]
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
LOOK = """() => {
    const all = what => [...document.querySelectorAll(what)], said = [];
    all("details").forEach(part => part.open = true);
    const tell = (faulty, what) => faulty.length && said.push(`${faulty.length} ${what}, the first: ${
        (faulty[0].alt || faulty[0].textContent || faulty[0].outerHTML).trim().slice(0, 80)}`);
    tell(all(".formula").filter(part => !part.querySelector("math")), "formulas are not set");
    tell(all("img").filter(picture => !picture.complete || !picture.naturalWidth), "pictures are not shown");
    if (document.documentElement.scrollWidth > innerWidth) said.push("the page is wider than the window.");
    return said;
}"""
SEVEN = [(.28, .25), (.72, .25), (.45, .8)]                     # strokes: fractions of the pad's width and height
THREE = [(.3, .25), (.5, .18), (.66, .28), (.62, .42), (.46, .48), (.64, .54), (.69, .7), (.52, .82), (.3, .76)]
problems: list[str] = []


def problem(text: str) -> None:
    problems.append(text)
    print(f"    PROBLEM: {text}")


def chromium() -> str:
    """The browser's path; ends with a sentence where there is none."""
    own = os.environ.get("CHROMIUM", "chromium")
    return shutil.which(own) or sys.exit(f"There is no browser {own} here: install it (Debian: apt install chromium), or name "
                                         "one: CHROMIUM=/path/to/chromium make browser")


def open_page(browser, name: str, home: str):
    """A page that reports errors in the console and requests to other machines; what kernels send is in `page.said`."""
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.said = []

    def request(url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != urlsplit(home).netloc:
            problem(f"{name}: a request to another machine: {url[:200]}")

    def websocket(socket) -> None:
        request(socket.url)
        socket.on("framereceived", lambda frame: page.said.append(frame if isinstance(frame, bytes) else frame.encode()))

    page.on("console", lambda line: line.type == "error" and problem(f"{name}: {line.text[:300]} {line.location['url']}"))
    page.on("pageerror", lambda thrown: problem(f"{name}: {str(thrown)[:300]}"))
    page.on("request", lambda asked: request(asked.url))
    page.on("websocket", websocket)
    return page


# ---------------------------------------------------------------- JupyterLab, on a copy of the course

@contextmanager
def jupyterlab(course: Path) -> Iterator[dict]:
    """A JupyterLab that knows nothing of the user's settings: its `url` and `token`. Stopped at the end, come what may."""
    env = {name: value for name, value in os.environ.items() if not re.match("JUPYTER|DIGITS$|MNIST_ROOT$", name)}
    env |= {f"JUPYTER_{kind}_DIR": str(COPY / kind) for kind in ("CONFIG", "DATA", "RUNTIME")} | {"IPYTHONDIR": str(COPY)}
    rendered = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}        # also what is out of sight
    write(COPY / "CONFIG" / "labconfig" / "default_setting_overrides.json", json.dumps(rendered))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port-retries=99",
               "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with open(COPY / "server.log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(command, cwd=course, env=env, stdout=log, stderr=log, start_new_session=True)
    info = COPY / "RUNTIME" / f"jpserver-{server.pid}.json"
    try:
        end = time.time() + 120
        while not (info.exists() and info.read_text(encoding="utf-8").endswith("}")):
            if server.poll() is not None or time.time() > end:
                sys.exit("JupyterLab did not start: build/browser/server.log says why.")
            time.sleep(.3)
        yield json.loads(info.read_text(encoding="utf-8"))
    finally:
        server.terminate()                                   # it stops its kernels, too
        server.wait()


def idle(page) -> None:
    """Wait until the kernel is there and has nothing to do."""
    page.locator("#jp-main-statusbar", has_text=re.compile(r"\| Idle")).wait_for(timeout=120_000)


def open_notebook(browser, server: dict, path: Path):
    """A page with a notebook in JupyterLab."""
    page = open_page(browser, path.stem, server["url"])
    page.goto(f"{server['url']}lab/tree/notebooks/{path.name}?reset&token={server['token']}", timeout=120_000)
    idle(page)                                               # before that, the menu does nothing
    return page


def only_opened(browser, server: dict, course: Path) -> None:
    """Open each notebook and save it: nothing may have changed, and no question may cover the page."""
    for path in notebooks():
        page = open_notebook(browser, server, path)
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1500)
        if page.locator(".jp-Dialog, .jp-toast-message, .Toastify__toast").count():
            problem(f"{path.name}: a question or a note covers the page")
        page.close()
    changed = subprocess.run(["git", "diff", "--stat"], cwd=course, capture_output=True, text=True, encoding="utf-8").stdout
    if changed:
        problem(f"opening and saving changes notebooks: {changed}")
    print(f"    {len(notebooks())} notebooks opened and saved: {'changed' if changed else 'unchanged'}")


def look_at_notebook(browser, server: dict, path: Path) -> None:
    """Run all cells of a notebook; compare its pictures with the committed ones; move its sliders, draw on its pad."""
    name, start = path.stem, time.time()
    print(name)
    page = open_notebook(browser, server, path)
    try:
        for menu, item in (("Edit", "Clear Outputs of All Cells"), ("Run", "Run All Cells")):
            page.get_by_role("menuitem", name=menu, exact=True).click()
            page.get_by_role("menuitem", name=item, exact=True).click()
        page.wait_for_function(FINISHED, arg=ERROR, timeout=300_000, polling=500)
        idle(page)
        print(f"    all cells are done, after {time.time() - start:.0f} s")
        page.screenshot(path=SHOTS / f"{name}.png")
        shown = page.locator(".jp-Notebook .jp-CodeCell").evaluate_all(COUNTS)
        expected = [sum("image/png" in output.get("data", {}) for output in cell.outputs)
                    for cell in read(path).cells if cell.cell_type == "code"]
        if shown != expected:
            problem(f"{name}: the code cells show {shown} pictures instead of {expected}")
        for k, slider in enumerate(page.locator(".jp-CodeCell .widget-slider").all(), 1):
            move(page, name, slider, k)
        for pad in page.locator(".jp-CodeCell .drawpad").all():
            draw(page, name, pad)
    except Error as error:                                   # also where something did not come in time
        problem(f"{name}: {error.message.strip()}")
        page.screenshot(path=SHOTS / f"{name}_problem.png")
    for text in page.locator(ERROR).all_inner_texts():
        problem(f"{name}: an output is an error: {text.strip().splitlines()[-1][:200]}")
    authorised = {"Authorization": f"token {server['token']}"}
    for kernel in page.request.get(f"{server['url']}api/kernels", headers=authorised).json():
        page.request.delete(f"{server['url']}api/kernels/{kernel['id']}", headers=authorised)
    page.close()


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
    title = label.inner_text().strip()
    if not title or label.evaluate("label => label.scrollWidth > label.clientWidth"):
        problem(f"{name}: the description of slider {k} cannot be read: {title!r}")
    handle.focus()
    now, low = (float(handle.get_attribute(f"aria-value{part}")) for part in ("now", "min"))
    for keys in ("End", "ArrowLeft ArrowLeft", "Home") if now == low else ("Home", "ArrowRight ArrowRight", "End"):
        if not changes(page, output, lambda: [page.keyboard.press(key) for key in keys.split()]):
            problem(f"{name}: the slider {title!r} does not change its picture (key {keys.split()[0]})")
    output.screenshot(path=SHOTS / f"{name}_slider_{k}.png")
    print(f"    slider {title}")


def stroke(page, canvas, points: list[tuple[float, float]]) -> None:
    """Draw a line by mouse; points: fractions of the canvas's width and height."""
    box = canvas.bounding_box()
    places = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def draw(page, name: str, pad) -> None:
    """On the pad: a 7 by mouse, then nothing, a 3 by mouse, a picture of the 7, and a file that is no picture."""
    output, canvas, chooser = pad.locator(OUTPUT), pad.locator("canvas"), pad.locator("input[type=file]")
    canvas.scroll_into_view_if_needed()

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

    after("a drawn 7", lambda: stroke(page, canvas, SEVEN), "7")
    seven = {"name": "seven.png", "mimeType": "image/png", "buffer": canvas.screenshot()}
    after("an empty pad", pad.get_by_role("button", name="Clear").click, "draw")
    after("a drawn 3", lambda: stroke(page, canvas, THREE), "3")
    after("a picture of a 7", lambda: chooser.set_input_files(seven), "7")
    chooser.set_input_files({"name": "text.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    pad.get_by_role("status").filter(has_text="no picture").wait_for()


# ---------------------------------------------------------------- the web book

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


def what_moves(page, home: str) -> None:
    """In the book, without Python: sliders by keyboard, a 7 on the pad by mouse, a training."""
    for path in notebooks():
        page.goto(f"{home}notebooks/{path.stem}.html")
        for box in page.locator(".live-slider").all():
            box.scroll_into_view_if_needed()
            box.locator("svg text").first.wait_for()
            before = box.inner_html()
            box.locator("input").first.press("End")
            if box.inner_html() == before:
                problem(f"book, {path.stem}: a slider does not move its picture")
    page.goto(home)
    verdict = page.locator(".pad-verdict")
    verdict.filter(has_text="draw your own").wait_for()
    stroke(page, page.locator(".live-pad canvas").first, SEVEN)
    page.wait_for_timeout(1000)
    if not verdict.inner_text().startswith("The net says 7"):
        problem(f"book: a drawn 7 on the pad gives {verdict.inner_text()!r}")
    page.goto(home + "playground.html#epochs=10")
    page.select_option("#pace", "fast")
    page.click("#play")
    page.wait_for_timeout(4000)
    if float(page.inner_text("#valid-accuracy") or 0) < .96:
        problem(f"book: the playground's net gets {page.inner_text('#valid-accuracy')!r} right")


def look_at_book(browser, folder: Path) -> None:
    """Visit every page of the site in `folder` in light and dark: barriers (axe), formulas, pictures; and use the search."""
    print("book")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_port}/"
    page = open_page(browser, "book", home)
    page.on("response", lambda answer: answer.status < 400 or problem(f"{answer.url} is missing."))
    for file in pages_in(folder):
        name = file.relative_to(folder).as_posix()
        page.emulate_media(color_scheme="light")
        page.goto(home + name)
        page.add_style_tag(content="* { animation: none !important; transition: none !important; }")
        for width in 390, 1300:
            page.set_viewport_size({"width": width, "height": 1000})
            for line in page.evaluate(LOOK):
                problem(f"{name}, {width} pixels wide: {line}")
        for scheme, rules in ("light", {}), ("dark", {"runOnly": ["color-contrast"]}):      # the others see no colours
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function("scheme => document.documentElement.dataset.theme == scheme", arg=scheme)
            for barrier in Axe().run(page, options={"preload": False, **rules}).response["violations"]:
                places = [node["target"][0] for node in barrier["nodes"]]
                problem(f"{name}, {scheme}: {barrier['help']} ({barrier['id']}), {len(places)} times, first: {places[0]}")
            page.screenshot(path=SHOTS / f"book_{file.stem}_{scheme}.png")
    what_moves(page, home)
    page.goto(home + "about.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("learning rate")
    page.keyboard.press("Enter")
    try:
        page.wait_for_selector("#search-results li a[href*='gradient_descent']", timeout=10_000)
    except TimeoutError:
        problem("The search for \"learning rate\" does not find the notebook about gradient descent.")
    page.close()
    server.shutdown()
    print(f"    {len(pages_in(folder))} pages are visited")


def main(wanted: list[str]) -> None:
    program = chromium()
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))
    build("screenshots")
    course = build("browser") / "course"
    copy_of_the_course(course)
    subprocess.run("git init -q && git add -A", shell=True, cwd=course, check=True)
    with sync_playwright() as player:
        # Without Chromium's sandbox, which does not work for root and in containers: it sees none but our own pages.
        browser = player.chromium.launch(executable_path=program, args=["--no-sandbox"])
        with jupyterlab(course) as server:
            only_opened(browser, server, course)
            for path in notebooks():
                if slug(path) in wanted:
                    look_at_notebook(browser, server, path)
        if "book" in wanted:
            look_at_book(browser, ROOT / "build" / "book")
        browser.close()
    if problems:
        sys.exit("\n".join(["", f"Problems: {len(problems)}", *problems]))
    print("No problems. The screenshots are in build/screenshots/.")


if __name__ == "__main__":
    try:
        main(sys.argv[1:] or DEFAULT)
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
