"""What can be checked in the notebooks without running them: format, layout, style, links, alt text."""
import ast
import builtins
import re
import statistics
import subprocess
from collections import Counter

import nbformat
import pytest

from tools.notebooks import CELL_KEYS, ROOT, as_text, normalise, notebooks

PATHS = {path.stem: path for path in notebooks()}
BOOKS = {name: nbformat.read(path, as_version=4) for name, path in PATHS.items()}
LESSONS = [name for name in BOOKS if name != "glossary"]
each = pytest.mark.parametrize("name", BOOKS)
each_lesson = pytest.mark.parametrize("name", LESSONS)


def code(name):
    return [cell for cell in BOOKS[name].cells if cell.cell_type == "code"]


def prose(name):
    return [cell for cell in BOOKS[name].cells if cell.cell_type == "markdown"]


def outputs(name):
    return [(cell, output) for cell in code(name) for output in cell.outputs]


def tags(cell):
    return cell.metadata.get("tags", [])


def trees(name):
    """(cell, syntax tree) of each code cell; each node knows its parent."""
    for cell in code(name):
        tree = ast.parse(cell.source)
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                child.parent = node
        yield cell, tree


def none(problems):
    """Assert that a list of problems is empty, and show it otherwise."""
    problems = list(problems)
    assert not problems, "\n".join(["", *map(str, problems)])


def test_there_are_notebooks_numbered_without_a_gap():
    assert [int(name[:2]) for name in LESSONS] == list(range(1, len(LESSONS) + 1)) != []
    none(name for name in LESSONS if not re.fullmatch(r"\d\d_[a-z0-9_]+", name))


# ---------------------------------------------------------------- the file

@each
def test_is_as_refresh_writes_it(name):
    book = nbformat.read(PATHS[name], as_version=4)
    nbformat.validate(book)
    normalise(book)
    assert PATHS[name].read_text("utf8") == as_text(book), "stray metadata or another format: make refresh"
    assert PATHS[name].stat().st_size < 500_000


@each
def test_cells_have_ids_text_and_known_metadata(name):
    ids = Counter(cell.id for cell in BOOKS[name].cells)
    none(f"the id {id} occurs twice" for id, n in ids.items() if n > 1)
    none(f"{cell.id} is empty" for cell in BOOKS[name].cells if not cell.source.strip())
    none(f"{cell.id} has the metadata {key}" for cell in BOOKS[name].cells for key in set(cell.metadata) - CELL_KEYS)


@each
def test_was_run_from_top_to_bottom_without_errors(name):
    assert [cell.execution_count for cell in code(name)] == list(range(1, len(code(name)) + 1)), "make refresh"
    none(f"{cell.id}: {output}" for cell, output in outputs(name)
         if output.output_type == "error" or output.get("name") == "stderr")


@each
def test_outputs_hold_nothing_of_the_machine(name):
    for cell, output in outputs(name):
        text = output.get("text", "") + output.get("data", {}).get("text/plain", "")
        found = re.search(r"/(?:home|root|tmp)/|/Users/|\b0x[0-9a-f]{4,}|" + re.escape(str(ROOT)), text)
        assert not found, f"{cell.id}: {found[0]} stands in an output"


@each
def test_no_output_is_left_uncompared_without_a_reason(name):
    for cell in code(name):
        uncompared = any("nbval" in tag or tag == "raises-exception" for tag in tags(cell)) or "NBVAL_" in cell.source
        assert not uncompared or cell.metadata.get("reason"), f"{cell.id} needs a reason in its metadata"


@each
def test_pictures_have_alt_text(name):
    for cell, output in outputs(name):
        if "image/png" in output.get("data", {}):
            alt = output.metadata.get("image/png", {}).get("alt", "")
            assert len(alt) >= 20, f"{cell.id}: a picture has the alt text {alt!r}"
            assert alt == output.data.get("text/plain"), f"{cell.id}: alt text and plain text differ"
    for cell in prose(name):
        assert not re.search(r"!\[\s*\]\(", cell.source), f"{cell.id}: an image without alt text"
        none(f"{cell.id}: {tag}" for tag in re.findall(r"<img[^>]*>", cell.source) if 'alt="' not in tag)


# ---------------------------------------------------------------- layout

def test_the_set_up_cell_is_the_same_everywhere():
    cells = [code(name)[0] for name in BOOKS]
    none(f"{name}: the first code cell has no tag `setup`" for name in BOOKS if tags(code(name)[0]) != ["setup"])
    assert len({cell.source for cell in cells}) == 1
    assert len(cells[0].source.splitlines()) <= 10


