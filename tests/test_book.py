"""The web book: built from a copy of the course and read as files; `make browser` looks at it in a browser."""
import os
import re
import subprocess
import sys

import nbformat
import pytest

from tools.break_it import copy_of_the_course
from tools.notebooks import ROOT, WIDGET, notebooks

for needed in ("sphinx", "myst_nb", "sphinx_book_theme", "latex2mathml"):
    pytest.importorskip(needed, reason="make book has installed nothing yet")
book = pytest.importorskip("tools.book")
LESSONS = [path.stem for path in notebooks() if path.stem != "glossary"]


def built(course, *path):
    """Build the book of a copy of the course; the exit status and what was said."""
    done = subprocess.run([sys.executable, "-m", "tools.book"], cwd=course, text=True, encoding="utf-8",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))})
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    course = tmp_path_factory.mktemp("book") / "course"
    copy_of_the_course(course)
    status, said = built(course)
    assert status == 0, said
    assert [file.name for file in (course / "build").iterdir()] == ["book"], "the half-built is cleared away"
    return course / "build" / "book"


def page(site, name: str) -> str:
    return (site / "notebooks" / f"{name}.html").read_text(encoding="utf-8")


def test_each_page_is_there_in_order_with_one_title_and_a_language(site):
    about, search = ((site / f"{name}.html").read_text(encoding="utf-8") for name in ("about", "search"))
    menu = re.findall(r'toctree-l1"><a class="reference internal" href="([^"]*)"', search)
    assert menu == [*(f"notebooks/{name}.html" for name in [*LESSONS, "glossary"]), "about.html", "tools/book/evidence.html",
                    "tools/book/teaching.html",
                    "github/CONTRIBUTING.html", "data/README.html"]
    for file in book.pages_in(site):
        text = file.read_text(encoding="utf-8")
        seen = text.split('id="searchbox"')[-1]               # before it stands a second title, for printing
        assert seen.count("<h1") == 1 and '<html lang="en"' in text, file.name
    for before, after in zip(LESSONS, LESSONS[1:]):
        assert re.search(rf'class="right-next"\s+href="{after}.html"', page(site, before)), before
    assert "colab -->" not in about and "_images/front.gif" in about


def test_pages_are_light_and_the_pad_is_where_it_belongs(site):
    for file in book.pages_in(site):
        text = file.read_text(encoding="utf-8")
        assert "fontawesome.js" not in text and text.count(".css") == (file.name != "index.html"), file
        assert ("answers.js" in text) == ('class="live-pad"' in text), file
        assert ("searchindex.js" in text) == (file.name == "search.html"), file
        assert "mathjax" not in text.replace("mathjax_ignore", "").lower() and len(text) < 1_500_000, file
    assert sum(file.stat().st_size for file in site.rglob("looks.css")) < 200_000 and not list(site.rglob("*.woff2"))
    home = (site / "index.html").read_text(encoding="utf-8")
    assert all('class="live-pad"' in text for text in (page(site, "10_where_it_fails"), home))
    assert 'aria-label="Search"' not in page(site, LESSONS[0]) and 'aria-label="Toggle hidden' not in page(site, LESSONS[0])


def test_formulas_search_and_widgets_need_no_network(site):
    assert book.faults(site) == []
    maths = page(site, "03_gradient_descent")
    assert maths.count('class="formula') == maths.count("<math ") > 9 and "<mfrac>" in page(site, "04_linear_model")
    assert "learn" in (site / "searchindex.js").read_text(encoding="utf-8")
    assert all("require.js" not in page(site, name) for name in LESSONS)


def test_set_up_is_folded_and_sliders_have_their_place(site):
    assert all('admonition-title">The set-up cell<' in page(site, name) for name in LESSONS)
    assert 'class="live-slider"' in page(site, "06_relu_net") and "interactive(children" not in page(site, "06_relu_net")


def test_answers_and_solutions_fold_with_code_and_formulas_in_them(site):
    folded = re.findall(r"<details><summary>.*?</details>", page(site, "04_linear_model"), re.S)
    assert len(folded) >= 14 and any("highlight" in part for part in folded) and any("<math " in part for part in folded)
    assert not any("```" in part or "$" in part for part in folded)


def test_words_of_the_glossary_are_linked_once_and_not_where_they_would_disturb(site):
    link = re.compile(r'<a class="term[^"]*" href="glossary.html#([^"]*)" title="([^"]+)">')
    for name in LESSONS:
        text = page(site, name)
        places = [place for place, _ in link.findall(text)]
        assert len(places) == len(set(places)) and len(places) > 5, name
        for part in re.findall(r"<h\d.*?</h\d>|<strong.*?</strong>|<code.*?</code>|<pre.*?</pre>", text, re.S):
            assert not link.search(part), f"{name}: {part[:80]}"
    assert not link.search(page(site, "glossary"))
    assert "tensor" in dict(link.findall(page(site, "01_pixels")))
    assert {"loss", "losses", "Losses"} <= set(book.forms("loss")) and "matrices" in book.forms("matrix")
    assert "relu" not in book.forms("ReLU") and book.anchor("4 · Stop: three rules") == "4-·-Stop:-three-rules"


def test_faults_of_a_page_are_named_and_the_build_fails(tmp_path):
    """Widgets, pictures without alt text, links to nowhere, foreign pictures."""
    copy_of_the_course(tmp_path)
    path = tmp_path / "notebooks" / f"{LESSONS[0]}.ipynb"
    nb = nbformat.read(path, as_version=4)
    output = nbformat.v4.new_output
    nb.cells += [
        nbformat.v4.new_code_cell("pad", outputs=[output("display_data", {WIDGET: {"model_id": ""}, "text/plain": plain})
                                                  for plain in ("DrawPad()", "Output()")]),
        nbformat.v4.new_code_cell("show()", outputs=[output("display_data", {"image/png": "iVBORw0KGgo="})]),
        nbformat.v4.new_markdown_cell("[gone](99_gone.ipynb) [lost](02_pixel_similarity.ipynb#lost)\n\n"
                                      "![a cat](https://example.org/cat.png)")]
    nbformat.write(nb, path)
    status, said = built(tmp_path)
    assert page(tmp_path / "build" / "book", LESSONS[0]).count('class="live-pad"') == 1 and status == 1
    for fault in ("99_gone", "lost", "no alt text", "would fetch https://example.org/cat.png"):
        assert fault in said, said


def test_faults_of_a_site_and_a_missing_package_are_named(tmp_path):
    (tmp_path / "a.html").write_text('<script src="//x.org/a.js"></script><p id="p"></p><a href="#p"></a><a href="#q"></a>'
                                     '<a href="b.html"></a><p id="p"></p><a href="https://x.org/"></a>', encoding="utf-8")
    assert len(book.faults(tmp_path)) == 4
    with pytest.raises(SystemExit, match="make book"):
        book.faults(tmp_path / "nowhere")
    (tmp_path / "docutils.py").write_text("raise ModuleNotFoundError(name='docutils')", encoding="utf-8")
    status, said = built(ROOT, tmp_path)
    assert status == 1 and "The package docutils is missing: run  make book " in said
