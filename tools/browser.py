"""Runs notebooks in JupyterLab in a real browser, moves every slider, draws digits, and visits the web book: `make browser`.

    python -m tools.browser [pixels relu_net … book]      default: four notebooks and the web book

pytest runs the tests below. The browser is Chromium: Debian's, or the one that CHROMIUM names. It reaches no machine but this
one, and an error in its console makes a test fail: there it says, too, what is missing or was asked of another machine.
Everything happens on a copy in build/browser/, with a fresh profile. Screenshots go to build/screenshots/.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import mode

try:
    import pytest
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Locator, Page, expect, sync_playwright

    from tools.book import pages_in
    from tools.break_it import copy_of_the_course
    from tools.notebooks import ROOT, notebooks, read, slug, write
except ModuleNotFoundError as missing:
    sys.exit(f"The package {missing.name} is missing: run  make browser , which installs what this test needs.")

COPY, SHOTS, BOOK = (ROOT / "build" / name for name in ("browser", "screenshots", "book"))
NAMES = sys.argv[1:] or ["pixels", "gradient_descent", "relu_net", "where_it_fails", "book"]
# Without Chromium's sandbox, which does not work for root and in containers: it sees none but our own pages.
OPTIONS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
ERROR = '.jp-RenderedText[data-mime-type="application/vnd.jupyter.stderr"]'            # tracebacks and warnings
OUTPUT = "xpath=ancestor::*[contains(@class, 'jp-Cell-outputWrapper')]"
SHOWN = ".jupyter-widgets .jp-RenderedImage, .jupyter-widgets .jp-RenderedText"         # what a slider or a pad shows
LOOK = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
SEVEN = [(.28, .25), (.72, .25), (.45, .8)]                     # strokes: fractions of the pad's width and height
THREE = [(.3, .25), (.5, .18), (.66, .28), (.62, .42), (.46, .48), (.64, .54), (.69, .7), (.52, .82), (.3, .76)]


@pytest.fixture(scope="module")
def browser():
    own = os.environ.get("CHROMIUM", "chromium")
    program = shutil.which(own) or pytest.exit(f"There is no browser {own} here: install it (Debian: apt install chromium), or "
                                               "name one: CHROMIUM=/path/to/chromium make browser")
    shutil.rmtree(SHOTS, ignore_errors=True)
    with sync_playwright() as player:
        yield player.chromium.launch(executable_path=program, args=OPTIONS)


@pytest.fixture
def page(browser, request):
    """A page whose errors are the test's; a screenshot is taken at the end."""
    page, errors = browser.new_page(viewport={"width": 1300, "height": 1000}), []
    page.on("console", lambda line: line.type == "error" and errors.append(f"{line.text[:300]} {line.location['url']}"))
    page.on("pageerror", lambda thrown: errors.append(str(thrown)[:300]))
    yield page
    page.screenshot(path=SHOTS / f"{request.node.name}.png")
    page.close()
    assert not errors


