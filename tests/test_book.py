"""The web book: built from a copy of the course and read as files; `make browser` looks at it in a browser."""
import os
import re
import subprocess
import sys

import nbformat
import pytest

from tests.test_live import book
from tools.break_it import copy_of_the_course
from tools.notebooks import ROOT, WIDGET, notebooks

LESSONS = [path.stem for path in notebooks() if path.stem != "glossary"]
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="      # one black pixel


def built(course, *path):
    """Build the book of a copy of the course; the exit status and what was said."""
    done = subprocess.run([sys.executable, "-m", "tools.book"], cwd=course, text=True, encoding="utf-8",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))})
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def said_and_site(tmp_path_factory):
    """The book of a course whose first lesson ends in faults, and what was said when it was built."""
    course = tmp_path_factory.mktemp("book") / "course"
    copy_of_the_course(course)
    path = course / "notebooks" / f"{LESSONS[0]}.ipynb"
    nb, new = nbformat.read(path, as_version=4), nbformat.v4
    widgets = [{WIDGET: {"model_id": ""}, "text/plain": plain} for plain in ("DrawPad()", "Output()")]
    nb.cells += [new.new_code_cell("pad", outputs=[new.new_output("display_data", data) for data in widgets]),
                 new.new_code_cell("show()", outputs=[new.new_output("display_data", {"image/png": PICTURE})]),
                 new.new_markdown_cell("[gone](99_gone.ipynb) [lost](02_pixel_similarity.ipynb#lost)\n\n"
                                       "![a cat](https://example.org/cat.png)")]
    nbformat.write(nb, path)
    status, said = built(course)
    assert status == 1 and [file.name for file in (course / "build").iterdir()] == ["book"], said
    return said, course / "build" / "book"


@pytest.fixture(scope="module")
def site(said_and_site):
    return said_and_site[1]


def page(site, name: str) -> str:
    return (site / f"{name}.html").read_text(encoding="utf-8")


def lesson(site, name: str) -> str:
    return page(site, f"notebooks/{name}")


def test_the_build_fails_where_something_is_wrong_and_names_all_of_it(said_and_site):
    said = said_and_site[0].partition("It has problems:\n")[2].splitlines()
    faults = ["99_gone", "lost", "no alt text", "would fetch https://example.org/cat.png"]
    assert all(any(fault in line for line in said) for fault in faults), said
    assert all(LESSONS[0] in line and any(fault in line for fault in faults) for line in said), said


def test_each_page_is_there_in_order_with_one_title_and_a_language(site):
    menu = re.findall(r'toctree-l1"><a class="reference internal" href="([^"]*)"', page(site, "search"))
    assert menu == [*(f"notebooks/{name}.html" for name in [*LESSONS, "glossary"]), "about.html", "tools/book/evidence.html",
                    "tools/book/teaching.html", "github/CONTRIBUTING.html", "data/README.html"]
    for file in book.pages_in(site):
        text = file.read_text(encoding="utf-8")
        seen = text.split('id="searchbox"')[-1]               # before it stands a second title, for printing
        assert seen.count("<h1") == 1 and '<html lang="en"' in text, file.name
    for before, after in zip(LESSONS, LESSONS[1:]):
        assert re.search(rf'class="right-next"\s+href="{after}.html"', lesson(site, before)), before
    assert "colab -->" not in page(site, "about") and "_images/front.gif" in page(site, "about")


def test_the_landing_page_leads_to_every_notebook(site):
    text = page(site, "index")
    assert [text.count(f'href="notebooks/{name}.html"') for name in LESSONS] == [2] + [1] * (len(LESSONS) - 1)
    assert text.count("<img ") == len(list(site.glob("_static/live/*.webp"))) == len(LESSONS) and ' alt=""' not in text
    assert 'href="playground.html"' in text and 'href="data/README.html"' in text


