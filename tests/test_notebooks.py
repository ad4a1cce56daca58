"""What can be checked in the notebooks without running them: format, layout, habits of code, links, alt text.

What is a matter of taste (how many cells, how long, how many questions) is no test: python -m tools.report prints it.
"""
import ast
import builtins
import re
import subprocess
from collections import Counter
from functools import cache

import nbformat
import pytest

from tools.notebooks import CELL_KEYS, ROOT, as_text, has, normalise, notebooks
from tools.order import PAGES

PATHS = {path.stem: path for path in notebooks()}
BOOKS = {name: nbformat.read(path, as_version=4) for name, path in PATHS.items()}
TEXTS = {PATHS[name]: "\n\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")      # all pages' Markdown
         for name, book in BOOKS.items()} | {ROOT / page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
LESSONS = [name for name in BOOKS if name != "glossary"]
USE_FASTAI = ("mini_batch_sgd", "ten_digits")                    # importing it costs seconds
each = pytest.mark.parametrize("name", BOOKS)
each_lesson = pytest.mark.parametrize("name", LESSONS)


def code(name):
    return [cell for cell in BOOKS[name].cells if cell.cell_type == "code"]


def prose(name):
    return [cell for cell in BOOKS[name].cells if cell.cell_type == "markdown"]


def outputs(name):
    return [(cell, output) for cell in code(name) for output in cell.outputs]


def none(problems):
    """Assert that a list of problems is empty, and show it otherwise."""
    problems = list(problems)
    assert not problems, "\n".join(["", *map(str, problems)])


# ---------------------------------------------------------------- the file

@each
def test_is_as_refresh_writes_it_and_was_run_from_top_to_bottom(name):
    book = nbformat.read(PATHS[name], as_version=4)
    nbformat.validate(book)
    book.metadata.language_info.version = "3.99.0"                # as where another Python has run it
    normalise(book)
    assert PATHS[name].read_text(encoding="utf-8") == as_text(book), "stray metadata or another format: make refresh"
    assert PATHS[name].stat().st_size < 500_000
    assert [cell.execution_count for cell in code(name)] == list(range(1, len(code(name)) + 1)), "make refresh"
    none(f"{cell.id}: {output}" for cell, output in outputs(name)
         if output.output_type == "error" or output.get("name") == "stderr")


@each
def test_cells_have_ids_text_and_known_metadata(name):
    none(f"the id {id} occurs twice" for id, n in Counter(cell.id for cell in BOOKS[name].cells).items() if n > 1)
    none(f"{cell.id} is empty" for cell in BOOKS[name].cells if not cell.source.strip())
    none(f"{cell.id} has the metadata {key}" for cell in BOOKS[name].cells for key in set(cell.metadata) - CELL_KEYS)
    none(f"{cell.id} needs a reason in its metadata" for cell in code(name) if not cell.metadata.get("reason")
         and re.search("nbval|raises-exception|NBVAL_", f"{cell.metadata} {cell.source}"))


@each
def test_outputs_hold_nothing_of_the_machine(name):
    places = r"/(?:home|root|tmp)/|/Users/|\b0x[0-9a-f]{4,}|" + re.escape(str(ROOT))
    none(f"{cell.id}: {found} stands in an output" for cell, output in outputs(name)
         for found in re.findall(places, output.get("text", "") + output.get("data", {}).get("text/plain", "")))


@each
def test_pictures_have_alt_text(name):
    for cell, output in outputs(name):
        if "image/png" in output.get("data", {}):
            alt = output.metadata.get("image/png", {}).get("alt", "")
            assert len(alt) >= 20, f"{cell.id}: a picture has the alt text {alt!r}"
            assert alt == output.data.get("text/plain"), f"{cell.id}: alt text and plain text differ"
    none(re.findall(r"""!\[\s*\]\(.*?\)|<img(?![^>]*alt=")[^>]*>""", TEXTS[PATHS[name]]))


# ---------------------------------------------------------------- layout

def test_the_set_up_cell_is_the_same_everywhere():
    none(f"{name}: the first code cell has no tag `setup`" for name in BOOKS if not has(code(name)[0], "setup"))
    sources = {code(name)[0].source for name in BOOKS}
    assert len(sources) == 1 and len(sources.pop().splitlines()) <= 10


@each_lesson
def test_opens_with_title_objectives_and_time_and_closes_with_summary_questions_and_next(name):
    first = BOOKS[name].cells[0]
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    assert len(re.findall(r"^- ", first.source, re.M)) >= 2 and re.search(r"\b\d\d minutes", first.source)
    text = TEXTS[PATHS[name]]
    headings = re.findall(r"^## (.+)", text, re.M)
    closing = [heading for heading in headings if heading in ("Summary", "Questions", "Exercises", "Next")]
    assert closing[:2] == ["Summary", "Questions"] and headings[-len(closing):] == closing
    assert text.count("<details>") == text.count("<summary>") == text.count("</details>") > 0
    asked = re.findall(r"<summary>(\d+)\. ", text)
    assert [int(number) for number in asked] == list(range(1, len(asked) + 1)) != []
    following = LESSONS[LESSONS.index(name) + 1:][:1]
    assert not following or f"({following[0]}.ipynb)" in BOOKS[name].cells[-1].source, "the last cell leads on"


@each
def test_has_at_most_one_parameters_cell_of_plain_assignments(name):
    cells = [cell for cell in code(name) if has(cell, "parameters")]
    assert len(cells) <= 1
    for node in [node for cell in cells for node in ast.parse(cell.source).body]:
        assert isinstance(node, ast.Assign), f"{ast.unparse(node)} is no assignment"
        ast.literal_eval(node.value)


# ---------------------------------------------------------------- code

def bound(tree):
    """Every name that a piece of code gives a new meaning, other than by importing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


MODULES = {alias.asname or alias.name.split(".")[0] for name in BOOKS for cell in code(name)
           for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Import) for alias in node.names}


@each
def test_code_is_written_as_readers_should_write_it(name):
    for cell in code(name):
        lines = cell.source.splitlines()
        none(f"{cell.id}: {len(line)} columns: {line}" for line in lines if len(line) > 88 and not line.startswith("COURSE = "))
        none(f"{cell.id}: {line}" for line in lines if line.rstrip().endswith(";"))
        assert len(lines) <= 30, f"{cell.id} has {len(lines)} lines"
        tree = ast.parse(cell.source)
        for node in ast.walk(tree):
            assert not (isinstance(node, ast.Attribute) and node.attr == "data"), f"{cell.id}: .data is not written today"
            assert not (isinstance(node, ast.ImportFrom) and node.names[0].name == "*"), f"{cell.id}: a star import"
            fastai = isinstance(node, (ast.Import, ast.ImportFrom)) and "fastai" in ast.unparse(node)
            assert not fastai or name.endswith(USE_FASTAI), f"{cell.id}: fastai costs seconds"
        none(f"{cell.id}: {word} is a builtin or a module" for word in bound(tree)
             if word in MODULES or word in dir(builtins) and word != "_")


# ---------------------------------------------------------------- prose

def defined_terms(text):
    """The **terms** in bold; bold questions and calls to the reader begin with a capital or end in a mark."""
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    for bold in re.findall(r"(?<!\*)\*\*([^*\n]+)\*\*(?!\*)", text):
        if re.fullmatch(r"[\w'’ -]+", bold) and len(bold.split()) <= 4 and re.search(r"^[a-z]|^\w\S*[A-Z0-9]", bold):
            if not re.fullmatch(r"[\d ]+", bold):
                yield bold


def test_defined_terms_are_told_from_calls_to_the_reader():
    text = "A **mini-batch** is. **Guess** what **ReLU** does. **Before you run it:** **.974** **You can** **L1 loss**"
    assert list(defined_terms(text)) == ["mini-batch", "ReLU", "L1 loss"]


@cache
def anchors(path):
    """The anchors of a page's headings: in notebooks as JupyterLab makes them, in Markdown as GitHub does."""
    headings = re.findall(r"^#+ +(.+?) *$", re.sub(r"```.*?```", "", TEXTS.get(path.resolve(), ""), flags=re.S), re.M)
    plain = [re.sub(r"[`*]|(?<!\w)_|_(?!\w)|\[|\]\(.*?\)", "", heading) for heading in headings]
    if path.suffix == ".ipynb":
        return {heading.replace(" ", "-") for heading in plain}
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in plain}