@each_lesson
def test_opens_with_title_objectives_and_time(name):
    first = BOOKS[name].cells[0]
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    assert len(re.findall(r"^- ", first.source, re.M)) == 3, "three objectives stand in the first cell"
    assert re.search(r"\b\d\d minutes", first.source), "the first cell says how many minutes it takes"


@each_lesson
def test_closes_with_summary_questions_and_next(name):
    headings = re.findall(r"^## (.+)", "\n".join(cell.source for cell in prose(name)), re.M)
    closing = [heading for heading in headings if heading in ("Summary", "Questions", "Exercises", "Next")]
    assert closing[:2] == ["Summary", "Questions"] and headings[-len(closing):] == closing
    text = "\n".join(cell.source for cell in prose(name))
    assert text.count("<details>") == text.count("<summary>") == text.count("</details>") > 0
    following = LESSONS[LESSONS.index(name) + 1:][:1]
    if following:
        assert f"({following[0]}.ipynb)" in BOOKS[name].cells[-1].source, "the last cell leads to the next notebook"


QUESTIONED = """activation, parameter, tensor, axis|axes, rank, scalar, vector, matrix, layer, linear, nonlinear, ReLU,
    mini-batch, forward pass, loss, gradient, backward pass, gradient descent, learning rate, epoch, metric, shape, dtype,
    mask, validation, memorised, generalises, broadcasting, accuracy, standard error, L1, L2, template, nudging, autograd,
    standardising, target, weight, bias, sigmoid, logit, cross-entropy, convex, saturated, shuffle, optimiser, patience,
    hidden unit, dead, overfitting, wiggle, initialise, predict, step, repeat, stop, zero_grad, seed"""


def questions(name):
    """The closing questions of a notebook with their answers: (question, answer)."""
    text = "\n".join(cell.source for cell in prose(name)).partition("## Questions")[2].partition("\n## ")[0]
    return re.findall(r"<details><summary>(.*?)</summary>(.*?)</details>", text, re.S)


@each_lesson
def test_asks_eight_to_twelve_questions_and_answers_them(name):
    found = questions(name)
    assert 8 <= len(found) <= 12
    assert [int(question.partition(".")[0]) for question, _ in found] == list(range(1, len(found) + 1))
    none(question for question, answer in found if len(answer.split()) < 15)


def test_the_questions_cover_every_term_and_step():
    text = " ".join(question + answer for name in LESSONS for question, answer in questions(name))
    none(f"no question is about {term.strip()}" for term in QUESTIONED.split(",")
         if not re.search(rf"\b(?:{term.strip()})".replace(" ", r"\s+"), text, re.I))


def lesson(name):
    """The cells to read and run: all but the closing exercises, and the cells where the reader writes."""
    cells = []
    for cell in BOOKS[name].cells:
        if cell.source.startswith("## Exercises"):
            break
        if not {"exercise", "check", "solution"} & set(tags(cell)):
            cells.append(cell)
    return cells


@each_lesson
def test_has_the_size_of_one_sitting(name):
    assert 30 <= len(lesson(name)) <= 60
    assert 15 <= sum(cell.cell_type == "code" for cell in lesson(name)) <= 30


@each_lesson
def test_cells_are_short_and_introduced(name):
    lengths = [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in code(name)]
    none(f"{cell.id} has {n} lines" for cell, n in zip(code(name), lengths) if n > 25)
    assert statistics.median(lengths) <= 5
    assert sum(n <= 12 for n in lengths) >= .9 * len(lengths), f"too many long cells: {sorted(lengths)[-5:]}"
    kinds = "".join(cell.cell_type[0] for cell in BOOKS[name].cells)
    assert "ccc" not in kinds, "three code cells in a row"


@each
def test_has_at_most_one_parameters_cell_of_plain_assignments(name):
    cells = [cell for cell in code(name) if "parameters" in tags(cell)]
    assert len(cells) <= 1
    for node in [node for cell in cells for node in ast.parse(cell.source).body]:
        assert isinstance(node, ast.Assign), f"{ast.unparse(node)} is no assignment"
        ast.literal_eval(node.value)


# ---------------------------------------------------------------- code

@each
def test_code_lines_are_short_and_need_no_semicolon(name):
    lines = [(cell.id, line) for cell in code(name) for line in cell.source.splitlines()]
    none(f"{id}: {len(line)} columns: {line}" for id, line in lines
         if len(line) > 88 and not line.startswith("COURSE = "))
    none(f"{id}: {line}" for id, line in lines if line.rstrip().endswith(";"))