def stroke(page: Page, canvas: Locator, points: list[tuple[float, float]]) -> None:
    """Draw a line by mouse; points: fractions of the canvas's width and height."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    places = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


# ---------------------------------------------------------------- JupyterLab, on a copy of the course

@pytest.fixture(scope="module")
def server():
    """A JupyterLab that knows nothing of the user's settings: its `url` and `token`. Stopped at the end, come what may."""
    shutil.rmtree(COPY, ignore_errors=True)
    copy_of_the_course(COPY / "course")
    subprocess.run("git init -q && git add -A", shell=True, cwd=COPY / "course", check=True)
    env = {name: value for name, value in os.environ.items() if not re.match("JUPYTER|DIGITS$|MNIST_ROOT$", name)}
    env |= {f"JUPYTER_{kind}_DIR": str(COPY / kind) for kind in ("CONFIG", "DATA", "RUNTIME")} | {"IPYTHONDIR": str(COPY)}
    rendered = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}        # also what is out of sight
    write(COPY / "CONFIG" / "labconfig" / "default_setting_overrides.json", json.dumps(rendered))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    with open(COPY / "server.log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(command, cwd=COPY / "course", env=env, stdout=log, stderr=log, start_new_session=True)
    info = COPY / "RUNTIME" / f"jpserver-{server.pid}.json"
    try:
        while not (info.exists() and info.read_text(encoding="utf-8").endswith("}")):
            assert server.poll() is None, "JupyterLab did not start: build/browser/server.log says why."
            time.sleep(.3)
        yield json.loads(info.read_text(encoding="utf-8"))
    finally:
        server.terminate()                                   # it stops its kernels, too
        server.wait()


def idle(page: Page) -> None:
    """Wait until the kernel is there and has nothing to do."""
    page.locator("#jp-main-statusbar", has_text=re.compile(r"\| Idle")).wait_for(timeout=120_000)


def choose(page: Page, menu: str, item: str) -> None:
    """Choose from JupyterLab's menu."""
    for name in menu, item:
        page.get_by_role("menuitem", name=name, exact=True).click()


def after(page: Page, output: Locator, act) -> str:
    """Do something, and wait until an output shows something else, and not nothing: its text."""
    def shown() -> str:
        return "".join(part.inner_html() for part in output.locator(SHOWN).all())

    before = shown()
    act()
    for _ in range(100):
        page.wait_for_timeout(200)
        if shown() not in (before, ""):
            idle(page)
            return " ".join(output.locator(SHOWN).all_inner_texts())
    raise AssertionError("what is shown does not change")


@pytest.mark.parametrize("path", notebooks(), ids=slug)
def test_notebook(page, server, path):
    """Opened and saved, its file stays as it is. In those that are asked for all cells run, sliders move, and pads answer."""
    page.goto(f"{server['url']}lab/tree/notebooks/{path.name}?reset&token={server['token']}", timeout=120_000)
    idle(page)                                               # before that, the menu does nothing
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    assert page.locator(".jp-Dialog, .jp-toast-message, .Toastify__toast").count() == 0, "a question or a note covers the page"
    assert (COPY / "course" / "notebooks" / path.name).read_bytes() == path.read_bytes(), "saving changes the file"
    if slug(path) not in NAMES:
        return
    choose(page, "Edit", "Clear Outputs of All Cells")
    choose(page, "Run", "Run All Cells")
    last = page.locator(".jp-CodeCell").last.locator(".jp-InputPrompt", has_text=re.compile(r"\d"))
    last.or_(page.locator(ERROR)).first.wait_for(timeout=300_000)
    idle(page)
    assert page.locator(ERROR).all_inner_texts() == []
    pictures = sum("image/png" in output.get("data", {}) for cell in read(path).cells for output in cell.get("outputs", []))
    expect(page.locator(".jp-CodeCell .jp-OutputArea img:not(.jupyter-widgets *)")).to_have_count(pictures)
    for slider in page.locator(".jp-CodeCell .widget-slider").all():
        move(page, slider)
    for pad in page.locator(".jp-CodeCell .drawpad").all():
        draw(page, pad)
    assert page.locator(ERROR).all_inner_texts() == []
    choose(page, "Kernel", "Shut Down Kernel")


def move(page: Page, slider: Locator) -> None:
    """Move a slider by keyboard to one end, to somewhere between and to the other; each time its picture must change."""
    output, label, handle = slider.locator(OUTPUT), slider.locator(".widget-label"), slider.locator(".noUi-handle")
    title = label.inner_text().strip()
    assert title and label.evaluate("label => label.scrollWidth <= label.clientWidth"), f"{title!r} cannot be read"
    at_low_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemin")
    first, last, arrow = ("End", "Home", "ArrowLeft") if at_low_end else ("Home", "End", "ArrowRight")
    for keys in [first], [arrow, arrow], [last]:
        after(page, output, lambda: [handle.press(key) for key in keys])
    output.screenshot(path=SHOTS / f"slider_{title}.png")


def draw(page: Page, pad: Locator) -> None:
    """On the pad: a 7 by mouse, then nothing, a 3 by mouse, a picture of the 7, and a file that is no picture."""
    output, canvas, chooser = pad.locator(OUTPUT), pad.locator("canvas"), pad.locator("input[type=file]")

    def answer(act) -> str:
        """What most of the models say, or that one should draw."""
        return mode(re.findall(r"\b[37]\b|Draw", after(page, output, act)))

    assert answer(lambda: stroke(page, canvas, SEVEN)) == "7"
    seven = {"name": "seven.png", "mimeType": "image/png", "buffer": canvas.screenshot()}
    assert answer(pad.get_by_role("button", name="Clear").click) == "Draw"
    assert answer(lambda: stroke(page, canvas, THREE)) == "3"
    assert answer(lambda: chooser.set_input_files(seven)) == "7"
    chooser.set_input_files({"name": "text.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    expect(pad.get_by_role("status")).to_contain_text("no picture")


# ---------------------------------------------------------------- the web book, as files in a folder

@pytest.mark.parametrize("file", pages_in(BOOK) if "book" in NAMES else [], ids=lambda file: file.stem)
def test_book_page(page, file):
    """Narrow and wide, light and dark: what is not shown, barriers (axe), and its sliders."""
    page.emulate_media(color_scheme="light")
    page.goto(file.as_uri())
    page.add_style_tag(content="* { animation: none !important; transition: none !important; }")
    for width in 390, 1300:
        page.set_viewport_size({"width": width, "height": 1000})
        assert page.evaluate(LOOK) == [], f"{width} pixels wide"
    for scheme, rules in ("light", {}), ("dark", {"runOnly": ["color-contrast"]}):      # the others see no colours
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("html")).to_have_attribute("data-theme", scheme)
        barriers = Axe().run(page, options={"preload": False, **rules}).response["violations"]
        assert [(barrier["help"], [node["target"] for node in barrier["nodes"]]) for barrier in barriers] == [], scheme
        page.screenshot(path=SHOTS / f"book_{file.stem}_{scheme}.png")
    for box in page.locator(".live-slider").all():
        box.scroll_into_view_if_needed()
        box.locator("svg text").first.wait_for()
        before = box.inner_html()
        box.locator("input").first.press("End")
        assert box.inner_html() != before, "a slider does not move its picture"


@pytest.mark.skipif("book" not in NAMES, reason="the web book is not asked for")
def test_book_is_alive(page):
    """The pad answers, the playground trains, the search finds."""
    page.goto((BOOK / "index.html").as_uri())
    expect(page.locator(".pad-verdict")).to_contain_text("draw your own")
    for digit, points in (3, THREE), (7, SEVEN):
        stroke(page, page.locator(".live-pad canvas").first, points)
        expect(page.locator(".pad-verdict")).to_contain_text(f"The net says {digit}")
        page.locator(".live-pad").get_by_role("button", name="Clear").click()
    page.goto((BOOK / "playground.html").as_uri() + "#epochs=10")
    page.select_option("#pace", "fast")
    page.click("#play")
    expect(page.locator("#valid-accuracy")).to_have_text(re.compile(r"\.9[6-9]"), timeout=10_000)
    page.goto((BOOK / "about.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type("learning rate")
    page.keyboard.press("Enter")
    page.locator("#search-results li a[href*='gradient_descent']").first.wait_for(timeout=10_000)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)           # JupyterLab is stopped then, too
    sys.exit(pytest.main([__file__, "-v", "--tb=short", "-p", "no:cacheprovider", "-p", "no:xdist"]))