def test_links_lead_somewhere_and_notebooks_are_named_by_links():
    problems = []
    for path, text in TEXTS.items():
        text = re.sub(r"```.*?```|`[^`\n]*`|\$[^$\n]+\$", "", text, flags=re.S)
        for link in re.findall(r"\]\(([^)\s]+)[^)]*\)|(?:href|src)=\"([^\"]+)\"", text):
            target, _, anchor = "".join(link).partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            file = path.parent / target if target else path
            if not file.exists():
                problems.append(f"{path.name}: {target} does not exist")
            elif anchor and anchor not in anchors(file):
                problems.append(f"{path.name}: {file.name} has no heading #{anchor}")
        if path.suffix == ".ipynb":
            problems += [f"{path.name}: {bare!r} is no link" for bare in re.findall(r"(?<!\[)\b[Nn]otebook \d+\b", text)]
    none(problems)


# ---------------------------------------------------------------- the repository

def test_the_public_address_stands_everywhere_or_nowhere():
    """That it is the same everywhere follows from set-up cells that are equal, and from `order.stale()` in test_course.py."""
    published = 'COURSE = ""' not in code(LESSONS[0])[0].source
    none(path for path in [*PATHS.values(), ROOT / "README.md"] if ("https://colab.research" in TEXTS[path]) != published)
    assert re.search("<!-- colab -->\n.*<!-- /colab -->", TEXTS[ROOT / "README.md"], re.S), "make publish writes between these"


def test_no_debris_is_tracked():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    if listed.returncode:
        pytest.skip("this copy of the course is no git repository")
    debris = (r"(^|/)(build|\.venv|__pycache__|\.ipynb_checkpoints|\.pytest_cache|data/full|uv\.lock)(/|$)"
              r"|\.(pyc|half|log|orig)$")
    none(file for file in listed.stdout.splitlines() if re.search(debris, file))