@each
def test_code_style(name):
    problems = []
    for cell, tree in trees(name):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "data":
                problems.append(f"{cell.id}: .data is not how PyTorch is written today")
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                problems.append(f"{cell.id}: a star import")
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
                above = node
                while above is not tree and not isinstance(above, (ast.For, ast.While, ast.ExceptHandler)):
                    above = above.parent
                if above is tree:
                    problems.append(f"{cell.id}: print outside of a loop")
            costly = isinstance(node, (ast.Import, ast.ImportFrom)) and "fastai" in ast.unparse(node)
            if costly and name[:2] not in ("05", "08"):
                problems.append(f"{cell.id}: fastai is imported in notebooks 05 and 08 alone, it costs seconds")
    none(problems)


def bound(tree):
    """Every name that a piece of code gives a new meaning, other than by importing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


@each
def test_no_builtin_or_module_is_shadowed(name):
    modules = {alias.asname or alias.name.split(".")[0] for book in BOOKS for _, tree in trees(book)
               for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    none(f"{cell.id}: {word} is a builtin or a module" for cell, tree in trees(name) for word in bound(tree)
         if word in modules or word in dir(builtins) and word != "_")


# ---------------------------------------------------------------- prose

def defined_terms(text):
    """The **terms** in bold; bold questions and calls to the reader begin with a capital or end in a mark."""
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    for bold in re.findall(r"(?<!\*)\*\*([^*\n]+)\*\*(?!\*)", text):
        if re.fullmatch(r"[\w'’ -]+", bold) and len(bold.split()) <= 4 and re.search(r"^[a-z]|^\w\S*[A-Z0-9]", bold):
            if not re.fullmatch(r"[\d ]+", bold):
                yield bold


def test_each_term_is_defined_once():
    places = {}
    for name in BOOKS:
        for cell in prose(name):
            for term in defined_terms(cell.source):
                places.setdefault(term, []).append(f"{name} {cell.id}")
    none(f"**{term}** is bold in {', '.join(where)}" for term, where in places.items() if len(where) > 1)


def test_defined_terms_are_told_from_calls_to_the_reader():
    text = "A **mini-batch** is. **Guess** what **ReLU** does. **Before you run it:** **.974** **You can** **L1 loss**"
    assert list(defined_terms(text)) == ["mini-batch", "ReLU", "L1 loss"]


def anchors(path):
    """The anchors of a page's headings: in notebooks as JupyterLab makes them, in Markdown as GitHub does."""
    if path.suffix == ".ipynb":
        texts = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    else:
        texts = [path.read_text("utf8")]
    headings = re.findall(r"^#+ +(.+?) *$", re.sub(r"```.*?```", "", "\n".join(texts), flags=re.S), re.M)
    plain = [re.sub(r"[`*]|(?<!\w)_|_(?!\w)|\[|\]\(.*?\)", "", heading) for heading in headings]
    if path.suffix == ".ipynb":
        return {heading.replace(" ", "-") for heading in plain}
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in plain}


def test_links_lead_somewhere():
    pages = {path: "\n".join(cell.source for cell in prose(name)) for name, path in PATHS.items()}
    pages |= {path: path.read_text("utf8") for path in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md")]
              if path.parent.name not in ("build", ".venv")}
    problems = []
    for path, text in pages.items():
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
    none(problems)


# ---------------------------------------------------------------- the repository

def test_the_public_address_is_the_same_everywhere_or_nowhere():
    addresses = {re.search(r'^COURSE = "(.*?)"', code(name)[0].source, re.M)[1] for name in BOOKS}
    assert len(addresses) == 1, f"make publish writes one address, not {addresses}"
    address = addresses.pop()
    readme = (ROOT / "README.md").read_text("utf8")
    assert "<!-- colab -->" in readme and "<!-- /colab -->" in readme, "make publish writes between these"
    for name in BOOKS:
        links = re.findall(r"https://colab\.research\S+?\.ipynb", prose(name)[0].source)
        expected = [address.replace("https://github.com", "https://colab.research.google.com/github")
                    + f"/blob/main/notebooks/{name}.ipynb"] if address else []
        assert links == expected
        assert all(link in readme for link in expected)
    assert address or "https://colab.research" not in readme


def test_no_debris_is_tracked():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this copy of the course is no git repository")
    debris = (r"(^|/)(build|\.venv|__pycache__|\.ipynb_checkpoints|\.pytest_cache|data/full|uv\.lock)(/|$)"
              r"|\.(pyc|half|log|orig)$")
    none(file for file in listed.stdout.splitlines() if re.search(debris, file))