def test_pages_are_light_and_what_moves_is_where_it_belongs(site):
    looks = (site / "_static" / "looks.css").read_text(encoding="utf-8")
    for file in book.pages_in(site):
        text = file.read_text(encoding="utf-8")
        assert "fontawesome.js" not in text and text.count(".css") == (file.name != "index.html"), file
        assert ("answers.js" in text) == ('class="live-pad"' in text), file
        assert ("sliders.js" in text) == ('class="live-slider"' in text or file.name == "playground.html"), file
        assert ("searchindex.js" in text) == (file.name == "search.html"), file
        assert "mathjax" not in text.replace("mathjax_ignore", "").lower() and len(text) < 1_500_000, file
        assert all(f".fa-{icon} {{" in looks for icon in re.findall(r'class="fa-solid fa-([\w-]+)', text)), file
        assert "require.js" not in text and 'aria-label="Toggle hidden' not in text, file
    assert len(looks) < 200_000 and not list(site.rglob("*.woff2"))
    assert all('class="live-pad"' in text for text in (lesson(site, "10_where_it_fails"), page(site, "index")))
    assert lesson(site, LESSONS[0]).count('class="live-pad"') == 1, "not for an Output"
    assert 'class="live-slider"' in lesson(site, "06_relu_net") and "interactive(children" not in lesson(site, "06_relu_net")
    assert re.search(r'<img src="\S+" width="\d+" height="\d+" style="--width: \d+px" alt="Eight', lesson(site, LESSONS[0]))


def test_formulas_set_up_and_answers_are_set_and_folded(site):
    maths = lesson(site, "03_gradient_descent")
    assert maths.count('class="formula') == maths.count("<math ") > 9 and "<mfrac>" in lesson(site, "04_linear_model")
    assert all('admonition-title">The set-up cell<' in lesson(site, name) for name in LESSONS)
    folded = re.findall(r"<details><summary>.*?</details>", lesson(site, "04_linear_model"), re.S)
    assert len(folded) >= 14 and any("highlight" in part for part in folded) and any("<math " in part for part in folded)
    assert not any("```" in part or "$" in part for part in folded)
    assert "learn" in (site / "searchindex.js").read_text(encoding="utf-8")


def test_words_of_the_glossary_are_linked_once_and_not_where_they_would_disturb(site):
    link = re.compile(r'<a class="term[^"]*" href="glossary.html#([^"]*)" title="([^"]+)">')
    for name in LESSONS:
        text = lesson(site, name)
        places = [place for place, _ in link.findall(text)]
        assert len(places) == len(set(places)) and len(places) > 5, name
        for part in re.findall(r"<h\d.*?</h\d>|<strong.*?</strong>|<code.*?</code>|<pre.*?</pre>", text, re.S):
            assert not link.search(part), f"{name}: {part[:80]}"
    assert not link.search(lesson(site, "glossary"))
    assert "tensor" in dict(link.findall(lesson(site, "01_pixels")))
    assert {"loss", "losses", "Losses"} <= set(book.forms("loss")) and "matrices" in book.forms("matrix")
    assert "relu" not in book.forms("ReLU") and book.anchor("4 · Stop: three rules") == "4-·-Stop:-three-rules"


def test_faults_of_a_site_and_a_missing_package_are_named(tmp_path):
    (tmp_path / "a.html").write_text('<script src="//x.org/a.js"></script><p id="p"></p><a href="#p"></a><a href="#q"></a>'
                                     '<a href="b.html"></a><p id="p"></p><a href="https://x.org/"></a>', encoding="utf-8")
    assert len(book.faults(tmp_path)) == 4
    with pytest.raises(SystemExit, match="make book"):
        book.faults(tmp_path / "nowhere")
    (tmp_path / "docutils.py").write_text("raise ModuleNotFoundError(name='docutils')", encoding="utf-8")
    status, said = built(ROOT, tmp_path)
    assert status == 1 and "The package docutils is missing: run  make book " in said
